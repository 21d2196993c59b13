/** A token that is revoked while a request is under way: the body is still coming, or somebody waits. */
import { request } from "node:http";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { operatorToken } from "../../support/builtin.ts";
import { multipart, multipartType, parts } from "../../support/multipart.ts";
import { proposalBody } from "../../support/proposing.ts";
import { startServer, type TestServer } from "../../support/server.ts";
import { bearing } from "../../support/token-service.ts";

const repository = "registry.example.test/team/app";
const json = "application/json";
/** Asks nobody who they are, on the same store: for who prepares. */
let open: TestServer;
let server: TestServer;
beforeEach(async () => {
  open = await startServer();
  server = await startServer({ beside: open, builtin: {} });
});
afterEach(async () => {
  await server.close();
  await open.close();
});

async function manage(method: string, path: string, body?: object) {
  const answer = await server.request(`/api/v1/${path}`, {
    method,
    headers: { ...bearing(operatorToken), ...(body && { "content-type": json }) },
    ...(body && { body: Buffer.from(JSON.stringify(body)) }),
  });
  return JSON.parse(answer.body.toString() || "null") as Record<string, string>;
}

async function machine(name: string, ...actions: string[]): Promise<string> {
  const pattern = actions.includes("admin") ? "**" : repository;
  const wanted = { name, scopes: [{ pattern, actions }], lifetime: 3_600 };
  return (await manage("POST", "tokens", wanted)).token ?? "";
}

interface Sent {
  readonly status: number | undefined;
  readonly code: string | string[] | undefined;
}

/** Its head is heard, then `between` is done, then the body comes. */
async function slowly(
  method: string,
  path: string,
  { token, type, body }: { readonly token: string; readonly type: string; readonly body: Uint8Array },
  between: () => Promise<unknown>,
): Promise<Sent> {
  return await new Promise((resolve, reject) => {
    const headers = {
      ...bearing(token),
      "content-type": type,
      "content-length": body.length,
      expect: "100-continue",
    };
    const asked = request({ port: server.port, host: "127.0.0.1", method, path, headers }, (answer) => {
      answer.resume();
      resolve({ status: answer.statusCode, code: answer.headers["vidimus-code"] });
    });
    asked.on("error", reject);
    asked.on("continue", () => {
      asked.write(body.subarray(0, 1));
      // Whoever is let in is let in by now: what is asked in between comes later, and by the same store.
      between().then(() => asked.end(body.subarray(1)), reject);
    });
    asked.flushHeaders();
  });
}

const revoke = async (name: string) => await manage("DELETE", `tokens/${name}`);
const grantAll = Buffer.from(JSON.stringify({ subject: "anyone", pattern: "**", actions: ["admin"] }));

describe("a change whose body is still coming", () => {
  it("is made if nothing happens in between", async () => {
    const wanted = { token: await machine("root", "admin"), type: json, body: grantAll };
    const done = await slowly("PUT", "/api/v1/permissions", wanted, async () => {});
    expect(done.status).toBe(200);
    expect((await manage("GET", "permissions")).permissions).toHaveLength(1);
  });

  it("is not made by a token that is revoked in between", async () => {
    const wanted = { token: await machine("root", "admin"), type: json, body: grantAll };
    const done = await slowly("PUT", "/api/v1/permissions", wanted, async () => await revoke("root"));
    expect(done).toEqual({ status: 401, code: "UNAUTHORIZED" });
    expect((await manage("GET", "permissions")).permissions).toEqual([]);
  });

  it("A20: is no publication by a token that is revoked in between", async () => {
    const owner = await open.owner(repository);
    const upload = { type: multipartType, body: multipart(parts(owner.first())) };
    const token = await machine("ci", "pull", "push");
    const done = await slowly("POST", `/v2/${repository}/_trust/tuf/`, { token, ...upload }, () =>
      revoke("ci"),
    );
    expect(done).toEqual({ status: 401, code: "UNAUTHORIZED" });
    const read = await server.get(`/v2/${repository}/_trust/tuf/root.json`, bearing(operatorToken));
    expect(read.status).toBe(404);
  });
});

