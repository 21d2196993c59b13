/** Taking a denied key out of a repository, as a proposal; and what that and the denial leave of open proposals. */
import type { RepositoryCopy } from "../../client/repository-copy.ts";
import { canonicalKeyId } from "../../core/keys.ts";
import { isTopRole } from "../../core/names.ts";
import { brokenBy, type Draft } from "../../publisher/draft.ts";
import type { Edit } from "../../publisher/edits.ts";
import { EditError, PublishError } from "../../publisher/errors.ts";
import { draftFor, Opened, signedBy } from "../../publisher/publish.ts";
import { formatTable, printable } from "../output.ts";
import { proposalsOf } from "../publishing/proposal-desk.ts";
import type { Desk } from "../publishing/tools.ts";

/** What became of one repository. */
export interface Repair {
  readonly repository: string;
  readonly roles: readonly string[];
  readonly proposal: string | null;
  readonly state: string;
  readonly why: string | null;
  /** What the proposal does not take out, and why. */
  readonly left: readonly string[];
  /** Delegated roles that readers refuse once it is published, until remaining keys have signed what they hold. */
  readonly broken: readonly string[];
}

/** An open proposal that the key has signed. `superseded`: the repair was published, and it rested on what that changed. */
export interface Held {
  readonly repository: string;
  readonly id: string;
  readonly roles: readonly string[];
  readonly outcome: "unaffected" | "waits" | "stuck" | "superseded";
}

export async function repaired(
  desk: Desk,
  repository: string,
  roles: readonly string[],
  id: string,
): Promise<Repair> {
  const failed = (why: string): Repair => ({
    repository,
    roles,
    proposal: null,
    state: "not proposed",
    why,
    left: [],
    broken: [],
  });
  try {
    const copy = await desk.trust.copy(repository);
    const edits = editsFor(copy, id);
    if (edits.length === 0) {
      return failed(
        "it signs an online role alone, which the server rotates: publish a root with another key",
      );
    }
    const { draft, left } = draftOfAll(desk, copy, edits);
    if (draft === undefined) return failed(left.join(" "));
    const { ring, tools } = desk;
    // The denied key may be here as well: it signs nothing any more.
    const keys = {
      list: async () => (await ring.list()).filter((key) => key.id !== id),
      open: ring.open.bind(ring),
      close: ring.close.bind(ring),
    };
    const opened = new Opened({ keys, unlocking: tools.unlocking });
    try {
      const signatures = await signedBy(opened, draft);
      const note = `Takes out ${id}, which was denied.`;
      const made = await (await proposalsOf(desk, repository)).open(draft, signatures, { note });
      const why = made.reason || null;
      // Not signed again here: what a stolen key has signed is to be looked at before anybody stands for it.
      return { repository, roles, proposal: made.id, state: made.state, why, left, broken: brokenBy(draft) };
    } finally {
      opened.close();
    }
  } catch (error) {
    if (error instanceof EditError || error instanceof PublishError) return failed(error.message);
    const { code, message } = error as { code?: unknown; message?: unknown };
    if (typeof code !== "string") throw error;
    return failed(`${String(message)} (${code})`);
  }
}

/** As much as can be taken out: a delegation with no other key does not keep the rest from being repaired. */
function draftOfAll(
  { tools }: Desk,
  copy: RepositoryCopy,
  edits: readonly Edit[],
): { readonly draft: Draft | undefined; readonly left: readonly string[] } {
  const possible: Edit[] = [];
  const left: string[] = [];
  let draft: Draft | undefined;
  for (const edit of edits) {
    try {
      draft = draftFor(tools, copy, [...possible, edit]);
      possible.push(edit);
    } catch (error) {
      if (!(error instanceof EditError)) throw error;
      left.push(error.message);
    }
  }
  return { draft, left };
}

/** What takes a key out of every offline role, by the verified copy. */
function editsFor({ root, targets }: RepositoryCopy, id: string): readonly Edit[] {
  const edits: Edit[] = [];
  for (const [role, { keys }] of root.signed.roles) {
    if (role === "snapshot" || role === "timestamp" || !isTopRole(role)) continue;
    if ([...keys.values()].some((key) => canonicalKeyId(key) === id)) {
      edits.push({ edit: "keys", role, add: [], remove: [id] });
    }
  }
  for (const file of targets.values()) {
    for (const { role, keys } of file.signed.delegations) {
      if ([...keys.values()].some((key) => canonicalKeyId(key) === id)) {
        edits.push({ edit: "delegation", role, removeKeys: [id] });
      }
    }
  }
  return edits;
}

/** What was published as a repair ends the proposals that rest on what it changed. */
export async function afterRepair(desk: Desk, held: Held, repairs: readonly Repair[]): Promise<Held> {
  const repair = repairs.find(({ repository }) => repository === held.repository);
  if (repair?.state !== "published") return held;
  const { state } = await (await proposalsOf(desk, held.repository)).get(held.id);
  return state === "open" ? held : { ...held, outcome: "superseded" };
}

export function usesText(uses: ReadonlyMap<string, readonly string[]>, repairs: readonly Repair[]): string {
  if (uses.size === 0) return "No repository lists it.";
  const rows = [...uses].map(([repository, roles]) => {
    const repair = repairs.find((each) => each.repository === repository);
    return [repository, roles.join(", "), repair === undefined ? "-" : repairText(repair)];
  });
  const next = repairs
    .filter(({ state }) => state === "open")
    .map(({ repository, proposal }) => `To be signed with: vidimus proposal sign ${repository} ${proposal}`);
  const again = repairs.flatMap(({ repository, state, broken }) =>
    broken.map(
      (role) =>
        `${state === "published" ? "Readers refuse" : "Once that is published, readers refuse"} ${role} of ${repository}, for too few remaining keys have signed it: look at what it holds, and sign it again with vidimus witness ${repository} ${role}`,
    ),
  );
  const table = formatTable([["REPOSITORY", "ROLES", "PROPOSAL"], ...rows]);
  return [table, ...[...next, ...again].map(printable)].join("\n");
}

function repairText({ proposal, state, why, left }: Repair): string {
  if (proposal === null) return `none: ${why}`;
  return [`${proposal} (${state})`, ...left.map((each) => `not in it: ${each}`)].join("; ");
}

const outcomes: Readonly<Record<Held["outcome"], string>> = {
  unaffected: "goes on: others have signed enough",
  waits: "stays open, without that signature: another key signs in its place",
  stuck: "cannot be published: too few keys are left, so cancel it",
  superseded: "has ended: the repair was published, so open it anew",
};

export function heldText(held: readonly Held[]): string {
  if (held.length === 0) return "No open proposal has a signature of it.";
  const rows = held.map(({ repository, id, roles, outcome }) => [
    id,
    repository,
    roles.join(", "),
    outcomes[outcome],
  ]);
  return formatTable([["OPEN PROPOSAL", "REPOSITORY", "SIGNED BY IT", "WHAT BECOMES OF IT"], ...rows]);
}
