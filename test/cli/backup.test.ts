/** The commands for backups with the real store behind them, without a process of their own. */
import { EventEmitter } from "node:events";
import { existsSync, linkSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { packTar } from "modern-tar";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { seal } from "../../src/backup/age.ts";
import { type ExitName, exitCodes } from "../../src/cli/exit-codes.ts";
import type { CliContext } from "../../src/cli/output.ts";
import { runCli } from "../../src/cli/program.ts";
import { createSealedRecord } from "../../src/signer/sealed.ts";
import { createKeyFile, readSecret } from "../../src/signer/secret.ts";
import { openSqlite } from "../../src/store/sqlite.ts";
import { contextOf, Said, servesNothing } from "../support/command.ts";
import { temporaryDirectory } from "../support/directory.ts";
import { publication } from "../support/publications.ts";
import { type AgePair, agePair, collect, streamOf } from "../support/sealed-bytes.ts";

const passphrase = "a passphrase of some length";
let folder: string;
let pair: AgePair;
const said = new Said();
const at = (name: string) => join(folder, name);

beforeAll(async () => {
  pair = await agePair();
});

/** A stopped server's data directory `data`, an identity, and nothing else. */
beforeEach(async () => {
  folder = temporaryDirectory();
  writeFileSync(at("identity"), `# made by a test\n${pair.identity}\n`, { mode: 0o600 });
  const store = await openSqlite({ directory: at("data") });
  createKeyFile(at("data/kek"));
  await store.createKeyring(await createSealedRecord(readSecret(`file:${at("data/kek")}`)));
  await store.commit(publication("a"));
  await store.close();
});

async function run(argv: readonly string[], ask?: CliContext["askHidden"]): Promise<ExitName | undefined> {
  said.clear();
  const context = contextOf(said, { isTerminal: ask !== undefined, askHidden: ask });
  const source = Object.assign(new EventEmitter(), { pid: 1 });
  const code = await runCli(argv, context, { ...servesNothing, process: source });
  expect(source.eventNames()).toEqual([]);
  return (Object.keys(exitCodes) as ExitName[]).find((name) => exitCodes[name].code === code);
}

const toRecipient = () => ["--recipient", pair.recipient];
const byIdentity = () => ["--identity", at("identity")];
const create = (...flags: string[]) => run(["backup", "create", at("a.age"), "--data", at("data"), ...flags]);
const verify = (...flags: string[]) => run(["backup", "verify", at("a.age"), ...flags]);
const restore = (...flags: string[]) => run(["backup", "restore", at("a.age"), "--into", at("r"), ...flags]);

describe("the key-encryption key", () => {
  it("is not in a backup, and every command says so", async () => {
    expect(await create(...toRecipient())).toBe("ok");
    expect(said.out).toMatch(/secret {2}NOT included/);
    expect(await verify(...byIdentity())).toBe("ok");
    expect(said.out).toMatch(/secret {2}NOT included/);
    expect(await restore(...byIdentity())).toBe("ok");
    expect(said.out).toContain(`put it at ${at("r/kek")}`);
    expect(existsSync(at("r/kek"))).toBe(false);
  });

  it("is in it when asked for, and every command says so", async () => {
    expect(await create("--include-secret", ...toRecipient())).toBe("ok");
    expect(said.out).toMatch(/secret {2}INCLUDED/);
    expect(await verify(...byIdentity())).toBe("ok");
    expect(said.out).toMatch(/secret {2}INCLUDED/);
    expect(await restore(...byIdentity())).toBe("ok");
    expect(said.out).toContain("came along");
    expect(readFileSync(at("r/kek"), "utf8")).toBe(readFileSync(at("data/kek"), "utf8"));
  });

  it("comes from wherever the server has it", async () => {
    process.env.BACKUP_TEST = readFileSync(at("data/kek"), "utf8");
    rmSync(at("data/kek"));
    expect(await create("--include-secret", "--signer-secret", "env:BACKUP_TEST", ...toRecipient())).toBe(
      "ok",
    );
    expect(await restore(...byIdentity())).toBe("ok");
    expect(readSecret(`file:${at("r/kek")}`).kind).toBe("key");
  });

  it("is not put in when it is not the store's, and no backup is made", async () => {
    createKeyFile(at("other"));
    expect(await create("--include-secret", "--signer-secret", `file:${at("other")}`, ...toRecipient())).toBe(
      "signer",
    );
    expect(existsSync(at("a.age"))).toBe(false);
  });
});

describe("what was made", () => {
  it("is told as JSON, the same by each command", async () => {
    expect(await create("--json", ...toRecipient())).toBe("ok");
    const manifest = JSON.parse(said.out);
    expect(manifest).toMatchObject({ format: "vidimus-backup", store: { counts: { repositories: 1 } } });
    expect(await verify("--json", ...byIdentity())).toBe("ok");
    expect(JSON.parse(said.out)).toEqual(manifest);
    expect(await restore("--json", ...byIdentity())).toBe("ok");
    expect(JSON.parse(said.out)).toEqual(manifest);
    expect(JSON.parse(readFileSync(at("r/restored/manifest.json"), "utf8"))).toEqual(manifest);
  });

  it("has the settings that were given, where secrets lie but no secret", async () => {
    await create("--port", "4444", "--signer-secret", "env:SOMEWHERE", ...toRecipient());
    await restore(...byIdentity());
    expect(JSON.parse(readFileSync(at("r/restored/configuration.json"), "utf8"))).toEqual([
      { key: "data", value: at("data") },
      { key: "server.port", value: 4444 },
      { key: "signer.secret", value: "env:SOMEWHERE" },
    ]);
  });
});

describe("a passphrase", { timeout: 180_000 }, () => {
  it("is asked for twice when it seals, and never shown; the same one opens, from a file", async () => {
    const questions: string[] = [];
    const ask = async (question: string) => {
      questions.push(question);
      return passphrase;
    };
    expect(await run(["backup", "create", at("a.age"), "--data", at("data")], ask)).toBe("ok");
    expect(questions).toHaveLength(2);
    expect(`${said.out}${said.err}`).not.toContain(passphrase);
    writeFileSync(at("passphrase"), `${passphrase}\n`, { mode: 0o600 });
    expect(await verify("--passphrase", `file:${at("passphrase")}`)).toBe("ok");
    expect(await verify(...byIdentity())).toBe("backupSealed");
    writeFileSync(at("passphrase"), `${passphrase}!\n`);
    expect(await restore("--passphrase", `file:${at("passphrase")}`)).toBe("backupSealed");
    expect(existsSync(at("r"))).toBe(false);
  });

  it("is asked for once when it should open", async () => {
    await create(...toRecipient());
    const questions: string[] = [];
    const ask = async (question: string) => {
      questions.push(question);
      return passphrase;
    };
    expect(await run(["backup", "verify", at("a.age")], ask)).toBe("backupSealed");
    expect(await run(["backup", "restore", at("a.age"), "--into", at("r")], ask)).toBe("backupSealed");
    expect(questions).toHaveLength(2);
  });

  it.each([
    ["that differs the second time", [passphrase, "another passphrase"]],
    ["that is too short", ["short"]],
    ["that is not given", []],
  ])("%s makes no backup", async (_name, answers) => {
    const given = [...answers];
    const ask = async () => given.shift() ?? Promise.reject(new Error("canceled"));
    expect(await run(["backup", "create", at("a.age"), "--data", at("data")], ask)).toBe("backupSealed");
    expect(existsSync(at("a.age"))).toBe(false);
  });

  it.each([
    ["where nobody can be asked", []],
    ["of a kind that is none", ["--passphrase", passphrase]],
    ["of nowhere", ["--passphrase", "env:NOT_SET_ANYWHERE"]],
    ["and a recipient", ["--passphrase", "env:NOT_SET_ANYWHERE", "--recipient", "age1"]],
  ])("%s makes no backup, and is not repeated", async (_name, flags) => {
    expect(await create(...flags)).toBe("backupSealed");
    expect(said.err).not.toContain(passphrase);
    expect(existsSync(at("a.age"))).toBe(false);
  });

  it("is not the key-encryption key", async () => {
    expect(await create("--passphrase", `file:${at("data/kek")}`)).toBe("backupSealed");
  });
});

describe("bad input gets one sentence, an exit code, and leaves nothing", () => {
  let sealed: Buffer;
  beforeEach(async () => {
    await create(...toRecipient());
    sealed = readFileSync(at("a.age"));
    mkdirSync(at("temporary"));
  });

  async function refused(code: ExitName, by = byIdentity()): Promise<void> {
    const before = readdirSync(folder).sort();
    const sentence = /^[A-Z/][^\n]*[.]\n$/;
    expect([await verify("--temporary", at("temporary"), ...by), said.err]).toEqual([
      code,
      expect.stringMatching(sentence),
    ]);
    expect([await restore(...by), said.err]).toEqual([code, expect.stringMatching(sentence)]);
    expect([readdirSync(folder).sort(), readdirSync(at("temporary"))]).toEqual([before, []]);
  }

  const flipped = () => {
    const bytes = Buffer.from(sealed);
    bytes[70_000] = (bytes[70_000] ?? 0) ^ 4;
    return bytes;
  };
  const sealing = async (bytes: Uint8Array) =>
    collect(await seal(streamOf(bytes), { recipients: [pair.recipient] }));
  const newer = async () => {
    const manifest = Buffer.from(JSON.stringify({ format: "vidimus-backup", version: 2 }));
    return sealing(
      await packTar([{ header: { name: "manifest.json", size: manifest.length }, body: manifest }]),
    );
  };

  it.each<[string, () => Uint8Array | Promise<Uint8Array>, ExitName]>([
    ["a truncated file", () => sealed.subarray(0, 80_000), "backupDamaged"],
    ["an empty file", () => Buffer.alloc(0), "backupDamaged"],
    ["a bit-flipped file", flipped, "backupDamaged"],
    ["no age file at all", () => Buffer.from("hello\n"), "backupDamaged"],
    ["a foreign age file", () => sealing(Buffer.from("something else\n".repeat(100))), "backupDamaged"],
    ["a newer format", newer, "backupNewer"],
  ])("%s", async (_name, bytes, code) => {
    writeFileSync(at("a.age"), await bytes());
    await refused(code);
  });

  it("a store with a flipped bit in a file: nothing is made, and the file is named", async () => {
    const path = at("data/vidimus.sqlite");
    const bytes = readFileSync(path);
    const place = bytes.indexOf("timestamp 1 ");
    bytes[place] = (bytes[place] ?? 0) ^ 1;
    writeFileSync(path, bytes);
    expect([await create(...toRecipient()), said.out]).toEqual(["store", ""]);
    expect(said.err).toMatch(
      /^The store is damaged[^\n]* a timestamp 1 no longer has its digest;[^\n]*\.\n$/,
    );
    expect(readFileSync(at("a.age")).equals(sealed)).toBe(true);
    expect(await verify(...byIdentity())).toBe("ok");
    expect(said.out).toContain("every stored file has its digest");
  });

  it("somebody else's identity, none, and ones that cannot be used", async () => {
    writeFileSync(at("other"), (await agePair()).identity, { mode: 0o600 });
    writeFileSync(at("open"), pair.identity, { mode: 0o644 });
    writeFileSync(at("empty"), "# nothing\n", { mode: 0o600 });
    writeFileSync(at("long"), "x".repeat(70_000), { mode: 0o600 });
    writeFileSync(at("text"), "AGE-SECRET-KEY-1NOT\n", { mode: 0o600 });
    for (const name of ["other", "open", "empty", "long", "text", "missing", "temporary"]) {
      await refused("backupSealed", ["--identity", at(name)]);
    }
    await refused("backupSealed", []);
  });

  it("a file that is not there, or is a folder", async () => {
    rmSync(at("a.age"));
    await refused("backupFile");
    mkdirSync(at("a.age"));
    await refused("backupFile");
  });

  it("a place that is not there", async () => {
    expect(await verify("--temporary", at("missing"), ...byIdentity())).toBe("backupFile");
    expect(await create("--temporary", at("missing"), ...toRecipient())).toBe("backupFile");
  });

  it("a directory with something in it, or with a server", async () => {
    mkdirSync(at("r"));
    writeFileSync(at("r/kek"), "mine");
    expect(await restore(...byIdentity())).toBe("backupTarget");
    expect(readFileSync(at("r/kek"), "utf8")).toBe("mine");
    rmSync(at("r/kek"));
    const server = await openSqlite({ directory: at("r") });
    expect(await restore(...byIdentity())).toBe("running");
    await server.close();
  });

  it("a file to be written that the server lives by, which stays as it was", async () => {
    const names = ["vidimus.sqlite", "kek", "high-water-mark", "vidimus.sqlite-wal"];
    const content = () =>
      names.map((name) => (existsSync(at(`data/${name}`)) ? readFileSync(at(`data/${name}`)) : ""));
    const before = content();
    linkSync(at("data/kek"), at("hard"));
    for (const file of [...names.map((name) => at(`data/${name}`)), at("hard")]) {
      const argv = ["backup", "create", file, "--data", at("data"), ...toRecipient()];
      expect([await run(argv), said.out]).toEqual(["configuration", ""]);
      expect(said.err).toMatch(/^backup create names [^\n]*\.\n$/);
    }
    expect(content()).toEqual(before);
  });

  it("a data directory without a store", async () => {
    expect(await run(["backup", "create", at("b.age"), "--data", at("temporary"), ...toRecipient()])).toBe(
      "backupFile",
    );
    expect(readdirSync(at("temporary"))).toEqual([]);
  });
});

describe("rekey", () => {
  it("says what to do next, and names no secret's place", async () => {
    expect(await run(["rekey", "--data", at("data")])).toBe("ok");
    expect(said.out).toContain("Back up the new key file");
    createKeyFile(at("CANARY"));
    expect(await run(["rekey", "--data", at("data"), "--new-secret", `file:${at("CANARY")}`])).toBe("ok");
    expect(said.out).toContain("Set signer.secret");
    expect(said.out).not.toContain("CANARY");
  });

  it.each<[string, () => string[], ExitName]>([
    ["a source of no kind", () => ["--new-secret", passphrase], "signer"],
    ["the same secret", () => ["--new-secret", `file:${at("data/kek")}`], "signer"],
    ["a store in memory", () => ["--store", "memory"], "store"],
  ])("%s is refused in one sentence", async (_name, flags, code) => {
    expect([await run(["rekey", "--data", at("data"), ...flags()]), said.err]).toEqual([
      code,
      expect.stringMatching(/^[^\n]+\n$/),
    ]);
    expect(said.err).not.toContain(passphrase);
  });
});
