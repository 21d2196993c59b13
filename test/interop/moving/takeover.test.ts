/**
 * A Notary of Debian's packages is filled by the stock clients and switched off; this server goes on with what it has left. The
 * same people, with the same keys and caches, are told another address and nothing else.
 */
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { type Databases, startMariadb } from "../../../bench/server/mariadb.ts";
import type { OldDatabase } from "../../../src/moving/databases/source.ts";
import { dockerPerson } from "../support/docker.ts";
import { pull, pushTrusted } from "../support/docker-images.ts";
import { addSigner, generateKey, inspect } from "../support/docker-signers.ts";
import { fetchFrom } from "../support/https.ts";
import { listedTargets, notaryPerson, refusal } from "../support/notary.ts";
import { type Postgres, startPostgres } from "../support/postgres.ts";
import { type Result, run } from "../support/process.ts";
import { oldPassphrase, startReferenceServer } from "../support/reference-server.ts";
import type { DockerStage } from "../support/scenario.ts";
import { filesOf, type OldFiles, outOfDate, putInto } from "../support/taken-over.ts";
import type { TrustServer, TrustServerAddress } from "../support/trust-server.ts";
import { vidimusPublisher } from "../support/vidimus-publisher.ts";
import { startVidimus } from "../support/vidimus-server.ts";

const place = inject("docker");
const possible = inject("notary") && inject("databases") && place !== null;

const name = "registry.example.test/moving/app";
/** Its owner signs the snapshot. */
const own = "registry.example.test/moving/own";
const image = `${place?.registry ?? ""}/moving/app`;

let directory: string;
let at: TrustServerAddress;
const person = (who: string) => notaryPerson(at, join(directory, who));
const docker = (who: string) => {
  if (place === null) throw new Error("no docker engine");
  return dockerPerson(place, at, join(directory, `docker-${who}`), who);
};
const stage = (): DockerStage => {
  if (place === null) throw new Error("no docker engine");
  return { server: at, place, repository: image, directory, person, docker };
};
const names = async (who: string, repository = name) =>
  listedTargets(await person(who).do(["list", repository])).map((each) => each.name);

/** Two people publish by notary and two by docker, with delegations, rotations, and one that is deleted. */
async function fill(): Promise<void> {
  const owner = person("owner");
  const file = owner.file("content", "content");
  for (const repository of [name, own]) {
    await owner.do(["init", repository, "-p"]);
    if (repository === name) await owner.do(["key", "rotate", repository, "snapshot", "-r"]);
    await owner.do(["add", repository, "one", file, "-p"]);
  }
  await pushTrusted(docker("owner"), stage(), "v1");
  const key = await generateKey(docker("alice"), "alice");
  await addSigner(docker("owner"), stage(), "alice", key);
  await pushTrusted(docker("alice"), stage(), "v2");
  await pull(docker("reader"), stage(), "v2");
  for (const repository of [name, own]) await names("sleeper", repository);
  await owner.do(["init", "registry.example.test/moving/gone", "-p"]);
  await owner.do(["delete", "registry.example.test/moving/gone", "--remote"]);
  for (const times of [1, 2]) {
    await owner.do(["key", "rotate", name, "root"], { input: "yes\n" });
    await owner.do(["add", name, `rotated-${times}`, file, "-p"]);
  }
  await owner.do(["key", "rotate", name, "timestamp", "-r"]);
  for (const repository of [name, own]) await names("reader", repository);
}

