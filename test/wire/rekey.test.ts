import { randomBytes } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import pino from "pino";
import { beforeEach, describe, expect, it } from "vitest";
import { loadConfig } from "../../src/config.ts";
import { createSealedRecord, openSealed, unlock } from "../../src/signer/sealed.ts";
import { createKeyFile, readSecret } from "../../src/signer/secret.ts";
import type { OnlineKey } from "../../src/store/contract/store.ts";
import { openSqlite } from "../../src/store/sqlite.ts";
import { rekey } from "../../src/wire/rekey.ts";
import { serve } from "../../src/wire.ts";
import { startChild } from "../support/child.ts";
import { temporaryDirectory } from "../support/directory.ts";
import { limits, told } from "../support/publications.ts";
import { codeOf } from "../support/refusal.ts";

const steps = ["made", "resealed", "replaced", "adopted"] as const;
let directory: string;
let key: OnlineKey;
let oldRecord: Buffer;

const kek = () => join(directory, "kek");
const oldKek = () => join(directory, "..", `${directory.split("/").at(-1)}-old`);

function configured(settings: Readonly<Record<string, string>> = {}) {
  const all = { data: directory, "server.port": "0", ...settings };
  const flags = Object.entries(all).map(([name, text]) => ({ flag: "--set", key: name, text }));
  return loadConfig({ flags, env: {}, readFile: () => "" }).config;
}

/** A stopped server's data directory with one online key, and its secret kept elsewhere too. */
beforeEach(async () => {
  directory = temporaryDirectory();
  const store = await openSqlite({ directory });
  createKeyFile(kek());
  const secret = readSecret(`file:${kek()}`);
  oldRecord = Buffer.from(await store.createKeyring(await createSealedRecord(secret)));
  const signer = await openSealed({ secret, record: oldRecord });
  const made = await signer.generate("ed25519", { repository: "a", role: "timestamp" });
  key = {
    ...made,
    publicKey: Buffer.from(made.publicKey).toString("base64"),
    keyId: "k",
    repository: "a",
    role: "timestamp",
    createdAt: 1,
  };
  await store.addPendingKey(key, limits(), told(key.repository));
  await store.close();
  copyFileSync(kek(), oldKek());
  return () => rmSync(oldKek(), { force: true });
});

/** What the sealed key can be opened with: the code of the refusal, or `signs`. */
async function tryKey(source: string): Promise<string> {
  const store = await openSqlite({ directory });
  try {
    const record = (await store.keyring()) ?? Buffer.alloc(0);
    const [held] = await store.onlineKeys("a", ["k"]);
    if (held === undefined) return "no key";
    const publicKey = Buffer.from(held.publicKey, "base64");
    return await outcome(async () => {
      const signer = await openSealed({ secret: await unlock(source, record, { settle: true }), record });
      await signer.sign({ ...held, publicKey }, Buffer.from("message"));
      return "signs";
    });
  } finally {
    await store.close();
  }
}

async function outcome(work: () => Promise<string>): Promise<string> {
  try {
    return await work();
  } catch (error) {
    return (error as { code: string }).code;
  }
}

async function startsAndStops(settings: Readonly<Record<string, string>> = {}): Promise<void> {
  const server = await serve(configured(settings), pino({ level: "silent" }));
  await server.stop();
}

function newKeyFile(): string {
  const path = join(temporaryDirectory(), "new");
  createKeyFile(path);
  return path;
}

describe("rekey", () => {
  it("gives the key file a new key, and the old one opens nothing any more", async () => {
    expect(await tryKey(`file:${oldKek()}`)).toBe("signs");
    await rekey(configured(), undefined);
    expect(await tryKey(`file:${kek()}`)).toBe("signs");
    expect(await tryKey(`file:${oldKek()}`)).toBe("WRONG_SECRET");
    expect(statSync(kek()).mode & 0o777).toBe(0o600);
    expect(readdirSync(directory).filter((name) => name.startsWith("kek"))).toEqual(["kek"]);
    await startsAndStops();
  });

  it("leaves nothing of the old record in the store's files", async () => {
    expect(readFileSync(join(directory, "vidimus.sqlite")).includes(oldRecord)).toBe(true);
    await rekey(configured(), undefined);
    for (const name of readdirSync(directory)) {
      expect([name, readFileSync(join(directory, name)).includes(oldRecord)]).toEqual([name, false]);
    }
  });

  it("does the same for a key file elsewhere", async () => {
    const path = newKeyFile();
    await rekey(configured(), `file:${path}`);
    await rekey(configured({ "signer.secret": `file:${path}` }), undefined);
    expect(await tryKey(`file:${path}`)).toBe("signs");
    expect(await tryKey(`file:${kek()}`)).toBe("WRONG_SECRET");
  });

  it("takes a passphrase for a key, and a key for a passphrase", { timeout: 60_000 }, async () => {
    process.env.REKEY_TEST = "a passphrase of some length";
    await rekey(configured(), "env:REKEY_TEST");
    expect(await tryKey(`file:${kek()}`)).toBe("WRONG_SECRET");
    process.env.REKEY_TEST = "a passphrase of some length";
    const path = newKeyFile();
    await rekey(configured({ "signer.secret": "env:REKEY_TEST" }), `file:${path}`);
    expect(await tryKey(`file:${path}`)).toBe("signs");
  });

  it("names the copies of the store that the old secret still opens", async () => {
    writeFileSync(join(directory, "vidimus.sqlite.schema-0001"), "");
    expect(await rekey(configured(), undefined)).toEqual({
      directory,
      olderCopies: ["vidimus.sqlite.schema-0001"],
    });
  });
});

