/**
 * `vidimus adopt`: the next root of a repository that was taken over without its online keys. It names this server's keys for
 * timestamp and snapshot, and its owner signs it: so it is the owner who says that this server goes on.
 *
 * - Both roles go in one root. One after the other there would be a root in between under which neither server could sign both
 *   files, which is why the stock clients cannot do this where the old server held both keys (docs/moving.md).
 * - Whoever has the snapshot's key keeps it.
 * - A root key whose certificate has ended gets a new one: no client takes a new root that is signed under the old one alone.
 */
import type { Command } from "commander";
import { examples } from "../../client/cli/examples.ts";
import type { RepositoryCopy } from "../../client/repository-copy.ts";
import { canonicalKeyId } from "../../core/keys.ts";
import { rootRole } from "../../core/verify.ts";
import { OldKeyError } from "../../moving/databases/errors.ts";
import { keyServer, type OnlineRole, type OnlineRoles } from "../../moving/key-server.ts";
import { changesOf, type Draft } from "../../publisher/draft.ts";
import type { Edit } from "../../publisher/edits.ts";
import { PublishError } from "../../publisher/errors.ts";
import { onlineKey } from "../../publisher/keys/online.ts";
import { draftFor, type PublisherTools, publishEdits } from "../../publisher/publish.ts";
import type { Sender } from "../../publisher/send.ts";
import { printable, printJson, printLine } from "../output.ts";
import { listedKeys } from "./key-arguments.ts";
import { type Opening, openProposal } from "./proposal.ts";
import { endingHere } from "./signing-again.ts";
import { addPublishFlags, atDesk, type Desk, type Publishing, sayPublished } from "./tools.ts";
import { changesText } from "./view.ts";

interface Flags extends Opening {
  readonly propose?: true;
  readonly serverSnapshot?: true;
  readonly dryRun?: true;
  readonly expires?: string;
}

export function addAdopt(parent: Command, publishing: Publishing): void {
  const { context } = publishing;
  const adopt = parent
    .command("adopt")
    .description(
      "sign the root that lets this server go on with a repository that was taken over without its online keys",
    )
    .argument("<repository>", "name of the repository")
    .option("--propose", "collect the signatures of several people in a proposal")
    .option("--note <text>", "with --propose: what the others should know")
    .option("--server-snapshot", "give the snapshot to the server, though its key is here")
    .option("--dry-run", "show what would be signed, and sign nothing")
    .option("--expires <days>", "until when the root is good, in days (default: 730, or as long as it was)")
    .addHelpText("after", examples("vidimus adopt registry.acme.example/app"));
  addPublishFlags(adopt).action(async (repository: string) => {
    const flags = adopt.opts<Flags>();
    await atDesk(adopt, publishing, async (desk) => {
      const { trust, view, json } = desk;
      const copy = await trust.copy(repository);
      const tools = flags.expires === undefined ? keepingExpiry(desk.tools, copy) : desk.tools;
      const edits = await adoptingEdits(copy, desk, flags);
      if (edits.length === 0) return sayAdopted(publishing, copy, json);
      const draft = draftFor(tools, copy, edits);
      if (flags.dryRun === true) return sayDraft(publishing, draft, desk);
      if (flags.propose === true)
        return await openProposal(publishing, { ...desk, tools }, copy, draft, flags);
      try {
        sayPublished(context, await publishEdits(tools, repository, edits), view, json);
      } catch (error) {
        throw error instanceof PublishError && error.code === "SIGNERS_MISSING"
          ? lacking(copy.repository, error)
          : error;
      }
    });
  });
}

/** Adopting is about keys: a root that was good for longer stays so. */
function keepingExpiry(tools: PublisherTools, { root }: RepositoryCopy): PublisherTools {
  const left = root.signed.expires - tools.now();
  return { ...tools, lifetimes: { ...tools.lifetimes, root: Math.max(tools.lifetimes.root, left) } };
}

