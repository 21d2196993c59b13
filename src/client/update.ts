/**
 * One update of one repository: from what is trusted to what the server gives now, or a refusal that leaves everything
 * as it was (TUF specification 5.3 to 5.6; notary-protocol.md 7.6 for what stock clients do instead).
 *
 * - The timestamp and the next root are asked for together: whoever holds the timestamp's key can freeze a repository,
 *   but cannot hide the root that takes the key away.
 * - Roots follow one another by version, each signed by the one before, up to the first that the server has not. Pins
 *   are checked on the last one before anything below it is looked at.
 * - A publication in between shows as files that do not fit together. Then the whole is asked for again, a bounded number
 *   of times, and only if the server gives another timestamp.
 * - Delegations are fetched when a look-up wants them (`repository-view.ts`).
 */
import type { TrustedSet } from "../core/trusted-set.ts";
import { mostRoots } from "./cache/state.ts";
import { TrustError } from "./errors.ts";
import { checkAnchors, checkPins, recognisePins } from "./pins/pinning.ts";
import { codeOf, get, noTrustData, type Scope, withheld } from "./scope.ts";

export interface Updated {
  readonly set: TrustedSet;
  /** The chain of roots, as in the cached state. */
  readonly roots: readonly Buffer[];
}

const mostAttempts = 3;

/** What a publication between two requests looks like. */
const torn: ReadonlySet<string> = new Set([
  "FILE_WITHHELD",
  "HASH_MISMATCH",
  "LENGTH_MISMATCH",
  "ANSWER_TOO_LARGE",
  "THRESHOLD",
  "SNAPSHOT_INCOMPLETE",
]);

/**
 * @param before what was trusted, with its roots; a set without a root for a first contact. It stays as it is.
 * @param keepRoots is given newer roots as soon as they are verified and pinned, whatever comes of the rest
 * Throws `TrustError` or what the core throws.
 */
export async function update(
  scope: Scope,
  before: Updated,
  keepRoots: (chain: Updated) => Promise<void>,
): Promise<Updated> {
  for (let attempt = 1; ; attempt++) {
    const next: Updated & { roots: Buffer[] } = { set: before.set.copy(), roots: [...before.roots] };
    let timestamp: Buffer | undefined;
    try {
      timestamp = await walkRoots(scope, next, keepRoots);
      await walkDown(scope, next, timestamp);
      return next;
    } catch (error) {
      if (attempt >= mostAttempts || timestamp === undefined || !torn.has(codeOf(error))) throw error;
      if (!(await hasMovedOn(scope, next.set, timestamp))) throw error;
    }
  }
}

/** Whether the server gives another timestamp or another root by now. */
async function hasMovedOn(scope: Scope, set: TrustedSet, last: Buffer): Promise<boolean> {
  const [timestamp, root] = await together([
    get(scope, "timestamp.json", scope.limits.timestampBytes),
    getRoot(scope, (set.root?.signed.version ?? 0) + 1),
  ]);
  return root !== undefined || (timestamp !== undefined && !timestamp.equals(last));
}

/** Brings the set to the newest root that is to be had, checks pins and expiry. Returns the timestamp to use with it. */
async function walkRoots(
  scope: Scope,
  next: { set: TrustedSet; roots: Buffer[] },
  keepRoots: (chain: Updated) => Promise<void>,
): Promise<Buffer> {
  const { set, roots } = next;
  const { limits, at } = scope;
  let asked = get(scope, "timestamp.json", limits.timestampBytes);
  // Its failure is told where it is awaited; a bad timestamp must not keep anybody from the roots.
  asked.catch(() => {});
  const known = set.root?.signed.version;
  if (known === undefined) {
    const root = await get(scope, "root.json", limits.rootBytes);
    if (root === undefined) throw noTrustData(scope, "new");
    for (const bytes of await recognisePins(scope, root, (version) => getRoot(scope, version))) {
      set.addRoot(bytes, at);
      roots.push(bytes);
    }
  }
  const before = roots.length;
  try {
    await followRoots(scope, next);
  } catch (error) {
    // What came before it is verified all the same: nobody hides it by giving something bad, or nothing, after it.
    if (known !== undefined && roots.length > before) await keepIfPinned(scope, next, keepRoots);
    throw error;
  }
  const advanced = roots.length > before;
  try {
    checkPins(scope, set, roots, "ignored");
    await checkAnchors(scope, roots, (version) => getRoot(scope, version));
  } catch (error) {
    // Nobody must pin a root that was met earlier and is not the one that is served.
    if (known !== undefined && codeOf(error) === "PIN_MISMATCH") await refuseReplaced(scope, set, roots);
    throw error;
  }
  if (advanced && known !== undefined) await keepRoots({ set: set.copy(), roots: [...roots] });
  if (scope.expiry === "enforced") {
    set.checkRootExpiry(at);
    checkPins(scope, set, roots, "now");
  }
  // The timestamp in hand may be of the time before the new root.
  if (advanced) asked = get(scope, "timestamp.json", limits.timestampBytes);
  const timestamp = await asked;
  if (timestamp !== undefined) return timestamp;
  const { origin } = scope.fetcher;
  throw known === undefined
    ? new TrustError("FILE_WITHHELD", `${origin} has a root of ${scope.repository}, but no timestamp.`, {
        role: "timestamp",
      })
    : noTrustData(scope, "cached");
}

