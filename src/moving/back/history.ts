/**
 * Whether what another server has of a repository is an earlier state of what is here. Only then may it go back there.
 *
 * - A root, targets or delegation of another digest under a version that is here too is another history. So is a later version:
 *   somebody has published there since.
 * - Timestamps and snapshots are made by servers. Where both have made one, those of one server are superseded by those of the
 *   other, as long as the versions here are the later ones: readers that have seen either go on. That they are not is told only
 *   where nothing else is wrong: to publish here until it is further would make a fork of what somebody published there.
 */
import type { Collection } from "../../core/taking-over.ts";
import { BackError } from "../errors.ts";

/** One version of one role, as another server has it. */
export interface Stored {
  readonly role: string;
  readonly version: number;
  readonly sha256: string;
}

/** The digest of an older version of a role that is here; undefined if it is here no more. */
export type Older = (role: string, version: number) => Promise<string | undefined>;

const madeByServers: ReadonlySet<string> = new Set(["timestamp", "snapshot"]);

/** Throws `EXPORT_CONFLICT`, `EXPORT_AHEAD`, and what `older` throws. */
export async function refuseOtherHistory(
  repository: string,
  { roots, files }: Collection,
  stored: readonly Stored[],
  older: Older,
): Promise<void> {
  const chain = new Map(roots.map(({ signed, sha256 }) => [signed.version, sha256]));
  const newestRoot = roots.at(-1)?.signed.version ?? 0;
  const newest = new Map<string, Stored>();
  for (const each of stored) {
    if ((newest.get(each.role)?.version ?? 0) < each.version) newest.set(each.role, each);
    if (each.role !== "root") continue;
    const known = chain.get(each.version);
    if (each.version > newestRoot || (known !== undefined && known !== each.sha256)) {
      throw otherHistory(repository, each);
    }
  }
  let ahead: BackError | undefined;
  for (const { role, signed, sha256 } of files) {
    const there = newest.get(role);
    if (there === undefined || there.sha256 === sha256) continue;
    if (madeByServers.has(role)) {
      if (there.version >= signed.version) ahead ??= isAhead(repository, there, signed.version);
      continue;
    }
    if (there.version > signed.version) throw publishedThere(repository, there, signed.version);
    if (there.version === signed.version) throw otherHistory(repository, there);
    const before = await older(role, there.version);
    if (before !== undefined && before !== there.sha256) throw otherHistory(repository, there);
  }
  if (ahead === undefined) return;
  const known = new Set(files.map(({ role }) => role)).add("root");
  for (const there of newest.values()) {
    if (!known.has(there.role) && (await older(there.role, there.version)) !== there.sha256)
      throw otherHistory(repository, there);
  }
  throw ahead;
}

function publishedThere(repository: string, { role, version }: Stored, here: number): BackError {
  return new BackError(
    "EXPORT_CONFLICT",
    `Somebody has published ${repository} there: it is at ${role} ${version}, and at ${here} here, so find out with its owner which of both goes on, and publish nothing more to either before.`,
  );
}

function otherHistory(repository: string, { role, version }: Stored): BackError {
  return new BackError(
    "EXPORT_CONFLICT",
    `${repository} has another history there: its ${role} ${version} is none of this server's, so find out with its owner which of both goes on.`,
  );
}

function isAhead(repository: string, { role, version }: Stored, here: number): BackError {
  return new BackError(
    "EXPORT_AHEAD",
    `${repository} is at ${role} ${version} there and at ${here} here, and readers would refuse the step back: publish to it here until it is further, then export it again.`,
  );
}
