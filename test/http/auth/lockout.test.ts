/** Who floods with bad tokens keeps nobody else of the same address out, not even after a new start of the server. */
import { afterEach, beforeEach, expect, it } from "vitest";
import { operatorToken, service } from "../../support/builtin.ts";
import { startServer, type TestServer } from "../../support/server.ts";
import { bearing } from "../../support/token-service.ts";

const repository = "registry.example.test/team/app";
const file = `/v2/${repository}/_trust/tuf/root.json`;
/** Let in, and there is no such repository. */
const allowed = 404;

let server: TestServer;
beforeEach(async () => {
  server = await startServer({ builtin: { failuresPerMinute: 3 } });
});
afterEach(async () => await server.close());

const statusOf = async (token: string) => (await server.get(file, bearing(token))).status;
const flood = async () => {
  const tokens = ["bad.bad.bad", "vdm_bad", "bad", "bad.bad.bad", `vdo_${"x".repeat(43)}`];
  const states: number[] = [];
  for (const token of tokens) states.push(await statusOf(token));
  return states;
};

it("the operator, a machine and somebody who has just logged in are let in; bad tokens are told to wait", async () => {
  expect(await flood()).toEqual([401, 401, 401, 429, 429]);
  const administered = async (path: string, body: object) => {
    const answer = await server.request(`/api/v1/${path}`, {
      method: "POST",
      headers: { ...bearing(operatorToken), "content-type": "application/json" },
      body: Buffer.from(JSON.stringify(body)),
    });
    expect(answer.status).toBeLessThan(300);
    return JSON.parse(answer.body.toString());
  };
  const scopes = [{ pattern: repository, actions: ["pull"] }];
  const { token: machine } = await administered("tokens", { name: "ci", scopes, lifetime: 600 });
  expect(await statusOf(machine)).toBe(allowed);
  const basic = `Basic ${Buffer.from(`ci:${machine}`).toString("base64")}`;
  const asked = await server.get(`/token?service=${service}&scope=repository:${repository}:pull`, {
    authorization: basic,
  });
  expect(asked.status).toBe(200);
  const { token } = JSON.parse(asked.body.toString());
  expect(await statusOf(token)).toBe(allowed);
  // The same with another signature is no token.
  const [head, payload, signature = ""] = token.split(".");
  const forged = `${head}.${payload}.${signature.startsWith("A") ? "B" : "A"}${signature.slice(1)}`;
  expect(await statusOf(forged)).toBe(429);
  expect(await flood()).toEqual([429, 429, 429, 429, 429]);
});

it("a name that has to wait is told how long, and for how much longer", async () => {
  const guess = async () => {
    const authorization = `Basic ${Buffer.from("ann:a wrong password").toString("base64")}`;
    const { status, headers } = await server.get(`/token?service=${service}`, { authorization });
    return [status, headers["retry-after"]];
  };
  for (let time = 0; time < 5; time++) expect(await guess()).toEqual([401, undefined]);
  expect(await guess()).toEqual([429, "1"]);
  // Each further failure doubles it: 2, 4, 8 seconds.
  for (const seconds of [2, 4, 8]) {
    server.clock.advance(seconds * 500);
    expect(await guess()).toEqual([401, undefined]);
    expect(await guess()).toEqual([429, String(seconds)]);
  }
  server.clock.advance(6_500);
  expect(await guess()).toEqual([429, "2"]);
});
