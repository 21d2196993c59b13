import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pino from "pino";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type Issued, makeAuthority } from "../../src/serve/authority.ts";
import { type KeyPair, readKeyPair } from "../../src/serve/key-pair.ts";
import { type Reloader, startReloader } from "../../src/serve/reloader.ts";

let directory: string;
let first: Issued;
let second: Issued;
let applied: KeyPair[];
let logged: { level: number; msg?: string; err?: { code?: string } }[];
let reloader: Reloader | undefined;
const paths = () => ({ certificate: join(directory, "c.pem"), key: join(directory, "k.pem") });

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "vidimus-reload-"));
  first = await makeAuthority(Date.now());
  second = await makeAuthority(Date.now());
  applied = [];
  logged = [];
  put(first.certificate, first.key);
});
afterEach(() => {
  reloader?.stop();
  rmSync(directory, { recursive: true, force: true });
});

function put(certificate: string, key: string): void {
  writeFileSync(paths().certificate, certificate);
  writeFileSync(paths().key, key);
}

function start(): Reloader {
  reloader = startReloader({
    pair: readKeyPair(paths()),
    load: () => Promise.resolve().then(() => readKeyPair(paths())),
    watched: [paths().certificate, paths().key],
    intervalMs: 20,
    apply: (pair) => applied.push(pair),
    logger: pino(
      { level: "debug", serializers: { err: (error: { code?: string }) => ({ code: error.code }) } },
      {
        write: (line) => logged.push(JSON.parse(line)),
      },
    ),
  });
  return reloader;
}

const codes = () => logged.flatMap((record) => record.err?.code ?? []);

it("puts a changed pair into service", async () => {
  start();
  put(second.certificate, second.key);
  await expect.poll(() => applied.at(-1)?.certificate).toBe(second.certificate);
});

it("does nothing while nothing changes", async () => {
  await start().reload();
  expect(applied).toEqual([]);
});

it("keeps the old pair when the new one does not match, and says why once", async () => {
  start();
  writeFileSync(paths().certificate, second.certificate);
  await expect.poll(codes).toContain("KEY_MISMATCH");
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(codes()).toEqual(["KEY_MISMATCH"]);
  expect(applied).toEqual([]);
});

it("takes the pair when its second half has come", async () => {
  start();
  writeFileSync(paths().certificate, second.certificate);
  await expect.poll(codes).toContain("KEY_MISMATCH");
  writeFileSync(paths().key, second.key);
  await expect.poll(() => applied.at(-1)?.key).toBe(second.key);
});

it("keeps the old pair when a file is gone", async () => {
  start();
  rmSync(paths().key);
  await expect.poll(codes).toContain("KEY_UNREADABLE");
  expect(applied).toEqual([]);
});

it("loads when asked", async () => {
  const running = start();
  put(second.certificate, second.key);
  await running.reload();
  expect(applied.at(-1)?.certificate).toBe(second.certificate);
});

it("applies nothing after its end", async () => {
  const running = start();
  running.stop();
  put(second.certificate, second.key);
  await running.reload();
  expect(applied).toEqual([]);
});

it("says that nothing has changed where somebody asked, and only there", async () => {
  const asked = start();
  const said = () => logged.filter(({ msg }) => msg?.includes("is the one in use")).length;
  put(first.certificate, first.key);
  await asked.reload();
  expect(said()).toBe(1);
  put(second.certificate, second.key);
  await asked.reload();
  expect([said(), applied.at(-1)?.certificate]).toEqual([1, second.certificate]);
});
