/** Online keys in memory: a list a repository, active and pending alike. */
import { StoreError } from "../../core/errors.ts";
import type { OnlineKey, OnlineRole, PendingKeyLimits } from "../contract/store.ts";

interface HeldKey {
  readonly key: OnlineKey;
  pending: boolean;
}

export class MemoryKeys {
  readonly #keys = new Map<string, HeldKey[]>();
  readonly #isAwaited: (repository: string) => boolean;

  /** @param isAwaited whether people may be signing a root that lists keys of the repository */
  constructor(isAwaited: (repository: string) => boolean) {
    this.#isAwaited = isAwaited;
  }

  byId(repository: string, keyIds: readonly string[]): OnlineKey[] {
    const wanted = new Set(keyIds);
    return this.#of(repository)
      .map((held) => held.key)
      .filter((key) => wanted.has(key.keyId));
  }

  pending(repository: string, role: OnlineRole, limits: PendingKeyLimits): OnlineKey | undefined {
    const held = this.#of(repository).find((each) => each.pending && each.key.role === role);
    const isAlive = held !== undefined && held.key.createdAt >= limits.endOfLife;
    return isAlive || this.#isAwaited(repository) ? held?.key : undefined;
  }

  addPending(
    key: OnlineKey,
    limits: PendingKeyLimits,
  ): { readonly stored: OnlineKey | undefined; readonly isNew: boolean } {
    this.#dropPending((each) => each.createdAt < limits.endOfLife && !this.#isAwaited(each.repository));
    const first = this.pending(key.repository, key.role, limits);
    if (first !== undefined) return { stored: first, isNew: false };
    if (!this.#makeRoom(limits)) return { stored: undefined, isNew: false };
    if (this.byId(key.repository, [key.keyId]).length > 0) {
      throw new StoreError("CONFLICT", "Somebody else made this change first.");
    }
    const copy = { ...key, reference: Uint8Array.from(key.reference) };
    this.#keys.set(key.repository, [...this.#of(key.repository), { key: copy, pending: true }]);
    return { stored: copy, isNew: true };
  }

  /** All of them, or `CONFLICT` and none. */
  activate(repository: string, keyIds: readonly string[]): void {
    const held = keyIds.map((keyId) => this.#of(repository).find((each) => each.key.keyId === keyId));
    if (held.includes(undefined)) {
      throw new StoreError("CONFLICT", "An online key of this publication is no longer held.");
    }
    for (const each of held) if (each !== undefined) each.pending = false;
  }

  /** Whether or not they were made here. */
  hold(repository: string, keys: readonly OnlineKey[]): void {
    const list = [...this.#of(repository)];
    for (const key of keys) {
      const held = list.find((each) => each.key.keyId === key.keyId);
      if (held !== undefined) held.pending = false;
      else list.push({ key: { ...key, reference: Uint8Array.from(key.reference) }, pending: false });
    }
    if (list.length > 0) this.#keys.set(repository, list);
  }

  removeAll(repository: string): void {
    this.#keys.delete(repository);
  }

  isEmpty(): boolean {
    return this.#keys.size === 0;
  }

  #of(repository: string): readonly HeldKey[] {
    return this.#keys.get(repository) ?? [];
  }

  #allPending(): OnlineKey[] {
    return [...this.#keys.values()].flatMap((list) =>
      list.filter((each) => each.pending).map((each) => each.key),
    );
  }

  #makeRoom(limits: PendingKeyLimits): boolean {
    const pending = this.#allPending();
    const excess = pending.length + 1 - limits.most;
    if (excess <= 0) return true;
    const leaving = pending
      .filter((key) => key.createdAt < limits.mayGiveWay && !this.#isAwaited(key.repository))
      .sort((a, b) => a.createdAt - b.createdAt)
      .slice(0, excess);
    if (leaving.length < excess) return false;
    this.#dropPending((key) => leaving.includes(key));
    return true;
  }

  #dropPending(leaves: (key: OnlineKey) => boolean): void {
    for (const [repository, list] of this.#keys) {
      const rest = list.filter((each) => !(each.pending && leaves(each.key)));
      if (rest.length === 0) this.#keys.delete(repository);
      else this.#keys.set(repository, rest);
    }
  }
}
