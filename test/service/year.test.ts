/** After a year without anybody, every repository whose offline roles are valid is still readable. */
import { afterEach, expect, test } from "vitest";
import { defaultPolicy } from "../../src/policy/policy.ts";
import { readPolicy } from "../../src/policy/schema.ts";
import type { TrustPolicy } from "../../src/policy/trust-policy.ts";
import { fsckOf } from "../support/fsck-of.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { ending, lasting, ofOwner, ofServer, passAYear, publishForAYear } from "../support/simulated-year.ts";

let servers: TestServer[] = [];
afterEach(async () => {
  for (const each of servers.splice(0).reverse()) await each.close();
});

const policy = readPolicy({
  default: "unverified",
  repositories: [{ match: "example.org/**", tofu: true, retention: { timestamps: "30d", snapshots: "30d" } }],
}) as TrustPolicy;
const options = {
  backEnd: "sqlite",
  refreshInterval: 1,
  // As lasting as the original makes it, and one that has to be renewed within the year.
  roles: { snapshotLifetime: 90 * 86_400_000 },
  policy: { ...defaultPolicy, file: { policy, pins: new Map() } },
} as const;

test("a year passes, two processes share the work, and nobody notices", async () => {
  const server = await startServer(options);
  servers = [server, await startServer({ ...options, beside: server })];
  await publishForAYear(server);
  await passAYear(servers, async (number) => {
    for (const name of [...lasting, ending]) {
      for (const role of ["timestamp", "snapshot"]) {
        expect((await server.store.current(name, role))?.expires).toBeGreaterThan(server.clock.now());
      }
    }
    if (number % 9 !== 0) return;
    // Both work on one handle of the store, and what one of them keeps at hand the other does not hear of: a third one looks.
    const third = await startServer({ ...options, beside: server });
    for (const name of lasting) await third.chainCheck(name);
    // What has ended is served as it is, under an online chain that is fresh.
    await third.chainCheck(ending, { expired: ["targets"] });
    await third.close();
    if (number % 45 === 0) {
      await (server.service.retention as unknown as { runByItself(): Promise<void> }).runByItself();
    }
  });
  const { current } = await server.store.state(ofServer);
  // A timestamp of two weeks is made anew every week, and once for each new snapshot at most.
  expect(current.get("timestamp")?.version).toBeGreaterThanOrEqual(52);
  expect(current.get("timestamp")?.version).toBeLessThanOrEqual(1 + 365 / 7 + 365 / 45 + 1);
  expect(current.get("snapshot")?.version).toBeGreaterThanOrEqual(8);
  expect((await server.store.state(ofOwner)).current.get("snapshot")?.version).toBe(1);
  const kept = await server.store.retention.files(ofServer, { role: "timestamp", version: 0 }, 1_000);
  // Those of the weeks since retention was last at it, and what it has to leave.
  expect(kept.length).toBeLessThan(20);
  expect((await server.file(ofServer, "1.root.json")).status).toBe(200);
  expect(await fsckOf(server)).toEqual([]);
}, 180_000);

test("a server that was off for a year renews everything at its start", async () => {
  const server = await startServer(options);
  servers = [server];
  await publishForAYear(server);
  server.clock.advance(365 * 86_400_000);
  for (const name of lasting) await server.chainCheck(name);
});
