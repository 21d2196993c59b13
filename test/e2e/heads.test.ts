/** Heads of the audit trail as a running server sends them are what `audit verify --since` takes, as they came. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { exitCodes } from "../../src/cli/exit-codes.ts";
import { runCli } from "../../src/cli/program.ts";
import { prettyLine } from "../../src/serve/logger.ts";
import { contextOf, Said, servesNothing } from "../support/command.ts";
import { temporaryDirectory } from "../support/directory.ts";
import { httpsServer } from "../support/https-server.ts";
import { startWorkers, type Workers } from "../support/workers.ts";

const secret = `whsec_${Buffer.alloc(32, 5).toString("base64")}`;
const running: Workers[] = [];

afterEach(async () => {
  for (const { processes, ended } of running.splice(0)) {
    process.kill(processes().supervisor, "SIGTERM");
    await ended;
  }
});

/** A server that tells a webhook, its log and a file of the first entry of its trail. */
async function telling() {
  const folder = temporaryDirectory();
  const at = (name: string) => join(folder, name);
  const bodies: string[] = [];
  const hook = await httpsServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (piece: string) => {
      body += piece;
    });
    request.on("end", () => {
      bodies.push(body);
      response.writeHead(204).end();
    });
  });
  writeFileSync(at("hook.pem"), hook.ca ?? "");
  writeFileSync(at("hook.secret"), `${secret}\n`, { mode: 0o600 });
  const settings = [
    `webhooks.urls=${hook.url}/hook`,
    `webhooks.secrets=file:${at("hook.secret")}`,
    `webhooks.ca=${at("hook.pem")}`,
    "webhooks.allowPrivate=true",
    "online.checkInterval=1s",
    `audit.headFile=${at("heads.jsonl")}`,
    "log.format=json",
  ];
  const server = await startWorkers(settings.flatMap((each) => ["--set", each]));
  running.push(server);
  expect(await server.status("/v2/registry.acme.example/app/_trust/tuf/timestamp.key")).toBe(200);
  const isHead = (text: string) => text.includes("dev.vidimus.audit.head");
  const line = () => server.log().split("\n").find(isHead);
  await vi.waitFor(() => expect([line(), bodies.find(isHead)]).not.toContain(undefined), { timeout: 60_000 });
  const verify = async (text: string) => {
    writeFileSync(at("kept"), text);
    const said = new Said();
    const context = contextOf(said, { readFile: (path: string) => readFileSync(path, "utf8") });
    const argv = ["audit", "verify", "--data", server.data, "--since", at("kept")];
    return { code: await runCli(argv, context, servesNothing), out: said.out, err: said.err };
  };
  return { verify, line: line() ?? "", body: bodies.find(isHead) ?? "", file: at("heads.jsonl") };
}

const good = { code: exitCodes.ok.code, out: expect.stringContaining("extends 1 heads"), err: "" };

describe("a head as it was sent", () => {
  it("is a line of the log, a webhook's body, or a line of the file", async () => {
    const { verify, line, body, file } = await telling();
    expect(await verify(`${line}\n`)).toEqual(good);
    expect(await verify(prettyLine(line))).toEqual(good);
    expect(await verify(body)).toEqual(good);
    expect(await verify(JSON.stringify(JSON.parse(body), null, 2))).toEqual(good);
    expect(await verify(readFileSync(file, "utf8"))).toEqual(good);
    expect(await verify(`vidimus-1  | ${line}\n\n${body}\n`)).toMatchObject({
      code: exitCodes.ok.code,
      out: expect.stringContaining("extends 2 heads"),
    });
    const { data } = JSON.parse(body) as { data: { line: string } };
    expect(await verify(`${data.line}\n`)).toEqual(good);
  }, 90_000);

  it("is believed for its signature alone, not for what is written around it", async () => {
    const { verify, body } = await telling();
    const event = JSON.parse(body) as { data: { number: number; hash: string; line: string } };
    const forged = event.data.line.replace(/"number":1\b/, '"number":2');
    expect(forged).not.toBe(event.data.line);
    const bad = await verify(JSON.stringify({ ...event, data: { ...event.data, line: forged } }));
    expect([bad.code, bad.err]).toEqual([exitCodes.headBad.code, expect.stringContaining("does not verify")]);
    const { line: _, ...rest } = event.data;
    expect((await verify(JSON.stringify({ ...event, data: rest }))).code).toBe(exitCodes.headBad.code);
    const other = { ...event, data: { ...event.data, number: 9, hash: "0".repeat(64) } };
    expect(await verify(JSON.stringify(other))).toEqual(good);
  }, 90_000);
});
