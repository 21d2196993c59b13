/** Repositories into a folder, and out of it again. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sha256Hex } from "../../../src/core/bytes.ts";
import { notary } from "../../../src/core/format/notary.ts";
import { folderDestination } from "../../../src/moving/back/folder.ts";
import { folderSource, isExport } from "../../../src/moving/back/folder-source.ts";
import { olderAt } from "../../../src/moving/back/publishing.ts";
import { type CrawlLimits, usualCrawlLimits } from "../../../src/moving/crawl.ts";
import { offerOf } from "../../../src/moving/offer.ts";
import type { Source } from "../../../src/moving/source.ts";
import { takeOver } from "../../../src/moving/take-over.ts";
import { type Folder, folderWith } from "../../support/folder.ts";
import {
  app,
  everyVersion,
  importFrom,
  publishOn,
  recorded,
  sourceAt,
  withHistory,
} from "../../support/moving.ts";
import type { Owner } from "../../support/publisher.ts";
import { startServer, type TestServer } from "../../support/server.ts";

let here: TestServer;
let owner: Owner;
let home: Folder;
beforeEach(async () => {
  here = await startServer();
  owner = await withHistory(here);
  home = folderWith({ "other/x": "somebody else's" });
});
afterEach(() => here.close());

const back = () => home.at("back");

interface Changes {
  readonly source?: Source;
  readonly dryRun?: boolean;
  readonly past?: boolean;
  readonly limits?: Partial<CrawlLimits>;
}

async function exported({ source = sourceAt(here.port), dryRun = false, past = true, limits }: Changes = {}) {
  const crawl = {
    source,
    format: notary,
    limits: { ...usualCrawlLimits, ...limits },
    now: () => here.clock.now(),
  };
  const older = olderAt(source, usualCrawlLimits.fileBytes);
  const destination = await folderDestination({ folder: back(), rules: notary, older });
  return await takeOver({ offer: offerOf(crawl, { past }), destination, dryRun, inFlight: 4 }, [app]);
}

const written = () =>
  readdirSync(back(), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
const bytesThere = () => new Map(written().map((path) => [path, readFileSync(path, "utf8")]));

it("a folder where none can be made is refused at once", async () => {
  const source = sourceAt(here.port);
  const crawl = { source, format: notary, limits: usualCrawlLimits, now: () => here.clock.now() };
  const older = olderAt(source, usualCrawlLimits.fileBytes);
  const into = async () => {
    const destination = await folderDestination({ folder: "/proc/x", rules: notary, older });
    return await takeOver(
      { offer: offerOf(crawl, { past: false }), destination, dryRun: false, inFlight: 4 },
      [app],
    );
  };
  await expect(into()).rejects.toMatchObject({ code: "EXPORT_PLACE" });
  source.close();
});

describe("a folder that repositories go back to", () => {
  it("has every file as a Notary serves it, and another server takes all of it over from there", async () => {
    expect(await exported()).toMatchObject([{ outcome: "taken", roots: [1, 3], findings: [] }]);
    const place = join(back(), "v2", app, "_trust", "tuf");
    expect(readFileSync(join(place, "timestamp.json"))).toEqual(
      (await here.file(app, "timestamp.json")).body,
    );
    const there = await startServer();
    try {
      const source = folderSource(back());
      expect(await importFrom(source, there, source.names(10))).toMatchObject([
        { repository: app, outcome: "taken", findings: [] },
      ]);
      expect(await everyVersion(there, app)).toEqual(await everyVersion(here, app));
    } finally {
      await there.close();
    }
  });

  it("is not changed when nothing is missing, and brought further when something is", async () => {
    await exported();
    const before = bytesThere();
    expect(await exported()).toMatchObject([{ outcome: "same", past: 0 }]);
    expect(bytesThere()).toEqual(before);
    owner.addTarget("3.0");
    await publishOn(here, owner, "targets");
    expect(await exported()).toMatchObject([{ outcome: "further" }]);
    for (const [path, bytes] of before) {
      if (/\/[0-9]+\.|\.[0-9a-f]{64}\.json$/.test(path)) expect(readFileSync(path, "utf8")).toBe(bytes);
    }
  });

  it("has all roots and what is current without the past", async () => {
    await exported({ past: false });
    const names = written().map((path) => path.slice(path.indexOf("_trust/tuf/") + 11));
    expect(names).toEqual(expect.arrayContaining(["1.root.json", "2.root.json", "3.root.json"]));
    expect(names.filter((name) => /^[0-9]+\.timestamp/.test(name))).toHaveLength(1);
  });

  it("is not made by a dry run", async () => {
    expect(await exported({ dryRun: true })).toMatchObject([{ outcome: "wouldBeTaken" }]);
    expect(readdirSync(home.path)).toEqual(["other"]);
  });

  it("comes whole after every place at which an export can be cut off, and can be read at any time", async () => {
    const whole = await everyVersion(here, app);
    for (let after = 3; after < 60; after += 7) {
      let left = after;
      const real = sourceAt(here.port);
      const source: Source = {
        ...real,
        async file(...asked) {
          if (left-- <= 0) throw new Error("killed");
          return await real.file(...asked);
        },
      };
      await exported({ source, limits: { batchBytes: 1 } }).catch(() => undefined);
      if (!(await isExport(back()))) continue;
      const there = await startServer();
      try {
        const taken = await importFrom(folderSource(back()), there, [app]);
        expect(taken).toMatchObject([{ outcome: "taken", findings: [] }]);
        for (const [name, bytes] of await everyVersion(there, app)) expect(bytes).toBe(whole.get(name));
      } finally {
        await there.close();
      }
    }
    await exported();
    const there = await startServer();
    await importFrom(folderSource(back()), there, [app]);
    expect(await everyVersion(there, app)).toEqual(whole);
    await there.close();
  });

  it("that holds something else is left alone", async () => {
    const older = olderAt(sourceAt(here.port), 1_000);
    await expect(folderDestination({ folder: home.at("other"), rules: notary, older })).rejects.toMatchObject(
      { code: "EXPORT_PLACE" },
    );
    expect(readdirSync(home.at("other"))).toEqual(["x"]);
    rmSync(home.at("other/x"));
    writeFileSync(home.at("other/.0123456789abcdef.tmp"), "what a killed export leaves behind");
    await folderDestination({ folder: home.at("other"), rules: notary, older });
  });

  it("that has another history of a repository keeps it", async () => {
    const other = await startServer();
    try {
      await withHistory(other);
      await exported({ source: await recorded(other, app) });
    } finally {
      await other.close();
    }
    const before = bytesThere();
    expect(await exported()).toMatchObject([{ outcome: "leftOut", findings: [{ code: "EXPORT_CONFLICT" }] }]);
    expect(bytesThere()).toEqual(before);
  });

  describe("that was damaged is named, with the file and what to do, and left as it is:", () => {
    const place = () => join(back(), "v2", app, "_trust", "tuf");
    const refused = async (name: string) => {
      const before = bytesThere();
      for (const dryRun of [true, false]) {
        const [report] = await exported({ dryRun });
        expect(report).toMatchObject({ outcome: "leftOut", findings: [{ code: "EXPORT_DAMAGED" }] });
        const [finding] = report?.findings ?? [];
        expect(finding?.sentence).toContain(`${join(place(), name)} is not as an export has written it`);
        expect(finding?.sentence).toContain(`move the folder ${place()}`);
      }
      expect(bytesThere()).toEqual(before);
    };

    it.each([
      ["cut off", "targets.json", (bytes: Buffer) => bytes.subarray(0, 20)],
      ["empty", "timestamp.json", () => Buffer.alloc(0)],
      [
        "flipped",
        "snapshot.json",
        (bytes: Buffer) => Buffer.from(bytes.map((byte, i) => (i === 90 ? byte ^ 1 : byte))),
      ],
      [
        "flipped as a root of the past",
        "1.root.json",
        (bytes: Buffer) => Buffer.from(bytes.map((byte, i) => (i === 90 ? byte ^ 1 : byte))),
      ],
      ["put there by somebody else", "2.root.json", () => Buffer.from("{}")],
    ])("%s", async (_how, name, damage) => {
      await exported();
      const path = join(place(), name);
      writeFileSync(path, damage(readFileSync(path)));
      await refused(name);
      rmSync(place(), { recursive: true });
      expect(await exported()).toMatchObject([{ outcome: "taken", findings: [] }]);
    });

    it("its own mark", async () => {
      await exported();
      writeFileSync(join(back(), "vidimus-export.json"), "{");
      await expect(exported()).rejects.toMatchObject({
        code: "EXPORT_PLACE",
        message: expect.stringContaining(join(back(), "vidimus-export.json")),
      });
    });

    it("but what is of the past and made by servers is brought once more", async () => {
      await exported();
      const path = join(place(), "2.timestamp.json");
      const whole = readFileSync(path);
      writeFileSync(path, "{");
      rmSync(join(place(), `timestamp.${sha256Hex(whole)}.json`));
      const [report] = await exported();
      expect(report?.findings).toMatchObject([{ code: "EXPORT_DAMAGED" }]);
      rmSync(path);
      expect(await exported()).toMatchObject([{ outcome: "same", findings: [] }]);
      expect(readFileSync(path)).toEqual(whole);
    });
  });

  it("is believed in nothing when it is read", async () => {
    await exported();
    const path = join(back(), "v2", app, "_trust", "tuf", "1.root.json");
    writeFileSync(path, readFileSync(path, "utf8").replace(/"version":1/, '"version":9'));
    const there = await startServer();
    expect(await importFrom(folderSource(back()), there, [app])).toMatchObject([{ outcome: "leftOut" }]);
    expect(await there.store.state(app)).toMatchObject({ revision: 0 });
    rmSync(path);
    // Without it, the chain begins later.
    expect(await importFrom(folderSource(back()), there, [app])).toMatchObject([
      { outcome: "taken", roots: [2, 3] },
    ]);
    await there.close();
  });
});
