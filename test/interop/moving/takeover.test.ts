/**
 * A Notary of Debian's packages is filled by the stock clients and switched off; this server goes on with what it has left. The
 * same people, with the same keys and caches, are told another address and nothing else.
 */
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { type Databases, startMariadb } from "../../../bench/server/mariadb.ts";
import type { OldDatabase } from "../../../src/moving/databases/source.ts";
import { MovingPeople, repositories, sleepers } from "../support/moving-people.ts";
import { refusal } from "../support/notary.ts";
import { type Postgres, startPostgres } from "../support/postgres.ts";
import { type Result, run } from "../support/process.ts";
import { oldPassphrase, startReferenceServer } from "../support/reference-server.ts";
import { differences, versionAt } from "../support/served.ts";
import { filesOf, type OldFiles, outOfDate, putInto } from "../support/taken-over.ts";
import type { TrustServer } from "../support/trust-server.ts";
import { startVidimus } from "../support/vidimus-server.ts";

const place = inject("docker");
const possible = inject("notary") && inject("databases") && place !== null;
const { app, own, quorum, gone } = repositories;
const early = ["early", ...sleepers];
const rejected = "rejected by the server as invalid";

let directory: string;
let server: TrustServer | undefined;
/** They are told the address of the new server. */
let people: MovingPeople;
/** Of the old one, when it was switched off. */
let files: OldFiles;
/** Of the image that was pulled from the old one. */
let digest: unknown;

/** People fill a Notary; it is switched off, and what its database has, without its keys, is taken over by a new server. */
async function switchOff(databases: Postgres | Databases, stored: () => Promise<OldDatabase>): Promise<void> {
  if (place === null) throw new Error("no docker engine");
  directory = mkdtempSync(join(inject("scratch"), "moving-"));
  const old = await startReferenceServer(join(directory, "old"), { databases });
  try {
    const before = new MovingPeople(old, place, join(directory, "people"));
    await before.fill();
    const seen = await before.read([]);
    digest = seen.at(-1)?.[1];
    expect(seen).toEqual(before.expected(expect.stringMatching(/^sha256:/), []));
    files = await filesOf(await stored());
  } finally {
    await old.stop();
  }
  server = await startVidimus(join(directory, "new"));
  people = new MovingPeople(server, place, join(directory, "people"));
  expect([...files.keys()].sort()).toEqual(people.all);
  const database = await stored();
  const from = "url" in database ? ["--server-db", database.url] : ["--server-dump", database.dump];
  const taken = await people.operator(["import", "notary", ...from, "--json"]);
  expect([taken.code, taken.stderr]).toEqual([0, ""]);
}

/** The keys of an old signer, brought to the server that runs; whoever brings them has nothing but them. */
const bring = (flags: readonly string[], environment: Readonly<Record<string, string>> = {}) =>
  people.operator(["import", "keys", ...flags, "--json"], environment);
const withPassphrase = { NOTARY_SIGNER_INTEROP: oldPassphrase };

interface Told {
  readonly repository: string;
  readonly outcome: string;
  readonly keys: readonly { readonly role: string }[];
  readonly without: readonly string[];
}
/** What became of each, the roles whose keys came, and those that somebody else signs. */
const outcomes = ({ stdout }: Result) =>
  Object.fromEntries(
    (JSON.parse(stdout) as { repositories: Told[] }).repositories.map(
      ({ repository, outcome, keys, without }) => [
        repository,
        [outcome, keys.map(({ role }) => role).join("+"), ...without].join(" ").trim(),
      ],
    ),
  );
const expectedOutcomes = (how: "taken" | "held") => {
  const both = how === "taken" ? "taken timestamp+snapshot" : "held";
  const one = how === "taken" ? "taken timestamp snapshot" : "held  snapshot";
  return { [people.image]: both, [app]: both, [own]: one, [quorum]: both, [gone]: "absent" };
};

/** A refusal is one sentence on standard error, and whatever was served before is served still, of all repositories. */
async function refuses(code: number, flags: readonly string[], environment = {}): Promise<string> {
  const { code: ended, stdout, stderr } = await bring(flags, environment);
  expect([flags, ended, stdout, stderr.trim().split("\n").length]).toEqual([flags, code, "", 1]);
  expect(stderr).not.toContain(oldPassphrase);
  expect(await differences(files, people.at)).toEqual([]);
  return stderr;
}

const publishes = async (repository: string) => {
  const owner = people.person("owner");
  const refused = await owner.try(["add", repository, "early", owner.file("content", "content"), "-p"]);
  await owner.do(["reset", repository, "--all"]);
  return refusal(refused);
};