it("who waits for a proposal hears nothing of it by a token that is revoked in between", async () => {
  const owner = await open.owner(repository);
  await open.publish(repository, owner.first());
  const base = `/api/v1/repositories/${encodeURIComponent(repository)}/proposals`;
  const post = async (path: string, body: object) => {
    const headers = { "content-type": json };
    const answer = await open.request(path, {
      method: "POST",
      headers,
      body: Buffer.from(JSON.stringify(body)),
    });
    return JSON.parse(answer.body.toString()) as { id: string };
  };
  const { id } = await post(base, proposalBody(owner.next("targets")));
  const headers = bearing(await machine("watcher", "pull"));
  expect((await server.get(`${base}/${id}`, headers)).status).toBe(200);
  const waiting = server.get(`${base}/${id}?wait=20&since=1`, headers);
  await revoke("watcher");
  // What the one server does wakes nobody at the other: there it is seen by looking.
  await post(`${base}/${id}/cancel`, {});
  const { status, code } = await waiting;
  expect([status, code]).toEqual([401, "UNAUTHORIZED"]);
});

describe("A20: a token that says admin administers nothing from the moment the right is taken", () => {
  const password = "a long password";
  const basic = (name: string, given: string) => ({
    authorization: `Basic ${Buffer.from(`${name}:${given}`).toString("base64")}`,
  });
  const tokenOf = async (headers: Record<string, string>) => {
    const { body } = await server.get("/token?scope=vidimus:server:admin", headers);
    return (JSON.parse(body.toString()) as { token: string }).token;
  };
  const lists = async (token: string) => (await server.get("/api/v1/users", bearing(token))).status;
  const query = `permissions?subject=user:ann&pattern=${encodeURIComponent("**")}`;

  it.each<[string, () => Promise<unknown>]>([
    ["by a permission", () => manage("DELETE", query)],
    ["with the user disabled", () => manage("POST", "users/ann", { disabled: true })],
    ["with the user removed", () => manage("DELETE", "users/ann")],
  ])("from a person, %s", async (_how, take) => {
    await manage("POST", "users", { name: "ann", password });
    await manage("PUT", "permissions", { subject: "user:ann", pattern: "**", actions: ["admin"] });
    const token = await tokenOf(basic("ann", password));
    expect([await lists(token), await lists(token)]).toEqual([200, 200]);
    await take();
    expect([await lists(token), await lists(token)]).toEqual([403, 403]);
  });

  it("from somebody whose team lost it, and who has it by another", async () => {
    await manage("POST", "users", { name: "ann", password });
    for (const name of ["one", "two"]) {
      await manage("POST", "teams", { name });
      await manage("PUT", `teams/${name}/members/ann`);
      await manage("PUT", "permissions", { subject: `team:${name}`, pattern: "**", actions: ["admin"] });
    }
    const token = await tokenOf(basic("ann", password));
    await manage("DELETE", "teams/one/members/ann");
    expect(await lists(token)).toBe(200);
    await manage("DELETE", "teams/two/members/ann");
    expect(await lists(token)).toBe(403);
  });

  it("from a machine, whose token was its password", async () => {
    const token = await tokenOf(basic("root", await machine("root", "admin")));
    expect(await lists(token)).toBe(200);
    await revoke("root");
    expect(await lists(token)).toBe(403);
  });

  it("also while the body is still coming", async () => {
    await manage("POST", "users", { name: "ann", password });
    await manage("PUT", "permissions", { subject: "user:ann", pattern: "**", actions: ["admin"] });
    const wanted = { token: await tokenOf(basic("ann", password)), type: json, body: grantAll };
    const done = await slowly("PUT", "/api/v1/permissions", wanted, () => manage("DELETE", query));
    expect(done).toEqual({ status: 403, code: "FORBIDDEN" });
    expect((await manage("GET", "permissions")).permissions).toEqual([]);
  });
});
