/** Repositories, their files, the changefeed and key uses in memory. */
import { Buffer } from "node:buffer";
import { StoreError } from "../../core/errors.ts";
import { farthestClaim, maxOtherUsers } from "../bounds.ts";
import type { HistoryRequest, ImportRecord, ImportStore } from "../contract/imports.ts";
import type {
  ChangeQuery,
  ChangeRecord,
  Committed,
  CurrentMetadata,
  FloorRequest,
  KeyUse,
  MetadataReference,
  PastMetadata,
  Publication,
  RepositoryState,
  Standing,
  StoredMetadata,
} from "../contract/store.ts";
import { checkPast, putBehind, storedFile } from "./past.ts";
import { byteOrder, byVersion, empty, type Life, type Repository, withoutRepeats } from "./repository.ts";

export class MemoryRepositories {
  readonly #repositories = new Map<string, Repository>();
  readonly #changes: ChangeRecord[] = [];

  standing(name: string): Standing {
    const found = this.#repositories.get(name);
    return {
      exists: found?.alive ?? false,
      revision: found?.revision ?? 0,
      incarnation: found?.incarnation ?? 0,
    };
  }

  state(name: string): RepositoryState {
    const found = this.#repositories.get(name);
    const current = [...(found?.files ?? [])].flatMap(([role, files]) =>
      files.slice(-1).map(({ bytes: _, expires: __, revision: ___, ...file }) => [role, file] as const),
    );
    return {
      repository: name,
      ...this.standing(name),
      format: found?.alive ? found.format : undefined,
      current: new Map(current),
      floor: new Map(found?.floor),
    };
  }

  current(name: string, role: string): CurrentMetadata | undefined {
    const found = this.#repositories.get(name);
    const file = found?.files.get(role)?.at(-1);
    return found && file && { ...file, revision: found.revision };
  }

  /** The newest file of a role in this incarnation that is meant. */
  past(name: string, role: string, isMeant: (file: StoredMetadata) => boolean): PastMetadata | undefined {
    const found = this.#repositories.get(name);
    const file = found && storedFile(found, role, isMeant);
    return found && file && { ...file, incarnation: found.incarnation };
  }

  life(name: string): Life | undefined {
    return this.#repositories.get(name);
  }

  /** Of the current file of a role; 0 where there is none. */
  versionOf(name: string, role: string): number {
    return this.#files(name, role).at(-1)?.version ?? 0;
  }

