/** Backups as their users make them: real processes, a server that publishes meanwhile, exit codes, nothing left. */
import { type ChildProcess, spawn } from "node:child_process";
import {
  closeSync,
  copyFileSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { exitCodes } from "../../src/cli/exit-codes.ts";
import { facts } from "../../src/publisher/files.ts";
import { openSqlite } from "../../src/store/sqlite.ts";
import { publishFirst, publishNext } from "../support/bare/collection.ts";
import { bareKey, certificateKey, generatePrivateKey, makeRootCertificate } from "../support/bare/keys.ts";
import { checkChain } from "../support/chain.ts";
import { HttpClient } from "../support/client.ts";
import { temporaryDirectory } from "../support/directory.ts";
import { file, publication } from "../support/publications.ts";
import { type AgePair, agePair } from "../support/sealed-bytes.ts";

const main = resolve(import.meta.dirname, "../../src/main.ts");
const year = 365 * 86_400_000;
const repository = "registry.example.test/acme/kernel";

interface Ended {
  readonly code: number | null;
  readonly out: Buffer;
  readonly err: string;
}

interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
}

interface Options {
  readonly stdin?: Uint8Array;
  /** Where standard output goes: a descriptor, or `unread` for a pipe that nobody reads. */
  readonly stdout?: number | "unread";
  /** A program and its arguments that starts the one that follows. */
  readonly through?: readonly string[];
}

function start(args: readonly string[], { stdin, stdout, through = [] }: Options = {}): Running {
  const [program = "", ...rest] = [...through, process.execPath, main, ...args];
  const output = typeof stdout === "number" ? stdout : "pipe";
  const child = spawn(program, rest, { stdio: ["pipe", output, "pipe"], env: { PATH: process.env.PATH } });
  const [out, err]: [Buffer[], Buffer[]] = [[], []];
  if (stdout === undefined) child.stdout?.on("data", (piece: Buffer) => out.push(piece));
  child.stderr?.on("data", (piece: Buffer) => err.push(piece));
  child.stdin?.on("error", () => {});
  child.stdin?.end(stdin ?? "");
  const ended = new Promise<Ended>((done) => {
    child.once(stdout === undefined ? "close" : "exit", (code) =>
      done({ code, out: Buffer.concat(out), err: Buffer.concat(err).toString() }),
    );
  });
  return { child, ended };
}

const run = (args: readonly string[], options?: Options): Promise<Ended> => start(args, options).ended;

let folder: string;
let pair: AgePair;
const at = (name: string) => join(folder, name);

beforeAll(async () => {
  pair = await agePair();
});

beforeEach(() => {
  folder = temporaryDirectory();
  writeFileSync(at("identity"), `# a comment\n${pair.identity}\n`, { mode: 0o600 });
});

const toRecipient = () => ["--recipient", pair.recipient];
const byIdentity = () => ["--identity", at("identity")];

interface Server {
  readonly url: string;
  readonly port: number;
  readonly ca: string;
  stop(): Promise<void>;
}

let servers = 0;

async function serve(data: string, ...args: readonly string[]): Promise<Server> {
  const ready = at(`${servers++}.ready`);
  const { child, ended } = start([
    "serve",
    "--data",
    at(data),
    "--port",
    "0",
    "--ready-file",
    ready,
    ...args,
  ]);
  let over: Ended | undefined;
  void ended.then((result) => {
    over = result;
  });
  await expect.poll(() => existsSync(ready) || over !== undefined, { timeout: 30_000 }).toBe(true);
  if (over !== undefined) throw new Error(`The server ended: ${over.err}`);
  const { url, port, ca } = JSON.parse(readFileSync(ready, "utf8"));
  return {
    url,
    port,
    ca: ca === undefined ? "" : readFileSync(ca, "utf8"),
    async stop() {
      child.kill("SIGTERM");
      await ended;
    },
  };
}

