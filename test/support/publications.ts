/** Publications with made-up contents and true digests: the store never looks inside. */
import { createHash } from "node:crypto";
import type { AuditActor, AuditRecord } from "../../src/store/contract/audit.ts";
import type {
  NewMetadata,
  OnlineKey,
  PendingKeyLimits,
  Publication,
  Removal,
  Store,
} from "../../src/store/contract/store.ts";

export function file(role: string, version: number, text = ""): NewMetadata {
  const bytes = Buffer.from(`${role} ${version} ${text}`);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  return { role, version, sha256, bytes, expires: 1_900_000_000_000 };
}

/** Versions of `root` and `timestamp` are 1 unless `files` says otherwise. */
export function publication(repository: string, changes: Partial<Publication> = {}): Publication {
  return {
    repository,
    format: "notary",
    expectedRevision: 0,
    at: 1_000,
    kind: "publish",
    principal: "tester",
    metadata: [file("root", 1), file("timestamp", 1)],
    activateKeys: [],
    renewAt: undefined,
    audit: told(repository),
    ...changes,
  };
}

/** What the audit trail is told of a change. */
export const tester: AuditActor = { name: "tester", method: "none", address: "" };

export function told(repository: string, changes: Partial<AuditRecord> = {}): AuditRecord {
  return {
    at: 1_000,
    kind: "repository.published",
    actor: tester,
    repository,
    detail: "{}",
    ...changes,
  };
}

export function removalOf(repository: string, at: number, principal = "tester"): Removal {
  const audit = told(repository, {
    at,
    kind: "repository.removed",
    actor: { name: principal, method: "none", address: "" },
  });
  return { repository, at, principal, audit };
}

/** Publishes at whatever revision the repository has; each role at one version above its current one. */
export async function publishNext(
  store: Store,
  repository: string,
  roles: readonly string[] = ["timestamp"],
  changes: Partial<Publication> = {},
): Promise<Publication> {
  const state = await store.state(repository);
  const metadata = roles.map((role) => file(role, (state.current.get(role)?.version ?? 0) + 1));
  const next = publication(repository, { expectedRevision: state.revision, metadata, ...changes });
  await store.commit(next);
  return next;
}

export function onlineKey(repository: string, changes: Partial<OnlineKey> = {}): OnlineKey {
  return {
    keyId: `key-${changes.role ?? "timestamp"}`,
    repository,
    role: "timestamp",
    keytype: "ecdsa",
    publicKey: "AAAA",
    reference: Buffer.from("sealed"),
    createdAt: 1_000,
    ...changes,
  };
}

/** Nothing has ended its life, nothing may give way. */
export function limits(changes: Partial<PendingKeyLimits> = {}): PendingKeyLimits {
  return { most: 100, endOfLife: 0, mayGiveWay: 0, ...changes };
}

/** What a repository shows of itself, for comparing before and after. */
export async function everything(store: Store, repository: string) {
  return {
    state: await store.state(repository),
    changes: await store.changes({ direction: "forwards", limit: 1_000 }),
    names: await store.repositories({ limit: 1_000 }),
  };
}
