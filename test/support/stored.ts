/**
 * A store as real publishes leave it, and copies of it to spoil: repositories of both kinds of snapshot, a root that was
 * rotated, delegations, renewals, a removal, a second life, keys that wait.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { notary } from "../../src/core/format/notary.ts";
import type { Damage, Examined } from "../../src/service/fsck/damage.ts";
import { checkStore } from "../../src/service/fsck/fsck.ts";
import type { Principal } from "../../src/service/principal.ts";
import { openSealed } from "../../src/signer/sealed.ts";
import { keySecret } from "../../src/signer/secret.ts";
import { inspectSqlite } from "../../src/store/sqlite/inspection.ts";
import { temporaryDirectory } from "./directory.ts";
import { openRequest, signaturesBy } from "./proposing.ts";
import { tester, told } from "./publications.ts";
import { day, newKey, newRootKey, type Owner } from "./publisher.ts";
import { start, startServer, type TestServer } from "./server.ts";

/** Snapshot by the server, three targets, a delegation, a second root, renewed once. */
export const full = "example.org/full";
/** Its owner signs the snapshot. */
export const own = "example.org/own";
/** Removed and published again. */
export const again = "example.org/again";
export const removed = "example.org/removed";
/** Nothing but a key that waits. */
export const waiting = "example.org/waiting";

export interface StoredCopy {
  readonly secret: Uint8Array;
  /** The bytes of the database file. */
  readonly bytes: Buffer;
}

export async function storedStore(): Promise<StoredCopy> {
  const server = await startServer({ backEnd: "sqlite", roles: { snapshotLifetime: 10 * day } });
  try {
    await fill(server);
    const database = new Database(join(server.directory ?? "", "vidimus.sqlite"), { readonly: true });
    const bytes = database.serialize();
    database.close();
    return { secret: server.secret, bytes };
  } finally {
    await server.close();
  }
}

async function fill(server: TestServer): Promise<void> {
  const remove = (name: string) => server.request(`/v2/${name}/_trust/tuf/`, { method: "DELETE" });
  const owner = await server.owner(full);
  owner.delegate("targets/releases");
  await server.publish(full, owner.first());
  owner.addTarget("one");
  await server.publish(full, owner.next("targets"));
  const rootKey = await newRootKey(full, server.clock.now());
  owner.root.keys.root = [rootKey.listed];
  owner.root.signers = [owner.rootKey, rootKey];
  await server.publish(full, owner.next("root"));
  await server.publish(full, owner.next("targets/releases"));
  const other = await server.owner(own, "client");
  await server.publish(own, other.first());
  await server.publish(own, other.next("targets", "snapshot"));
  for (const name of [again, removed]) {
    const first = await server.owner(name);
    await server.publish(name, first.first());
    await server.publish(name, first.next("targets"));
    await remove(name);
  }
  const anew = await server.owner(again);
  await server.publish(again, anew.first());
  await server.key(waiting, "timestamp");
  // The delegation changes hands without a file of its new owner: it counts as unavailable, which is no damage.
  owner.targets.delegations[0]?.keys.splice(0, 1, newKey().listed);
  await server.publish(full, owner.next("targets"), { unavailable: "any" });
  server.clock.advance(8 * day);
  await server.service.current(full, "timestamp");
  await renewed(server);
  const who = { name: "tester", method: "none", address: "" } as const;
  const { access, register } = server.store;
  const passwordHash = `scrypt$14$8$1$${"A".repeat(22)}==$${"A".repeat(43)}=`;
  const token = {
    name: "ci",
    digest: "c".repeat(64),
    owner: "ann",
    scopes: [{ pattern: "**", actions: ["pull"] }],
  };
  const made = { createdAt: start, expiresAt: start + day };
  await access.addUser({
    user: { name: "ann", password: passwordHash, disabled: false, createdAt: start },
    audit: told(""),
  });
  await access.addTeam({ name: "dev", audit: told("") });
  await access.addMember({ team: "dev", user: "ann", audit: told("") });
  const permission = {
    subject: { kind: "team", name: "dev" },
    pattern: "**",
    actions: ["pull", "push"],
  } as const;
  await access.setPermission({ permission, audit: told("") });
  await access.addMachineToken({ token: { ...token, ...made, revokedAt: undefined }, audit: told("") });
  await access.revokeMachineToken({ name: "ci", audit: told("", { at: start + 1 }) });
  await access.addSession({ digest: "d".repeat(64), user: "ann", ...made });
  const [keyId, lifted] = ["a".repeat(64), "b".repeat(64)];
  const owned = { keyId, since: start, until: start + day, owner: "ann", custody: "token 7" };
  await register.put({ ...owned, registeredAt: start, registeredBy: "tester", audit: told("") });
  const denial = { deniedAt: start, deniedBy: "tester", reason: "lost", audit: told("") };
  for (const each of [keyId, lifted]) await register.deny({ keyId: each, ...denial });
  await register.lift({ keyId: lifted, at: start + day, by: "tester", audit: told("") });
  await server.service.proposals.open(full, openRequest(owner.next("targets")), who, true);
  await propose(server, anew, who);
  // Superseded long enough, and taken away.
  const removal = { repository: own, incarnation: 1, at: server.clock.now(), actor: tester };
  await server.store.retention.remove({ ...removal, files: [{ role: "timestamp", version: 1 }] });
  const entry = { id: "one", type: "dev.vidimus.test", subject: own, at: server.clock.now(), data: "{}" };
  await server.store.outbox.add(entry, ["log"], { waiting: 10, settled: 10 });
}

/** One proposal that was cancelled, and one that waits for the second of its two signatures. */
async function propose({ service: { proposals } }: TestServer, owner: Owner, who: Principal): Promise<void> {
  const cancelled = await proposals.open(
    again,
    openRequest(owner.next("targets"), new Map(), { note: "no" }),
    who,
    true,
  );
  await proposals.cancel(again, cancelled.id, who);
  const files = owner.next("root", "targets");
  const { id } = await proposals.open(
    again,
    openRequest(files, new Map(), { note: "two", release: "1" }),
    who,
    true,
  );
  await proposals.sign(again, id, signaturesBy(owner.targetsKey, files, "targets"), who, true);
}

/** Renews what is due: both online roles of the first repository. */
async function renewed(server: TestServer): Promise<void> {
  await server.service.start();
  for (let look = 0; look < 400; look++) {
    const { current } = await server.store.state(full);
    if ((current.get("snapshot")?.version ?? 0) === 6 && (await server.service.renewalLag()) === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error("nothing was renewed");
}

/** Writes the copy into a directory of its own, spoilt by `spoil`. */
export function placeCopy({ bytes }: StoredCopy, spoil: (database: Database.Database) => void): string {
  const directory = temporaryDirectory();
  const path = join(directory, "vidimus.sqlite");
  writeFileSync(path, bytes, { mode: 0o600 });
  const database = new Database(path);
  database.pragma("foreign_keys = OFF");
  spoil(database);
  database.close();
  return directory;
}

/** `at`: by default the instant at which the store was left. */
export async function check(
  directory: string,
  secret: Uint8Array | undefined,
  at = start + 8 * day,
): Promise<{ readonly damages: Damage[]; readonly examined: Examined }> {
  const damages: Damage[] = [];
  const inspection = inspectSqlite(directory);
  try {
    const openSigner =
      secret && ((record: Uint8Array) => openSealed({ secret: keySecret(Uint8Array.from(secret)), record }));
    const examined = await checkStore({ inspection, format: notary, openSigner, at }, (damage) =>
      damages.push(damage),
    );
    return { damages, examined };
  } finally {
    inspection.close();
  }
}