/** A data directory without a server, with a store of about so many bytes. */
async function storeOf(bytes: number): Promise<void> {
  const store = await openSqlite({ directory: at("data") });
  await store.createKeyring(Buffer.from("record"));
  const each = 1_000_000;
  for (let index = 0; index * each < bytes; index += 1) {
    const metadata = [file("root", 1, "x".repeat(Math.min(each, bytes))), file("timestamp", 1)];
    await store.commit(publication(`r${index}`, { metadata }));
  }
  await store.close();
}

/** Names in a folder, but for what SQLite leaves beside a store for its readers. */
const namesIn = (path: string) =>
  readdirSync(path)
    .filter((name) => !/-(?:wal|shm)$/.test(name))
    .sort();

describe("a server that publishes", () => {
  it("is backed up meanwhile and restored to a state in between, which verifies", {
    timeout: 120_000,
  }, async () => {
    const server = await serve("data");
    const rootKey = generatePrivateKey("ecdsa");
    const root = certificateKey(rootKey, await makeRootCertificate(rootKey, repository, new Date()));
    const targetsKey = bareKey(generatePrivateKey("ecdsa"));
    const targets = (version: number) => new Map([["1", facts(Buffer.from(`edition ${version}`))]]);
    await publishFirst(server, {
      repository,
      holders: { root: { keys: [root], threshold: 1 }, targets: { keys: [targetsKey], threshold: 1 } },
      targets: targets(1),
      rootExpires: Date.now() + 10 * year,
      targetsExpires: Date.now() + 3 * year,
    });
    let acknowledged = 1;
    let enough = false;
    const next = async (to: Pick<Server, "url" | "ca">, current: number) =>
      publishNext(to, {
        repository,
        current,
        targets: targets(current + 1),
        signers: [targetsKey],
        expires: Date.now() + year,
      });
    const publishing = (async () => {
      for (; !enough; acknowledged += 1) await next(server, acknowledged);
    })();
    await expect.poll(() => acknowledged, { timeout: 30_000 }).toBeGreaterThan(3);

    const before = acknowledged;
    const created = await run(["backup", "create", at("b.age"), "--data", at("data"), ...toRecipient()]);
    const after = acknowledged;
    expect(created).toMatchObject({ code: 0, err: "" });
    expect(created.out.toString()).toContain("NOT included");
    expect(await run(["backup", "verify", at("b.age"), ...byIdentity()])).toMatchObject({ code: 0, err: "" });
    enough = true;
    await publishing;
    await server.stop();
    expect(after).toBeGreaterThan(before);

    const restored = await run(["backup", "restore", at("b.age"), "--into", at("restored"), ...byIdentity()]);
    expect(restored).toMatchObject({ code: 0, err: "" });
    expect(namesIn(at("restored"))).toEqual(["restored", "tls", "vidimus.sqlite"]);
    const withoutKey = await run(["serve", "--data", at("restored"), "--port", "0"]);
    expect(withoutKey.code).toBe(exitCodes.signer.code);
    copyFileSync(at("data/kek"), at("restored/kek"));

    const again = await serve("restored");
    const plain = await serve("restored", "--plain-http", "--read-only");
    const client = new HttpClient(plain.port);
    const { versions } = await checkChain((path) => client.request(path), repository, { at: Date.now() });
    const version = versions.get("targets") ?? 0;
    expect(version).toBeGreaterThanOrEqual(before);
    // One may have been committed whose answer was still on its way.
    expect(version).toBeLessThanOrEqual(after + 1);
    expect(again.ca).toBe(server.ca);
    await next(again, version);
    client.close();
    await plain.stop();
    await again.stop();
  });
});

describe("standard input and output", () => {
  it("carry a backup, and words go elsewhere", async () => {
    await storeOf(10_000);
    const created = await run(["backup", "create", "-", "--data", at("data"), ...toRecipient()]);
    expect(created.code).toBe(0);
    expect(created.err).toContain("NOT included");
    const restored = await run(["backup", "restore", "-", "--into", at("r"), ...byIdentity()], {
      stdin: created.out,
    });
    expect(restored).toMatchObject({ code: 0, err: "" });
    expect(namesIn(at("r"))).toEqual(["restored", "vidimus.sqlite"]);
  });
});

