/** Open proposals, found among all of them: whoever looks at each one does it by this loop. */
import { proposalDigest } from "../../core/rejection.ts";
import type { ProposalStore, ProposalSummary } from "../../store/contract/proposals.ts";
import type { OpenRequest } from "./proposal-service.ts";

const page = 200;

/**
 * Newest first; what was open when its page was read may have ended since. The next page is read before this one is given out:
 * behind a place whose proposal is gone there is nothing.
 *
 * @param now an open proposal whose time is over is none any more
 */
export async function* openOnes(
  store: Pick<ProposalStore, "list">,
  query: { readonly now: number; readonly repository?: string },
): AsyncGenerator<ProposalSummary> {
  const read = (before?: string) =>
    store.list({ ...query, state: "open", limit: page, ...(before !== undefined && { before }) });
  for (let found = await read(); found.length > 0; ) {
    const next = found.length < page ? [] : await read(found.at(-1)?.id);
    yield* found;
    found = next;
  }
}

/** The open one of the very same bytes for the same roles. */
export async function sameOpen(
  store: Pick<ProposalStore, "list">,
  {
    repository,
    files,
    now,
  }: Pick<OpenRequest, "files"> & { readonly repository: string; readonly now: number },
): Promise<string | undefined> {
  const digest = proposalDigest(files);
  const rolesOf = (of: readonly { readonly role: string }[]) => of.map(({ role }) => role).sort();
  const roles = rolesOf(files).join(" ");
  for await (const each of openOnes(store, { repository, now })) {
    if (each.digest === digest && rolesOf(each.files).join(" ") === roles) return each.id;
  }
  return undefined;
}
