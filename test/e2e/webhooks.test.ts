/** What nears its end reaches a webhook: by one process, and with workers by the one that writes. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, describe, expect, it, vi } from "vitest";
import { signingKeys, webhookSignature } from "../../src/webhooks/signature.ts";
import { temporaryDirectory } from "../support/directory.ts";
import { httpsServer } from "../support/https-server.ts";
import { Person } from "../support/person.ts";
import { startWorkers, type Workers } from "../support/workers.ts";

const secret = `whsec_${Buffer.alloc(32, 5).toString("base64")}`;
const app = "registry.acme.example/app";
const running: Workers[] = [];

afterEach(async () => {
  for (const { processes, ended } of running.splice(0)) {
    process.kill(processes().supervisor, "SIGTERM");
    await ended;
  }
});

interface Heard {
  readonly id: string;
  readonly type: string;
  readonly data: { readonly kind: string; readonly days: number };
  readonly isSigned: boolean;
}

/** `answers`: whether it does; without, it takes what it is told and says nothing. */
async function hook(answers: () => boolean = () => true) {
  const heard: Heard[] = [];
  const server = await httpsServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (piece: string) => {
      body += piece;
    });
    request.on("end", () => {
      const { id, type, data } = JSON.parse(body) as Heard;
      const said = {
        id: String(request.headers["webhook-id"]),
        seconds: Number(request.headers["webhook-timestamp"]),
        body,
      };
      const isSigned =
        request.headers["webhook-signature"] === webhookSignature(signingKeys(secret) ?? [], said);
      heard.push({ id, type, data, isSigned });
      if (answers()) response.writeHead(204).end();
    });
  });
  const folder = temporaryDirectory();
  const [ca, key] = [join(folder, "hook.pem"), join(folder, "hook.secret")];
  writeFileSync(ca, server.ca ?? "");
  writeFileSync(key, `${secret}\n`, { mode: 0o600 });
  const settings = [
    `webhooks.urls=${server.url}/hook`,
    `webhooks.secrets=file:${key}`,
    `webhooks.ca=${ca}`,
    "webhooks.allowPrivate=true",
    "log.format=json",
  ];
  return { heard, args: settings.flatMap((each) => ["--set", each]) };
}

describe.each([["0"], ["2"]])("with --workers %s", (workers) => {
  it("is announced once, signed, after a restart too", async () => {
    const { heard, args } = await hook();
    const data = join(temporaryDirectory(), "data");
    const start = async () => {
      const server = await startWorkers(["--workers", workers, ...args], data);
      running.push(server);
      return server;
    };
    /** Beside them heads of the audit trail are sent. */
    const ends = () => heard.filter(({ type }) => type !== "dev.vidimus.audit.head");
    const first = await start();
    const alice = new Person(first);
    await alice.key("root");
    await alice.key("alice");
    const keys = ["--root", "root", "--targets", "alice"];
    await alice.well("repo", "init", app, ...keys, "--expires", "20", ...alice.trusted());
    for (let restart = 0; restart < 2; restart++) {
      const last = running.pop();
      process.kill(last?.processes().supervisor ?? 0, "SIGTERM");
      await last?.ended;
      const again = await start();
      await vi.waitFor(() => expect(ends().length).toBeGreaterThanOrEqual(2), { timeout: 60_000 });
      await vi.waitFor(() => expect(again.log()).toContain('"msg":"ready"'));
    }
    expect(
      ends()
        .map(({ data: { kind, days }, isSigned }) => [kind, days, isSigned])
        .sort(),
    ).toEqual([
      ["root", 30, true],
      ["targets", 30, true],
    ]);
    const heads = heard.filter(({ type }) => type === "dev.vidimus.audit.head");
    expect(heads.map(({ isSigned }) => isSigned)).toContain(true);
    expect(new Set(heads.map(({ id }) => id)).size).toBe(heads.length);
    const log = running[0]?.log() ?? "";
    expect(log).not.toContain("/hook");
    // Three starts, of four processes each.
  }, 180_000);
});

it("what was committed and not heard to its end when the server was killed is told by the next one, under the same ID", async () => {
  let isAnswering = false;
  const { heard, args } = await hook(() => isAnswering);
  const data = join(temporaryDirectory(), "data");
  const start = async () => await startWorkers(["--workers", "0", ...args], data);
  const rootOf = () => heard.filter(({ data: { kind } }) => kind === "root").map(({ id }) => id);
  // The look for what ends comes with a start.
  const first = await start();
  const alice = new Person(first);
  for (const key of ["root", "alice"]) await alice.key(key);
  const keys = ["--root", "root", "--targets", "alice"];
  await alice.well("repo", "init", app, ...keys, "--expires", "20", ...alice.trusted());
  process.kill(first.processes().supervisor, "SIGTERM");
  await first.ended;

  const killed = await start();
  await vi.waitFor(() => expect(rootOf()).toHaveLength(1), { timeout: 60_000 });
  process.kill(killed.processes().supervisor, "SIGKILL");
  await killed.ended;
  const database = new Database(join(data, "vidimus.sqlite"));
  const held = database.prepare("SELECT state FROM delivery WHERE claimed_until IS NOT NULL").all();
  expect(held.length).toBeGreaterThan(0);
  for (const each of held) expect(each).toEqual({ state: "waiting" });
  // The clock of a real process is not ours to set: the end of its claims is.
  database.prepare("UPDATE delivery SET claimed_until = 1 WHERE claimed_until IS NOT NULL").run();
  database.close();

  isAnswering = true;
  const next = await start();
  running.push(next);
  await vi.waitFor(() => expect(rootOf()).toHaveLength(2), { timeout: 60_000 });
  expect(new Set(rootOf()).size).toBe(1);
  expect(heard.every(({ isSigned }) => isSigned)).toBe(true);
}, 180_000);
