/**
 * Which superseded files of a repository may go. Pure.
 *
 * - Never what is current, never a root.
 * - Never what an unexpired timestamp can reach: that timestamp, the snapshot that it names, and all that this names. A
 *   client that was given the timestamp, by whomever, can finish its update.
 * - Of snapshots those alone that this server made: what people signed is theirs.
 * - A file is superseded since the next version of its role was stored.
 */
import type { Retention } from "../../policy/trust-policy.ts";
import type { StoredFile } from "../../store/contract/retention.ts";

/** What `vidimus gc` and the job go by where the policy says nothing. */
export const usualRetention: Retention = {
  timestamps: 30 * 86_400_000,
  snapshots: 30 * 86_400_000,
  targets: undefined,
  delegations: undefined,
};

/** For how long files of a role stay after they were superseded; undefined: for ever. */
export function keptFor(role: string, retention: Retention): number | undefined {
  if (role === "root") return undefined;
  if (role === "timestamp") return retention.timestamps;
  if (role === "snapshot") return retention.snapshots;
  return role === "targets" ? retention.targets : retention.delegations;
}

/** Superseded files whose time is over, by that alone. `files`: by role, then version, each role whole. */
export function superseded(
  files: readonly StoredFile[],
  retention: Retention,
  now: number,
): readonly StoredFile[] {
  return files.filter((file, index) => {
    const next = files[index + 1];
    const kept = keptFor(file.role, retention);
    return kept !== undefined && next?.role === file.role && next.storedAt + kept <= now;
  });
}

/** Timestamps that a client may still go by. */
export function unexpired(files: readonly StoredFile[], now: number): readonly StoredFile[] {
  return files.filter(({ role, expires }) => role === "timestamp" && expires > now);
}