describe("where there is no room", () => {
  beforeEach(async () => {
    await storeOf(3_000_000);
  });
  const limited = ["prlimit", "--fsize=1000000"];

  it("for the copy or the backup, none is made and nothing is left", { timeout: 60_000 }, async () => {
    const before = namesIn(folder);
    const args = ["backup", "create", at("a.age"), "--data", at("data"), ...toRecipient()];
    const { code, err } = await run(args, { through: limited });
    expect([exitCodes.backupFile.code, exitCodes.store.code]).toContain(code);
    expect(err.trim().split("\n")).toHaveLength(1);
    expect(namesIn(folder)).toEqual(before);
    expect(namesIn(at("data"))).toEqual(["lock.db", "vidimus.sqlite"]);
  });

  it("behind standard output, the command says so", async () => {
    const full = openSync("/dev/full", "w");
    const { code } = await run(["backup", "create", "-", "--data", at("data"), ...toRecipient()], {
      stdout: full,
    });
    closeSync(full);
    expect(code).toBe(exitCodes.backupFile.code);
    expect(namesIn(at("data"))).toEqual(["lock.db", "vidimus.sqlite"]);
  });

  it("for what is restored, the directory stays as it was", { timeout: 60_000 }, async () => {
    await run(["backup", "create", at("a.age"), "--data", at("data"), ...toRecipient()]);
    const before = namesIn(folder);
    const args = ["backup", "restore", at("a.age"), "--into", at("r"), ...byIdentity()];
    expect((await run(args, { through: limited })).code).toBe(exitCodes.backupFile.code);
    expect(namesIn(folder)).toEqual(before);
  });
});

describe("a signal", () => {
  it("ends a backup that is being made, and removes what it began", { timeout: 60_000 }, async () => {
    await storeOf(20_000_000);
    const args = ["backup", "create", "-", "--data", at("data"), ...toRecipient()];
    const { child, ended } = start(args, { stdout: "unread" });
    await expect.poll(() => namesIn(at("data")).length, { timeout: 30_000 }).toBe(3);
    child.kill("SIGINT");
    expect((await ended).code).toBe(130);
    expect(namesIn(at("data"))).toEqual(["lock.db", "vidimus.sqlite"]);
  });

  it("ends one that writes its file: the older one stays, nothing is beside it", {
    timeout: 60_000,
  }, async () => {
    await storeOf(40_000_000);
    writeFileSync(at("a.age"), "the older one");
    const before = namesIn(folder);
    const { child, ended } = start(["backup", "create", at("a.age"), "--data", at("data"), ...toRecipient()]);
    await expect.poll(() => existsSync(at("a.age.partial")), { timeout: 30_000, interval: 5 }).toBe(true);
    child.kill("SIGTERM");
    expect((await ended).code).toBe(143);
    expect(namesIn(folder)).toEqual(before);
    expect(readFileSync(at("a.age"), "utf8")).toBe("the older one");
  });
});

describe("a large store", () => {
  /** The most memory that a process had, in kilobytes, as it says at its end. */
  async function peak(...args: string[]): Promise<number> {
    const hook = at("peak.mjs");
    writeFileSync(hook, 'process.on("exit", () => console.error("peak", process.resourceUsage().maxRSS));');
    const child = spawn(process.execPath, ["--import", hook, main, ...args], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    let err = "";
    child.stderr.on("data", (piece: Buffer) => {
      err += piece.toString();
    });
    const code = await new Promise((done) => child.once("close", done));
    expect([code, err]).toEqual([0, expect.stringMatching(/^peak [0-9]+\n$/)]);
    return Number(err.split(" ")[1]);
  }

  it("is never held in memory", { timeout: 120_000 }, async () => {
    await storeOf(200_000_000);
    // A process that held it would have 200 MB on top of what it takes to run at all.
    const most = 280 * 1024;
    expect(await peak("backup", "create", at("a.age"), "--data", at("data"), ...toRecipient())).toBeLessThan(
      most,
    );
    expect(await peak("backup", "restore", at("a.age"), "--into", at("r"), ...byIdentity())).toBeLessThan(
      most,
    );
  });
});
