/** The key routes (notary-protocol.md 1.3; checklist 13). */
import { afterEach, describe, expect, test } from "vitest";
import { backEnds, startServer, type TestServer } from "../support/server.ts";

const minute = 60_000;
let server: TestServer;
afterEach(async () => await server.close());

describe.each(backEnds)("keys of online roles on %s", (backEnd) => {
  test("checklist 13: GET for an unknown repository makes a key, and the next GET gives the same", async () => {
    server = await startServer({ backEnd });
    expect(await server.key("new", "timestamp")).toEqual(await server.key("new", "timestamp"));
  });

  test("a key is ECDSA by default, public before private", async () => {
    server = await startServer({ backEnd });
    const { body, headers, status } = await server.get("/v2/new/_trust/tuf/snapshot.key");
    expect([status, headers["content-type"], headers["cache-control"]]).toEqual([
      200,
      "application/json; charset=utf-8",
      "no-store",
    ]);
    expect(body.toString()).toMatch(
      /^\{"keytype":"ecdsa","keyval":\{"public":"[A-Za-z0-9+/=]+","private":null\}\}$/,
    );
  });

  test("keys are Ed25519 when configured, and the chain holds", async () => {
    server = await startServer({ backEnd, keys: { algorithm: "ed25519" } });
    const owner = await server.owner("new");
    expect(owner.root.keys.timestamp[0]?.keytype).toBe("ed25519");
    expect((await server.publish("new", owner.first())).status).toBe(200);
  });

  test("timestamp and snapshot have a key each, and so has every repository", async () => {
    server = await startServer({ backEnd });
    const keys = [
      await server.key("a", "timestamp"),
      await server.key("a", "snapshot"),
      await server.key("b", "timestamp"),
    ];
    expect(new Set(keys.map(({ id }) => id)).size).toBe(3);
  });

  test("checklist 13: POST gives a key to rotate to, the same again until a root uses it", async () => {
    server = await startServer({ backEnd });
    await server.publish("a", (await server.owner("a")).first());
    const next = await server.key("a", "timestamp", "POST");
    expect(await server.key("a", "timestamp", "POST")).toEqual(next);
    expect(await server.key("a", "timestamp")).not.toEqual(next);
  });

  test("GET keeps the old key until a root lists the new one", async () => {
    server = await startServer({ backEnd });
    const owner = await server.owner("a");
    await server.publish("a", owner.first());
    const next = await server.key("a", "timestamp", "POST");
    owner.root.keys.timestamp = [next];
    expect((await server.publish("a", owner.next("root"))).status).toBe(200);
    expect(await server.key("a", "timestamp")).toEqual(next);
  });

  test("after a rotation POST gives another key", async () => {
    server = await startServer({ backEnd });
    const owner = await server.owner("a");
    await server.publish("a", owner.first());
    expect(await server.key("a", "timestamp", "POST")).not.toEqual(owner.root.keys.timestamp[0]);
  });

  test("asking for keys stores nothing in the repository", async () => {
    server = await startServer({ backEnd });
    await server.publish("a", (await server.owner("a")).first());
    await server.storesNothing("a", () => server.key("a", "snapshot", "POST"));
    expect((await server.file("a", "timestamp.json")).status).toBe(200);
  });

  test("names without number do not fill the store: 429 when it is full", async () => {
    server = await startServer({ backEnd, keys: { mostPending: 5 } });
    const statuses: number[] = [];
    for (let i = 0; i < 8; i++)
      statuses.push((await server.get(`/v2/name${i}/_trust/tuf/timestamp.key`)).status);
    expect(statuses).toEqual([200, 200, 200, 200, 200, 429, 429, 429]);
  });

  test("429 says when to come again, in the API's words", async () => {
    server = await startServer({ backEnd, keys: { mostPending: 0 } });
    const { status, error, code, headers } = await server.get("/v2/a/_trust/tuf/timestamp.key");
    expect([status, error?.code, code, headers["retry-after"]]).toEqual([
      429,
      "TOOMANYREQUESTS",
      "TOO_MANY_PENDING_KEYS",
      "600",
    ]);
  });

  test("a full store makes room after ten minutes, so honest publishers get their keys", async () => {
    server = await startServer({ backEnd, keys: { mostPending: 5 } });
    for (let i = 0; i < 8; i++) await server.get(`/v2/name${i}/_trust/tuf/timestamp.key`);
    server.clock.advance(10 * minute + 1);
    const owner = await server.owner("honest");
    expect((await server.publish("honest", owner.first())).status).toBe(200);
  });

  test("a key that is asked for and published at once is safe while others flood", async () => {
    server = await startServer({ backEnd, keys: { mostPending: 5 } });
    const owner = await server.owner("honest");
    for (let i = 0; i < 8; i++) await server.get(`/v2/name${i}/_trust/tuf/timestamp.key`);
    expect((await server.publish("honest", owner.first())).status).toBe(200);
  });

  test("a pending key lives as long as configured", async () => {
    server = await startServer({ backEnd, keys: { pendingLifetime: 60 * minute } });
    const first = await server.key("a", "timestamp");
    server.clock.advance(59 * minute);
    expect(await server.key("a", "timestamp")).toEqual(first);
    server.clock.advance(2 * minute);
    expect(await server.key("a", "timestamp")).not.toEqual(first);
  });

  test("a key in use outlives every bound of pending ones", async () => {
    server = await startServer({ backEnd, keys: { pendingLifetime: 60 * minute, mostPending: 2 } });
    const owner = await server.owner("a");
    await server.publish("a", owner.first());
    server.clock.advance(600 * minute);
    for (let i = 0; i < 4; i++) await server.get(`/v2/name${i}/_trust/tuf/timestamp.key`);
    expect((await server.publish("a", owner.next("targets"))).status).toBe(200);
  });
});
