/**
 * `vidimus key deny`: a stolen key. The server stops counting it at once; what lists it is shown; and where its owner asks for
 * that, the publications that take it out are proposed, signed by the keys at hand, so that the remaining signers only sign.
 */
import type { Command } from "commander";
import { examples } from "../../client/cli/examples.ts";
import { addTrustFlags } from "../../client/cli/flags.ts";
import type { RepositoryCopy } from "../../client/repository-copy.ts";
import { canonicalKeyId } from "../../core/keys.ts";
import { isTopRole } from "../../core/names.ts";
import type { Edit } from "../../publisher/edits.ts";
import { EditError, PublishError } from "../../publisher/errors.ts";
import { draftFor, Opened, signedBy } from "../../publisher/publish.ts";
import { exitCodes } from "../exit-codes.ts";
import { addFormFlags, type FormFlags } from "../forms.ts";
import { formatTable, printable, printJson, printLine } from "../output.ts";
import { proposalsOf } from "../publishing/proposal-desk.ts";
import { addPublishFlags, atDesk, type Desk, type Publishing } from "../publishing/tools.ts";
import { type Ask, askingServer, askOf } from "./desk.ts";
import { keyIdOf } from "./key-id.ts";
import { type Line, printLines } from "./table.ts";

const someKey = "0123456789abcdef".repeat(4);

export function addDenials(key: Command, publishing: Publishing): void {
  addDeny(key, publishing);
  addAllow(key, publishing);
  addDenied(key, publishing);
}

/** What became of one repository. */
interface Repair {
  readonly repository: string;
  readonly roles: readonly string[];
  readonly proposal: string | null;
  readonly state: string;
  readonly why: string | null;
}

function addDeny(parent: Command, publishing: Publishing): void {
  const { context, finish } = publishing;
  const deny = parent
    .command("deny")
    .description(
      "a stolen key: it counts in nothing new on the server; shows what lists it, and proposes to take it out",
    )
    .argument("<key>", "ID of the bare key")
    .option("--reason <text>", "why, for the record")
    .option("--no-repair", "propose nothing")
    .option("--expires <days>", "until when what is signed is good, in days (default: root 730, others 365)")
    .addHelpText("after", examples(`vidimus key deny ${someKey} --reason 'laptop lost' --no-repair`));
  addPublishFlags(deny).action(async (text: string) => {
    const { reason = "", repair } = deny.opts<{ reason?: string; repair: boolean }>();
    const id = keyIdOf(deny, text);
    await atDesk(deny, publishing, async (desk) => {
      const ask = askOf(await desk.trust.sender("vidimus/audit"));
      const { changed } = (await ask("POST", `/api/v1/keys/${id}/deny`, { reason })) as { changed: boolean };
      const uses = await usesOf(ask, id);
      const repairs: Repair[] = [];
      if (repair) {
        for (const [repository, roles] of uses) repairs.push(await repaired(desk, repository, roles, id));
      }
      if (desk.json) {
        const touched = [...uses].map(([repository, roles]) => ({ repository, roles }));
        printJson(context, { format: "vidimus-key-denial/1", key: id, changed, uses: touched, repairs });
      } else {
        printLine(context, changed ? "The server counts it no more." : "The server denied it already.");
        printLine(context, textOf(uses, repairs));
      }
      if (repairs.some(({ proposal }) => proposal === null)) finish(exitCodes.repairMissing.code);
    });
  });
}

/** Roles by repository. */
async function usesOf(ask: Ask, id: string): Promise<ReadonlyMap<string, readonly string[]>> {
  const uses = new Map<string, readonly string[]>();
  for (let after: string | undefined; ; ) {
    const query = new URLSearchParams({ key: id, ...(after !== undefined && { after }) });
    const { lines, next } = (await ask("GET", `/api/v1/audit/keys?${query.toString()}`)) as {
      lines: readonly { readonly repository: string; readonly role: string }[];
      next?: string;
    };
    for (const { repository, role } of lines) {
      uses.set(repository, [...new Set([...(uses.get(repository) ?? []), role])]);
    }
    if (next === undefined) return uses;
    after = next;
  }
}

async function repaired(
  desk: Desk,
  repository: string,
  roles: readonly string[],
  id: string,
): Promise<Repair> {
  const failed = (why: string): Repair => ({ repository, roles, proposal: null, state: "not proposed", why });
  try {
    const copy = await desk.trust.copy(repository);
    const edits = editsFor(copy, id);
    if (edits.length === 0) {
      return failed(
        "it signs an online role alone, which the server rotates: publish a root with another key",
      );
    }
    const draft = draftFor(desk.tools, copy, edits);
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
      return { repository, roles, proposal: made.id, state: made.state, why: made.reason || null };
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

/** What takes a key out of every offline role, by the verified copy. */
export function editsFor({ root, targets }: RepositoryCopy, id: string): readonly Edit[] {
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

function textOf(uses: ReadonlyMap<string, readonly string[]>, repairs: readonly Repair[]): string {
  if (uses.size === 0) return "No repository lists it.";
  const rows = [...uses].map(([repository, roles]) => {
    const repair = repairs.find((each) => each.repository === repository);
    const proposal =
      repair === undefined
        ? "-"
        : repair.proposal === null
          ? `none: ${repair.why}`
          : `${repair.proposal} (${repair.state})`;
    return [repository, roles.join(", "), proposal];
  });
  const open = repairs.filter(({ state }) => state === "open");
  const next = open.map(
    ({ repository, proposal }) =>
      `To be signed with: vidimus proposal sign ${printable(repository)} ${proposal}`,
  );
  return [formatTable([["REPOSITORY", "ROLES", "PROPOSAL"], ...rows]), ...next].join("\n");
}

function addAllow(parent: Command, { context, client }: Publishing): void {
  const allow = parent
    .command("allow")
    .description("lift the denial of a key")
    .argument("<key>", "ID of the bare key")
    .option("--json", "print a document")
    .addHelpText("after", examples(`vidimus key allow ${someKey}`));
  addTrustFlags(allow).action(async (text: string) => {
    const id = keyIdOf(allow, text);
    const document = await askingServer(allow, client, (ask) => ask("POST", `/api/v1/keys/${id}/allow`, {}));
    const { changed } = document as { changed: boolean };
    if (allow.opts<{ json?: true }>().json === true) printJson(context, document);
    else printLine(context, changed ? "The server counts it again." : "The server did not deny it.");
  });
}

function addDenied(parent: Command, { context, client }: Publishing): void {
  const denied = parent
    .command("denied")
    .description("list the keys that the server denies")
    .addHelpText("after", examples("vidimus key denied"));
  addTrustFlags(addFormFlags(denied)).action(async () => {
    const { keys } = (await askingServer(denied, client, (ask) => ask("GET", "/api/v1/keys/denied"))) as {
      keys: readonly Line[];
    };
    const flags = denied.opts<FormFlags>();
    const document = { format: "vidimus-denied-keys/1" };
    printLines(context, flags, keys, ["key", "at", "by", "reason"], document, "The server denies no key.");
  });
}