  /** The files of a role in this incarnation, versions ascending. */
  #files(name: string, role: string): readonly StoredMetadata[] {
    return this.#repositories.get(name)?.files.get(role) ?? [];
  }

  /** `CONFLICT` if `publish` must not happen. */
  checkPublication(publication: Publication): void {
    const { repository, format, expectedRevision, metadata } = publication;
    const found = this.#repositories.get(repository);
    if ((found?.revision ?? 0) !== expectedRevision) {
      throw new StoreError("CONFLICT", "The repository has moved on: read it again.");
    }
    if (found?.alive && found.format !== format) {
      throw new StoreError("CONFLICT", "The repository has another format.");
    }
    for (const file of metadata) {
      const now = this.#files(repository, file.role).at(-1);
      if (now !== undefined && file.version <= now.version) {
        throw new StoreError("CONFLICT", "A file of this or a later version is stored already.");
      }
    }
    if (publication.imported === undefined) return;
    const next = new Map(metadata.map(({ role, version }) => [role, version]));
    checkPast(found, publication.imported.history, (role) => next.get(role));
  }

  last(name: string): ImportRecord | undefined {
    const found = this.#repositories.get(name);
    if (!found?.alive) return undefined;
    return found.imports.filter(({ incarnation }) => incarnation === found.incarnation).at(-1);
  }

  versions({ repository, role, after, limit }: Parameters<ImportStore["versions"]>[0]): MetadataReference[] {
    const found = this.#repositories.get(repository);
    const past = found?.past.filter((file) => file.role === role) ?? [];
    return [...past, ...(found?.files.get(role) ?? [])]
      .filter(({ version }) => version > after)
      .sort(byVersion)
      .slice(0, limit)
      .map(({ bytes: _, expires: __, revision: ___, ...file }) => file);
  }

  addHistory({ repository, incarnation, files }: HistoryRequest): number {
    const last = this.last(repository);
    if (last === undefined || last.incarnation !== incarnation) {
      throw new StoreError("CONFLICT", "The repository was not taken over from elsewhere, or has moved on.");
    }
    const found = this.#repositories.get(repository);
    checkPast(found, files, () => undefined);
    return found === undefined ? 0 : putBehind(found, files, last);
  }

  /** `CONFLICT` unless it is alive and stands at the revision. */
  lookAt(name: string, revision: number, renewAt: number | undefined): void {
    const found = this.#repositories.get(name);
    if (!found?.alive || found.revision !== revision) {
      throw new StoreError("CONFLICT", "The repository has moved on: read it again.");
    }
    found.renewAt = renewAt;
    found.claimedUntil = undefined;
  }

  /** Cannot fail after `checkPublication`. */
  publish(publication: Publication): Committed {
    const { repository: name, format, at, kind, principal, metadata, keyUses, renewAt } = publication;
    const found = this.#repositories.get(name) ?? empty(format);
    this.#repositories.set(name, found);
    if (!found.alive) found.incarnation += 1;
    found.alive = true;
    found.format = format;
    found.revision += 1;
    found.renewAt = renewAt;
    found.claimedUntil = undefined;
    const { revision, incarnation } = found;
    found.record.push({ revision, incarnation, at, kind, principal });
    if (keyUses !== undefined) found.uses = withoutRepeats(keyUses);
    for (const { role, version, sha256, bytes, expires } of metadata) {
      const length = bytes.length;
      const copy = Buffer.from(bytes);
      const file = { role, version, sha256, length, storedAt: at, bytes: copy, expires, revision };
      found.files.set(role, [...(found.files.get(role) ?? []), file]);
      if (role === "timestamp") this.#announce(name, at, version, sha256, "update");
    }
    if (publication.imported !== undefined) {
      found.imports.push({ revision, incarnation, at, origin: publication.imported.origin });
      putBehind(found, publication.imported.history, { revision, at });
    }
    return { revision: found.revision, incarnation: found.incarnation };
  }

  remove(name: string, at: number, principal: string): boolean {
    const found = this.#repositories.get(name);
    if (!found?.alive) return false;
    for (const [role, files] of found.files) {
      found.floor.set(role, Math.max(found.floor.get(role) ?? 0, files.at(-1)?.version ?? 0));
    }
    found.files.clear();
    found.removed.length = 0;
    found.past = [];
    found.uses = [];
    found.alive = false;
    found.revision += 1;
    const { revision, incarnation } = found;
    found.record.push({ revision, incarnation, at, kind: "removal", principal });
    found.renewAt = undefined;
    found.claimedUntil = undefined;
    this.#announce(name, at, 0, "", "deletion");
    return true;
  }

  raiseFloor({ repository: name, format, at, principal, floor }: FloorRequest): void {
    const found = this.#repositories.get(name) ?? { ...empty(format), revision: 1, incarnation: 1 };
    if (!this.#repositories.has(name)) {
      this.#announce(name, at, 0, "", "deletion");
      found.record.push({ revision: 1, incarnation: 1, at, kind: "removal", principal });
    }
    this.#repositories.set(name, found);
    for (const [role, version] of floor) found.floor.set(role, Math.max(found.floor.get(role) ?? 0, version));
  }

  changes({ repository, from, direction, limit }: ChangeQuery): readonly ChangeRecord[] {
    const all = this.#changes.filter((row) => repository === undefined || row.repository === repository);
    return direction === "forwards"
      ? all.filter((row) => row.id > (from ?? 0)).slice(0, limit)
      : all.filter((row) => row.id < (from ?? Number.POSITIVE_INFINITY)).slice(-limit);
  }

  names(after: string | undefined, limit: number): readonly string[] {
    return [...this.#repositories]
      .filter(([name, found]) => found.alive && (after === undefined || byteOrder(name, after) > 0))
      .map(([name]) => name)
      .sort(byteOrder)
      .slice(0, limit);
  }

  claimDue(now: number, leaseUntil: number, limit: number): readonly string[] {
    const due = [...this.#repositories]
      .filter(([, found]) => (found.renewAt ?? Number.POSITIVE_INFINITY) <= now)
      .filter(([, { claimedUntil }]) => {
        const isFree = claimedUntil === undefined || claimedUntil <= now;
        return isFree || claimedUntil > farthestClaim({ now, leaseUntil });
      })
      .sort(([a, x], [b, y]) => (x.renewAt ?? 0) - (y.renewAt ?? 0) || byteOrder(a, b))
      .slice(0, limit);
    for (const [, found] of due) found.claimedUntil = leaseUntil;
    return due.map(([name]) => name);
  }

  postpone(name: string, revision: number, renewAt: number | undefined): void {
    const found = this.#repositories.get(name);
    if (found === undefined || !found.alive || found.revision !== revision) return;
    found.renewAt = renewAt;
    found.claimedUntil = undefined;
  }

  oldestDue(): number | undefined {
    let oldest: number | undefined;
    for (const { renewAt } of this.#repositories.values()) {
      if (renewAt !== undefined && (oldest === undefined || renewAt < oldest)) oldest = renewAt;
    }
    return oldest;
  }

  otherUsers(repository: string, materials: readonly string[]) {
    const wanted = new Set(materials);
    const rows: (KeyUse & { readonly repository: string })[] = [];
    for (const [name, { uses }] of this.#repositories) {
      if (name === repository) continue;
      for (const use of uses) if (wanted.has(use.material)) rows.push({ ...use, repository: name });
    }
    return rows.slice(0, maxOtherUsers);
  }

  #announce(
    repository: string,
    at: number,
    version: number,
    sha256: string,
    category: ChangeRecord["category"],
  ) {
    this.#changes.push({ id: this.#changes.length + 1, at, repository, version, sha256, category });
  }
}
