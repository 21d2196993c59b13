/**
 * Looking at the current files of a repository. What a file says of time is remembered by its digest, so that a second
 * look at a repository that has not changed reads its state alone.
 */
import { LRUCache } from "lru-cache";
import { sha256Hex } from "../../core/bytes.ts";
import { MalformedError } from "../../core/errors.ts";
import type { Metadata, Targets } from "../../core/model.ts";
import type { RepositoryState, Store } from "../../store/contract/store.ts";
import type { Reading } from "../reading.ts";
import { bufferOf } from "../stored.ts";
import type { Expiry, OldSignature } from "./expiry-service.ts";
import { dateOf, endingsOf, type FileTimes, timesOf } from "./facts.ts";

/** Files that are remembered, some hundred bytes each. */
const mostRemembered = 100_000;
/** Versions that are read to find since when a target has been there. */
const mostVersions = 1_000;

export interface TargetsTimes extends FileTimes {
  readonly role: string;
  readonly version: number;
  readonly sha256: string;
}

export class RepositoryTimes {
  readonly #store: Store;
  readonly #reading: Reading;
  readonly #known = new LRUCache<string, FileTimes>({ max: mostRemembered });
  /** Since when the oldest target without a date has been there, by the digest of its file. */
  readonly #seen = new LRUCache<string, { readonly at: number; readonly orOlder: boolean }>({
    max: mostRemembered,
  });

  constructor(store: Store, reading: Reading) {
    this.#store = store;
    this.#reading = reading;
  }

  /** What ends in the repository, whenever; its timestamp, which this server renews, is left out. */
  async expiries(state: RepositoryState): Promise<Expiry[]> {
    const { repository } = state;
    const found: Expiry[] = [];
    for (const [role, { version }] of state.current) {
      if (role === "timestamp") continue;
      const times = await this.#times(state, role);
      if (times === undefined) continue;
      for (const { kind, ...rest } of endingsOf({ repository, role, version }, times)) {
        if (kind !== "timestamp") found.push({ kind, ...rest });
      }
    }
    return found;
  }

  async targets(state: RepositoryState): Promise<TargetsTimes[]> {
    const found: TargetsTimes[] = [];
    for (const [role, { version, sha256 }] of state.current) {
      if (role !== "targets" && !role.startsWith("targets/")) continue;
      const times = await this.#times(state, role);
      if (times !== undefined) found.push({ ...times, role, version, sha256 });
    }
    return found;
  }

  /** Since when the oldest target without a date has been in a current file; undefined: none has none. */
  async oldestUndated(
    state: RepositoryState,
    { role, sha256, undated }: TargetsTimes,
  ): Promise<{ readonly at: number; readonly orOlder: boolean } | undefined> {
    if (undated === 0) return undefined;
    const key = `${state.repository}\n${role}\n${sha256}`;
    const known = this.#seen.get(key);
    if (known !== undefined) return known;
    let oldest: { readonly at: number; readonly orOlder: boolean } | undefined;
    for (const { seenAt: at, orOlder } of await this.oldSignatures(state, role, Number.POSITIVE_INFINITY)) {
      if (at !== undefined && (oldest === undefined || at < oldest.at)) oldest = { at, orOlder };
    }
    if (oldest !== undefined) this.#seen.set(key, oldest);
    return oldest;
  }

  /** Targets of a role that were signed, or first seen without a break, before an instant. */
  async oldSignatures(state: RepositoryState, role: string, before: number): Promise<OldSignature[]> {
    const { repository } = state;
    const signed = await this.#targetsAt(state, role, state.current.get(role)?.sha256);
    if (signed === undefined) return [];
    const found: OldSignature[] = [];
    const undated = new Set<string>();
    for (const target of signed.targetNames()) {
      const signedAt = dateOf(signed.target(target));
      if (signedAt === undefined) undated.add(target);
      else if (signedAt < before) {
        found.push({ repository, role, target, signedAt, seenAt: undefined, orOlder: false });
      }
    }
    for (const [target, { at: seenAt, orOlder }] of await this.#firstSeen(state, role, signed, undated)) {
      if (seenAt < before) found.push({ repository, role, target, signedAt: undefined, seenAt, orOlder });
    }
    return found;
  }

  /** Walks back from the current version as long as any of the names has the digests that it has now. */
  async #firstSeen(
    state: RepositoryState,
    role: string,
    now: Targets,
    names: ReadonlySet<string>,
  ): Promise<ReadonlyMap<string, { readonly at: number; readonly orOlder: boolean }>> {
    const { repository } = state;
    const current = state.current.get(role);
    const found = new Map<string, { at: number; orOlder: boolean }>();
    if (current === undefined || names.size === 0) return found;
    for (const name of names) found.set(name, { at: current.storedAt, orOlder: false });
    const versions = await this.#earlierVersions(repository, role, current.version);
    const left = new Set(names);
    for (const { version, storedAt, isStored } of versions.slice(0, mostVersions)) {
      const earlier = isStored ? await this.#versionAt(repository, role, version) : undefined;
      if (earlier === undefined) {
        // Nobody can tell any more what stood in it.
        for (const name of left) found.set(name, { at: found.get(name)?.at ?? storedAt, orOlder: true });
        return found;
      }
      for (const name of left) {
        if (sameTarget(now, earlier, name)) found.set(name, { at: storedAt, orOlder: false });
        else left.delete(name);
      }
      if (left.size === 0) return found;
    }
    if (versions.length > mostVersions) {
      for (const name of left) found.set(name, { at: found.get(name)?.at ?? 0, orOlder: true });
    }
    return found;
  }

  /** Stored ones and those that retention has taken away, newest first, one more than are read. */
  async #earlierVersions(repository: string, role: string, below: number) {
    const { retention } = this.#store;
    const rows: { version: number; storedAt: number; isStored: boolean }[] = [];
    for (const isStored of [true, false]) {
      const pageOf = isStored ? retention.files : retention.removedFiles;
      for (let after = 0; ; ) {
        const page = (await pageOf(repository, { role, version: after }, 1_000)).filter(
          (file) => file.role === role && file.version < below,
        );
        rows.push(...page.map(({ version, storedAt }) => ({ version, storedAt, isStored })));
        if (page.length < 1_000) break;
        after = page.at(-1)?.version ?? after;
      }
    }
    return rows.sort((a, b) => b.version - a.version);
  }

  async #versionAt(repository: string, role: string, version: number): Promise<Targets | undefined> {
    const stored = await this.#store.byVersion(repository, role, version);
    return stored && targetsOf(await this.#reading.stored(role, bufferOf(stored)));
  }

  async #targetsAt(state: RepositoryState, role: string, sha256: string | undefined) {
    if (sha256 === undefined) return undefined;
    const stored = await this.#store.byDigest(state.repository, role, sha256);
    return stored && targetsOf(await this.#reading.stored(role, bufferOf(stored)));
  }

  /** Undefined: it was moved on meanwhile, or cannot be read, which is for others to say. */
  async #times(state: RepositoryState, role: string): Promise<FileTimes | undefined> {
    const sha256 = state.current.get(role)?.sha256 ?? "";
    const known = this.#known.get(sha256);
    if (known !== undefined) return known;
    const stored = await this.#store.byDigest(state.repository, role, sha256);
    if (stored === undefined) return undefined;
    const bytes = bufferOf(stored);
    // Nothing is believed of a file that was altered; what is wrong with it is found where it is served.
    if (sha256Hex(bytes) !== sha256) return undefined;
    try {
      const times = timesOf(await this.#reading.stored(role, bytes));
      this.#known.set(sha256, times);
      return times;
    } catch (error) {
      if (error instanceof MalformedError) return undefined;
      throw error;
    }
  }
}

function targetsOf({ signed }: Metadata): Targets | undefined {
  return signed.kind === "targets" ? signed : undefined;
}

function sameTarget(one: Targets, other: Targets, name: string): boolean {
  const [a, b] = [one.target(name), other.target(name)];
  if (a === undefined || b === undefined || a.length !== b.length) return false;
  return [...a.hashes].every(([algorithm, digest]) => b.hashes.get(algorithm) === digest);
}