/** What every client does afterwards, without a word that anything has changed. */
async function goesOn(): Promise<void> {
  expect(await people.read()).toEqual(people.expected(digest));
  expect(await people.pinned()).toEqual(["none", "pins not met"]);
  const versions = () =>
    Promise.all(
      [app, own].flatMap((repository) =>
        ["timestamp", "snapshot"].map((role) => versionAt(people.at, repository, role)),
      ),
    );
  const before = await versions();
  for (const repository of [app, own]) await people.add(repository, "again");
  expect(await versions()).toEqual(before.map((version) => version + 1));
  const owner = people.person("owner");
  for (const repository of [app, own]) await owner.do(["remove", repository, "again", "-p"]);
  expect(await versions()).toEqual(before.map((version) => version + 2));
  expect(await people.goOn()).toEqual(people.expectedSince());
  // Not one byte of before is another, of no repository, and no version was left out since.
  expect(await differences(files, people.at, "gone on")).toEqual([]);
}

describe.skipIf(!possible)("from a PostgreSQL", () => {
  let postgres: Postgres;

  beforeAll(async () => {
    postgres = await startPostgres();
    await switchOff(postgres, async () => ({ url: postgres.server, environment: {} }));
  }, 240_000);
  afterAll(async () => {
    await server?.stop();
    await postgres?.stop();
  });

  test("without its keys, everything is read, and nothing can be published", async () => {
    expect(await differences(files, people.at)).toEqual([]);
    expect(await people.read(early)).toEqual(people.expected(digest, early));
    for (const repository of [app, own]) expect(await publishes(repository)).toBe(rejected);
    // Both keys were the old server's: one after the other cannot be rotated, which is why there is `vidimus adopt`.
    for (const role of ["timestamp", "snapshot"])
      expect(refusal(await people.person("owner").try(["key", "rotate", app, role, "-r"]))).toBe(rejected);
    expect(await differences(files, people.at)).toEqual([]);
  }, 120_000);

  test("what is wrong with the keys is one sentence, and changes nothing", async () => {
    const db = ["--signer-db", postgres.signer];
    const wrong = join(directory, "wrong-passphrase");
    writeFileSync(wrong, "another passphrase");
    expect(await refuses(89, db)).toContain("NOTARY_SIGNER_INTEROP");
    await refuses(89, db, { NOTARY_SIGNER_INTEROP: "another passphrase" });
    await refuses(89, [...db, "--old-passphrase", `file:${wrong}`], withPassphrase);
    await refuses(89, [...db, "--old-passphrase", `interop=file:${wrong}.missing`], withPassphrase);
    await refuses(88, ["--signer-db", postgres.server], withPassphrase);
    await refuses(88, ["--signer-db", postgres.signer.replace("/signer", "/nowhere")], withPassphrase);
    await refuses(88, ["--signer-db", "postgres://notary@127.0.0.1:1/signer"], withPassphrase);
    await refuses(90, [...db, gone], withPassphrase);
    const dry = await bring([...db, "--dry-run"], withPassphrase);
    expect([dry.code, outcomes(dry)]).toEqual([0, expectedOutcomes("taken")]);
    for (const repository of [app, own]) expect(await publishes(repository)).toBe(rejected);
  }, 120_000);

  test("with its keys, also under several passphrases, clients notice nothing, and versions go on", async () => {
    const other = join(directory, "other-passphrase");
    const right = join(directory, "right-passphrase");
    writeFileSync(other, "of another time");
    writeFileSync(right, oldPassphrase);
    const both = ["--old-passphrase", `interop=file:${other}`, "--old-passphrase", `interop=file:${right}`];
    const brought = await bring(["--signer-db", postgres.signer, ...both]);
    expect([brought.code, brought.stderr]).toEqual([0, ""]);
    expect(outcomes(brought)).toEqual(expectedOutcomes("taken"));
    expect(await differences(files, people.at)).toEqual([]);
    await goesOn();
    const again = await bring(["--signer-db", postgres.signer], withPassphrase);
    expect([again.code, Object.keys(outcomes(again)).sort()]).toEqual([0, [...people.all, gone].sort()]);
    expect(outcomes(again)).toMatchObject({ [people.image]: "held", [app]: "held", [quorum]: "held" });
  }, 240_000);
});

