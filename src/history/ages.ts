/**
 * How old signatures are.
 *
 * The age of an entry counts from the date that was signed with it (`vidimus.signedAt`). Where there is none, from what this
 * server first saw: the publication that brought the entry as it stood. Versions whose bytes are gone cannot be looked into, so
 * the entry may be older than what is said: `atLeast` marks it.
 */
import type { Metadata, TargetFile, Targets } from "../core/model.ts";
import { signedAtOf } from "../policy/rules/ages.ts";
import { instant, type Line } from "./answer.ts";
import type { Row } from "./past.ts";

export interface Aged {
  readonly role: string;
  readonly name: string;
  readonly digest: string;
  readonly since: number;
  readonly by: "signed date" | "first seen";
  readonly atLeast: boolean;
}

/** What was signed under a name: another digest or length is another signature. */
function contentOf({ hashes, length }: TargetFile): string {
  return `${length} ${hashes.get("sha256") ?? hashes.get("sha512") ?? ""}`;
}

/**
 * Entries of a role's version that are older than an instant. `versions`: this version and those before it, newest first, each
 * with its file or without.
 */
export function agedEntries(
  versions: readonly { readonly row: Row; readonly file: Metadata<Targets> | undefined }[],
  before: number,
): readonly Aged[] {
  const [current] = versions;
  if (current?.file === undefined) return [];
  const found: Aged[] = [];
  for (const name of current.file.signed.targetNames()) {
    const target = current.file.signed.target(name);
    if (target === undefined) continue;
    const dated = signedAtOf(target);
    const seen = dated === undefined || Number.isNaN(dated) ? firstSeen(versions, name, target) : undefined;
    const since = seen?.since ?? (dated as number);
    if (since >= before) continue;
    found.push({
      role: current.row.role,
      name,
      digest: `sha256:${target.hashes.get("sha256") ?? ""}`,
      since,
      by: seen === undefined ? "signed date" : "first seen",
      atLeast: seen?.atLeast ?? false,
    });
  }
  return found;
}

function firstSeen(
  versions: readonly { readonly row: Row; readonly file: Metadata<Targets> | undefined }[],
  name: string,
  target: TargetFile,
): { readonly since: number; readonly atLeast: boolean } {
  const content = contentOf(target);
  let since = Number.POSITIVE_INFINITY;
  for (const { row, file } of versions) {
    if (file === undefined) return { since, atLeast: true };
    const then = file.signed.target(name);
    if (then === undefined || contentOf(then) !== content) break;
    since = Math.min(since, row.storedAt);
  }
  return { since, atLeast: false };
}

export function agedLines(repository: string, entries: readonly Aged[]): readonly Line[] {
  return entries.map(({ role, name, digest, since, by, atLeast }) => ({
    repository,
    role,
    name,
    digest,
    since: instant(since),
    by,
    atLeast,
  }));
}
