/** Tokens that the server made itself, as the contract has them (`service/access/opaque.ts`), and readers without any. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { StoreError } from "../../../src/core/errors.ts";
import type { AccessOptions } from "../../../src/http/auth/access.ts";
import type { OpaqueGrant, OpaqueTokens } from "../../../src/service/access/opaque.ts";
import { start, startServer, type TestServer } from "../../support/server.ts";
import { bearing, entry, TokenService } from "../../support/token-service.ts";

const repository = "registry.example.test/team/app";
const path = `/v2/${repository}/_trust/tuf/root.json`;
const publish = `/v2/${repository}/_trust/tuf/`;
const manage = `/api/v1/repositories/${encodeURIComponent(repository)}/proposals/0123456789abcdef`;
/** Let in, and there is no such repository. */
const allowed = 404;

let tokens: TokenService;
let server: TestServer | undefined;
let known: Map<string, OpaqueGrant>;
let asked: [text: string, address: string][];
const machine = (may: OpaqueGrant["may"], expiresAt = start + 60_000): OpaqueGrant => ({
  principal: { name: "builder", method: "machine", address: "127.0.0.1" },
  may,
  expiresAt,
});
const opaque: OpaqueTokens = {
  async check(text, address) {
    asked.push([text, address]);
    return known.get(text);
  },
};

beforeEach(async () => {
  tokens = await TokenService.make(() => start);
  known = new Map([["vdm_reader", machine((action: string) => action === "pull")]]);
  asked = [];
});
afterEach(async () => {
  await server?.close();
  server = undefined;
});

async function serving(options: Partial<AccessOptions>): Promise<TestServer> {
  server = await startServer({ access: tokens.access(options) });
  return server;
}

describe("a token that is no JWT", () => {
  it("is known to whoever made it, with the address it comes from", async () => {
    const { get } = await serving({ opaque });
    expect((await get(path, bearing("vdm_reader"))).status).toBe(allowed);
    expect(asked).toEqual([["vdm_reader", "127.0.0.1"]]);
    expect((await get(path, bearing("vdm_other"))).status).toBe(401);
  });

  it("does what it may and nothing else", async () => {
    const { request, get } = await serving({ opaque });
    const headers = bearing("vdm_reader");
    const answer = await request(publish, { method: "DELETE", headers });
    expect([answer.status, answer.code]).toEqual([401, "UNAUTHORIZED"]);
    expect((await get("/v2/", headers)).status).toBe(401);
    known.set(
      "vdm_reader",
      machine(() => true),
    );
    expect((await request(publish, { method: "DELETE", headers })).status).toBe(200);
    expect((await get("/v2/", headers)).status).toBe(200);
  });

  it("is worth nothing from the moment it is revoked, and from its end", async () => {
    const { get, clock } = await serving({ opaque });
    expect((await get(path, bearing("vdm_reader"))).status).toBe(allowed);
    known.delete("vdm_reader");
    expect((await get(path, bearing("vdm_reader"))).status).toBe(401);
    known.set(
      "vdm_short",
      machine(() => true, start + 1_000),
    );
    expect((await get(path, bearing("vdm_short"))).status).toBe(allowed);
    clock.advance(1_000);
    expect((await get(path, bearing("vdm_short"))).status).toBe(401);
  });

  it("is refused where no such tokens are made", async () => {
    const { get } = await serving({});
    expect((await get(path, bearing("vdm_reader"))).status).toBe(401);
  });

  it("is not refused because nobody can be asked: that is told, and does not count", async () => {
    const failing: OpaqueTokens = {
      async check() {
        throw new StoreError("STORE_UNAVAILABLE", "Try again.");
      },
    };
    const { get } = await serving({ opaque: failing, failuresPerMinute: 1 });
    for (const _ of [1, 2, 3]) {
      const answer = await get(path, bearing("vdm_reader"));
      expect([answer.status, answer.code]).toEqual([503, "STORE_UNAVAILABLE"]);
    }
  });

  it("is not kept out by what others of its address send, though it was never seen before; a bad one has to wait", async () => {
    const { get, clock } = await serving({ opaque, failuresPerMinute: 2 });
    for (const guess of ["bad.bad.bad", "vdm_guess"])
      expect((await get(path, bearing(guess))).status).toBe(401);
    for (const guess of ["bad.bad.bad", "vdm_guess"]) {
      const answer = await get(path, bearing(guess));
      expect([answer.status, answer.code]).toEqual([429, "TOO_MANY_REQUESTS"]);
    }
    expect((await get(path, bearing("vdm_reader"))).status).toBe(allowed);
    known.delete("vdm_reader");
    expect((await get(path, bearing("vdm_reader"))).status).toBe(429);
    clock.advance(60_000);
    expect((await get(path, bearing("vdm_guess"))).status).toBe(401);
  });
});

describe("where whoever has no token may read", () => {
  it("a token that allows nothing does not take that away", async () => {
    // Docker and notary send one with every request, because the ping asks for it.
    const { get } = await serving({ anonymousRead: true });
    const poor = bearing(await tokens.token());
    for (const _ of [1, 2]) expect((await get(path, poor)).status).toBe(allowed);
    expect((await get(`/v2/${repository}/_trust/tuf/timestamp.key`, poor)).status).toBe(401);
    expect((await get("/v2/", poor)).status).toBe(401);
  });

  it("nothing is signed, rejected or cancelled without one", async () => {
    const { request } = await serving({ anonymousRead: true });
    for (const what of ["signatures", "rejection", "cancel"]) {
      const answer = await request(`${manage}/${what}`, { method: "POST" });
      expect([answer.status, answer.code]).toEqual([401, "UNAUTHORIZED"]);
    }
    expect((await request(manage)).status).toBe(404);
  });

  it("is not the case unless it is asked for", async () => {
    const { get } = await serving({});
    expect((await get(path)).status).toBe(401);
    const allowing = bearing(await tokens.token({ access: [entry(repository, "pull")] }));
    expect((await get(path, allowing)).status).toBe(allowed);
  });
});