/** Empty: the server holds what it needs. */
async function adoptingEdits(
  copy: RepositoryCopy,
  desk: Desk,
  { serverSnapshot }: Flags,
): Promise<readonly Edit[]> {
  const { trust, ring, tools } = desk;
  const sender = await trust.sender(copy.repository);
  const { roles: standing, asking } = await heldBy(sender, copy);
  const here = new Set((await ring.list()).map(({ id }) => id));
  const edits: Edit[] = [];
  for (const role of ["timestamp", "snapshot"] as const) {
    const { keys = new Map(), threshold = 1 } = copy.root.signed.roles.get(role) ?? {};
    const known = standing?.find((each) => each.role === role)?.keys ?? [];
    if (known.filter(({ held }) => held).length >= threshold) continue;
    const mine = [...keys.values()].filter((key) => here.has(canonicalKeyId(key)));
    if (role === "snapshot" && serverSnapshot !== true && mine.length >= threshold) continue;
    edits.push(...(await handedOver(role, sender, { old: [...keys.keys()], threshold, asking })));
  }
  if (edits.length === 0) return [];
  const ended = (await endingHere(copy, desk, tools.now())).map(canonicalKeyId);
  const renewed = await listedKeys(ended, desk, copy.repository);
  return renewed.length === 0 ? edits : [...edits, { edit: "keys", role: "root", add: renewed, remove: [] }];
}

/**
 * Which keys the server holds. A Notary that is none of ours, to which a repository went back, says with which key it would
 * sign; if it has none that is listed, that is a new one.
 */
async function heldBy(
  sender: Sender,
  { root }: RepositoryCopy,
): Promise<{ readonly roles: OnlineRoles | undefined; readonly asking: "GET" | "POST" }> {
  try {
    return { roles: await keyServer(async () => sender.fetcher).standing(sender.repository), asking: "GET" };
  } catch (error) {
    if (!(error instanceof OldKeyError) || error.code !== "OLD_KEYS_UNTOLD") throw error;
  }
  const roles: OnlineRoles[number][] = [];
  for (const role of ["timestamp", "snapshot"] as const) {
    const { id } = await onlineKey(sender, role, "GET");
    const { keys, threshold } = rootRole(root.signed, role);
    roles.push({ role, threshold, keys: [...keys.keys()].map((each) => ({ id: each, held: each === id })) });
  }
  return { roles, asking: "POST" };
}

interface Handing {
  /** Keys that the root lists. */
  readonly old: readonly string[];
  readonly threshold: number;
  readonly asking: "GET" | "POST";
}

/** Whoever may publish may ask for the key that this server would sign with; to have it make another one takes the right to rotate. */
async function handedOver(
  role: OnlineRole,
  sender: Sender,
  { old, threshold, asking }: Handing,
): Promise<readonly Edit[]> {
  const given = await onlineKey(sender, role, asking);
  // Of several keys that a root wants, it holds one that is listed.
  const key = old.includes(given.id) ? await onlineKey(sender, role, "POST") : given;
  const one: Edit = { edit: "keys", role, add: [key], remove: old };
  // The server signs with one key.
  return threshold === 1 ? [one] : [one, { edit: "threshold", role, threshold: 1 }];
}

function sayAdopted({ context }: Publishing, { repository, server }: RepositoryCopy, json: boolean): void {
  if (json)
    printJson(context, { format: "vidimus-publication/1", repository, server, files: [], changes: [] });
  else
    printLine(
      context,
      `${server} holds the online keys of ${printable(repository)}: there is nothing to adopt.`,
    );
}

function sayDraft({ context }: Publishing, draft: Draft, { view, json }: Desk): void {
  const changes = changesOf(draft);
  if (json) printJson(context, { format: "vidimus-diff/1", repository: draft.repository, changes });
  else printLine(context, `${changesText(changes, view)}\nNothing was signed.`);
}

function lacking(repository: string, cause: PublishError): PublishError {
  return new PublishError(
    "SIGNERS_MISSING",
    `${cause.message.replace(/ Open a proposal.*$/, "")} Collect them in a proposal: vidimus adopt ${repository} --propose`,
    { cause },
  );
}
