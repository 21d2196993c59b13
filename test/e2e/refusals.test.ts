/**
 * Wrong passwords and forbidden publishes, in one process and in several: `vidimus audit log` tells of them when their hour is
 * over, and `audit verify` finds the trail good.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, describe, expect, it } from "vitest";
import { exitCodes } from "../../src/cli/exit-codes.ts";
import { runCli } from "../../src/cli/program.ts";
import type { RefusalCount } from "../../src/store/contract/audit.ts";
import { operatorToken, service } from "../support/builtin.ts";
import { contextOf, Said, servesNothing } from "../support/command.ts";
import { temporaryDirectory } from "../support/directory.ts";
import { multipart, multipartType } from "../support/multipart.ts";
import { startServer } from "../support/server.ts";
import { isAlive, startWorkers, type Workers } from "../support/workers.ts";

const hour = 3_600_000;
const repository = "registry.example.test/team/app";
const path = `/v2/${repository}/_trust/tuf/`;
const password = "a long password";
const wrong = "another long password";
const patient = { timeout: 30_000 };
const said = new Said();

type Send = (
  method: string,
  path: string,
  headers: Record<string, string>,
  body?: Buffer,
) => Promise<{ readonly status: number; readonly body: string }>;

const bearing = (token: string) => ({ authorization: `Bearer ${token}` });
const basic = (given: string) => ({
  authorization: `Basic ${Buffer.from(`alice:${given}`).toString("base64")}`,
});

/** Alice, who may read: so many wrong passwords, then so many publishes without the right. */
async function refuse(send: Send, operator: string, [passwords, publishes]: [number, number]): Promise<void> {
  const json = { ...bearing(operator), "content-type": "application/json" };
  const user = Buffer.from(JSON.stringify({ name: "alice", password }));
  expect((await send("POST", "/api/v1/users", json, user)).status).toBe(201);
  for (let i = 0; i < passwords; i++) {
    expect((await send("GET", `/token?service=${service}`, basic(wrong))).status).toBe(401);
  }
  const scope = `repository:${repository}:pull,push`;
  const { body } = await send("GET", `/token?service=${service}&scope=${scope}`, basic(password));
  const headers = { ...bearing(JSON.parse(body).token), "content-type": multipartType };
  for (let i = 0; i < publishes; i++) {
    expect((await send("POST", path, headers, multipart([]))).status).toBe(401);
  }
}

const audit = async (...argv: string[]) => {
  said.clear();
  return await runCli(["audit", ...argv], contextOf(said), servesNothing);
};

/** What the summaries in the trail add up to. */
async function summaries(data: string): Promise<ReadonlyMap<string, number>> {
  expect(await audit("log", "--kind", "server.refused", "--json", "--data", data)).toBe(exitCodes.ok.code);
  expect(said.out).not.toContain(wrong);
  const rows = said.out
    .split("\n")
    .filter((line) => line !== "")
    .flatMap((line) => (JSON.parse(line) as { detail: { refused: RefusalCount[] } }).detail.refused);
  const sums = new Map<string, number>();
  for (const { principal, code, count } of rows) {
    sums.set(`${principal} ${code}`, (sums.get(`${principal} ${code}`) ?? 0) + count);
  }
  return sums;
}

it("one process tells of them after the hour, by its clock", { timeout: 60_000 }, async () => {
  const server = await startServer({ backEnd: "sqlite", builtin: {}, refreshInterval: 20 });
  const data = server.directory ?? "";
  try {
    await server.service.start();
    const send: Send = async (method, where, headers, body) => {
      const answer = await server.request(where, { method, headers, ...(body && { body }) });
      return { status: answer.status, body: answer.body.toString() };
    };
    await refuse(send, operatorToken, [3, 2]);
    server.clock.advance(hour - 1);
    await server.service.refusals.flush();
    expect(await summaries(data)).toEqual(new Map());
    server.clock.advance(1);
    await expect
      .poll(() => summaries(data), patient)
      .toEqual(
        new Map([
          ["claimed alice UNAUTHORIZED", 3],
          ["password alice FORBIDDEN", 2],
        ]),
      );
    expect(await audit("verify", "--data", data)).toBe(exitCodes.ok.code);
  } finally {
    await server.close();
  }
});

describe("several processes", () => {
  const servers: Workers[] = [];
  afterEach(async () => {
    for (const server of servers.splice(0)) {
      const { supervisor } = server.processes();
      if (isAlive(supervisor)) process.kill(supervisor, "SIGKILL");
      await server.ended;
    }
  });

  function sender(server: Workers): Send {
    return (method, where, headers, body) =>
      new Promise((resolve, reject) => {
        // A connection each: they come to all readers.
        const options = { method, headers, ca: server.ca, agent: false };
        request(`${server.url}${where}`, options, (response) => {
          let text = "";
          response.setEncoding("utf8").on("data", (chunk: string) => {
            text += chunk;
          });
          response.on("end", () => resolve({ status: response.statusCode ?? 0, body: text }));
        })
          .on("error", reject)
          .end(body);
      });
  }

  async function start(data?: string, workers = 2): Promise<Workers> {
    const configuration = join(temporaryDirectory(), "vidimus.yaml");
    const builtin = { realm: "https://127.0.0.1:1/token", service };
    writeFileSync(configuration, JSON.stringify({ auth: { mode: "builtin", builtin } }));
    const server = await startWorkers(["--workers", `${workers}`, "--config", configuration], data);
    servers.push(server);
    return server;
  }
  const operatorOf = ({ data }: Workers) => readFileSync(join(data, "operator-token"), "utf8").trim();

  it("count failed logins together: a guesser has no more tries than at one", {
    timeout: 120_000,
  }, async () => {
    const server = await start(undefined, 4);
    const send = sender(server);
    await refuse(send, operatorOf(server), [0, 0]);
    let tries = 0;
    const guess = async (): Promise<number> =>
      (await send("GET", `/token?service=${service}`, basic(wrong))).status;
    while ((await guess()) === 401) tries += 1;
    // Each alone would give five; a slow machine lets the first short waits pass.
    expect(tries).toBeGreaterThanOrEqual(5);
    expect(tries).toBeLessThan(9);
    // Another name does not have to wait.
    const json = { ...bearing(operatorOf(server)), "content-type": "application/json" };
    const bob = Buffer.from(JSON.stringify({ name: "bob", password }));
    expect((await send("POST", "/api/v1/users", json, bob)).status).toBe(201);
    const credentials = Buffer.from(`bob:${password}`).toString("base64");
    const own = { authorization: `Basic ${credentials}` };
    expect((await send("GET", `/token?service=${service}`, own)).status).toBe(200);
  });

  it("send their counts to the one that writes, at the latest when they end", {
    timeout: 120_000,
  }, async () => {
    const server = await start();
    await refuse(sender(server), operatorOf(server), [4, 6]);
    process.kill(server.processes().supervisor, "SIGTERM");
    expect(await server.ended).toBe(0);

    // The clock of a real process is not ours to set: the hour is.
    const database = new Database(join(server.data, "vidimus.sqlite"));
    const { changes } = database.prepare("UPDATE refusal SET hour = hour - 3600000").run();
    database.close();
    expect(changes).toBeGreaterThanOrEqual(2);
    await start(server.data);
    await expect
      .poll(() => summaries(server.data), patient)
      .toEqual(
        new Map([
          ["claimed alice UNAUTHORIZED", 4],
          ["password alice FORBIDDEN", 6],
        ]),
      );
    expect(await audit("verify", "--data", server.data)).toBe(exitCodes.ok.code);
  });
});
