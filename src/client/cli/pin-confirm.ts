/** Whether a repository can be used, now that its keys are pinned. */
import { type Explanation, explain, TrustError } from "../errors.ts";
import type { TrustOptions } from "../options.ts";
import { openTrust, type Trust } from "../trust.ts";

interface Confirmed {
  /** Whether the repository was made anew, and what was known of the old one is forgotten. */
  readonly forgotten: boolean;
  /** Why it cannot be used although it is pinned. */
  readonly problem: Explanation | undefined;
}

/**
 * Whether the repository can be used now. One that was made anew does not follow from what is cached; the old is forgotten
 * only where the caller says that it was replaced, for who serves an old root again looks the same from here.
 */
export async function confirm(
  options: TrustOptions,
  repository: string,
  replaced: boolean,
): Promise<Confirmed> {
  const trust = await openTrust(options);
  let forgotten = false;
  try {
    try {
      await trust.check(repository);
    } catch (error) {
      if (!replaced || !(await isMadeAnew(trust, repository, error))) throw error;
      await trust.forget(repository);
      forgotten = true;
      await trust.check(repository);
    }
    return { forgotten, problem: undefined };
  } catch (error) {
    const problem = explain(error);
    if (problem === undefined) throw error;
    return { forgotten, problem };
  } finally {
    await trust.close();
  }
}

/** What a repository that was made anew is refused as by who remembers the old one. */
export const anew: ReadonlySet<string> = new Set([
  "REPOSITORY_REPLACED",
  "ROOT_NOT_SIGNED_BY_PREVIOUS",
  "PIN_MISMATCH",
]);

/** Also where a stranger's root was met before the right one was pinned: the pins fit what is served, not what is cached. */
async function isMadeAnew(trust: Trust, repository: string, error: unknown): Promise<boolean> {
  if (!(error instanceof TrustError) || !anew.has(error.code)) return false;
  return (await trust.root(repository)).pinned === true;
}
