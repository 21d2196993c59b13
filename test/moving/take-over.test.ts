/** Repositories from one server to another, by the public interface of the one and the management API of the other. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { notary } from "../../src/core/format/notary.ts";
import type { Source } from "../../src/moving/source.ts";
import { checkStore } from "../../src/service/fsck/fsck.ts";
import { inspectSqlite } from "../../src/store/sqlite/inspection.ts";
import {
  app,
  everyVersion,
  importFrom,
  publishOn,
  recorded,
  sourceAt,
  withHistory,
} from "../support/moving.ts";
import { told } from "../support/publications.ts";
import { day, newRootKey, type Owner } from "../support/publisher.ts";
import { backEnds, startServer, type TestServer } from "../support/server.ts";

let old: TestServer;
let owner: Owner;
beforeEach(async () => {
  old = await startServer();
  owner = await withHistory(old);
});
afterEach(() => old.close());

async function damages({ directory, clock }: TestServer): Promise<readonly string[]> {
  if (directory === undefined) return [];
  const found: string[] = [];
  const inspection = inspectSqlite(directory);
  try {
    await checkStore({ inspection, format: notary, openSigner: undefined, at: clock.now() }, (damage) =>
      found.push(JSON.stringify(damage)),
    );
  } finally {
    inspection.close();
  }
  return found;
}

describe.each(backEnds)("a repository that is taken over into a store in %s", (backEnd) => {
  let here: TestServer;
  beforeEach(async () => {
    here = await startServer({ backEnd });
  });
  afterEach(() => here.close());

  it("is served by version, by checksum and as current file, the same to the byte, and nothing in it is damaged", async () => {
    const [report] = await importFrom(sourceAt(old.port), here, [app]);
    expect(report).toMatchObject({
      repository: app,
      outcome: "taken",
      roots: [1, 3],
      files: 6,
      findings: [],
      remarks: [{ code: "UNUSABLE", role: "targets/gone" }],
    });
    expect(await everyVersion(here, app)).toEqual(await everyVersion(old, app));
    await here.chainCheck(app, { unavailable: "any" });
    expect(await damages(here)).toEqual([]);
  });

  it("whose chain began late gets its older roots from whoever has them, also when it was adopted", async () => {
    const late: Source = {
      ...sourceAt(old.port),
      file: async (repository, name, most) =>
        /^[12]\.root\.json$/.test(name) ? undefined : await sourceAt(old.port).file(repository, name, most),
    };
    expect(await importFrom(late, here, [app])).toMatchObject([{ outcome: "taken", roots: [3, 3] }]);
    expect((await here.file(app, "1.root.json")).status).toBe(404);
    const [dry] = await importFrom(sourceAt(old.port), here, [app], { dryRun: true });
    expect(dry).toMatchObject({ outcome: "wouldBeTaken", roots: [1, 3] });
    expect((await here.file(app, "1.root.json")).status).toBe(404);
    expect(await importFrom(sourceAt(old.port), here, [app])).toMatchObject([
      { outcome: "further", findings: [] },
    ]);
    expect(await everyVersion(here, app)).toEqual(await everyVersion(old, app));
    expect(await importFrom(sourceAt(old.port), here, [app])).toMatchObject([{ outcome: "same", past: 0 }]);
    expect(await damages(here)).toEqual([]);
  });

  it("that is imported again is brought further, and nothing is done when nothing is missing", async () => {
    await importFrom(sourceAt(old.port), here, [app]);
    const before = await here.store.state(app);
    expect(await importFrom(sourceAt(old.port), here, [app])).toMatchObject([{ outcome: "same", past: 0 }]);
    expect(await here.store.state(app)).toEqual(before);
    owner.addTarget("3.0");
    await publishOn(old, owner, "targets");
    owner.addTarget("3.1");
    await publishOn(old, owner, "targets");
    expect(await importFrom(sourceAt(old.port), here, [app])).toMatchObject([{ outcome: "further" }]);
    expect(await everyVersion(here, app)).toEqual(await everyVersion(old, app));
    expect(await damages(here)).toEqual([]);
  });

  it("refuses publications until it is adopted, and goes on above what came afterwards", async () => {
    await importFrom(sourceAt(old.port), here, [app]);
    owner.addTarget("3.0");
    const files = owner.next("targets");
    const refused = await here.publish(app, files);
    expect([refused.status, refused.code]).toEqual([400, "NOT_ADOPTED"]);
    expect(refused.body.toString("utf8")).toContain("vidimus adopt");
    const before = (await here.store.state(app)).current;
    owner.root.keys.timestamp = [await here.key(app, "timestamp", "POST")];
    owner.root.keys.snapshot = [await here.key(app, "snapshot", "POST")];
    owner.root.signers = owner.root.signers.slice(-1);
    owner.root.version++;
    const adopted = await here.publish(app, new Map([["root", owner.rootFile()], ...files]), {
      unavailable: "any",
    });
    expect(adopted.status, adopted.body.toString("utf8")).toBe(200);
    const after = (await here.store.state(app)).current;
    for (const role of ["timestamp", "snapshot"]) {
      expect(after.get(role)?.version).toBe((before.get(role)?.version ?? 0) + 1);
    }
    expect(await damages(here)).toEqual([]);
    const [again] = await importFrom(sourceAt(old.port), here, [app]);
    expect(again).toMatchObject({ outcome: "same", adopted: true, findings: [] });
    // The old server renews its timestamp, as it does until it is switched off.
    old.clock.advance(15 * day);
    await old.file(app, "timestamp.json");
    here.clock.advance(15 * day);
    const [newer] = await importFrom(sourceAt(old.port), here, [app]);
    expect(newer).toMatchObject({ outcome: "leftOut", findings: [{ code: "IMPORT_CONFLICT" }] });
  });

  it("is not taken where another one of its name lives, or lived longer", async () => {
    const mine = await here.owner(app);
    await here.publish(app, mine.first());
    const before = await everyVersion(here, app);
    const [report] = await importFrom(sourceAt(old.port), here, [app]);
    expect(report).toMatchObject({ outcome: "leftOut", findings: [{ code: "IMPORT_CONFLICT" }] });
    expect(report?.findings[0]?.sentence).toContain("do not delete it");
    expect(await everyVersion(here, app)).toEqual(before);
    await here.request(`/v2/${app}/_trust/tuf/`, { method: "DELETE" });
    await here.store.raiseFloor({
      repository: app,
      format: "notary",
      at: 1,
      principal: "tester",
      floor: new Map([["timestamp", 99]]),
      audit: told(app, { at: 1, kind: "repository.recovered" }),
    });
    const [after] = await importFrom(sourceAt(old.port), here, [app]);
    // A certificate carries the name, so another name is no way out.
    expect(after?.findings[0]?.sentence).not.toContain("another name");
    expect(after).toMatchObject({ outcome: "leftOut", findings: [{ code: "IMPORT_CONFLICT" }] });
    expect(await here.store.state(app)).toMatchObject({ exists: false });
  });

  it("is not taken where more is here than came, and it is said what, and not that bytes differ", async () => {
    const before = await recorded(old, app);
    const key = await newRootKey(app, old.clock.now());
    owner.root.signers = [...owner.root.signers.slice(-1), key];
    owner.root.keys.root = [key.listed];
    await publishOn(old, owner, "root");
    await importFrom(sourceAt(old.port), here, [app]);
    const [report] = await importFrom(before, here, [app]);
    expect(report).toMatchObject({ outcome: "leftOut", findings: [{ code: "IMPORT_CONFLICT" }] });
    expect(report?.findings[0]?.sentence).toMatch(/root 4 is in force, and an older one came, root 3/);
  });

  it("is not taken where what came begins after what is here", async () => {
    const before = await recorded(old, app);
    await importFrom(before, here, [app]);
    for (let each = 0; each < 2; each++) {
      const key = await newRootKey(app, old.clock.now());
      owner.root.signers = [...owner.root.signers.slice(-1), key];
      owner.root.keys.root = [key.listed];
      await publishOn(old, owner, "root");
    }
    const late: Source = {
      ...sourceAt(old.port),
      file: async (repository, name, most) =>
        /^[1-4]\.root\.json$/.test(name) ? undefined : await sourceAt(old.port).file(repository, name, most),
    };
    const [report] = await importFrom(late, here, [app]);
    expect(report).toMatchObject({ outcome: "leftOut", findings: [{ code: "IMPORT_CONFLICT" }] });
    expect(report?.findings[0]?.sentence).toMatch(/root 3, and what came begins at root 5/);
  });

  it("is not taken where two histories part, and it is said where", async () => {
    await importFrom(sourceAt(old.port), here, [app]);
    const other = await startServer();
    await withHistory(other);
    const [report] = await importFrom(sourceAt(other.port), here, [app]);
    await other.close();
    expect(report).toMatchObject({ outcome: "leftOut", findings: [{ code: "IMPORT_CONFLICT" }] });
    expect(report?.findings[0]?.sentence).toMatch(/another history .* root 1 has other bytes/);
  });

  it.each(["timestamp", "root"])(
    "that is there without its %s is no repository that is not there",
    async (role) => {
      const half: Source = {
        ...sourceAt(old.port),
        file: async (repository, name, most) =>
          name === `${role}.json` ? undefined : await sourceAt(old.port).file(repository, name, most),
      };
      const [report] = await importFrom(half, here, [app]);
      expect(report).toMatchObject({ outcome: "leftOut", findings: [{ code: "SNAPSHOT_INCOMPLETE" }] });
      expect(report?.findings[0]?.sentence).toContain(`no ${role}`);
    },
  );

  it("on a name that was deleted is its next life", async () => {
    const mine = await here.owner(app);
    await here.publish(app, mine.first());
    await here.request(`/v2/${app}/_trust/tuf/`, { method: "DELETE" });
    const [report] = await importFrom(sourceAt(old.port), here, [app]);
    expect(report).toMatchObject({ outcome: "taken", findings: [] });
    expect(await here.store.state(app)).toMatchObject({ exists: true, incarnation: 2 });
    expect(await everyVersion(here, app)).toEqual(await everyVersion(old, app));
    expect(await damages(here)).toEqual([]);
  });

  it("whose online roles have expired is served as it is", async () => {
    old.clock.advance(0);
    here.clock.advance(400 * 86_400_000);
    const [report] = await importFrom(sourceAt(old.port), here, [app]);
    expect(report?.remarks).toContainEqual({ code: "EXPIRED", role: "timestamp" });
    expect((await here.file(app, "timestamp.json")).body).toEqual(
      (await old.file(app, "timestamp.json")).body,
    );
  });

  it("comes whole after every place at which an import can be cut off", async () => {
    const whole = await everyVersion(old, app);
    for (let after = 0; after < 60; after += 7) {
      let left = after;
      const real = sourceAt(old.port);
      const source: Source = {
        ...real,
        async file(...asked) {
          if (left-- <= 0) throw new Error("killed");
          return await real.file(...asked);
        },
      };
      await importFrom(source, here, [app], {
        limits: { ...(await import("../../src/moving/crawl.ts")).usualCrawlLimits, batchBytes: 1 },
      }).catch(() => undefined);
      for (const [name, bytes] of await everyVersion(here, app)) expect(bytes).toBe(whole.get(name));
    }
    await importFrom(sourceAt(old.port), here, [app]);
    expect(await everyVersion(here, app)).toEqual(whole);
    expect(await damages(here)).toEqual([]);
  });
});

describe("an import", () => {
  it.each(["name with space", "x;rm", "", "-dash/app"])(
    "of %j says that nothing can be called so here",
    async (name) => {
      const here = await startServer();
      const [report] = await importFrom(sourceAt(old.port), here, [name]);
      expect(report).toMatchObject({ outcome: "leftOut", findings: [{ code: "BAD_REPOSITORY_NAME" }] });
      await here.close();
    },
  );

  let here: TestServer;
  beforeEach(async () => {
    here = await startServer();
  });
  afterEach(() => here.close());

  it("takes all that the changefeed names, without what was deleted", async () => {
    for (const name of ["a/one", "a/two", "a/three"]) {
      const each = await old.owner(name);
      await old.publish(name, each.first());
    }
    await old.request("/v2/a/two/_trust/tuf/", { method: "DELETE" });
    const source = sourceAt(old.port);
    const reports = await importFrom(source, here, source.names(100));
    expect(reports.map(({ repository, outcome }) => [repository, outcome])).toEqual([
      ["a/one", "taken"],
      ["a/three", "taken"],
      [app, "taken"],
    ]);
  });

  it("that is a dry run says what it would take, and changes nothing", async () => {
    const reports = await importFrom(sourceAt(old.port), here, [app, "not/there"], { dryRun: true });
    expect(reports).toMatchObject([
      { repository: "not/there", outcome: "absent" },
      { repository: app, outcome: "wouldBeTaken", roots: [1, 3] },
    ]);
    expect(reports[1]?.past).toBeGreaterThan(10);
    expect(await here.store.state(app)).toMatchObject({ revision: 0 });
  });

  it("works with at least ten repositories at a time", async () => {
    const names = Array.from({ length: 12 }, (_, i) => `many/${i}`);
    for (const name of names) await old.publish(name, (await old.owner(name)).first());
    const real = sourceAt(old.port);
    const begun = new Set<string>();
    let release = () => {};
    const all = new Promise<void>((resolve) => {
      release = resolve;
    });
    const source: Source = {
      ...real,
      async file(repository, ...asked) {
        begun.add(repository);
        if (begun.size >= 10) release();
        await all;
        return await real.file(repository, ...asked);
      },
    };
    const reports = await importFrom(source, here, names);
    expect(reports.every(({ outcome }) => outcome === "taken")).toBe(true);
  });
});
