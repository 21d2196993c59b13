/** What the commands about proposals have in common: asking the server, seeing with one's own eyes, saying how it ended. */
import type { RepositoryCopy } from "../../client/repository-copy.ts";
import type { Draft, Signatures } from "../../publisher/draft.ts";
import { PublishError } from "../../publisher/errors.ts";
import { type Proposal, Proposals } from "../../publisher/proposals.ts";
import { type Opened, signedBy } from "../../publisher/publish.ts";
import { copyIfThere, type Review, review } from "../../publisher/review.ts";
import { waitingFor } from "../../publisher/same-proposal.ts";
import { exitCodes } from "../exit-codes.ts";
import { printable, printJson, printLine } from "../output.ts";
import { deniedText, reviewDocument } from "./proposal-view.ts";
import type { Desk, Publishing } from "./tools.ts";
import { standingText } from "./view.ts";

const shortestId = 6;
const mostNamed = 10;

/**
 * The ID that a person means: all of it, or the digits that one proposal of the repository alone begins with, among the newest that
 * a server lists. Throws `PROPOSAL_UNKNOWN`, `PROPOSAL_AMBIGUOUS` with the candidates.
 */
export async function idOf(desk: Desk, repository: string, text: string): Promise<string> {
  const said = text.toLowerCase();
  if (/^[0-9a-f]{16}$/.test(said)) return said;
  const list = `vidimus proposal list ${printable(repository)} --all`;
  if (!/^[0-9a-f]{6,15}$/.test(said))
    throw new PublishError(
      "PROPOSAL_UNKNOWN",
      `${printable(text)} is no proposal's ID, which has 16 hex digits, of which the first ${shortestId} may do: see ${list}.`,
    );
  const all = await (await proposalsOf(desk, repository)).list({ repository });
  const found = all.filter(({ id }) => id.startsWith(said));
  const [first, ...others] = found;
  if (first === undefined)
    throw new PublishError(
      "PROPOSAL_UNKNOWN",
      `${printable(repository)} has no proposal whose ID begins with ${said}: see ${list}.`,
    );
  if (others.length === 0) return first.id;
  const named = found.slice(0, mostNamed).map(({ id, state }) => `${printable(id)} (${printable(state)})`);
  const more = found.length > mostNamed ? ` and ${found.length - mostNamed} more` : "";
  throw new PublishError(
    "PROPOSAL_AMBIGUOUS",
    `${said} may be ${named.join(", ")}${more}: give more digits of the ID.`,
  );
}

export async function proposalsOf({ trust }: Desk, repository: string): Promise<Proposals> {
  return new Proposals(await trust.sender(repository));
}

/**
 * Opens a proposal, signed by the keys that are here; where the same waits already, signs that. So a command that was cut off is
 * run again.
 */
export async function propose(
  desk: Desk,
  opened: Opened,
  draft: Draft,
  wanted: { readonly note?: string; readonly release?: string; readonly lifetime?: number },
): Promise<Proposal> {
  const proposals = await proposalsOf(desk, draft.repository);
  const server = await serverOf(desk, draft.repository);
  const waiting = await waitingFor(desk.tools, proposals, draft, { release: wanted.release, server });
  if (waiting === undefined) return await proposals.open(draft, await signedBy(opened, draft), wanted);
  const { signatures, proposal } = waiting;
  const made = newIn(signatures, await signedBy(opened, waiting.draft, signatures));
  return made.size === 0 ? await proposals.get(proposal.id) : await proposals.sign(proposal.id, made);
}

/** A proposal as this machine sees it. */
export async function reviewed(desk: Desk, repository: string, id: string): Promise<Review> {
  const proposal = await (await proposalsOf(desk, repository)).get(await idOf(desk, repository, id));
  return reviewOf(
    desk,
    proposal,
    await copyIfThere(desk.tools, repository),
    await serverOf(desk, repository),
  );
}

export async function reviewOf(
  { tools }: Desk,
  proposal: Proposal,
  copy: RepositoryCopy | undefined,
  server = copy?.server ?? "",
): Promise<Review> {
  return await review(tools, proposal, server, copy);
}

async function serverOf({ trust }: Desk, repository: string): Promise<string> {
  return (await trust.sender(repository)).fetcher.origin;
}

/** What became of it, after an act. */
export function sayState({ context }: Publishing, { view }: Desk, found: Review, json: boolean): void {
  if (json) {
    printJson(context, reviewDocument(found));
    return;
  }
  const { reason } = found.proposal;
  if (found.proposal.state !== "open") printLine(context, stateText(found.proposal));
  else {
    const refused = reason === "" ? "" : ` It could not be published: ${printable(reason)}`;
    const denied =
      found.denied.length === 0 ? "" : ` The server says: ${printable(deniedText(found, view))}.`;
    printLine(
      context,
      `${stateText({ ...found.proposal, reason: "" })}${refused}${denied}\n${standingText(found.standing, view)}`,
    );
  }
}

/** What the others have to run. */
export function sayNext({ context }: Publishing, { state, repository, id }: Proposal): void {
  if (state === "open")
    printLine(context, printable(`To be signed with: vidimus proposal sign ${repository} ${id}`));
}

export function sayEnd({ context }: Publishing, { json }: Desk, proposal: Proposal): void {
  const { id, repository, state, reason } = proposal;
  if (json) printJson(context, { format: "vidimus-proposal-state/1", id, repository, state, reason });
  else printLine(context, stateText(proposal));
}

/** Whatever of it the server says is made fit for a terminal. */
function stateText({
  id,
  repository,
  state,
  reason,
}: Pick<Proposal, "id" | "repository" | "state" | "reason">): string {
  return printable(
    `Proposal ${id} of ${repository} is ${state}${reason === "" || state === "published" ? "" : `: ${reason}`}.`,
  );
}

/** Entries of keys that had not signed before. */
export function newIn(before: Signatures, after: Signatures): Signatures {
  const made = new Map(
    [...after].map(([role, entries]) => {
      const known = new Set((before.get(role) ?? []).map(({ keyId }) => keyId));
      return [role, entries.filter(({ keyId }) => !known.has(keyId))] as const;
    }),
  );
  return new Map([...made].filter(([, entries]) => entries.length > 0));
}

/**
 * Whether a person says so, or has said so before. Where nobody can be asked, or they said no, it is told that nothing was signed,
 * and how a script says yes.
 */
export async function isWanted(
  { client, context, finish }: Publishing,
  { yes, digest, input }: { readonly yes?: true; readonly digest?: string; readonly input: boolean },
  { length }: readonly unknown[],
): Promise<boolean> {
  if (yes === true || digest !== undefined) return true;
  const what = length === 1 ? "Sign this" : `Sign all ${length}`;
  const answer = input ? await client.ask?.(`${what}? [yes/no] `) : undefined;
  if (answer !== undefined && /^y(?:es)?$/i.test(answer.trim())) return true;
  const seen = length === 1 ? ", or --digest with the digest that was seen" : "";
  const how = answer === undefined ? ` To sign without being asked, give --yes${seen}.` : "";
  context.stderr(`Nothing was signed.${how}\n`);
  finish(exitCodes.unconfirmed.code);
  return false;
}
