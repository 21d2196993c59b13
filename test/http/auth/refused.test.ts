/** Which refusals are counted for the audit trail, for whom, and that nothing secret is among them. */
import { afterEach, beforeEach, expect, it } from "vitest";
import { operatorToken, service } from "../../support/builtin.ts";
import { multipart, multipartType } from "../../support/multipart.ts";
import { startServer, type TestServer } from "../../support/server.ts";
import { bearing } from "../../support/token-service.ts";

const repository = "registry.example.test/team/app";
const path = `/v2/${repository}/_trust/tuf/`;
const password = "a long password";
const secrets = [password, "a wrong password", "hunter2-in-the-wrong-field"];

let server: TestServer;
beforeEach(async () => {
  server = await startServer({ builtin: {} });
  await manage("POST", "users", { name: "alice", password });
  await manage("PUT", "permissions", { subject: "user:alice", pattern: "**", actions: ["pull"] });
});
afterEach(async () => await server.close());

async function manage(
  method: string,
  where: string,
  body?: object,
  headers: Record<string, string> = bearing(operatorToken),
) {
  return await server.request(`/api/v1/${where}`, {
    method,
    headers: { ...headers, ...(body && { "content-type": "application/json" }) },
    ...(body && { body: Buffer.from(JSON.stringify(body)) }),
  });
}
const basic = (name: string, given: string) => ({
  authorization: `Basic ${Buffer.from(`${name}:${given}`).toString("base64")}`,
});
const askToken = async (name: string, given: string, scope = "") =>
  await server.get(`/token?service=${service}&scope=${scope}`, basic(name, given));
async function bearerOf(scope: string) {
  const { body } = await askToken("alice", password, scope);
  return bearing(JSON.parse(body.toString()).token);
}
const publish = async (headers: Record<string, string>, body = multipart([])) =>
  await server.request(path, {
    method: "POST",
    headers: { "content-type": multipartType, ...headers },
    body,
  });

async function counted(): Promise<readonly string[]> {
  await server.service.refusals.flush();
  const rows = await server.store.audit.refusals();
  for (const secret of secrets) expect(JSON.stringify(rows)).not.toContain(secret);
  return rows.map(({ principal, code, count }) => `${principal}: ${count} ${code}`).sort();
}

it("a wrong password is counted for the name that was claimed, if somebody has it", async () => {
  for (let i = 0; i < 3; i++) expect((await askToken("alice", "a wrong password")).status).toBe(401);
  expect(await counted()).toEqual(["claimed alice: 3 UNAUTHORIZED"]);
});

it("a name that nobody has may be a password, and is counted by its address", async () => {
  expect((await askToken("hunter2-in-the-wrong-field", "a wrong password")).status).toBe(401);
  expect((await askToken("no name", "a wrong password")).status).toBe(401);
  expect(await counted()).toEqual(["address 127.0.0.1: 2 UNAUTHORIZED"]);
});

it("who guesses on is counted by its address, without a look at the name", async () => {
  for (let i = 0; i < 7; i++) await askToken("alice", "a wrong password");
  expect(await counted()).toEqual([
    "address 127.0.0.1: 2 TOO_MANY_REQUESTS",
    "claimed alice: 5 UNAUTHORIZED",
  ]);
});

it("a publish without the right is counted as forbidden, for who tried it", async () => {
  const headers = await bearerOf(`repository:${repository}:pull,push`);
  expect((await publish(headers)).status).toBe(401);
  expect((await manage("GET", "audit/trail", undefined, headers)).status).toBe(403);
  expect(await counted()).toEqual(["password alice: 2 FORBIDDEN"]);
});

it("a publish with the right that is refused for what is in it is counted by that reason", async () => {
  await manage("PUT", "permissions", { subject: "user:alice", pattern: "**", actions: ["pull", "push"] });
  const headers = await bearerOf(`repository:${repository}:pull,push`);
  const { status, code } = await publish(headers);
  expect(status).toBe(400);
  expect(await counted()).toEqual([`password alice: 1 ${code}`]);
});

it("a token that is not valid is counted by its address, and never itself", async () => {
  const token = (await bearerOf(`repository:${repository}:pull`)).authorization ?? "";
  const broken = `${token.slice(0, -10)}AAAAAAAAAA`;
  expect((await server.get(`${path}root.json`, { authorization: broken })).status).toBe(401);
  expect((await server.get(`${path}root.json`, bearing("vdm_nothing"))).status).toBe(401);
  expect(await counted()).toEqual(["address 127.0.0.1: 2 UNAUTHORIZED"]);
});

it("a session that is over is counted by its address", async () => {
  const body = Buffer.from(
    new URLSearchParams({ service, grant_type: "refresh_token", refresh_token: "vdr_x" }).toString(),
  );
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  expect((await server.request("/token", { method: "POST", headers, body })).status).toBe(401);
  expect(await counted()).toEqual(["address 127.0.0.1: 1 UNAUTHORIZED"]);
});

it("how every client begins, and a read of what is not there, are not counted", async () => {
  expect((await server.get(`${path}root.json`)).status).toBe(401);
  expect((await publish({})).status).toBe(401);
  const headers = await bearerOf(`repository:${repository}:pull`);
  expect((await server.get(`${path}root.json`, headers)).status).toBe(404);
  expect((await server.request(path, { method: "PATCH", headers })).status).toBe(405);
  expect(await counted()).toEqual([]);
});

it("what the server could not do is nobody's refusal", async () => {
  const failing = await startServer({
    wrapStore: (store) => ({ ...store, addPendingKey: () => Promise.reject(new Error("planted")) }),
  });
  const { status } = await failing.request(`${path}timestamp.key`, { method: "POST" });
  expect(status).toBe(500);
  await failing.service.refusals.flush();
  expect(await failing.store.audit.refusals()).toEqual([]);
  await failing.close();
});
