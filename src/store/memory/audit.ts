/** The audit trail in memory. */
import { entryHash, startOfTrail } from "../../core/audit-chain.ts";
import {
  type AuditActor,
  type AuditEntry,
  type AuditHead,
  type AuditKey,
  type AuditPage,
  type AuditQuery,
  type AuditRecord,
  mostLookedAt,
  mostRefusalRows,
  mostRefusalsAtOnce,
  mostSummaries,
  type RefusalCount,
  refusalSummary,
  refusalsInSummary,
} from "../contract/audit.ts";

export class MemoryAudit {
  readonly #entries: AuditEntry[] = [];
  #refusals: RefusalCount[] = [];
  #key: AuditKey | undefined;

  append({ at, kind, actor, repository, detail }: AuditRecord): AuditHead {
    const { name, method, address } = actor;
    const record = { at, kind, actor: { name, method, address }, repository, detail };
    const { number, hash: before } = this.head();
    const entry = { ...record, number: number + 1, hash: entryHash(before, record) };
    this.#entries.push(entry);
    return this.head();
  }

  head(): AuditHead {
    const { number, hash, at } = this.#entries.at(-1) ?? { number: 0, hash: startOfTrail, at: 0 };
    return { number, hash, at };
  }

  list({ repository, kind, actor, since, until, from, direction, limit }: AuditQuery): AuditPage {
    const isAhead = direction === "forwards";
    const inOrder = isAhead ? this.#entries : this.#entries.toReversed();
    const place = from ?? (isAhead ? 0 : Number.POSITIVE_INFINITY);
    const looked = inOrder
      .filter(({ number }) => (isAhead ? number > place : number < place))
      .filter((each) => repository === undefined || (repository !== "" && each.repository === repository))
      .slice(0, mostLookedAt);
    const entries = looked
      .filter((each) => kind === undefined || each.kind === kind)
      .filter((each) => actor === undefined || each.actor.name === actor)
      .filter(
        ({ at }) => at >= (since ?? Number.NEGATIVE_INFINITY) && at < (until ?? Number.POSITIVE_INFINITY),
      )
      .slice(0, limit);
    const isFull = entries.length === limit;
    const next = isFull ? entries.at(-1)?.number : looked[mostLookedAt - 1]?.number;
    return { entries, next };
  }

  countRefusals(counts: readonly RefusalCount[]): void {
    let left = mostRefusalRows - this.#refusals.length;
    for (const each of counts) {
      if (this.#add(each)) continue;
      const row = left > 0 ? each : { ...each, principal: "" };
      left -= 1;
      if (!this.#add(row)) this.#refusals.push({ ...row });
    }
    this.#refusals.sort(
      (a, b) => a.hour - b.hour || order(a.principal, b.principal) || order(a.code, b.code),
    );
  }

  refusals(): readonly RefusalCount[] {
    return this.#refusals.slice(0, mostRefusalsAtOnce);
  }

  settleRefusals({ before, at, actor }: { before: number; at: number; actor: AuditActor }): number {
    for (let records = 0; ; records++) {
      const over = this.#refusals.filter(({ hour }) => hour < before).slice(0, refusalsInSummary);
      if (records === mostSummaries || over.length === 0) return records;
      this.#refusals = this.#refusals.filter((each) => !over.includes(each));
      this.append(refusalSummary(over, { at, actor }));
    }
  }

  key(): AuditKey | undefined {
    return this.#key;
  }

  createKey(key: AuditKey): AuditKey {
    this.#key ??= { ...key, reference: Uint8Array.from(key.reference) };
    return this.#key;
  }

  #add({ hour, principal, code, count }: RefusalCount): boolean {
    const index = this.#refusals.findIndex(
      (each) => each.hour === hour && each.principal === principal && each.code === code,
    );
    const found = this.#refusals[index];
    if (found === undefined) return false;
    this.#refusals[index] = { ...found, count: found.count + count };
    return true;
  }
}

function order(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a, "utf8"), Buffer.from(b, "utf8"));
}