/** Adds root after root, up to the first that the server has not. */
async function followRoots(
  scope: Scope,
  { set, roots }: { set: TrustedSet; roots: Buffer[] },
): Promise<void> {
  const { limits, at, repository, onEvent } = scope;
  const most = Math.min(roots.length + limits.roots, mostRoots);
  for (;;) {
    const bytes = await getRoot(scope, (set.root?.signed.version ?? 0) + 1);
    if (bytes === undefined) return;
    if (roots.length >= most) {
      throw new TrustError("TOO_MANY_ROOTS", `${repository} has more than ${limits.roots} roots to follow.`);
    }
    const { signed } = set.addRoot(bytes, at);
    roots.push(bytes);
    onEvent({ type: "root", repository, version: signed.version, keyIds: rootKeyIds(set) });
  }
}

async function keepIfPinned(
  scope: Scope,
  { set, roots }: Updated,
  keepRoots: (chain: Updated) => Promise<void>,
): Promise<void> {
  try {
    checkPins(scope, set, roots, "ignored");
    await checkAnchors(scope, roots, (version) => getRoot(scope, version));
  } catch (error) {
    if (error instanceof TrustError) return;
    throw error;
  }
  await keepRoots({ set: set.copy(), roots: [...roots] });
}

/** Timestamp, snapshot and targets under the newest root. */
async function walkDown(scope: Scope, { set, roots }: Updated, bytes: Buffer): Promise<void> {
  const { at, limits, expiry } = scope;
  let timestamp: ReturnType<TrustedSet["addTimestamp"]>;
  try {
    timestamp = set.addTimestamp(bytes, at, expiry);
  } catch (error) {
    if (codeOf(error) === "THRESHOLD") await refuseReplaced(scope, set, roots);
    throw error;
  }
  const { snapshot } = timestamp.signed;
  const named = snapshot.hashes.get("sha256");
  if (set.snapshot?.sha256 !== named) {
    const most = Math.min(snapshot.length ?? limits.fileBytes, limits.fileBytes);
    const file = await get(scope, `snapshot.${named}.json`, most);
    if (file === undefined) throw withheld(scope, "snapshot");
    set.addSnapshot(file, at, expiry);
  } else if (expiry === "enforced") {
    set.checkSnapshot(at);
  }
  if (!set.isSnapshotOfRoot()) {
    throw new TrustError("HASH_MISMATCH", `The snapshot of ${scope.repository} names another root.`, {
      role: "snapshot",
    });
  }
}

/**
 * A repository that was deleted and made anew begins with a root that no root before it signed. One of the roots that led
 * here is no such root: somebody hides those after it.
 */
async function refuseReplaced(scope: Scope, set: TrustedSet, roots: readonly Buffer[]): Promise<void> {
  const root = await get(scope, "root.json", scope.limits.rootBytes);
  if (root === undefined || set.root === undefined || roots.some((each) => each.equals(root))) return;
  const { version } = scope.format.parse("root", root).signed;
  if (version > set.root.signed.version) return;
  throw new TrustError(
    "REPOSITORY_REPLACED",
    `${scope.repository} has another root of version ${version} than the one that is trusted (${set.root.signed.version}).`,
    { role: "root" },
  );
}

export function rootKeyIds(set: TrustedSet): readonly string[] {
  return [...set.keysOf("root").keys.keys()];
}

function getRoot(scope: Scope, version: number): Promise<Buffer | undefined> {
  return get(scope, `${version}.root.json`, scope.limits.rootBytes);
}

/** The results of all; the first failure is thrown once every one has ended, so that no rejection is left alone. */
async function together<const T extends readonly Promise<unknown>[]>(
  all: T,
): Promise<{ [K in keyof T]: Awaited<T[K]> }> {
  const settled = await Promise.allSettled(all);
  const failed = settled.find((each) => each.status === "rejected");
  if (failed !== undefined) throw failed.reason;
  return settled.map((each) => (each as PromiseFulfilledResult<unknown>).value) as {
    [K in keyof T]: Awaited<T[K]>;
  };
}
