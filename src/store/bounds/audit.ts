/** The bounds of questions to the audit trail, and of what is counted beside it, checked as `bounds.ts` says. */

import {
  checkAuditRecord,
  checkInstant,
  checkLimit,
  checkName,
  demand,
  isText,
  maxPage,
  maxPrincipal,
} from "../bounds.ts";
import {
  type AuditActor,
  type AuditKey,
  type AuditQuery,
  maxRefusedPrincipal,
  mostRefusalsAtOnce,
  type RefusalCount,
} from "../contract/audit.ts";

const hour = 3_600_000;

export function checkAuditQuery(query: AuditQuery): void {
  const { repository, kind, actor, since, until, from, direction, limit } = query;
  if (repository !== undefined) checkName(repository);
  demand(kind === undefined || isText(kind, 100), "a kind of record");
  demand(actor === undefined || isText(actor, maxPrincipal), "an actor");
  for (const instant of [since, until]) if (instant !== undefined) checkInstant(instant);
  demand(from === undefined || Number.isSafeInteger(from), "a place in the trail");
  demand(direction === "forwards" || direction === "backwards", "a direction");
  checkLimit(limit, maxPage);
}

export function checkRefusalCounts(counts: readonly RefusalCount[]): void {
  demand(counts.length <= mostRefusalsAtOnce, "counts");
  for (const { hour: start, principal, code, count } of counts) {
    checkInstant(start);
    demand(start >= 0 && start % hour === 0, "an hour");
    demand(isText(principal, maxRefusedPrincipal) && isText(code, 64), "a principal or a code");
    demand(Number.isSafeInteger(count) && count >= 1, "a count");
  }
}

export function checkSettling(request: { before: number; at: number; actor: AuditActor }): void {
  const { at, actor } = request;
  checkInstant(request.before);
  checkAuditRecord({ at, actor, repository: "", kind: "server.refused", detail: "{}" });
}

export function checkAuditKey({ keytype, publicKey, reference, createdAt }: AuditKey): void {
  demand(isText(keytype, 64) && isText(publicKey, 65_536), "a public key");
  demand(reference instanceof Uint8Array && reference.length <= 262_144, "a reference");
  checkInstant(createdAt);
}
