/** Tokens of machines are announced before they end, by name and owner, and are listed with what else ends. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Announcement } from "../../../src/service/announce.ts";
import { tokenSource } from "../../../src/service/expiry/token-source.ts";
import type { Watch } from "../../../src/service/expiry/watch.ts";
import { operatorToken } from "../../support/builtin.ts";
import { day } from "../../support/publisher.ts";
import { start, startServer, type TestServer } from "../../support/server.ts";
import { bearing } from "../../support/token-service.ts";

let server: TestServer;
let told: Announcement[];
beforeEach(async () => {
  told = [];
  const source = {
    expiries: (before: number) => tokenSource(server.store.access, server.clock).expiries(before),
  };
  server = await startServer({
    builtin: {},
    expirySources: [source],
    announcer: { announce: async (each) => void told.push(each) },
  });
});
afterEach(async () => await server.close());

async function manage(method: string, path: string, body?: object) {
  const { body: text } = await server.request(`/api/v1/${path}`, {
    method,
    headers: { ...bearing(operatorToken), "content-type": "application/json" },
    ...(body && { body: Buffer.from(JSON.stringify(body)) }),
  });
  return text.toString();
}
async function make(name: string, days: number, owner?: string): Promise<string> {
  const scopes = [{ pattern: "**", actions: ["pull"] }];
  const wanted = { name, scopes, lifetime: days * 86_400, ...(owner !== undefined && { owner }) };
  return (JSON.parse(await manage("POST", "tokens", wanted)) as { token: string }).token;
}
const listed = async (within: string) =>
  JSON.parse(await manage("GET", `expiring?within=${within}`)).expiring as Record<string, string>[];
async function lookAt(instant: number): Promise<void> {
  server.clock.set(instant);
  await (server.service.expiry as Watch).look();
}
/** Each announcement once: the outbox takes one of an ID. */
const said = () => [...new Map(told.map((each) => [each.id, each])).values()];

describe("tokens of machines", () => {
  it("are announced at each distance, and once more when they are over", async () => {
    await make("ci", 100, "alice");
    for (let passed = 0; passed <= 102; passed++) await lookAt(start + passed * day);
    expect(said().map(({ type, data }) => [type, data.days])).toEqual([
      ...[90, 30, 14, 7, 3, 1].map((days) => ["dev.vidimus.expiry.approaching", days]),
      ["dev.vidimus.expiry.passed", undefined],
    ]);
    expect(said()[0]).toMatchObject({
      subject: "machine_token",
      data: {
        kind: "machine_token",
        name: "ci",
        owner: "alice",
        expires: new Date(start + 100 * day).toISOString(),
      },
    });
    expect((server.service.expiry as Watch).facts()?.expired.get("machine_token")).toBe(1);
  });

  it("are listed with name and owner, and nothing of the secret is anywhere", async () => {
    const text = await make("ci", 20, "alice");
    await make("nightly", 40);
    await make("later", 91);
    expect(await listed("90d")).toEqual([
      {
        kind: "machine_token",
        name: "ci",
        owner: "alice",
        expires: new Date(start + 20 * day).toISOString(),
      },
      { kind: "machine_token", name: "nightly", expires: new Date(start + 40 * day).toISOString() },
    ]);
    await lookAt(start + 10 * day);
    expect(said().map(({ data }) => data.days)).toEqual([14, 90, 30]);
    const { digest } = (await server.store.access.machineTokens({ limit: 1 }))[0] ?? {};
    for (const secret of [text, digest ?? ""]) {
      expect(secret.length).toBeGreaterThan(20);
      expect(JSON.stringify(told) + JSON.stringify(await listed("90d"))).not.toContain(secret);
    }
  });

  it("that were revoked, or are over for a month, are nobody's concern", async () => {
    await make("ci", 1);
    await make("gone", 20);
    await manage("DELETE", "tokens/gone");
    expect((await listed("90d")).map(({ name }) => name)).toEqual(["ci"]);
    server.clock.set(start + 31 * day);
    expect((await listed("90d")).map(({ name }) => name)).toEqual(["ci"]);
    await lookAt(start + 31 * day + 1);
    expect(await listed("90d")).toEqual([]);
    expect(told).toEqual([]);
  });

  it("of any number are all looked at", async () => {
    const asked: string[] = [];
    const source = tokenSource(
      {
        async machineTokens({ after = "", limit }) {
          asked.push(after);
          const from = after === "" ? 0 : Number(after) + 1;
          return Array.from({ length: Math.min(limit, 2_500 - from) }, (_, index) => ({
            name: String(from + index).padStart(5, "0"),
            digest: "",
            owner: "",
            scopes: [],
            createdAt: 0,
            expiresAt: start + day,
            revokedAt: undefined,
          }));
        },
      },
      server.clock,
    );
    expect(await source.expiries(start + 90 * day)).toHaveLength(2_500);
    expect(asked).toEqual(["", "00999", "01999"]);
  });
});
