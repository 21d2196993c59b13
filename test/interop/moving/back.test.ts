/**
 * The way back: a living Notary of Debian's packages was taken over, people went on here with the stock clients, and then all of it
 * goes back there. The same people, with caches of what they have seen here, are told the old address again and nothing else.
 */
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { createAuthority } from "../support/certificates.ts";
import { Crowd } from "../support/crowd.ts";
import { pull, pushTrusted } from "../support/docker-images.ts";
import { addSigner, generateKey } from "../support/docker-signers.ts";
import { fetchFrom } from "../support/https.ts";
import { refusal } from "../support/notary.ts";
import { type Postgres, startPostgres } from "../support/postgres.ts";
import type { Result } from "../support/process.ts";
import { oldPassphrase, startReferenceServer } from "../support/reference-server.ts";
import { currentFiles, versionAt } from "../support/served.ts";
import type { TrustServer, TrustServerAddress } from "../support/trust-server.ts";
import { startVidimus } from "../support/vidimus-server.ts";

const place = inject("docker");
const possible = inject("notary") && inject("databases") && place !== null;

const name = "registry.example.test/back/app";
/** Its owner signs the snapshot. */
const own = "registry.example.test/back/own";
/** The keys of both its online roles are exchanged for keys of this server. */
const ours = "registry.example.test/back/ours";
/** Goes back into the tables, with its keys there. */
const late = "registry.example.test/back/late";
/** Renewed here after somebody published here; of the one the server signs the snapshot, of the other its owner. */
const [aged, agedOwn] = ["registry.example.test/back/aged", "registry.example.test/back/aged-own"];
const all = [name, own, ours, late, aged, agedOwn];
const image = `${place?.registry ?? ""}/back/app`;

let directory: string;
let postgres: Postgres;
let old: TrustServer;
let here: TrustServer;
/** They are told one address, and later another. */
let people: Crowd;
const tell = (at: TrustServerAddress) => {
  if (place === null) throw new Error("no docker engine");
  people = new Crowd(at, place, directory, "back/app");
};
const owner = () => people.person("owner");
const names = (who: string, repository = name) => people.names(who, repository);
const add = (repository: string, target: string) => people.add(repository, target);

