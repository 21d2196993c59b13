/** The bounds of the key register, checked before anything reaches a driver: `bounds.ts` says why. */
import {
  checkAuditRecord,
  checkInstant,
  checkLimit,
  demand,
  isText,
  maxPage,
  maxPrincipal,
} from "../bounds.ts";
import type { Denial, DeniedKey, Lift, RegisteredKey, RegisterQuery, Told } from "../contract/register.ts";

const maxOwner = 255;
const maxReason = 1_000;

function checkKeyId(keyId: string): void {
  demand(/^[0-9a-f]{64}$/.test(keyId), "a key ID");
}

export function checkRegisterQuery({ owner, after, limit }: RegisterQuery): void {
  if (owner !== undefined) demand(isText(owner, maxOwner), "an owner");
  if (after !== undefined) {
    checkKeyId(after.keyId);
    checkInstant(after.since);
  }
  checkLimit(limit, maxPage);
}

export function checkRegistered(entry: RegisteredKey & Told): void {
  checkAuditRecord(entry.audit);
  checkKeyId(entry.keyId);
  checkInstant(entry.since);
  if (entry.until !== undefined) checkInstant(entry.until);
  demand(entry.until === undefined || entry.until > entry.since, "an end");
  demand(entry.owner !== "" && isText(entry.owner, maxOwner), "an owner");
  demand(isText(entry.custody, maxOwner), "a custody");
  checkInstant(entry.registeredAt);
  demand(isText(entry.registeredBy, maxPrincipal), "a principal");
}

export function checkDenial(denial: Denial & Told): void {
  checkAuditRecord(denial.audit);
  checkKeyId(denial.keyId);
  checkInstant(denial.deniedAt);
  demand(isText(denial.deniedBy, maxPrincipal), "a principal");
  demand(isText(denial.reason, maxReason), "a reason");
}

export function checkLift({ keyId, at, by, audit }: Lift & Told): void {
  checkAuditRecord(audit);
  checkKeyId(keyId);
  checkInstant(at);
  demand(isText(by, maxPrincipal), "a principal");
}

/** An empty ID: from the first on. */
export function checkDenialPage(after: Pick<DeniedKey, "keyId" | "deniedAt">, limit: number): void {
  if (after.keyId !== "") checkKeyId(after.keyId);
  checkInstant(after.deniedAt);
  checkLimit(limit, maxPage);
}
