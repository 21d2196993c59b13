/** Repositories from what clients kept: one folder, several, and several that do not agree. */
import { existsSync, symlinkSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { noCredentials } from "../../src/client/fetch/credentials.ts";
import { createFetcher } from "../../src/client/fetch/http-fetcher.ts";
import { notary } from "../../src/core/format/notary.ts";
import { destination } from "../../src/moving/destination.ts";
import { takeOver } from "../../src/moving/take-over.ts";
import { keptIn } from "../../src/moving/trust-folder.ts";
import { trustOffer } from "../../src/moving/trust-offer.ts";
import { type Folder, folderWith } from "../support/folder.ts";
import { app, publishOn, withHistory } from "../support/moving.ts";
import { newRootKey, type Owner, signedOf, signJson } from "../support/publisher.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { Simulator, someTarget } from "../support/simulator.ts";

let old: TestServer;
let owner: Owner;
let here: TestServer;
beforeEach(async () => {
  old = await startServer();
  here = await startServer();
  owner = await withHistory(old);
});
afterEach(async () => {
  await old.close();
  await here.close();
});

const roles = ["root", "timestamp", "snapshot", "targets", "targets/releases"];

/** As a client keeps it that looks now; `changes` are put in the place of what it has. */
async function cache(changes: Readonly<Record<string, Buffer | undefined>> = {}): Promise<Folder> {
  const files: Record<string, string> = {
    "private/secret.key": "not to be read",
    [`tuf/${app}/changelist/0001.change`]: "not to be read",
  };
  for (const role of roles) {
    const bytes = role in changes ? changes[role] : (await old.file(app, `${role}.json`)).body;
    if (bytes !== undefined) files[`tuf/${app}/metadata/${role}.json`] = bytes.toString("utf8");
  }
  return folderWith(files);
}

async function bring(...folders: readonly Folder[]) {
  const fetcher = createFetcher({
    server: `http://127.0.0.1:${here.port}`,
    credentials: noCredentials,
    environment: {},
  });
  try {
    const { offer, repositories } = await trustOffer(
      folders.map(({ path }) => path),
      notary,
      () => here.clock.now(),
    );
    return await takeOver(
      { offer, destination: destination(async () => fetcher, fetcher.origin), dryRun: false, inFlight: 8 },
      repositories,
    );
  } finally {
    fetcher.close();
  }
}

async function rotateRoot(): Promise<void> {
  const key = await newRootKey(app, old.clock.now());
  owner.root.signers = [...owner.root.signers.slice(-1), key];
  owner.root.keys.root = [key.listed];
  await publishOn(old, owner, "root");
}

const nothingHere = async () => expect(await here.store.state(app)).toMatchObject({ revision: 0 });

describe("what a client kept", () => {
  it("is taken over to the byte, from its newest root on", async () => {
    const folder = await cache();
    expect(await bring(folder)).toMatchObject([{ outcome: "taken", roots: [3, 3], findings: [] }]);
    for (const role of roles) {
      expect((await here.file(app, `${role}.json`)).body).toEqual((await old.file(app, `${role}.json`)).body);
    }
    await here.chainCheck(app, { unavailable: "any" });
    expect(existsSync(folder.at(`tuf/${app}/changelist/0001.change`))).toBe(true);
  });

  it.each(["my app/x", "evil\u001b[31m", "_trust/x"])(
    "under a name that none can have here (%j) is a finding, and keeps no other from being taken",
    async (name) => {
      const folder = await cache();
      const odd = folderWith({ [`tuf/${name}/metadata/root.json`]: "{}" });
      const { repositories, empty } = await trustOffer([odd.path], notary, () => here.clock.now());
      expect([repositories, empty]).toEqual([[name], []]);
      const reports = await bring(folder, odd);
      expect(reports.map(({ repository, outcome }) => [repository, outcome])).toEqual(
        expect.arrayContaining([
          [name, "leftOut"],
          [app, "taken"],
        ]),
      );
      expect(reports.find(({ repository }) => repository === name)?.findings).toMatchObject([
        { code: "BAD_REPOSITORY_NAME" },
      ]);
    },
  );

  it("long after its server was switched off is taken, and remarked on", async () => {
    const folder = await cache();
    here.clock.advance(300 * 86_400_000);
    const [report] = await bring(folder);
    expect(report?.outcome).toBe("taken");
    expect(report?.remarks).toContainEqual({ code: "EXPIRED", role: "timestamp" });
  });

  it("in which a file is missing that its snapshot names is left out, unless somebody else has it", async () => {
    const without = await cache({ "targets/releases": undefined });
    expect(await bring(without)).toMatchObject([
      { outcome: "leftOut", findings: [{ code: "SNAPSHOT_INCOMPLETE" }] },
    ]);
    await nothingHere();
    const other = await cache({ timestamp: undefined });
    const [report] = await bring(without, other);
    expect(report).toMatchObject({ outcome: "taken" });
    expect(report?.findings).toHaveLength(1);
  });

  it("that was changed since is left out", async () => {
    const targets = (await old.file(app, "targets.json")).body;
    const folder = await cache({
      targets: signJson({ ...signedOf(targets), version: 77 }, [owner.targetsKey]),
    });
    expect(await bring(folder)).toMatchObject([{ outcome: "leftOut" }]);
    await nothingHere();
  });
});

describe("what several clients kept", () => {
  it("gives the longest chain of roots and the newest set, and says what was passed over", async () => {
    const first = await cache();
    const key = await newRootKey(app, old.clock.now());
    owner.root.signers = [...owner.root.signers.slice(-1), key];
    owner.root.keys.root = [key.listed];
    await publishOn(old, owner, "root");
    const second = await cache();
    owner.addTarget("9.0");
    await publishOn(old, owner, "targets");
    const third = await cache();
    const [report] = await bring(second, first, third);
    expect(report).toMatchObject({ outcome: "taken", roots: [3, 4], findings: [] });
    expect(report?.notes).toEqual([
      expect.stringContaining("begins at root 3"),
      `Older, and not needed: ${second.path}, ${first.path}.`,
    ]);
    expect((await here.file(app, "timestamp.json")).body).toEqual(
      (await old.file(app, "timestamp.json")).body,
    );
    expect((await here.file(app, "3.root.json")).status).toBe(200);
  });

  it("is left out where two were shown different files of one version, however old", async () => {
    const sim = await Simulator.create(app);
    const told = (name: string): Folder => {
      sim.targetsOf("targets").names.set(name, someTarget(name));
      const files: Record<string, string> = {};
      for (const [role, bytes] of sim.publish())
        files[`tuf/${app}/metadata/${role}.json`] = bytes.toString("utf8");
      return folderWith(files);
    };
    const first = told("one");
    for (const state of [sim.targetsOf("targets"), sim.snapshot, sim.timestamp]) state.version = 1;
    told("nobody keeps it");
    const rival = told("another");
    const newest = told("later");
    const [report] = await bring(newest, first, rival);
    expect(report).toMatchObject({ outcome: "leftOut", findings: [{ code: "HASH_MISMATCH" }] });
    expect(report?.findings[0]?.sentence).toContain(rival.path);
    await nothingHere();
    expect(await bring(newest, first)).toMatchObject([{ outcome: "taken", findings: [] }]);
  });

  const edited = async (role: string) => {
    const bytes = (await old.file(app, `${role}.json`)).body;
    return Buffer.from(bytes.toString("utf8").replace(/"expires":"2[0-9]{3}/, '"expires":"2999'));
  };

  it.each(roles)(
    "is taken from the others where somebody's %s was edited by hand, and it is said whose",
    async (role) => {
      const good = await cache();
      const bad = await cache({ [role]: await edited(role) });
      for (const folders of [
        [good, bad],
        [bad, good],
      ]) {
        const [report] = await bring(...folders);
        expect(report?.outcome).toMatch(/^(taken|same)$/);
        expect(report?.findings.map(({ sentence }) => sentence)).toEqual([expect.stringContaining(bad.path)]);
        expect(report?.findings[0]?.sentence).not.toContain(good.path);
      }
      for (const each of roles)
        expect((await here.file(app, `${each}.json`)).body).toEqual(
          (await old.file(app, `${each}.json`)).body,
        );
    },
  );

  it("names a root of the future that nobody signed, and takes what is honest", async () => {
    const good = await cache();
    const root = JSON.parse((await old.file(app, "root.json")).body.toString("utf8"));
    root.signed.version = 99;
    const bad = await cache({ root: Buffer.from(JSON.stringify(root)) });
    const [report] = await bring(good, bad);
    expect(report).toMatchObject({
      outcome: "taken",
      roots: [3, 3],
      findings: [{ code: "ROOT_NOT_SELF_SIGNED" }],
    });
    expect(report?.findings[0]?.sentence).toContain(bad.path);
  });

  it("names copies that lack a root, or were not read", async () => {
    const good = await cache();
    const without = await cache({ root: undefined });
    const linked = await cache({ targets: undefined });
    symlinkSync(good.at(`tuf/${app}/metadata/targets.json`), linked.at(`tuf/${app}/metadata/targets.json`));
    const [report] = await bring(good, without, linked);
    expect(report?.outcome).toBe("taken");
    expect(report?.findings.map(({ code, sentence }) => [code, sentence])).toEqual([
      ["COPY_UNREAD", expect.stringContaining(linked.path)],
      ["NO_ROOT", expect.stringContaining(without.path)],
    ]);
  });

  it("of older roots makes the chain longer, also alone and after the newest, and moves nothing else", async () => {
    const first = await cache();
    await rotateRoot();
    const second = await cache();
    expect(await bring(second)).toMatchObject([{ outcome: "taken", roots: [4, 4] }]);
    const { current } = await here.store.state(app);
    expect(await bring(first)).toMatchObject([{ outcome: "further", findings: [] }]);
    expect((await here.file(app, "3.root.json")).body).toEqual((await old.file(app, "3.root.json")).body);
    expect((await here.store.state(app)).current).toEqual(current);
    // Nothing of it is missing any more, and an older state is not what goes on.
    expect(await bring(first)).toMatchObject([{ findings: [{ code: "IMPORT_CONFLICT" }] }]);
  });

  it("of older roots that lead to others than those here is left out", async () => {
    const other = await startServer();
    await withHistory(other);
    const files: Record<string, string> = {};
    for (const role of roles)
      files[`tuf/${app}/metadata/${role}.json`] = (await other.file(app, `${role}.json`)).body.toString();
    await other.close();
    await rotateRoot();
    await bring(await cache());
    expect(await bring(folderWith(files))).toMatchObject([
      { outcome: "leftOut", findings: [{ code: "IMPORT_CONFLICT" }] },
    ]);
    expect((await here.file(app, "3.root.json")).status).toBe(404);
  });

  it("is left out where nobody has what belongs to the newest root", async () => {
    const first = await cache();
    const key = await newRootKey(app, old.clock.now());
    owner.root.signers = [...owner.root.signers.slice(-1), key];
    owner.root.keys.root = [key.listed];
    await publishOn(old, owner, "root");
    const second = await cache({ timestamp: undefined });
    const [report] = await bring(first, second);
    expect(report).toMatchObject({ outcome: "leftOut" });
    expect(report?.findings.at(-1)).toMatchObject({
      code: "SNAPSHOT_INCOMPLETE",
      sentence: expect.stringContaining(first.path),
    });
    await nothingHere();
  });

  it("is left out where two have different roots of one version", async () => {
    const mine = await cache();
    const root = (await old.file(app, "root.json")).body;
    const rival = signJson({ ...signedOf(root), expires: "2040-01-01T00:00:00Z" }, owner.root.signers);
    const [report] = await bring(mine, await cache({ root: rival }));
    expect(report).toMatchObject({ outcome: "leftOut", findings: [{ code: "HASH_MISMATCH" }] });
    expect(report?.findings[0]?.sentence).toContain(mine.path);
    await nothingHere();
  });
});

it("a folder of nothing is named, and that of docker itself is understood", async () => {
  const nothing = folderWith({ "tuf/readme.json": "{}" });
  const { path } = await cache();
  const { empty } = await trustOffer([nothing.path, path], notary, () => 0);
  expect(empty).toEqual([nothing.path]);
  const docker = folderWith({});
  symlinkSync(path, docker.at("trust"));
  expect((await trustOffer([docker.path], notary, () => 0)).repositories).toEqual([app]);
});

it("more than what may be held at a time is not read, be it of one repository or of several", async () => {
  const file = "x".repeat(100);
  const one = folderWith({ "tuf/a/b/metadata/root.json": file, "tuf/a/b/metadata/targets.json": file });
  const two = folderWith({ "tuf/a/b/metadata/root.json": file, "tuf/a/c/metadata/root.json": file });
  const named = async (...folders: readonly Folder[]) =>
    (
      await trustOffer(
        folders.map(({ path }) => path),
        notary,
        () => 0,
        { testingOnlyMost: 200 },
      )
    ).repositories;
  expect(await named(one)).toEqual(["a/b"]);
  expect(await named(two)).toEqual(["a/b", "a/c"]);
  await expect(named(one, two)).rejects.toMatchObject({ code: "SOURCE_ENDLESS" });
  // What is too much for one repository is refused before that one is told of.
  const room = { bytes: 199 };
  await expect(keptIn(one.path, room).next()).rejects.toMatchObject({ code: "SOURCE_ENDLESS" });
  expect(room.bytes).toBeLessThan(100);
});

it("a folder that cannot be read is the end of it", async () => {
  const { path } = folderWith({});
  await expect(trustOffer([`${path}/not-there`], notary, () => 0)).rejects.toMatchObject({
    code: "SOURCE_UNREACHABLE",
  });
});
