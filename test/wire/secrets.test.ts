/** K3: whatever opens the sealed keys overwrites every secret that it read, used or not. */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import pino from "pino";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { loadConfig } from "../../src/config.ts";
import { createSealedRecord } from "../../src/signer/sealed.ts";
import { createKeyFile, readSecret, type Secret } from "../../src/signer/secret.ts";
import { openSqlite } from "../../src/store/sqlite.ts";
import { createBackup } from "../../src/wire/backup.ts";
import { fsck } from "../../src/wire/fsck.ts";
import { rekey } from "../../src/wire/rekey.ts";
import { serve } from "../../src/wire.ts";
import { startChild } from "../support/child.ts";
import { temporaryDirectory } from "../support/directory.ts";
import { codeOf, refusalOf } from "../support/refusal.ts";
import { agePair } from "../support/sealed-bytes.ts";

const read: Secret[] = vi.hoisted(() => []);
vi.mock(import("../../src/signer/secret.ts"), async (original) => {
  const real = await original();
  const noted = (source: string) => {
    const secret = real.readSecret(source);
    read.push(secret);
    return secret;
  };
  return { ...real, readSecret: noted };
});

let directory: string;
const kek = () => join(directory, "kek");

/** A stopped server's data directory; `step`: where its rekey was killed. */
async function stopped(step?: string): Promise<void> {
  directory = temporaryDirectory();
  const store = await openSqlite({ directory });
  createKeyFile(kek());
  await store.createKeyring(await createSealedRecord(readSecret(`file:${kek()}`)));
  await store.close();
  if (step !== undefined) await startChild("rekeyer.ts", [directory, step, ""]).ended;
  read.splice(0);
}

function configured(settings: Readonly<Record<string, string>> = {}) {
  const all = { data: directory, "server.port": "0", "server.plainHttp": "true", ...settings };
  const flags = Object.entries(all).map(([key, text]) => ({ flag: "--set", key, text }));
  return loadConfig({ flags, env: {}, readFile: () => "" }).config;
}

/** How many secrets were read; each must be nothing but zeros by now. */
function wiped(): number {
  for (const secret of read)
    expect(secret.kind === "key" && secret.bytes.every((byte) => byte === 0)).toBe(true);
  return read.length;
}

const works: [name: string, work: () => Promise<unknown>][] = [
  ["fsck", () => fsck(configured(), { openKeys: true }, () => {})],
  ["a start", async () => (await serve(configured(), pino({ level: "silent" }))).stop()],
  [
    "backup create --include-secret",
    async () => {
      const { recipient } = await agePair();
      await createBackup(configured(), {
        sealing: { recipients: [recipient] },
        settings: {},
        version: "0",
        write: async (bytes) => {
          for await (const _ of bytes);
        },
        place: undefined,
        includeSecret: true,
      });
    },
  ],
];

describe.each(works)("%s", (_name, work) => {
  it.each([undefined, "made", "replaced"])("after a rekey that was killed at %s", async (step) => {
    await stopped(step);
    await work();
    // The successor is read only where the key file does not open the store.
    expect(wiped()).toBe(step === "replaced" ? 2 : 1);
  });
});

describe("rekey", () => {
  beforeEach(() => stopped());

  it("that goes through", async () => {
    await rekey(configured(), undefined);
    expect(wiped()).toBe(2);
  });

  it("that is refused", async () => {
    expect(await codeOf(rekey(configured(), `file:${kek()}`))).toBe("BAD_SECRET");
    expect(wiped()).toBe(2);
  });
});

it("also where the secret is not the store's, or its record is damaged", async () => {
  await stopped("made");
  const other = join(temporaryDirectory(), "other");
  createKeyFile(other);
  const damages: string[] = [];
  await fsck(configured({ "signer.secret": `file:${other}` }), { openKeys: true }, ({ code }) =>
    damages.push(code),
  );
  expect(damages).toEqual(["KEYRING_UNOPENED"]);
  expect(wiped()).toBe(1);
  const { default: Database } = await import("better-sqlite3");
  const database = new Database(join(directory, "vidimus.sqlite"));
  database.exec("UPDATE keyring SET record = x'00'");
  database.close();
  await fsck(configured(), { openKeys: true }, ({ code }) => damages.push(code));
  expect(damages).toEqual(["KEYRING_UNOPENED", "KEYRING_UNOPENED"]);
  expect(wiped()).toBe(2);
  expect(readFileSync(kek(), "utf8")).toMatch(/^vidimus-kek-v1:/);
});

describe("a key file's successor that cannot be used", () => {
  it("is nobody's business while the key file opens the store", async () => {
    await stopped();
    writeFileSync(`${kek()}.new`, "", { mode: 0o600 });
    for (const [, work] of works) await work();
    expect(readFileSync(`${kek()}.new`, "utf8")).toBe("");
  });

  it("is named, with what is wrong with it, where that one does not", async () => {
    await stopped("replaced");
    writeFileSync(`${kek()}.new`, "", { mode: 0o600 });
    for (const [, work] of works) {
      const refusal = await refusalOf(work());
      expect(refusal.code).toBe("BAD_SECRET");
      expect(refusal.message).toContain(`${kek()}: It does not open the store`);
      expect(refusal.message).toContain("ends in .new, cannot be used: The secret is empty.");
    }
  });
});

describe("the place of a secret that cannot be used is told", () => {
  it("where it is the key file of the data directory", async () => {
    await stopped();
    rmSync(kek());
    for (const [, work] of works) {
      const refusal = await refusalOf(work());
      expect(refusal.code).toBe("BAD_SECRET");
      expect(refusal.message).toContain(`${kek()}: The secret's file is not there: put it back`);
    }
  });

  it("by the key that names it where it is configured, for a secret itself may stand there", async () => {
    await stopped();
    const refusal = await refusalOf(
      fsck(configured({ "signer.secret": "file:/canary-7f3a9c" }), { openKeys: true }, () => {}),
    );
    expect(refusal.code).toBe("BAD_SECRET");
    expect(refusal.message).toContain("what signer.secret names: The secret's file is not there");
    expect(refusal.message).not.toContain("canary");
  });
});