describe("rekey changes nothing and leaves nothing behind", () => {
  const unchanged = async (code: string, work: () => Promise<unknown>) => {
    expect(await codeOf(work())).toBe(code);
    expect(existsSync(`${kek()}.new`)).toBe(false);
    expect(await tryKey(`file:${oldKek()}`)).toBe("signs");
  };

  it("while a server runs", async () => {
    const holder = await openSqlite({ directory });
    expect(await codeOf(rekey(configured(), undefined))).toBe("STORE_LOCKED");
    await holder.close();
    await unchanged("BAD_SECRET", () => rekey(configured(), "env:NOT_SET_ANYWHERE"));
  });

  it("for the same secret again", async () => {
    await unchanged("BAD_SECRET", () => rekey(configured(), `file:${oldKek()}`));
  });

  it("when the present secret is not the record's", async () => {
    const wrong = { "signer.secret": `file:${newKeyFile()}` };
    await unchanged("WRONG_SECRET", () => rekey(configured(wrong), undefined));
  });

  it("when a secret that is no file is given no successor", async () => {
    process.env.REKEY_TEST = readFileSync(kek(), "utf8");
    await unchanged("BAD_SECRET", () => rekey(configured({ "signer.secret": "env:REKEY_TEST" }), undefined));
  });

  it("where nothing was ever sealed, or there is no store", async () => {
    directory = temporaryDirectory();
    expect(await codeOf(rekey(configured(), undefined))).toBe("STORE_UNAVAILABLE");
    expect(readdirSync(directory)).toEqual([]);
    await (await openSqlite({ directory })).close();
    expect(await codeOf(rekey(configured(), undefined))).toBe("BAD_SECRET");
  });
});

describe("kill -9 during rekey", () => {
  it.each(steps)(
    "after %s: one secret opens the keys, and the server starts",
    { timeout: 60_000 },
    async (step) => {
      const child = startChild("rekeyer.ts", [directory, step, ""]);
      expect(await child.ended).toBe(null);
      expect(child.output().trim().split("\n")).toEqual(steps.slice(0, steps.indexOf(step) + 1));
      const exchanged = step === "replaced" || step === "adopted";
      expect(await tryKey(`file:${oldKek()}`)).toBe(exchanged ? "WRONG_SECRET" : "signs");
      await startsAndStops();
      expect(await tryKey(`file:${kek()}`)).toBe("signs");
      expect(readFileSync(kek(), "utf8") === readFileSync(oldKek(), "utf8")).toBe(!exchanged);
    },
  );

  it.each(steps)(
    "after %s: the next rekey goes through, and no successor is left",
    { timeout: 60_000 },
    async (step) => {
      await startChild("rekeyer.ts", [directory, step, ""]).ended;
      const first = existsSync(`${kek()}.new`) ? readFileSync(`${kek()}.new`, "utf8") : "";
      await rekey(configured(), undefined);
      expect(await tryKey(`file:${kek()}`)).toBe("signs");
      expect(await tryKey(`file:${oldKek()}`)).toBe("WRONG_SECRET");
      expect(existsSync(`${kek()}.new`)).toBe(false);
      expect(readFileSync(kek(), "utf8")).not.toBe(first);
    },
  );

  it.each(steps)(
    "after %s, with a new source: one of both opens the keys",
    { timeout: 60_000 },
    async (step) => {
      const path = newKeyFile();
      await startChild("rekeyer.ts", [directory, step, `file:${path}`]).ended;
      const found = [await tryKey(`file:${kek()}`), await tryKey(`file:${path}`)];
      expect(found.sort()).toEqual(["WRONG_SECRET", "signs"]);
      expect(existsSync(`${path}.new`) || existsSync(`${kek()}.new`)).toBe(false);
    },
  );
});

describe("a successor", () => {
  it("that opens nothing is never taken for the secret", async () => {
    createKeyFile(`${kek()}.new`);
    await startsAndStops();
    expect(await tryKey(`file:${kek()}`)).toBe("signs");
    expect(existsSync(`${kek()}.new`)).toBe(true);
  });

  it("is not tried where it could not have been made: the wrong secret stays wrong", async () => {
    const wrong = newKeyFile();
    writeFileSync(`${wrong}.new`, `vidimus-kek-v1:${randomBytes(32).toString("base64")}\n`, { mode: 0o600 });
    expect(await tryKey(`file:${wrong}`)).toBe("WRONG_SECRET");
  });
});
