/**
 * What a `Trust` knows of repositories between two questions: in memory as much as fits, on disk all of it.
 *
 * Invariants
 * - A question is answered from the network. Memory and disk save fetching what has not changed; without the server they
 *   answer only inside the age that the policy allows, and the answer says so.
 * - An update that fails changes nothing, but for roots: a verified root that the pins fit is kept even if what lies below
 *   it, or the next root, is refused, so that nobody can hide it again.
 * - What is below the lock changes nothing either: not even a first contact is made with it.
 * - Memory is never behind the disk: what another process has written since is read before a question is asked.
 * - Questions about one repository that come while it is being updated share that update.
 */
import { TrustedSet } from "../core/trusted-set.ts";
import { instant, inWords } from "../policy/durations.ts";
import type { Cache } from "./cache/cache.ts";
import { type CachedFile, type CachedState, type CacheKey, isNewer } from "./cache/state.ts";
import { TrustError } from "./errors.ts";
import { isAway } from "./fetch/fetcher.ts";
import { checkFloors } from "./floors.ts";
import { checkAnchors, checkPins } from "./pins/pinning.ts";
import { type RepositoryView, refuseStale, viewOf } from "./repository-view.ts";
import { codeOf, type Scope } from "./scope.ts";
import { type Updated, update } from "./update.ts";

interface Known extends Updated {
  /** As it lies on disk; undefined if there is nothing yet. */
  readonly stored: CachedState | undefined;
  /** Of the state that was read last, taken before it was read. */
  readonly stamp: string | undefined;
  readonly checkedAt: number;
}

const oneDay = 86_400_000;
/** How often the time of the last check is written while nothing else changes, as a part of the age it serves. */
const partOfAge = 16;

export class Repositories {
  readonly #cache: Cache;
  readonly #memoryBytes: number;
  /** Least recently used first. */
  readonly #known = new Map<string, Known>();
  readonly #underWay = new Map<string, Promise<RepositoryView>>();
  /** What a view was made of. */
  readonly #madeOf = new WeakMap<RepositoryView, Known>();
  /** The last writing of each repository. */
  readonly #writing = new Map<string, Promise<void>>();

  constructor(cache: Cache, memoryBytes: number) {
    this.#cache = cache;
    this.#memoryBytes = memoryBytes;
  }

  /** The repository as it is trusted now. Throws `TrustError` or what the core throws. */
  view(scope: Scope): Promise<RepositoryView> {
    // Two rules may lead to one repository, each with its own demands.
    const name = `${nameOf(scope)}\n${scope.rule.place}`;
    const running = this.#underWay.get(name);
    if (running !== undefined) {
      // The time of whoever came first may be over when that of others is not.
      return running.catch((error: unknown) => {
        if (codeOf(error) !== "TIMEOUT" || scope.signal.aborted) throw error;
        return this.view(scope);
      });
    }
    const promise = this.#view(scope).finally(() => this.#underWay.delete(name));
    this.#underWay.set(name, promise);
    return promise;
  }