/** The keys of an old signer, brought to the server that runs; whoever brings them has nothing but them. */
function bring(
  flags: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Result> {
  const home = mkdtempSync(join(directory, "operator-"));
  const program = join(import.meta.dirname, "../../../bin/vidimus.js");
  return run(
    process.execPath,
    [program, "import", "keys", ...flags, "--server", at.url, "--ca", at.ca, "--json"],
    { env: { PATH: process.env.PATH ?? "", HOME: home, ...environment }, cwd: home },
  );
}
const withPassphrase = { NOTARY_SIGNER_INTEROP: oldPassphrase };

const outcomes = ({ stdout }: Result) =>
  Object.fromEntries(
    (JSON.parse(stdout) as { repositories: { repository: string; outcome: string }[] }).repositories.map(
      ({ repository, outcome }) => [repository, outcome],
    ),
  );

const versionOf = async (repository: string, role: string): Promise<number> => {
  const { body } = await fetchFrom(at, `/v2/${repository}/_trust/tuf/${role}.json`);
  return JSON.parse(body.toString("utf8")).signed.version;
};

/** What every client does afterwards, without a word that anything has changed. */
async function goesOn(): Promise<void> {
  const owner = person("owner");
  const file = owner.file("content", "content");
  const before = ["one", "rotated-1", "rotated-2"];
  for (const who of ["reader", "sleeper", "newcomer"]) expect([who, await names(who)]).toEqual([who, before]);
  expect((await person("reader").do(["lookup", name, "one"])).stdout).toContain("sha256:");
  await person("reader").do(["verify", name, "one", "-i", file, "-q"]);
  expect(await names("sleeper", own)).toEqual(["one"]);
  const [timestamp, snapshot] = [await versionOf(name, "timestamp"), await versionOf(name, "snapshot")];
  await owner.do(["add", name, "since", file, "-p"]);
  await owner.do(["add", own, "since", file, "-p"]);
  expect(await versionOf(name, "timestamp")).toBe(timestamp + 1);
  expect(await versionOf(name, "snapshot")).toBe(snapshot + 1);
  for (const who of ["reader", "sleeper", "newcomer"]) {
    expect([who, await names(who)]).toEqual([who, [...before, "since"]]);
    expect([who, await names(who, own)]).toEqual([who, ["one", "since"]]);
  }
  await owner.do(["key", "rotate", name, "timestamp", "-r"]);
  await owner.do(["key", "rotate", name, "snapshot", "-r"]);
  await owner.do(["key", "rotate", name, "targets"]);
  await owner.do(["key", "rotate", name, "root"], { input: "yes\n" });
  expect(await names("sleeper")).toEqual([...before, "since"]);
}

async function imagesGoOn(): Promise<void> {
  const digest = await pull(docker("reader"), stage(), "v2");
  expect(digest).toMatch(/^sha256:/);
  const next = await pushTrusted(docker("alice"), stage(), "v3");
  expect(await pull(docker("reader"), stage(), "v3")).toBe(next);
  expect((await inspect(docker("reader"), stage())).signers).toEqual(["alice"]);
}

describe.skipIf(!possible)("from a PostgreSQL", () => {
  let postgres: Postgres;
  let files: OldFiles;
  let server: TrustServer | undefined;

  beforeAll(async () => {
    directory = mkdtempSync(join(inject("scratch"), "moving-"));
    postgres = await startPostgres();
    const old = await startReferenceServer(join(directory, "old"), { databases: postgres });
    at = old;
    try {
      await fill();
    } finally {
      await old.stop();
    }
    files = await filesOf({ url: postgres.server, environment: {} });
    await putInto(join(directory, "new"), files);
    server = await startVidimus(join(directory, "new"));
    at = server;
  }, 240_000);
  afterAll(async () => {
    await server?.stop();
    await postgres?.stop();
  });

  test("without its keys, everything is read, and nothing can be published", async () => {
    expect([...files.keys()].sort()).toEqual([image, name, own].sort());
    for (const who of ["reader", "sleeper", "early"])
      expect(await names(who)).toEqual(["one", "rotated-1", "rotated-2"]);
    const owner = person("owner");
    const refused = await owner.try(["add", name, "early", owner.file("content", "content"), "-p"]);
    expect(refusal(refused)).toBe("rejected by the server as invalid");
    await owner.do(["reset", name, "--all"]);
    // Both keys were the old server's: one after the other cannot be rotated, which is why there is `vidimus adopt`.
    for (const role of ["timestamp", "snapshot"])
      expect(refusal(await owner.try(["key", "rotate", name, role, "-r"]))).toBe(
        "rejected by the server as invalid",
      );
  });

  test("what is wrong with the keys is one sentence, and changes nothing", async () => {
    const root = async () => (await fetchFrom(at, `/v2/${name}/_trust/tuf/timestamp.json`)).body;
    const before = await root();
    const refused = async (code: number, flags: readonly string[], environment = {}) => {
      const { code: ended, stdout, stderr } = await bring(flags, environment);
      expect([ended, stdout, stderr.trim().split("\n").length]).toEqual([code, "", 1]);
      expect(stderr).not.toContain(oldPassphrase);
      return stderr;
    };
    const db = ["--signer-db", postgres.signer];
    expect(await refused(89, db)).toContain("NOTARY_SIGNER_INTEROP");
    await refused(89, db, { NOTARY_SIGNER_INTEROP: "another passphrase" });
    await refused(88, ["--signer-db", postgres.server], withPassphrase);
    await refused(88, ["--signer-db", postgres.signer.replace("/signer", "/nowhere")], withPassphrase);
    await refused(88, ["--signer-db", "postgres://notary@127.0.0.1:1/signer"], withPassphrase);
    await refused(90, [...db, "registry.example.test/moving/gone"], withPassphrase);
    expect(await root()).toEqual(before);
    const dry = await bring([...db, "--dry-run"], withPassphrase);
    expect(dry.code).toBe(0);
    const owner = person("owner");
    expect((await owner.try(["add", name, "x", owner.file("x", "x"), "-p"])).code).toBe(1);
    await owner.do(["reset", name, "--all"]);
  });

  test("with its keys, clients notice nothing, and versions go on", async () => {
    const brought = await bring(["--signer-db", postgres.signer], withPassphrase);
    expect([brought.code, brought.stderr]).toEqual([0, ""]);
    expect(outcomes(brought)).toEqual({
      [image]: "taken",
      [name]: "taken",
      [own]: "taken",
      "registry.example.test/moving/gone": "absent",
    });
    await goesOn();
    await imagesGoOn();
    const again = await bring(["--signer-db", postgres.signer, own], withPassphrase);
    expect(outcomes(again)).toEqual({ [own]: "held" });
  }, 180_000);
});

describe.skipIf(!possible)("from a dump of a MariaDB", () => {
  let databases: Databases;
  let dumps: Readonly<Record<"server" | "signer", string>>;
  let server: TrustServer | undefined;

  const dump = async (database: "server" | "signer", ...flags: readonly string[]): Promise<string> => {
    const port = /:(\d+)\)/.exec(databases[database])?.[1] ?? "";
    const env = { PATH: process.env.PATH ?? "", HOME: directory };
    const from = ["--no-defaults", "--user=root", "--host=127.0.0.1", `--port=${port}`];
    const { code, stdout, stderr } = await run("mariadb-dump", [...from, ...flags, database], { env });
    if (code !== 0) throw new Error(stderr);
    const path = join(directory, `${database}${flags.join("")}.sql`);
    // What a dump holds of a blob is no text; the process gives text, so blobs are asked for in hexadecimal where they are none.
    writeFileSync(path, stdout);
    return path;
  };

  beforeAll(async () => {
    directory = mkdtempSync(join(inject("scratch"), "moving-"));
    mkdirSync(join(directory, "mariadb"));
    databases = await startMariadb(join(directory, "mariadb"));
    const old = await startReferenceServer(join(directory, "old"), { databases });
    at = old;
    try {
      await fill();
      dumps = { server: await dump("server", "--hex-blob"), signer: await dump("signer", "--hex-blob") };
    } finally {
      await old.stop();
      await databases.stop();
    }
    const database: OldDatabase = { dump: dumps.server };
    await putInto(join(directory, "new"), await filesOf(database));
    server = await startVidimus(join(directory, "new"));
    at = server;
  }, 240_000);
  afterAll(async () => {
    await server?.stop();
  });

  test("half of one, or one of another database, changes nothing", async () => {
    const half = join(directory, "half.sql");
    const whole = readFileSync(dumps.signer);
    writeFileSync(half, whole.subarray(0, Math.floor(whole.length / 2)));
    for (const file of [half, dumps.server, join(directory, "missing.sql"), at.ca]) {
      const { code, stdout, stderr } = await bring(["--signer-dump", file], withPassphrase);
      expect([code, stdout, stderr.trim().split("\n").length]).toEqual([88, "", 1]);
    }
  });

  test("its keys go on", async () => {
    const secret = join(directory, "old-passphrase");
    writeFileSync(secret, `${oldPassphrase}\n`);
    const flags = ["--signer-dump", dumps.signer, "--old-passphrase", `interop=file:${secret}`];
    const brought = await bring(flags);
    expect([brought.code, brought.stderr]).toEqual([0, ""]);
    expect(outcomes(brought)).toMatchObject({ [image]: "taken", [name]: "taken", [own]: "taken" });
    await goesOn();
    await imagesGoOn();
  }, 180_000);
});

