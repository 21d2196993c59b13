/** `vidimus recover accept`: what it shows, what it signs, what it leaves to owners, and what clients make of it. */
import { copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { exitCodes } from "../../../src/cli/exit-codes.ts";
import { runCli } from "../../../src/cli/program.ts";
import { addRecover } from "../../../src/cli/recover.ts";
import { notary } from "../../../src/core/format/notary.ts";
import { TrustedSet } from "../../../src/core/trusted-set.ts";
import { contextOf, Said, servesNothing } from "../../support/command.ts";
import { temporaryDirectory } from "../../support/directory.ts";
import { type LastingServer, lastingServer } from "../../support/lasting-server.ts";
import { type Owner, signedOf } from "../../support/publisher.ts";
import { codeOf } from "../../support/refusal.ts";

const repository = "example.org/lost";

let data: string;
const said = new Said();
let server: LastingServer | undefined;
beforeEach(() => {
  data = temporaryDirectory();
  said.clear();
});
afterEach(() => stop());

const context = contextOf(said);

const run = (...argv: string[]) => runCli([...argv, "--data", data], context, servesNothing);
const accept = () => run("recover", "accept", "--yes");

async function start(): Promise<LastingServer> {
  server = await lastingServer(data);
  return server;
}

async function stop(): Promise<void> {
  await server?.stop();
  server = undefined;
}

const store = () => join(data, "vidimus.sqlite");
const mark = () => join(data, "high-water-mark");

async function backUp(): Promise<void> {
  await stop();
  copyFileSync(store(), join(data, "copy"));
}

async function restore(): Promise<void> {
  await stop();
  for (const end of ["-wal", "-shm"]) rmSync(`${store()}${end}`, { force: true });
  copyFileSync(join(data, "copy"), store());
}

const bytesOf = async (name: string) => (await (server as LastingServer).file(repository, name)).body;
const versionOf = async (role: string) => Number(signedOf(await bytesOf(`${role}.json`)).version);

/** What a client trusts that has just looked. */
async function look(client: TrustedSet, ...roots: string[]): Promise<TrustedSet> {
  const at = Date.now();
  for (const name of roots) client.addRoot(await bytesOf(name), at);
  client.addTimestamp(await bytesOf("timestamp.json"), at);
  client.addSnapshot(await bytesOf("snapshot.json"), at);
  return client;
}

async function lookAtAll(client: TrustedSet, ...roots: string[]): Promise<TrustedSet> {
  await look(client, ...roots);
  client.addTargets("targets", await bytesOf("targets.json"), Date.now());
  return client;
}

const newClient = () => new TrustedSet({ format: notary, repository });

/** A client that saw the third targets file and everything around it, and a store that knows only the first. */
async function lost(snapshot: "server" | "client" = "server"): Promise<{ owner: Owner; client: TrustedSet }> {
  const owner = await (await start()).owner(repository, snapshot);
  const also = snapshot === "client" ? ["snapshot"] : [];
  await server?.publish(repository, owner.first());
  await backUp();
  await start();
  for (let i = 0; i < 2; i++) await server?.publish(repository, owner.next("targets", ...also));
  const client = await lookAtAll(newClient(), "root.json");
  await restore();
  return { owner, client };
}

describe("accepting a loss", () => {
  test("gives clients that saw the newer state a timestamp and a snapshot that they accept", async () => {
    const { owner, client } = await lost();
    expect(await accept()).toBe(exitCodes.ok.code);
    expect(said.out).toContain(`${repository}: lost `);
    expect(said.out).toContain("targets 3 (now 1)");
    expect(said.out).toContain("signed anew: snapshot 4, timestamp 4");
    expect(said.out).toContain("targets: publish it again, until its version is above 3");
    expect(said.out).toMatch(/\nLOSS_ACCEPTED: [^\n]+\n$/);
    const running = await start();
    expect((await running.request("/readyz")).status).toBe(200);
    await look(client);
    expect([client.timestamp?.signed.version, client.snapshot?.signed.version]).toEqual([4, 4]);
    // What its owner signed is older than what the client saw, and refused until the owner has signed again.
    const old = await bytesOf("targets.json");
    expect(await codeOf(() => client.addTargets("targets", old, Date.now()))).toBe("ROLLBACK");
    expect((await running.publish(repository, owner.next("targets"))).status).toBe(200);
    await lookAtAll(client);
    expect(client.targets.get("targets")?.signed.version).toBe(4);
  });

  test("leaves a store that is clean, and stays accepted", async () => {
    await lost();
    await accept();
    expect(await run("fsck")).toBe(exitCodes.ok.code);
    await start();
    await stop();
    expect((await (await start()).request("/readyz")).status).toBe(200);
    await stop();
    said.clear();
    expect(await accept()).toBe(exitCodes.ok.code);
    expect(said.out).toMatch(/^NOT_BEHIND: /);
  });

  test("leaves an owner's snapshot to its owner", async () => {
    const { client } = await lost("client");
    expect(await accept()).toBe(exitCodes.ok.code);
    expect(said.out).toContain("signed anew: timestamp 4");
    expect(said.out).toContain("snapshot: publish it again, until its version is above 3");
    await start();
    client.addTimestamp(await bytesOf("timestamp.json"), Date.now());
    expect(client.timestamp?.signed.version).toBe(4);
    const old = await bytesOf("snapshot.json");
    expect(await codeOf(() => client.addSnapshot(old, Date.now()))).toBe("ROLLBACK");
  });

  test("asks for a lost root as it was, after which clients that have it go on", async () => {
    const owner = await (await start()).owner(repository);
    await server?.publish(repository, owner.first());
    await backUp();
    await start();
    const upload = owner.next("root", "targets");
    await server?.publish(repository, upload);
    const client = await lookAtAll(newClient(), "1.root.json", "2.root.json");
    await restore();
    await accept();
    expect(said.out).toContain("root: upload the very files of version 2 again");
    expect(said.out).toContain(client.root?.sha256);
    const running = await start();
    expect((await running.publish(repository, upload)).status).toBe(200);
    await lookAtAll(client);
    expect(client.timestamp?.signed.version).toBe(4);
  });

  test("a repository that is lost whole begins above what clients have seen", async () => {
    await start();
    await backUp();
    const owner = await (await start()).owner(repository);
    await server?.publish(repository, owner.first());
    await server?.publish(repository, owner.next("targets"));
    await restore();
    expect(await accept()).toBe(exitCodes.ok.code);
    expect(said.out).toContain(`${repository}: all of it is lost`);
    expect(await run("fsck")).toBe(exitCodes.ok.code);
    const running = await start();
    const again = await running.owner(repository);
    expect((await running.publish(repository, again.first())).status).toBe(200);
    expect([await versionOf("timestamp"), await versionOf("snapshot")]).toEqual([3, 3]);
  });

  test("a lost removal is told, and what is here again is signed above it", async () => {
    const owner = await (await start()).owner(repository);
    await server?.publish(repository, owner.first());
    await backUp();
    await start();
    await server?.publish(repository, owner.next("targets"));
    await server?.remove(repository);
    await restore();
    await accept();
    expect(said.out).toContain(`${repository}: its removal is lost`);
    expect(said.out).toContain("delete it again if that still holds");
    await start();
    expect(await versionOf("timestamp")).toBe(3);
  });

  test("a life that was lost is told from the one that is here", async () => {
    const owner = await (await start()).owner(repository);
    await server?.publish(repository, owner.first());
    await backUp();
    await start();
    await server?.remove(repository);
    await server?.publish(repository, (await (server as LastingServer).owner(repository)).first());
    await restore();
    await accept();
    expect(said.out).toContain("delete what is here, which is of an earlier life");
    await start();
    expect(await versionOf("timestamp")).toBe(3);
  });

  test("an expired root or a lost key is its owner's to mend, and what is published then is above", async () => {
    const owner = await (await start()).owner(repository);
    owner.root.expires = Date.now() + 60_000;
    await server?.publish(repository, owner.first());
    const key = owner.root.keys.timestamp;
    await backUp();
    await start();
    for (let i = 0; i < 2; i++) await server?.publish(repository, owner.next("targets"));
    await restore();
    const { default: Database } = await import("better-sqlite3");
    const database = new Database(store());
    database.exec("DELETE FROM online_key WHERE role = 'timestamp'");
    database.close();
    expect(await accept()).toBe(exitCodes.ok.code);
    expect(said.out).toContain("nothing was signed anew");
    expect(said.out).toContain("publish a new root");
    const running = await start();
    const { timestamp } = (await running.owner(repository)).root.keys;
    expect(timestamp).not.toEqual(key);
    owner.root.keys.timestamp = timestamp;
    expect((await running.publish(repository, owner.next("root", "targets"))).status).toBe(200);
    expect(await versionOf("timestamp")).toBe(4);
  });

  test("everything may be lost: the store begins anew, above what was", async () => {
    await lost();
    for (const name of ["vidimus.sqlite", "kek"]) rmSync(join(data, name), { force: true });
    expect(await accept()).toBe(exitCodes.ok.code);
    const running = await start();
    const owner = await running.owner(repository);
    expect((await running.publish(repository, owner.first())).status).toBe(200);
    expect(await versionOf("timestamp")).toBe(4);
  });

  test("that was cut off before its end is done again, above what the first run made", async () => {
    await lost();
    const before = readFileSync(mark());
    await accept();
    writeFileSync(mark(), before);
    expect(await accept()).toBe(exitCodes.ok.code);
    await start();
    expect(await versionOf("timestamp")).toBe(5);
  });
});

describe("nothing is accepted", () => {
  test("unasked: without a terminal and without --yes the loss is shown and nothing changes", async () => {
    await lost();
    const before = readFileSync(mark());
    expect(await run("recover", "accept")).toBe(exitCodes.unconfirmed.code);
    expect(said.out).toContain("targets 3 (now 1)");
    expect(said.err).toMatch(/^UNCONFIRMED: [^\n]+--yes[^\n]+\n$/);
    expect(readFileSync(mark())).toEqual(before);
    await start();
    expect(await versionOf("timestamp")).toBe(1);
    expect((await server?.request("/readyz"))?.status).toBe(503);
  });

  test.each([
    ["yes", exitCodes.ok.code],
    ["YES ", exitCodes.ok.code],
    ["y", exitCodes.unconfirmed.code],
    ["", exitCodes.unconfirmed.code],
    ["no", exitCodes.unconfirmed.code],
  ])("but by the whole word: %j ends with %i", async (answer, code) => {
    await lost();
    let ended = -1;
    const program = new Command("vidimus");
    const ask = async () => answer;
    addRecover(program, context, ask, (exit) => {
      ended = exit;
    });
    await program.parseAsync(["recover", "accept", "--data", data], { from: "user" });
    expect(ended).toBe(code);
  });

  test("while a server holds the store", async () => {
    await lost();
    await start();
    expect(await accept()).toBe(exitCodes.running.code);
    expect(await versionOf("timestamp")).toBe(1);
  });

  test("of a store that is sound", async () => {
    const owner = await (await start()).owner(repository);
    await server?.publish(repository, owner.first());
    await stop();
    expect(await accept()).toBe(exitCodes.ok.code);
    expect(said.out).toMatch(/^NOT_BEHIND: [^\n]+\n$/);
    await start();
    expect(await versionOf("timestamp")).toBe(1);
  });

  test("with a secret that is not the store's", async () => {
    await lost();
    const other = Buffer.alloc(32, 7).toString("base64");
    writeFileSync(join(data, "kek"), `vidimus-kek-v1:${other}\n`, { mode: 0o600 });
    expect(await accept()).toBe(exitCodes.signer.code);
    await expect(start()).resolves.toBeDefined();
    expect((await server?.request("/readyz"))?.status).toBe(503);
  });

  describe("where no mark can tell what was lost", () => {
    const names = () => readdirSync(data).sort();

    test("there is none beside a store that is not empty, and none is made", async () => {
      const owner = await (await start()).owner(repository);
      await server?.publish(repository, owner.first());
      await stop();
      rmSync(mark());
      const before = names();
      expect(await accept()).toBe(exitCodes.unmarked.code);
      expect(said.out).toMatch(/^NO_MARK: [^\n]*store\.highWaterMark[^\n]*\n$/);
      expect(names()).toEqual(before);
    });

    test("there is neither store nor mark, and neither is made", async () => {
      expect(await accept()).toBe(exitCodes.unmarked.code);
      expect(said.out).toMatch(/^NO_MARK: /);
      expect(names()).toEqual([]);
    });

    test("it is looked for where the configuration says, and the one beside the store counts for nothing", async () => {
      await lost();
      const elsewhere = ["--set", `store.highWaterMark=${join(data, "elsewhere")}`];
      expect(await run("recover", "accept", "--yes", ...elsewhere)).toBe(exitCodes.unmarked.code);
      expect(said.out).toMatch(/^NO_MARK: /);
      expect(await accept()).toBe(exitCodes.ok.code);
    });

    test("its end is damaged, and what can be read of it is in the store", async () => {
      const owner = await (await start()).owner(repository);
      await server?.publish(repository, owner.first());
      await stop();
      const damaged = readFileSync(mark(), "utf8").replaceAll(/^(.{30})./gm, "$1~");
      writeFileSync(mark(), damaged);
      expect(await accept()).toBe(exitCodes.unmarked.code);
      expect(said.out).toMatch(/^MARK_DAMAGED: [^\n]+\n$/);
      expect(readFileSync(mark(), "utf8")).toBe(damaged);
    });

    test("a store in which nothing was ever published has lost nothing", async () => {
      await start();
      await stop();
      rmSync(mark());
      expect(await accept()).toBe(exitCodes.ok.code);
      expect(said.out).toMatch(/^NOT_BEHIND: /);
    });
  });
});

describe("as JSON it is one document", () => {
  const told = () => JSON.parse(said.out) as Record<string, unknown>;

  test("of what was lost and what was signed anew", async () => {
    await lost();
    expect(await run("recover", "accept", "--yes", "--json")).toBe(exitCodes.ok.code);
    expect(told()).toMatchObject({
      code: "LOSS_ACCEPTED",
      sentence: expect.stringContaining("start the server"),
      notListed: 0,
      lost: [{ repository, kind: "files" }],
      recovered: [
        {
          repository,
          made: [
            { role: "snapshot", version: 4 },
            { role: "timestamp", version: 4 },
          ],
          open: ["targets: publish it again, until its version is above 3"],
        },
      ],
    });
    const { lost: all } = told() as { lost: { files: { role: string }[] }[] };
    expect(all[0]?.files.find(({ role }) => role === "targets")).toEqual({
      role: "targets",
      version: 3,
      now: 1,
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(said.err).toBe("");
  });

  test("without --yes it only looks, and asks nobody", async () => {
    await lost();
    let ended = -1;
    const program = new Command("vidimus");
    const ask = () => Promise.reject(new Error("somebody was asked"));
    addRecover(program, context, ask, (exit) => {
      ended = exit;
    });
    await program.parseAsync(["recover", "accept", "--json", "--data", data], { from: "user" });
    expect(ended).toBe(exitCodes.unconfirmed.code);
    expect(told()).toMatchObject({ code: "UNCONFIRMED", lost: [{ repository }], recovered: [] });
    await start();
    expect(await versionOf("timestamp")).toBe(1);
  });

  test.each([
    ["NO_MARK", exitCodes.unmarked.code],
    ["NOT_BEHIND", exitCodes.ok.code],
  ])("%s too", async (code, exit) => {
    const owner = await (await start()).owner(repository);
    await server?.publish(repository, owner.first());
    await stop();
    if (code === "NO_MARK") rmSync(mark());
    expect(await run("recover", "accept", "--json")).toBe(exit);
    expect(told()).toMatchObject({ code, lost: [], recovered: [], notListed: 0 });
  });
});
