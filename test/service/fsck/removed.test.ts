/** What retention took away, in several requests and lives, is what the trail tells of; a row more or less is damage. */
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Owner } from "../../support/publisher.ts";
import { startServer, type TestServer } from "../../support/server.ts";
import { check } from "../../support/stored.ts";

const repository = "example.org/kept";
const who = { name: "tester", method: "none", address: "" } as const;

let server: TestServer;
beforeEach(async () => {
  server = await startServer({ backEnd: "sqlite" });
});
afterEach(() => server.close());

async function codes(): Promise<readonly string[]> {
  const { damages } = await check(server.directory ?? "", server.secret, server.clock.now());
  return damages.map(({ code }) => code);
}

async function publishSeveral(owner: Owner): Promise<void> {
  expect((await server.publish(repository, owner.first())).status).toBe(200);
  for (let count = 0; count < 6; count++) {
    server.clock.advance(60_000);
    expect((await server.publish(repository, owner.next("targets"))).status).toBe(200);
  }
}

async function takeAway(...versions: readonly number[]): Promise<void> {
  const { incarnation } = await server.store.state(repository);
  const files = versions.map((version) => ({ role: "timestamp", version }));
  server.clock.advance(60_000);
  const removal = { repository, incarnation, at: server.clock.now(), actor: who, files };
  expect(await server.store.retention.remove(removal)).toBe(versions.length);
}

test("of two requests, and of another life of the name", async () => {
  await publishSeveral(await server.owner(repository));
  await takeAway(1, 2, 4);
  await takeAway(3);
  expect(await codes()).toEqual([]);
  await server.service.remove(repository, who);
  expect(await codes()).toEqual([]);
  await publishSeveral(await server.owner(repository));
  const { current } = await server.store.state(repository);
  const newest = current.get("timestamp")?.version ?? 0;
  await takeAway(newest - 1, newest - 3);
  expect(await codes()).toEqual([]);
});

test.each([
  ["a row that is gone", "DELETE FROM removed_metadata WHERE version = 2"],
  ["a row of another instant", "UPDATE removed_metadata SET removed_at = removed_at + 1 WHERE version = 2"],
  [
    "a file that somebody took away, and told the rows alone",
    "INSERT INTO removed_metadata (repository, role, version, sha256, length, stored_at, expires, revision, removed_at) SELECT repository, role, version, sha256, length(bytes), stored_at, expires, revision, stored_at FROM metadata WHERE role = 'timestamp' AND version = 5; DELETE FROM metadata WHERE role = 'timestamp' AND version = 5",
  ],
])("%s", async (_, statement) => {
  await publishSeveral(await server.owner(repository));
  await takeAway(1, 2);
  const database = new Database(join(server.directory ?? "", "vidimus.sqlite"));
  database.exec(statement);
  database.close();
  expect(await codes()).toContain("TRAIL_INCOMPLETE");
});
