/** Superseded files that nobody can need are taken away, and everything else stays as it was. */
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, describe, expect, test } from "vitest";
import { defaultPolicy } from "../../../src/policy/policy.ts";
import { readPolicy } from "../../../src/policy/schema.ts";
import type { TrustPolicy } from "../../../src/policy/trust-policy.ts";
import { ownPrincipal } from "../../../src/service/principal.ts";
import { fsckOf } from "../../support/fsck-of.ts";
import { day, type Owner } from "../../support/publisher.ts";
import { codeOf } from "../../support/refusal.ts";
import { backEnds, type ServerOptions, startServer, type TestServer } from "../../support/server.ts";

const repository = "example.org/kept";
let server: TestServer;
afterEach(async () => await server.close());

async function published(options: ServerOptions = {}, snapshot: "server" | "client" = "server") {
  server = await startServer(options);
  const owner = await server.owner(repository, snapshot);
  owner.delegate("targets/releases");
  await server.publish(repository, owner.first());
  return owner;
}

/** One renewal or publication every so many days. */
async function passing(owner: Owner, times: number, days: number): Promise<void> {
  for (let i = 0; i < times; i++) {
    server.clock.advance(days * day);
    owner.addTarget(`name${i}`);
    await server.publish(repository, owner.next("targets"));
  }
}

const everything = { after: undefined, limit: 50 };
const run = async (more: object = {}) =>
  (await server.service.retention.run({ ...everything, ...more }, ownPrincipal)).files.map(
    ({ role, version }) => `${role} ${version}`,
  );
const plan = async (more: object = {}) =>
  (await server.service.retention.plan({ ...everything, ...more })).files.map(
    ({ role, version }) => `${role} ${version}`,
  );
const status = async (name: string) => (await server.file(repository, name)).status;

