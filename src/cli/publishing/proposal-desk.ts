/** What the commands about proposals have in common: asking the server, seeing with one's own eyes, saying how it ended. */
import type { RepositoryCopy } from "../../client/repository-copy.ts";
import type { Draft, Signatures } from "../../publisher/draft.ts";
import { PublishError } from "../../publisher/errors.ts";
import { type Proposal, Proposals } from "../../publisher/proposals.ts";
import { type Opened, signedBy } from "../../publisher/publish.ts";
import { copyIfThere, type Review, review } from "../../publisher/review.ts";
import { waitingFor } from "../../publisher/same-proposal.ts";
import { printable, printJson, printLine } from "../output.ts";
import { reviewDocument } from "./proposal-view.ts";
import type { Desk, Publishing } from "./tools.ts";
import { standingText } from "./view.ts";

/** Throws `PROPOSAL_UNKNOWN` for what is no ID. */
export function checkId(id: string): string {
  if (/^[0-9a-f]{16}$/.test(id)) return id;
  throw new PublishError(
    "PROPOSAL_UNKNOWN",
    `${printable(id)} is no proposal's ID, which has 16 hex digits: see vidimus proposal list.`,
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
  const proposal = await (await proposalsOf(desk, repository)).get(checkId(id));
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
  const { id, repository, state, reason } = found.proposal;
  if (json) {
    printJson(context, reviewDocument(found));
    return;
  }
  if (state === "published") printLine(context, `Proposal ${id} of ${printable(repository)} is published.`);
  else if (state === "open")
    printLine(
      context,
      `Proposal ${id} of ${printable(repository)} is open.${reason === "" ? "" : ` It could not be published: ${printable(reason)}`}\n${standingText(found.standing, view)}`,
    );
  else
    printLine(
      context,
      `Proposal ${id} of ${printable(repository)} is ${state}${reason === "" ? "" : `: ${printable(reason)}`}.`,
    );
}

export function sayEnd(
  { context }: Publishing,
  { json }: Desk,
  { id, repository, state, reason }: Proposal,
): void {
  if (json) printJson(context, { format: "vidimus-proposal-state/1", id, repository, state, reason });
  else
    printLine(
      context,
      `Proposal ${id} of ${printable(repository)} is ${state}${reason === "" ? "" : `: ${printable(reason)}`}.`,
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

/** Whether a person says so, or has said so before. */
export async function isWanted(
  { client }: Pick<Publishing, "client">,
  { yes, digest, input }: { readonly yes?: true; readonly digest?: string; readonly input: boolean },
  { length }: readonly unknown[],
): Promise<boolean> {
  if (yes === true || digest !== undefined) return true;
  const what = length === 1 ? "Sign this" : `Sign all ${length}`;
  const answer = input ? await client.ask?.(`${what}? [yes/no] `) : undefined;
  return answer !== undefined && /^y(?:es)?$/i.test(answer.trim());
}
