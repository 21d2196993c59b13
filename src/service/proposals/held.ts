/** The open proposals that hold a key's signature, for whoever has just denied it. */
import { VidimusError } from "../../core/errors.ts";
import { standingOf } from "../../core/proposal.ts";
import type { Proposal, ProposalStore, ProposalSummary } from "../../store/contract/proposals.ts";
import { passes } from "./access.ts";
import { deniedAmong } from "./denied-keys.ts";
import type { ProposalFiles } from "./files.ts";
import { openOnes } from "./open-ones.ts";
import type { HeldProposal } from "./proposal-service.ts";

/** @param now an open proposal whose time is over is none any more */
export async function heldBy(
  { store, files }: { readonly store: Pick<ProposalStore, "get" | "list">; readonly files: ProposalFiles },
  keyId: string,
  now: number,
): Promise<readonly HeldProposal[]> {
  const held: HeldProposal[] = [];
  for await (const each of openOnes(store, { now })) {
    if (!isSigned(each)) continue;
    const proposal = await store.get(each.repository, each.id);
    const one = proposal?.state === "open" ? await look(files, proposal, keyId, now) : undefined;
    if (one !== undefined) held.push(one);
  }
  return held;
}

function isSigned({ files }: ProposalSummary): boolean {
  return files.some(({ signedBy }) => signedBy.length > 0);
}

async function look(
  files: ProposalFiles,
  proposal: Proposal,
  keyId: string,
  now: number,
): Promise<HeldProposal | undefined> {
  const { repository, id } = proposal;
  try {
    const parsed = files.parsed(proposal);
    const needs = await files.needs(repository, parsed, now);
    const key = new Set([keyId]);
    const roles = [...parsed]
      .filter(([role, { signatures }]) => deniedAmong(needs.get(role) ?? [], signatures, key).length > 0)
      .map(([role]) => role);
    if (roles.length === 0) return undefined;
    const all = [...parsed].flatMap(([role, file]) =>
      (needs.get(role) ?? []).map((each) => standingOf(file, each)),
    );
    const reachable = all.every(
      ({ met, threshold, signed, missing }) => met || signed.length + missing.length >= threshold,
    );
    const outcome = all.every(({ met }) => met) ? "unaffected" : reachable ? "waits" : "stuck";
    return { repository, id, roles, outcome };
  } catch (error) {
    // One that cannot be read, or whose base is gone, is published by nobody; `fsck` and its viewers are told why.
    if (error instanceof VidimusError && !passes(error)) return undefined;
    throw error;
  }
}
