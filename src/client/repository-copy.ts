/**
 * A repository as whoever signs its next version has to know it: all of its offline files, verified by pins, signatures and
 * versions like every other answer, and taken whether they have expired or not, since signing again is what mends that.
 */
import type { Metadata, Root, Snapshot, Targets } from "../core/model.ts";
import type { Verified } from "../core/verify.ts";
import { TrustError } from "./errors.ts";
import type { RepositoryView } from "./repository-view.ts";
import { codeOf } from "./scope.ts";

export interface RepositoryCopy {
  /** The name that is signed, and the server that it was asked of. */
  readonly repository: string;
  readonly server: string;
  readonly root: Verified<Root>;
  readonly snapshot: Verified<Snapshot>;
  /** `targets` and every delegated role that has a file, parents before children. */
  readonly targets: ReadonlyMap<string, Verified<Targets>>;
  /** Delegated roles whose files cannot be used, with the code that says why. What lies below them is not known. */
  readonly unusable: ReadonlyMap<string, string>;
  /**
   * Of those the files that are at hand, and that too few of the role's present keys have signed. That the snapshot names them is
   * all that is known of what they say; whoever signs next has to be above their versions.
   */
  readonly lapsed: ReadonlyMap<string, Metadata<Targets>>;
}

/** Refusals that are the business of the role's own signers. */
const ofTheRole: ReadonlySet<string> = new Set([
  "THRESHOLD",
  "FILE_WITHHELD",
  "HASH_MISMATCH",
  "LENGTH_MISMATCH",
]);

/** Throws what the core throws of `targets`, `TOO_MANY_DELEGATIONS`, and what the fetcher throws. */
export async function copyOf(view: RepositoryView): Promise<RepositoryCopy> {
  const { scope, set, offline } = view;
  const { repository, fetcher } = scope;
  if (offline)
    throw new TrustError(
      "UNREACHABLE",
      `${fetcher.origin} is away: what is signed next must follow what is there.`,
    );
  const targets = new Map<string, Verified<Targets>>();
  const unusable = new Map<string, string>();
  const lapsed = new Map<string, Metadata<Targets>>();
  const queue = ["targets"];
  for (let role = queue.shift(); role !== undefined; role = queue.shift()) {
    if (role !== "targets" && set.snapshot?.signed.meta.has(role) !== true) continue;
    try {
      const file = await view.role(role);
      targets.set(role, file);
      queue.push(...file.signed.delegations.map((each) => each.role));
    } catch (error) {
      if (role === "targets" || !ofTheRole.has(codeOf(error))) throw error;
      unusable.set(role, codeOf(error));
      if (codeOf(error) !== "THRESHOLD") continue;
      const file = await view.unproven(role);
      if (file.signed.version >= (set.seenVersions.get(role) ?? 0)) lapsed.set(role, file);
      else unusable.set(role, "ROLLBACK");
    }
  }
  const { root, snapshot } = set;
  if (root === undefined || snapshot === undefined) throw new TypeError("a view has a root and a snapshot");
  return { repository, server: fetcher.origin, root, snapshot, targets, unusable, lapsed };
}