describe.skipIf(!possible)("from a dump of a MariaDB", () => {
  let databases: Databases;
  let dumps: Readonly<Record<"server" | "signer", string>>;

  const dump = async (database: "server" | "signer"): Promise<string> => {
    const port = /:(\d+)\)/.exec(databases[database])?.[1] ?? "";
    const env = { PATH: process.env.PATH ?? "", HOME: directory };
    const from = ["--no-defaults", "--user=root", "--host=127.0.0.1", `--port=${port}`, "--hex-blob"];
    const { code, stdout, stderr } = await run("mariadb-dump", [...from, database], { env });
    if (code !== 0) throw new Error(stderr);
    const path = join(directory, `${database}.sql`);
    // What a dump holds of a blob is no text; the process gives text, so blobs are asked for in hexadecimal where they are none.
    writeFileSync(path, stdout);
    return path;
  };

  beforeAll(async () => {
    const home = mkdtempSync(join(inject("scratch"), "mariadb-"));
    mkdirSync(join(home, "mariadb"));
    databases = await startMariadb(join(home, "mariadb"));
    try {
      await switchOff(databases, async () => {
        dumps = { server: await dump("server"), signer: await dump("signer") };
        return { dump: dumps.server };
      });
    } finally {
      await databases.stop();
    }
  }, 240_000);
  afterAll(async () => {
    await server?.stop();
  });

  test("half of one, or one of another database, changes nothing", async () => {
    const half = join(directory, "half.sql");
    const whole = readFileSync(dumps.signer);
    writeFileSync(half, whole.subarray(0, Math.floor(whole.length / 2)));
    for (const file of [half, dumps.server, join(directory, "missing.sql"), people.at.ca])
      await refuses(88, ["--signer-dump", file], withPassphrase);
  });

  test("its keys go on", async () => {
    const secret = join(directory, "old-passphrase");
    writeFileSync(secret, `${oldPassphrase}\n`);
    const flags = ["--signer-dump", dumps.signer, "--old-passphrase", `interop=file:${secret}`];
    const brought = await bring(flags);
    expect([brought.code, brought.stderr]).toEqual([0, ""]);
    expect(outcomes(brought)).toEqual(expectedOutcomes("taken"));
    expect(await differences(files, people.at)).toEqual([]);
    await goesOn();
  }, 240_000);
});

describe.skipIf(!possible)("without its keys", () => {
  let postgres: Postgres;

  beforeAll(async () => {
    postgres = await startPostgres();
    await switchOff(postgres, async () => ({ url: postgres.server, environment: {} }));
  }, 240_000);
  afterAll(async () => {
    await server?.stop();
    await postgres?.stop();
  });

  test("once the timestamp has expired, stock clients can do nothing, and vidimus adopt still can", async () => {
    const signer: OldDatabase = { url: postgres.signer, environment: {} };
    await putInto(join(directory, "late"), await outOfDate(files, signer, oldPassphrase));
    const late = await startVidimus(join(directory, "late"));
    try {
      // On copies: what is published here nobody else hears of.
      const then = people.movedTo(late, join(directory, "late-people"));
      const owner = then.person("owner");
      for (const args of [
        ["list", app],
        ["key", "rotate", own, "timestamp", "-r"],
        ["key", "rotate", app, "snapshot", "-r"],
      ])
        expect((await owner.try(args)).stdout).toContain("timestamp expired at");
      expect((await then.person("stranger").try(["list", app])).stdout).toContain("timestamp expired at");
      expect(await then.adopt(app, owner.trustDirectory)).toMatch(/Published .*: root 6\b/);
      expect(await then.names("stranger", app)).toEqual(await then.names("reader", app));
      expect(await then.names("stranger", app)).toEqual(["from-alice", "one", "rotated-1", "rotated-2"]);
    } finally {
      await late.stop();
    }
  }, 120_000);

  test("a dry run signs nothing, and where two have to sign it is said what they do", async () => {
    const owner = people.person("owner");
    const flags = ["--trust-dir", owner.trustDirectory];
    const dry = await people.laptop("owner", app).do("adopt", app, ...flags, "--dry-run");
    expect(dry).toContain("Nothing was signed.");
    const alone = await people.laptop("ann", quorum).try("adopt", quorum);
    expect([alone.code, alone.stderr]).toEqual([
      56,
      expect.stringContaining(`vidimus adopt ${quorum} --propose`),
    ]);
    expect(await differences(files, people.at)).toEqual([]);
  });

  test("one root each names this server's keys, and the same people go on", async () => {
    const said = await people.adoptAll();
    expect(said[app]).toMatch(/Published .*: root 6\b/);
    expect(said[app]).not.toContain("good until 2028");
    expect(said[people.image]).toMatch(/Published .*: root 2\b/);
    expect(said[quorum]).toContain("is published");
    expect(await versionAt(people.at, own, "root")).toBe(4);
    expect(await differences(files, people.at, "gone on")).toEqual([]);
    await goesOn();
  }, 240_000);

  test("once more there is nothing to adopt", async () => {
    for (const [who, repository] of [
      ["owner", app],
      ["owner", people.image],
      ["ann", quorum],
    ] as const)
      expect(await people.laptop(who, repository).do("adopt", repository)).toContain("nothing to adopt");
  });
});
