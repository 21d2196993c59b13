/** `vidimus audit` as it is called: what it shows, and how it ends for a trail that was tampered with. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { pino } from "pino";
import { beforeEach, describe, expect, it } from "vitest";
import { exitCodes } from "../../src/cli/exit-codes.ts";
import { runCli } from "../../src/cli/program.ts";
import { entryHash, startOfTrail } from "../../src/core/audit-chain.ts";
import { headKeyId, headLine } from "../../src/core/audit-head.ts";
import { AuditHeads, announcingInLog } from "../../src/service/trail/heads.ts";
import { createSealedRecord, openSealed } from "../../src/signer/sealed.ts";
import { keySecret } from "../../src/signer/secret.ts";
import type { AuditEntry } from "../../src/store/contract/audit.ts";
import { openSqlite } from "../../src/store/sqlite.ts";
import { contextOf, Said, servesNothing } from "../support/command.ts";
import { temporaryDirectory } from "../support/directory.ts";
import { publishNext, removalOf, told } from "../support/publications.ts";
import { start, TestClock } from "../support/server.ts";

const readFile = (path: string) => readFileSync(path, "utf8");
const said = new Said();
let directory: string;
let kept: string;
let keyId: string;
beforeEach(async () => {
  said.clear();
  directory = temporaryDirectory();
  kept = join(temporaryDirectory(), "heads");
  const store = await openSqlite({ directory });
  await publishNext(store, "a");
  await publishNext(store, "b", ["timestamp"], { audit: told("b", { detail: '{"note":"=1+1,\\"x\\""}' }) });
  const secret = keySecret(Buffer.alloc(32, 7));
  const signer = await openSealed({ secret, record: await createSealedRecord(secret) });
  const logger = pino({ enabled: false });
  const head = await new AuditHeads({
    store,
    signer,
    logger,
    clock: new TestClock(start),
    algorithm: "ed25519",
    announcer: announcingInLog(logger),
  }).signed();
  keyId = headKeyId(head);
  writeFileSync(kept, `${headLine(head)}\n`);
  await store.remove(removalOf("a", 5));
  await store.close();
});

const audit = (...argv: string[]) =>
  runCli(["audit", ...argv, "--data", directory], contextOf(said, { readFile }), servesNothing);
function spoil(...statements: string[]): void {
  const database = new Database(join(directory, "vidimus.sqlite"));
  for (const each of statements) database.exec(each);
  database.close();
}

describe("vidimus audit verify", () => {
  it("finds a trail good that extends the heads", async () => {
    expect(await audit("verify", "--since", kept, "--key", keyId)).toBe(exitCodes.ok.code);
    expect(said.out).toContain("3 entries were verified: the trail extends 1 heads");
  });

  it("says that entries of before a head are missing", async () => {
    spoil("DELETE FROM audit WHERE number > 1");
    expect(await audit("verify")).toBe(exitCodes.ok.code);
    expect(await audit("verify", "--since", kept)).toBe(exitCodes.trailBroken.code);
    expect(said.out).toContain("TRAIL_TRUNCATED: entry 2 is missing");
  });

  it("says that an entry was altered", async () => {
    spoil("UPDATE audit SET actor = 'mallory' WHERE number = 1");
    expect(await audit("verify", "--json")).toBe(exitCodes.trailBroken.code);
    expect(JSON.parse(said.out)).toMatchObject({ good: false, fault: { kind: "altered", number: 1 } });
  });

  it("says that a trail was recomputed, which only a head can tell", async () => {
    const database = new Database(join(directory, "vidimus.sqlite"));
    database.exec("UPDATE audit SET actor = 'mallory' WHERE number = 1");
    const rows = database.prepare<
      [],
      Omit<AuditEntry, "actor"> & Record<"actor" | "method" | "address", string>
    >("SELECT number, hash, at, kind, actor, method, address, repository, detail FROM audit ORDER BY number");
    let hash = startOfTrail;
    for (const { actor: name, method, address, ...record } of rows.all()) {
      hash = entryHash(hash, { ...record, actor: { name, method, address } });
      database.prepare("UPDATE audit SET hash = ? WHERE number = ?").run(hash, record.number);
    }
    database.close();
    expect(await audit("verify")).toBe(exitCodes.ok.code);
    expect(await audit("verify", "--since", kept)).toBe(exitCodes.trailBroken.code);
    expect(said.out).toContain("TRAIL_REWRITTEN: at entry 2");
  });

  it.each([
    ["no head", "hello\n"],
    ["nothing", "\n"],
  ])("takes no file of %s", async (_, text) => {
    writeFileSync(kept, text);
    expect(await audit("verify", "--since", kept)).toBe(exitCodes.headBad.code);
  });

  it("takes no head of another key than is asked for, and no file that is not there", async () => {
    expect(await audit("verify", "--since", kept, "--key", "f".repeat(64))).toBe(exitCodes.headBad.code);
    expect(await audit("verify", "--since", join(directory, "none"))).toBe(exitCodes.headBad.code);
  });
});

describe("vidimus audit log", () => {
  it("prints a line an entry, oldest first", async () => {
    expect(await audit("log")).toBe(exitCodes.ok.code);
    expect(said.out.split("\n").map((line) => line.split(" ").slice(0, 4).join(" "))).toEqual([
      "1 1970-01-01T00:00:01.000Z repository.published a",
      "2 1970-01-01T00:00:01.000Z repository.published b",
      "3 1970-01-01T00:00:00.005Z repository.removed a",
      "",
    ]);
  });

  it("prints what the filters leave, as JSON", async () => {
    await audit("log", "--repository", "a", "--after", "1", "--json");
    expect(
      said.out
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line)),
    ).toMatchObject([{ number: 3, kind: "repository.removed", milliseconds: 5, detail: {} }]);
    said.clear();
    await audit("log", "--actor", "nobody", "--json");
    expect(said.out).toBe("");
  });

  it("prints CSV in which a field is one field, and no formula", async () => {
    await audit("log", "--kind", "repository.published", "--repository", "b", "--csv");
    const [names, row] = said.out.split("\r\n");
    expect(names).toBe("number,at,kind,actor,method,address,repository,detail,hash");
    expect(row).toContain(`,b,"{""note"":""=1+1,\\""x\\""""}",`);
  });

  it("takes times, and no other words for them", async () => {
    await audit("log", "--since", "1970-01-01T00:00:01Z", "--until", "1970-01-01T00:00:02Z", "--json");
    expect(said.out.trim().split("\n")).toHaveLength(2);
    expect(await audit("log", "--since", "yesterday")).toBe(exitCodes.usage.code);
  });
});
