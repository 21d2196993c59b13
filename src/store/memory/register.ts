/** The key register in memory. */

import * as registerBounds from "../bounds/register.ts";
import type { AuditRecord } from "../contract/audit.ts";
import { type DeniedKey, type KeyRegister, maxDenied, type RegisteredKey } from "../contract/register.ts";

export function memoryRegister(checkOpen: () => void, append: (record: AuditRecord) => void): KeyRegister {
  let entries: readonly RegisteredKey[] = [];
  let denials: readonly DeniedKey[] = [];
  const byKey = (id: string, at: number, otherId: string, other: number) =>
    id < otherId ? -1 : id > otherId ? 1 : at - other;
  const inForce = () => denials.filter(({ liftedAt }) => liftedAt === undefined);
  const sorted = (all: readonly DeniedKey[]) =>
    all.toSorted((a, b) => byKey(a.keyId, a.deniedAt, b.keyId, b.deniedAt));

  return {
    async list(query) {
      registerBounds.checkRegisterQuery(query);
      checkOpen();
      const { owner, after = { keyId: "", since: 0 }, limit } = query;
      return entries
        .filter((each) => owner === undefined || each.owner === owner)
        .filter((each) => byKey(each.keyId, each.since, after.keyId, after.since) > 0)
        .toSorted((a, b) => byKey(a.keyId, a.since, b.keyId, b.since))
        .slice(0, limit);
    },
    async put({ audit, ...entry }) {
      registerBounds.checkRegistered({ ...entry, audit });
      checkOpen();
      const others = entries.filter(({ keyId, since }) => keyId !== entry.keyId || since !== entry.since);
      entries = [...others, entry];
      append(audit);
    },
    async deny({ audit, ...denial }) {
      registerBounds.checkDenial({ ...denial, audit });
      checkOpen();
      const now = inForce();
      if (now.length >= maxDenied || now.some(({ keyId }) => keyId === denial.keyId)) return false;
      const others = denials.filter(
        ({ keyId, deniedAt }) => keyId !== denial.keyId || deniedAt !== denial.deniedAt,
      );
      denials = [...others, { ...denial, liftedAt: undefined, liftedBy: undefined }];
      append(audit);
      return true;
    },
    async lift(request) {
      registerBounds.checkLift(request);
      checkOpen();
      const found = inForce().find(({ keyId }) => keyId === request.keyId);
      if (found === undefined) return false;
      const lifted = { ...found, liftedAt: request.at, liftedBy: request.by };
      denials = denials.map((each) => (each === found ? lifted : each));
      append(request.audit);
      return true;
    },
    async denied() {
      checkOpen();
      return sorted(inForce());
    },
    async denials(after, limit) {
      registerBounds.checkDenialPage(after, limit);
      checkOpen();
      return sorted(denials)
        .filter((each) => byKey(each.keyId, each.deniedAt, after.keyId, after.deniedAt) > 0)
        .slice(0, limit);
    },
  };
}
