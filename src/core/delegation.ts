/**
 * The tree of delegations: who declares whom, and whose word counts for a name.
 *
 * Notary searches breadth first: parents before children, siblings in file order, the first entry wins, and a role
 * counts for a name only if every delegation on the way covers it (notary-protocol.md 4.1, 4.3). Expired or
 * unsatisfied roles must not be given to this file; what their absence means is decided by the caller.
 */
import type { FormatRules } from "./format/format.ts";
import type { TargetFile, Targets } from "./model.ts";

export interface FoundTarget {
  readonly role: string;
  readonly target: TargetFile;
}

interface Visit {
  readonly role: string;
  readonly paths: readonly string[];
}

/**
 * Every entry for a name in the tree below `start`, in order of priority: the first is the one that counts.
 * @param roles verified files by role; a role without a file is passed over together with its children
 */
export function findTarget(
  format: Pick<FormatRules, "covers" | "narrow">,
  roles: ReadonlyMap<string, Targets>,
  start: string,
  name: string,
  startPaths: readonly string[] = [""],
): FoundTarget[] {
  const found: FoundTarget[] = [];
  const queue: Visit[] = [{ role: start, paths: startPaths }];
  const seen = new Set<string>();
  for (let visit = queue.shift(); visit !== undefined; visit = queue.shift()) {
    const { role, paths } = visit;
    const targets = roles.get(role);
    if (targets === undefined || seen.has(role) || !format.covers(paths, name)) continue;
    seen.add(role);
    const target = targets.target(name);
    if (target !== undefined) found.push({ role, target });
    for (const child of targets.delegations) {
      queue.push({ role: child.role, paths: format.narrow(paths, child.paths) });
    }
  }
  return found;
}