  /**
   * Keeps what a view has brought in: in memory, and on disk if anything changed. What is written does not depend on what
   * memory still holds.
   */
  async keep(view: RepositoryView): Promise<void> {
    if (view.offline) return;
    const name = nameOf(view.scope);
    // One at a time, so that many who share a view write once.
    const before = this.#writing.get(name);
    const writing = (before ?? Promise.resolve()).catch(() => {}).then(() => this.#write(view));
    this.#writing.set(name, writing);
    try {
      await writing;
    } finally {
      if (this.#writing.get(name) === writing) this.#writing.delete(name);
    }
  }

  async #write(view: RepositoryView): Promise<void> {
    const { scope, set, checkedAt } = view;
    const known = this.#madeOf.get(view);
    if (known === undefined) throw new TypeError("the view is of another memory");
    const state = stateOf(known, checkedAt);
    const files = new Map(view.fetched);
    if (files.size === 0 && !isWorthWriting(known.stored, state, scope)) return;
    await this.#cache.commit(keyOf(scope), state, { base: known.stored, files });
    for (const role of files.keys()) view.fetched.delete(role);
    const written = { ...known, stored: state };
    this.#madeOf.set(view, written);
    const present = this.#known.get(nameOf(scope));
    if (present?.set === set) this.#remember(scope, written);
    // Another question has gone on without what this one has seen.
    else if (present?.set.root === set.root) present?.set.recallVersions(set.seenVersions);
  }

  /** Takes back what a view has brought into memory. Nothing of it is on disk yet, but for roots. */
  discard({ scope, set }: RepositoryView): void {
    const name = nameOf(scope);
    if (this.#known.get(name)?.set === set) this.#known.delete(name);
  }

  /** Forgets a repository, on disk and in memory, floors included; what is under way is waited for. */
  async forget(key: CacheKey): Promise<void> {
    const name = `${key.server}\n${key.repository}`;
    const running = [...this.#underWay].filter(([each]) => each.startsWith(`${name}\n`));
    await Promise.allSettled([...running.map(([, view]) => view), this.#writing.get(name)]);
    this.#known.delete(name);
    await this.#cache.forget(key);
  }

  async #view(scope: Scope): Promise<RepositoryView> {
    const before = await this.#newest(scope);
    const atHand = (sha256: string) => this.#cache.targets(keyOf(scope), sha256);
    try {
      const updated = await update(scope, before, (chain) => this.#keepRoots(scope, before, chain));
      const { set } = updated;
      checkFloors({ scope, set });
      const { stored, stamp } = before;
      const known = { ...updated, stored, stamp, checkedAt: scope.at };
      this.#remember(scope, known);
      const view = viewOf({ scope, set, offline: false, checkedAt: scope.at, atHand });
      this.#madeOf.set(view, known);
      return view;
    } catch (error) {
      // The roots may have come before the server went away.
      const last = this.#known.get(nameOf(scope)) ?? before;
      if (!(error instanceof TrustError) || !isAway(error.code) || last.stored === undefined) throw error;
      return viewOf({
        scope,
        set: await this.#offline(scope, last, error),
        offline: true,
        checkedAt: last.checkedAt,
        atHand,
      });
    }
  }

  /** What was trusted last, if the policy allows to use it without the server. */
  async #offline(scope: Scope, { set, roots, checkedAt }: Known, cause: TrustError): Promise<TrustedSet> {
    const { rule, at, repository } = scope;
    // A root has come, and the snapshot is of the time before it or gone: nothing below the root is trusted.
    if (rule.offlineMaxAge === undefined || !set.isSnapshotOfRoot()) throw cause;
    const age = at - checkedAt;
    if (age > rule.offlineMaxAge || age < -oneDay) {
      throw new TrustError(
        "OFFLINE_TOO_OLD",
        `The server is away (${cause.code}), and ${repository} was last checked ${lastChecked(checkedAt, age)}; the policy allows ${inWords(rule.offlineMaxAge)}.`,
        { cause },
      );
    }
    refuseStale(set, at);
    checkPins(scope, set, roots, "now");
    await checkAnchors(scope, roots, async () => undefined);
    scope.onEvent({ type: "offline", repository, age });
    return set.copy();
  }

  async #keepRoots(scope: Scope, before: Known, { set, roots }: Updated): Promise<void> {
    const { stored, checkedAt } = before;
    const state = stateOf({ ...before, set, roots }, checkedAt);
    await this.#cache.commit(keyOf(scope), state, { base: stored, files: new Map() });
    this.#remember(scope, { ...before, set, roots, stored: state });
  }

  /** What memory has, or the disk where somebody else (or this one, with what memory has) has written since. */
  async #newest(scope: Scope): Promise<Known> {
    const present = this.#known.get(nameOf(scope));
    const stamp = await this.#cache.stamp(keyOf(scope));
    if (present !== undefined && present.stamp === stamp) return present;
    const loaded = await this.#load(scope, stamp);
    return present === undefined ? loaded : united(present, loaded);
  }

  async #load(scope: Scope, stamp: string | undefined): Promise<Known> {
    const stored = await this.#cache.load(keyOf(scope));
    const set = new TrustedSet(scope);
    if (stored === undefined) return { set, roots: [], stored, stamp, checkedAt: 0 };
    try {
      for (const bytes of stored.roots) set.addRoot(bytes, scope.at);
      if (stored.timestamp !== undefined) set.addTimestamp(stored.timestamp, scope.at, "ignored");
      if (stored.snapshot !== undefined) recallSnapshot(set, stored.snapshot, scope.at);
      refuseOtherVersions(set, stored);
      set.recallVersions(new Map([...stored.targets].map(([role, { version }]) => [role, version])));
    } catch (cause) {
      throw new TrustError("CACHE_DAMAGED", "The cached state does not verify any more.", {
        file: this.#cache.fileOf(keyOf(scope)),
        cause,
      });
    }
    return { set, roots: stored.roots, stored, stamp, checkedAt: stored.checkedAt };
  }

  /** Nothing that is older than what is there: of two updates at once the slower may end last. */
  #remember(scope: Scope, known: Known): void {
    const name = nameOf(scope);
    const present = this.#known.get(name);
    if (present !== undefined && isNewer(versionsOf(present.set), versionsOf(known.set))) return;
    this.#known.delete(name);
    this.#known.set(name, known);
    let bytes = 0;
    for (const [each, { set }] of [...this.#known].reverse()) {
      bytes += sizeOf(set);
      if (bytes > this.#memoryBytes && each !== name) this.#known.delete(each);
    }
  }
}

function lastChecked(checkedAt: number, age: number): string {
  return age < 0
    ? `at ${instant(checkedAt)}, which is in the future`
    : `${inWords(age)} ago, at ${instant(checkedAt)}`;
}

/** The newer of what memory and disk have, with the versions that either has seen; memory has files at hand besides. */
function united(present: Known, { stored, stamp, ...loaded }: Known): Known {
  const isBehind = isNewer(versionsOf(loaded.set), versionsOf(present.set));
  const [newer, older] = isBehind ? [loaded, present] : [present, loaded];
  // Under another root versions may begin anew.
  if (newer.set.root?.sha256 === older.set.root?.sha256) newer.set.recallVersions(older.set.seenVersions);
  return { ...newer, stored, stamp, checkedAt: Math.max(newer.checkedAt, loaded.checkedAt) };
}

/** The versions that are compared when two processes write are those of the files. */
function refuseOtherVersions({ root, timestamp }: TrustedSet, stored: CachedState): void {
  if (
    root?.signed.version === stored.rootVersion &&
    (timestamp?.signed.version ?? 0) === stored.timestampVersion
  )
    return;
  throw new RangeError("The versions are not those of the files.");
}

/** Under a root that gave the timestamp other keys there is none, and no snapshot either. */
function recallSnapshot(set: TrustedSet, bytes: Buffer, at: number): void {
  if (set.timestamp !== undefined) set.addSnapshot(bytes, at, "ignored");
}

function stateOf({ set, roots, stored }: Known, checkedAt: number): CachedState {
  const files = new Map<string, CachedFile>();
  for (const [role, version] of set.seenVersions) {
    const sha256 = set.targets.get(role)?.sha256 ?? stored?.targets.get(role)?.sha256;
    if (sha256 !== undefined) files.set(role, { sha256, version });
  }
  return {
    roots,
    ...versionsOf(set),
    timestamp: set.timestamp?.bytes,
    snapshot: set.snapshot?.bytes,
    targets: files,
    checkedAt,
  };
}

/** Whether a state differs from what is stored, or its time of the last check is needed and old. */
function isWorthWriting(stored: CachedState | undefined, state: CachedState, { rule }: Scope): boolean {
  if (stored === undefined) return true;
  const { offlineMaxAge } = rule;
  const sameFiles =
    stored.targets.size === state.targets.size &&
    [...state.targets].every(([role, { sha256 }]) => stored.targets.get(role)?.sha256 === sha256);
  const same =
    stored.rootVersion === state.rootVersion &&
    sameBytes(stored.timestamp, state.timestamp) &&
    sameBytes(stored.snapshot, state.snapshot) &&
    sameFiles;
  if (!same) return true;
  return offlineMaxAge !== undefined && state.checkedAt - stored.checkedAt > offlineMaxAge / partOfAge;
}

function versionsOf({ root, timestamp }: TrustedSet) {
  return { rootVersion: root?.signed.version ?? 0, timestampVersion: timestamp?.signed.version ?? 0 };
}

function sameBytes(a: Buffer | undefined, b: Buffer | undefined): boolean {
  return a === undefined || b === undefined ? a === b : a.equals(b);
}

function sizeOf(set: TrustedSet): number {
  const files = [set.root, set.timestamp, set.snapshot, ...set.targets.values()];
  return files.reduce((sum, file) => sum + (file?.bytes.length ?? 0), 0);
}

function keyOf({ fetcher, repository }: Scope): CacheKey {
  return { server: fetcher.origin, repository };
}

function nameOf(scope: Scope): string {
  const { server, repository } = keyOf(scope);
  return `${server}\n${repository}`;
}