/** A command of whoever runs this server, whatever people are told. */
function operator(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Result> {
  if (place === null) throw new Error("no docker engine");
  return new Crowd(here, place, directory, "back/app").operator([...args, "--json"], environment);
}

interface Told {
  readonly dryRun: boolean;
  readonly repositories: readonly {
    readonly repository: string;
    readonly outcome: string;
    readonly findings: readonly { readonly code: string }[];
    readonly notes: readonly { readonly code: string }[];
  }[];
}
const told = ({ stdout }: Result) => JSON.parse(stdout) as Told;
const outcomes = (result: Result) =>
  Object.fromEntries(
    told(result).repositories.map(({ repository, outcome, findings, notes }) => [
      repository,
      [outcome, ...findings.map(({ code }) => code), ...notes.map(({ code }) => code)].join(" "),
    ]),
  );
const back = (...args: readonly string[]) =>
  operator(["export", "notary", old.url, ...args, "--old-ca", old.ca]);
const intoTables = ["--server-db", "", "--signer-db", ""];

/** All of it but the timestamp, which the other server signs itself. */
const allButTimestamp = async (server: TrustServerAddress, repository: string) => {
  const { "timestamp.json": _, ...files } = await currentFiles(server, repository);
  return files;
};

/** What Node loads first, so that a server lives later than everybody else. */
const clockAhead = (milliseconds: number) =>
  `data:text/javascript,{const${encodeURIComponent(" ")}now=Date.now;Date.now=()=>now()+${milliseconds}}`;

async function publishHere(): Promise<void> {
  for (const repository of all) await add(repository, "here");
  await owner().do(["key", "rotate", name, "root"], { input: "yes\n" });
  await owner().do(["key", "rotate", name, "targets"]);
  await add(name, "rotated");
  await owner().do(["key", "rotate", ours, "timestamp", "-r"]);
  await owner().do(["key", "rotate", ours, "snapshot", "-r"]);
  await owner().do(["key", "rotate", late, "root"], { input: "yes\n" });
  await pushTrusted(people.docker("alice"), people.stage(), "v2");
  for (const repository of all) await names("reader", repository);
  await pull(people.docker("reader"), people.stage(), "v2");
}

describe.skipIf(!possible)("back to a Notary that still runs", () => {
  beforeAll(async () => {
    directory = mkdtempSync(join(inject("scratch"), "back-"));
    postgres = await startPostgres();
    intoTables.splice(0, 4, "--server-db", postgres.server, "--signer-db", postgres.signer);
    const authority = await createAuthority(directory);
    old = await startReferenceServer(join(directory, "old"), { databases: postgres, authority });
    tell(old);
    for (const repository of all) {
      await owner().do(["init", repository, "-p"]);
      if (repository !== own && repository !== agedOwn)
        await owner().do(["key", "rotate", repository, "snapshot", "-r"]);
      await add(repository, "one");
      await names("sleeper", repository);
    }
    await pushTrusted(people.docker("owner"), people.stage(), "v1");
    const key = await generateKey(people.docker("alice"), "alice");
    await addSigner(people.docker("owner"), people.stage(), "alice", key);
    here = await startVidimus(join(directory, "new"));
    const imported = await operator(["import", "notary", old.url, "--old-ca", old.ca]);
    expect([imported.code, imported.stderr]).toEqual([0, ""]);
  }, 300_000);
  afterAll(async () => {
    await here?.stop();
    await old?.stop();
    await postgres?.stop();
  });

  test("beside it, both serve the same, and whatever differs is found", async () => {
    const state = join(directory, "shadow.json");
    const shadow = async (...args: readonly string[]) => {
      const result = await operator(["shadow", old.url, "--old-ca", old.ca, "--state", state, ...args]);
      const { repositories, differences, uncompared } = JSON.parse(result.stdout) as {
        repositories: Record<string, number>;
        differences: { repository: string; role?: string; code: string }[];
        uncompared: unknown[];
      };
      expect(uncompared).toEqual([]);
      const looked = Object.values(repositories).reduce((sum, count) => sum + count, 0);
      const said = differences.map(({ repository, role = "", code }) => `${repository} ${role} ${code}`);
      return [result.code, looked, said.sort()];
    };
    const again = () => operator(["import", "notary", old.url, "--old-ca", old.ca]);
    expect(await shadow()).toEqual([0, 7, []]);
    expect(await shadow()).toEqual([0, 0, []]);
    await add(own, "beside");
    const older = ["snapshot", "targets", "timestamp"].map((role) => `${own} ${role} OLDER_HERE`);
    expect(await shadow()).toEqual([96, 1, older]);
    const extra = "registry.example.test/back/extra";
    await owner().do(["init", extra, "-p"]);
    expect(await shadow()).toEqual([
      96,
      2,
      [...older.slice(0, 2), older[2], `${extra}  MISSING_HERE`].sort(),
    ]);
    expect((await again()).code).toBe(0);
    expect(await shadow()).toEqual([0, 2, []]);
    await owner().do(["delete", extra, "--remote"]);
    expect(await shadow()).toEqual([96, 1, [`${extra}  MISSING_THERE`]]);
    expect((await fetchFrom(here, `/v2/${extra}/_trust/tuf/`, "DELETE")).status).toBe(200);
    expect(await shadow()).toEqual([0, 1, []]);
    // What a damaged disk or a hand in the tables would do. That server keeps in memory what it gives by checksum.
    const row = `gun = '${late}' AND role = 'root' AND version = 1`;
    await postgres.query("server", `CREATE TABLE kept AS SELECT data FROM tuf_files WHERE ${row};`);
    await postgres.query("server", `UPDATE tuf_files SET data = data || '\\x20' WHERE ${row};`);
    expect(await shadow("--all")).toEqual([96, 8, [`${late}  UNUSABLE_THERE`]]);
    await postgres.query("server", `UPDATE tuf_files SET data = (SELECT data FROM kept) WHERE ${row};`);
    expect(await shadow()).toEqual([0, 1, []]);
    // Two people begin under one name, each at another server.
    await owner().do(["init", extra, "-p"]);
    tell(here);
    await people.person("stranger").do(["init", extra, "-p"]);
    tell(old);
    // The timestamp here goes on above the one that was deleted.
    const roles = ["root", "snapshot", "targets"];
    expect(await shadow()).toEqual([96, 1, roles.map((role) => `${extra} ${role} DIFFERENT`)]);
    for (const server of [old, here])
      expect((await fetchFrom(server, `/v2/${extra}/_trust/tuf/`, "DELETE")).status).toBe(200);
    const away = await operator(["shadow", "https://127.0.0.1:1", "--old-ca", old.ca]);
    expect([away.code, away.stdout]).toEqual([97, ""]);
  }, 120_000);

  test("people go on here", async () => {
    const keys = ["import", "keys", "--signer-db", postgres.signer];
    expect((await operator(keys, { NOTARY_SIGNER_INTEROP: oldPassphrase })).code).toBe(0);
    tell(here);
    try {
      await publishHere();
    } finally {
      tell(old);
    }
  }, 120_000);

  test("what cannot go is named before anything is written, and then nothing is", async () => {
    const before = await Promise.all([...all, image].map((each) => currentFiles(old, each)));
    const dry = await back("--dry-run");
    expect([dry.code, outcomes(dry)]).toEqual([
      93,
      {
        [image]: "wouldBeTaken",
        [name]: "wouldBeTaken",
        [own]: "wouldBeTaken",
        [ours]: "leftOut EXPORT_KEYS",
        [late]: "wouldBeTaken",
        [aged]: "wouldBeTaken",
        [agedOwn]: "wouldBeTaken",
      },
    ]);
    const refused = await back();
    expect([refused.code, told(refused).dryRun, outcomes(refused)]).toEqual([93, true, outcomes(dry)]);
    const tables = await back(...intoTables);
    expect([tables.code, outcomes(tables)[ours]]).toEqual([93, "leftOut EXPORT_KEYS"]);
    const after = await Promise.all([...all, image].map((each) => currentFiles(old, each)));
    expect(after).toEqual(before);
  });

  test("by its publish interface, and the same people go on there", async () => {
    const gone = await back(name, own, image);
    expect([gone.code, gone.stderr, outcomes(gone)]).toEqual([
      0,
      "",
      { [image]: "further", [name]: "further", [own]: "further" },
    ]);
    expect(Object.keys(await allButTimestamp(here, image))).toContain("targets/releases.json");
    for (const repository of [name, own, image]) {
      expect(await allButTimestamp(old, repository)).toEqual(await allButTimestamp(here, repository));
      expect(await versionAt(old, repository, "timestamp")).toBe(
        await versionAt(here, repository, "timestamp"),
      );
    }
    expect(outcomes(await back(name, own, image))).toEqual({
      [image]: "same",
      [name]: "same",
      [own]: "same",
    });
    for (const who of ["reader", "sleeper", "newcomer"]) {
      expect([who, await names(who)]).toEqual([who, ["here", "one", "rotated"]]);
      expect([who, await names(who, own)]).toEqual([who, ["beside", "here", "one"]]);
    }
    const reader = people.person("reader");
    expect((await reader.do(["lookup", name, "rotated"])).stdout).toContain("sha256:");
    await reader.do(["verify", name, "here", "-i", reader.file("content", "content"), "-q"]);
    await add(name, "since");
    await add(own, "since");
    await owner().do(["key", "rotate", name, "root"], { input: "yes\n" });
    expect(await names("sleeper")).toEqual(["here", "one", "rotated", "since"]);
    expect(await names("reader", own)).toEqual(["beside", "here", "one", "since"]);
    expect(await pull(people.docker("reader"), people.stage(), "v2")).toMatch(/^sha256:/);
    const next = await pushTrusted(people.docker("alice"), people.stage(), "v3");
    expect(await pull(people.docker("reader"), people.stage(), "v3")).toBe(next);
  }, 180_000);

  test("a repository that was published to there since is not touched", async () => {
    const before = await currentFiles(old, name);
    for (const way of [[], intoTables]) {
      const refused = await back(name, ...way);
      expect([refused.code, outcomes(refused)]).toEqual([93, { [name]: "leftOut EXPORT_CONFLICT" }]);
    }
    expect(await currentFiles(old, name)).toEqual(before);
  });

  test("what was renewed here is made up for, where its signer can; else the tables are the way", async () => {
    const start = (node: readonly string[] = []) =>
      startVidimus(join(directory, "new"), node.length > 0 ? { node } : {});
    const timestamps = () => Promise.all([aged, agedOwn].map((each) => versionAt(here, each, "timestamp")));
    const renewed = (await timestamps()).map((version) => version + 1);
    await here.stop();
    here = await start(["--import", clockAhead(8 * 86_400_000)]);
    await expect.poll(timestamps, { timeout: 30_000 }).toEqual(renewed);
    await here.stop();
    here = await start();
    tell(here);
    for (const repository of [aged, agedOwn]) await names("reader", repository);
    tell(old);
    const [gone, kept] = [await back(aged), await back(agedOwn)];
    expect([gone.code, outcomes(gone)]).toEqual([0, { [aged]: "further" }]);
    expect([kept.code, outcomes(kept)]).toEqual([93, { [agedOwn]: "leftOut EXPORT_TIMESTAMP" }]);
    expect(await versionAt(old, aged, "timestamp")).toBe(await versionAt(here, aged, "timestamp"));
    expect(outcomes(await back(aged))).toEqual({ [aged]: "same" });
    expect(outcomes(await back(agedOwn, ...intoTables))).toEqual({ [agedOwn]: "further" });
    expect(await currentFiles(old, agedOwn)).toEqual(await currentFiles(here, agedOwn));
    for (const repository of [aged, agedOwn]) {
      for (const who of ["reader", "sleeper"]) expect(await names(who, repository)).toEqual(["here", "one"]);
      await add(repository, "since");
      expect(await names("reader", repository)).toEqual(["here", "one", "since"]);
    }
  }, 120_000);

  test("into its tables, to the byte, while it runs", async () => {
    const gone = await back(late, ...intoTables, "--past");
    expect([gone.code, gone.stderr, outcomes(gone)]).toEqual([0, "", { [late]: "further" }]);
    expect(await currentFiles(old, late)).toEqual(await currentFiles(here, late));
    expect(outcomes(await back(late, ...intoTables, "--past"))).toEqual({ [late]: "same" });
    expect((await operator(["shadow", old.url, late, "--old-ca", old.ca])).code).toBe(0);
    for (const who of ["reader", "sleeper", "newcomer"])
      expect([who, await names(who, late)]).toEqual([who, ["here", "one"]]);
    await add(late, "since");
    expect(await versionAt(old, late, "timestamp")).toBe((await versionAt(here, late, "timestamp")) + 1);
    for (const who of ["reader", "sleeper"]) expect(await names(who, late)).toEqual(["here", "one", "since"]);
  }, 120_000);

  test("without keys that never left this server, until its owner signs the next root", async () => {
    const gone = await back(ours, ...intoTables, "--without-keys");
    expect([gone.code, outcomes(gone)]).toEqual([0, { [ours]: "further KEYS_MISSING" }]);
    expect(await currentFiles(old, ours)).toEqual(await currentFiles(here, ours));
    for (const who of ["reader", "sleeper"]) expect(await names(who, ours)).toEqual(["here", "one"]);
    for (const role of ["timestamp", "snapshot"])
      expect(refusal(await owner().try(["key", "rotate", ours, role, "-r"]))).toBe(
        "rejected by the server as invalid",
      );
    const laptop = people.laptop("owner", ours);
    const adopt = ["adopt", ours, "--trust-dir", owner().trustDirectory];
    expect(await laptop.do(...adopt)).toMatch(/Published .*: root 5\b/);
    expect(await laptop.do(...adopt)).toContain("nothing to adopt");
    await add(ours, "since");
    for (const who of ["reader", "sleeper", "newcomer"])
      expect([who, await names(who, ours)]).toEqual([who, ["here", "one", "since"]]);
  }, 120_000);

  test("a database that cannot be used is one sentence, and changes nothing", async () => {
    const bad = [
      ["--server-db", postgres.signer, "--without-keys"],
      ["--server-db", "postgres://notary@127.0.0.1:1/server", "--without-keys"],
      ["--server-db", postgres.server, "--signer-db", postgres.server],
    ];
    for (const flags of bad) {
      const { code, stdout, stderr } = await back(own, ...flags);
      expect([flags, code, stdout, stderr.trim().split("\n").length]).toEqual([flags, 88, "", 1]);
    }
  });
});