describe.each(backEnds)("on %s", (backEnd) => {
  test("superseded timestamps and snapshots of the server go after 30 days, nothing else", async () => {
    const owner = await published({ backEnd });
    await passing(owner, 6, 10);
    const planned = await plan();
    // Published on days 0 to 60; what was superseded by day 30 is over.
    expect(planned).toEqual([
      "snapshot 1",
      "snapshot 2",
      "snapshot 3",
      "timestamp 1",
      "timestamp 2",
      "timestamp 3",
    ]);
    expect(await run()).toEqual(planned);
    expect(await plan()).toEqual([]);
    expect(await status("1.timestamp.json")).toBe(404);
    expect(await status("4.timestamp.json")).toBe(200);
    for (const name of ["1.root.json", "1.targets.json", "timestamp.json"])
      expect(await status(name)).toBe(200);
    await server.chainCheck(repository);
  });

  test("a file that was in memory is 404 by version and by digest, too", async () => {
    const owner = await published({ backEnd });
    const first = await server.file(repository, "timestamp.json");
    const { createHash } = await import("node:crypto");
    const digest = createHash("sha256").update(first.body).digest("hex");
    await passing(owner, 4, 20);
    for (const name of ["1.timestamp.json", `timestamp.${digest}.json`]) expect(await status(name)).toBe(200);
    await run();
    for (const name of ["1.timestamp.json", `timestamp.${digest}.json`]) expect(await status(name)).toBe(404);
  });

  test("targets and delegations go only when that is asked", async () => {
    const owner = await published({ backEnd });
    await passing(owner, 4, 20);
    expect(await plan({ targets: 30 * day })).toContain("targets 1");
    expect(await plan()).not.toContain("targets 1");
    await run({ targets: 30 * day });
    expect(await status("1.targets.json")).toBe(404);
    const gone = await server.store.retention.removedFiles(repository, { role: "targets", version: 0 }, 1);
    expect(gone).toMatchObject([
      { role: "targets", version: 1, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
    ]);
    await server.chainCheck(repository);
  });

  test("nothing goes that an unexpired timestamp can reach, however old it is", async () => {
    const owner = await published({ backEnd, roles: { timestampLifetime: 100 * day, renewAfter: 0.9 } });
    await passing(owner, 6, 15);
    const wishes = { targets: day, delegations: day };
    expect(await plan(wishes)).toEqual([]);
    server.clock.advance(30 * day);
    // Those of days 0 to 15 have expired by day 120 and were superseded long ago.
    expect(await plan(wishes)).toEqual([
      "snapshot 1",
      "snapshot 2",
      "targets 1",
      "targets 2",
      "timestamp 1",
      "timestamp 2",
    ]);
  });

  test("a snapshot that its owner signs never goes", async () => {
    const owner = await published({ backEnd }, "client");
    for (let i = 0; i < 4; i++) {
      server.clock.advance(20 * day);
      owner.addTarget(`name${i}`);
      await server.publish(repository, owner.next("targets", "snapshot"));
    }
    const gone = await run();
    expect(gone).toEqual(["timestamp 1", "timestamp 2"]);
  });

  test("publishing, renewing and the changefeed go on as before", async () => {
    const owner = await published({ backEnd });
    await passing(owner, 4, 20);
    const before = await server.service.changes({ direction: "forwards", limit: 100 });
    await run({ targets: day, delegations: day });
    expect(await server.service.changes({ direction: "forwards", limit: 100 })).toEqual(before);
    await passing(owner, 1, 8);
    server.clock.advance(14 * day);
    await server.chainCheck(repository);
    expect((await server.file(repository, "timestamp.json")).status).toBe(200);
  });
});

const policyWith = (retention: object) => {
  const policy = readPolicy({
    default: "unverified",
    repositories: [{ match: "example.org/**", tofu: true, retention }],
  }) as TrustPolicy;
  return { ...defaultPolicy, file: { policy, pins: new Map() } };
};
const byItself = async () =>
  await (server.service.retention as unknown as { runByItself(): Promise<void> }).runByItself();

test("the trail tells who had what taken away: a person who asked, and the server by itself", async () => {
  const owner = await published({ backEnd: "sqlite", policy: policyWith({ snapshots: "10d" }) });
  await passing(owner, 6, 10);
  const trail = async () =>
    (await server.service.trail.trail({ kind: "files.removed", direction: "forwards", limit: 10 })).entries;
  await server.service.retention.plan(everything);
  expect(await trail()).toEqual([]);
  await byItself();
  const carol = { name: "carol", method: "password", address: "192.0.2.1" } as const;
  const { files } = await server.service.retention.run({ ...everything, targets: 10 * day }, carol);
  const [own, asked, ...more] = await trail();
  expect(more).toEqual([]);
  expect(own?.actor).toEqual({ name: "vidimus", method: "server", address: "" });
  expect(JSON.parse(own?.detail ?? "").roles).toEqual([{ role: "snapshot", versions: "1-5" }]);
  expect(asked).toMatchObject({ actor: carol, repository, at: server.clock.now() });
  const { bytes, roles } = JSON.parse(asked?.detail ?? "");
  expect(roles.map(({ role }: { role: string }) => role)).toEqual(["targets"]);
  expect(bytes).toBe(files.reduce((sum, { length }) => sum + length, 0));
  expect(await fsckOf(server)).toEqual([]);
});

test("what the trail cannot tell is not taken away", async () => {
  const owner = await published({ backEnd: "sqlite" });
  await passing(owner, 4, 20);
  const database = new Database(join(server.directory ?? "", "vidimus.sqlite"));
  database.exec(
    "CREATE TRIGGER planted BEFORE INSERT ON audit WHEN new.kind = 'files.removed' BEGIN SELECT RAISE(ABORT, 'planted'); END",
  );
  await expect(run()).rejects.toThrow();
  expect(await status("1.timestamp.json")).toBe(200);
  database.exec("DROP TRIGGER planted");
  database.close();
  expect(await run()).toContain("timestamp 1");
});

test("by itself the server takes nothing away that no policy names", async () => {
  const owner = await published();
  await passing(owner, 4, 20);
  await byItself();
  expect(await status("1.timestamp.json")).toBe(200);
});

test("by itself it takes away what the policy names, and what that leaves out stays", async () => {
  const owner = await published({ policy: policyWith({ timestamps: "50d", targets: "10d" }) });
  await passing(owner, 4, 20);
  await byItself();
  expect(await status("1.timestamp.json")).toBe(404);
  expect(await status("2.timestamp.json")).toBe(200);
  expect(await status("1.snapshot.json")).toBe(200);
  expect(await status("1.targets.json")).toBe(404);
});

test("what was taken away stays known after a restart, and the store is sound", async () => {
  const owner = await published({ backEnd: "sqlite" });
  await passing(owner, 6, 20);
  await run({ targets: day });
  await passing(owner, 1, 8);
  expect(await fsckOf(server)).toEqual([]);
});

test("a server whose store is behind takes nothing away", async () => {
  await published();
  const behind = await startServer({ beside: server, behind: true });
  expect(await codeOf(behind.service.retention.run(everything, ownPrincipal))).toBe("STORE_BEHIND");
  expect(await behind.service.retention.plan(everything)).toEqual({ files: [], next: undefined });
  await behind.close();
});

test("pages have every repository once", async () => {
  const owner = await published();
  const other = await server.owner("example.org/other");
  await server.publish("example.org/other", other.first());
  await passing(owner, 4, 20);
  for (let i = 0; i < 3; i++) {
    server.clock.advance(20 * day);
    await server.publish("example.org/other", other.next("targets"));
  }
  const first = await server.service.retention.plan({ after: undefined, limit: 1 });
  expect(new Set(first.files.map((each) => each.repository))).toEqual(new Set([repository]));
  const second = await server.service.retention.plan({ after: first.next, limit: 1 });
  expect(new Set(second.files.map((each) => each.repository))).toEqual(new Set(["example.org/other"]));
  expect(await server.service.retention.plan({ after: second.next, limit: 1 })).toEqual({
    files: [],
    next: undefined,
  });
});