describe.skipIf(!possible)("without its keys", () => {
  let postgres: Postgres;
  let server: TrustServer | undefined;

  beforeAll(async () => {
    directory = mkdtempSync(join(inject("scratch"), "moving-"));
    postgres = await startPostgres();
    const old = await startReferenceServer(join(directory, "old"), { databases: postgres });
    at = old;
    try {
      await fill();
      await foundQuorum();
    } finally {
      await old.stop();
    }
    files = await filesOf({ url: postgres.server, environment: {} });
    await putInto(join(directory, "new"), files);
    server = await startVidimus(join(directory, "new"));
    at = server;
  }, 240_000);
  afterAll(async () => {
    await server?.stop();
    await postgres?.stop();
  });

  let files: OldFiles;
  const quorum = "registry.example.test/moving/quorum";
  const laptop = (who: string) => {
    const home = join(directory, who);
    const made = vidimusPublisher(at, home);
    copyFileSync(at.ca, join(home, "ca.pem"));
    made.file("trust.yaml", JSON.stringify({ repositories: [{ match: quorum, tofu: true }] }));
    const here = ["--server", at.url, "--ca", "ca.pem"];
    return { ...made, home, do: (...args: readonly string[]) => made.do(...args, ...here), here };
  };

  /** A repository whose root two people sign. */
  async function foundQuorum(): Promise<void> {
    const ann = laptop("ann");
    const [, ben] = [await ann.key("ann"), await ann.key("ben"), await ann.key("targets")];
    await ann.do("repo", "init", quorum, "--root", "ann", "--targets", "targets");
    await ann.do("rotate", quorum, "root", "--add", "ben", "--publish");
    await ann.do("threshold", "set", quorum, "root", "2", "--publish");
    // From here on each has one key.
    const from = join(ann.home, ".vidimus", "keys");
    const to = join(laptop("ben").home, ".vidimus", "keys");
    mkdirSync(to, { recursive: true, mode: 0o700 });
    for (const file of readdirSync(from).filter((each) => each.includes(ben)))
      renameSync(join(from, file), join(to, file));
  }

  /** The owner, on a laptop with a stock client's directory. */
  const adopt = async (trustDirectory: string, repository: string): Promise<string> => {
    const home = mkdtempSync(join(directory, "laptop-"));
    const laptop = vidimusPublisher(at, home);
    copyFileSync(at.ca, join(home, "ca.pem"));
    const here = ["--server", at.url, "--ca", "ca.pem"];
    laptop.file("trust.yaml", JSON.stringify({ repositories: [{ match: repository, tofu: true }] }));
    const keys = ["--trust-dir", trustDirectory];
    const dry = await laptop.do("adopt", repository, ...here, ...keys, "--dry-run");
    expect(dry).toContain("Nothing was signed.");
    return await laptop.do("adopt", repository, ...here, ...keys);
  };

  test("once the timestamp has expired, stock clients can do nothing, and vidimus adopt still can", async () => {
    const signer: OldDatabase = { url: postgres.signer, environment: {} };
    await putInto(join(directory, "late"), await outOfDate(files, signer, oldPassphrase));
    const [late, usual] = [await startVidimus(join(directory, "late")), at];
    at = late;
    try {
      const [owner, expired] = [person("owner"), "timestamp expired at"];
      for (const args of [
        ["list", name],
        ["key", "rotate", own, "timestamp", "-r"],
        ["key", "rotate", name, "snapshot", "-r"],
      ])
        expect((await owner.try(args)).stdout).toContain(expired);
      expect((await person("stranger").try(["list", name])).stdout).toContain(expired);
      // On copies: what is published here nobody else hears of.
      cpSync(owner.trustDirectory, join(directory, "late-owner"), { recursive: true });
      expect(await adopt(join(directory, "late-owner"), name)).toContain("root 6");
      expect(await names("stranger")).toEqual(["one", "rotated-1", "rotated-2"]);
    } finally {
      at = usual;
      await late.stop();
    }
  }, 120_000);

  test("an owner who signs the snapshot needs the stock client alone", async () => {
    const owner = person("owner");
    await owner.do(["key", "rotate", own, "timestamp", "-r"]);
    expect(await names("sleeper", own)).toEqual(["one"]);
    await owner.do(["key", "rotate", own, "snapshot", "-r"]);
    await owner.do(["key", "rotate", own, "snapshot"]);
  });

  test("one root by vidimus adopt names both keys, and the same people go on", async () => {
    const said = await adopt(person("owner").trustDirectory, name);
    expect(said).toMatch(/Published .*: root 6\b/);
    expect(said).not.toContain("good until 2028");
    await goesOn();
  }, 180_000);

  test("and so do images", async () => {
    await adopt(join(docker("owner").directory, "docker", "trust"), image);
    await imagesGoOn();
  }, 180_000);

  test("where two have to sign, the root is a proposal", async () => {
    const [ann, ben] = [laptop("ann"), laptop("ben")];
    const alone = await ann.try("adopt", quorum, ...ann.here);
    expect([alone.code, alone.stderr]).toEqual([
      56,
      expect.stringContaining(`vidimus adopt ${quorum} --propose`),
    ]);
    const opened = await ann.do("adopt", quorum, "--propose");
    const id = /Proposal ([0-9a-f]{16})/.exec(opened)?.[1] ?? "";
    expect(await ben.do("proposal", "sign", quorum, id, "--yes")).toContain("is published");
    expect(await names("newcomer", quorum)).toEqual([]);
    expect(await ann.do("adopt", quorum)).toContain("nothing to adopt");
  }, 120_000);

  test("once more there is nothing to adopt", async () => {
    const home = mkdtempSync(join(directory, "laptop-"));
    const laptop = vidimusPublisher(at, home);
    copyFileSync(at.ca, join(home, "ca.pem"));
    laptop.file("trust.yaml", JSON.stringify({ repositories: [{ match: image, tofu: true }] }));
    expect(await laptop.do("adopt", image, "--server", at.url, "--ca", "ca.pem")).toContain(
      "nothing to adopt",
    );
  });
});
