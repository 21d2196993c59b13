/** What is reached of one repository is told, however the reading of it goes on or ends. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { notary } from "../../src/core/format/notary.ts";
import {
  crawlPast,
  crawlPresent,
  type PastBatch,
  type PastFinding,
  type Present,
  usualCrawlLimits,
} from "../../src/moving/crawl.ts";
import type { Destination } from "../../src/moving/destination.ts";
import { SourceError, TimeLimitError } from "../../src/moving/errors.ts";
import type { Offer, Weight } from "../../src/moving/offer.ts";
import type { Report } from "../../src/moving/report.ts";
import type { Source } from "../../src/moving/source.ts";
import { takeOverEach } from "../../src/moving/take-over.ts";
import { app, importFrom, recorded, sourceAt, withHistory } from "../support/moving.ts";
import { startServer, type TestServer } from "../support/server.ts";

let old: TestServer;
let present: Present;
const sets: PastBatch[] = [];
beforeAll(async () => {
  old = await startServer();
  await withHistory(old);
  const source = sourceAt(old.port);
  const limits = { ...usualCrawlLimits, batchBytes: 0 };
  const crawl = { source, format: notary, limits, now: () => old.clock.now() };
  present = (await crawlPresent(crawl, app)) as Present;
  for await (const batch of crawlPast(crawl, present, new Map(), () => undefined)) sets.push(batch);
  source.close();
});
afterAll(() => old.close());

type Past = (weight: Weight, onFinding: (finding: PastFinding) => void) => AsyncGenerator<PastBatch>;

/** Brings the repository to a server that has `exists` of it, and gives what was told, and what ended it. */
async function brought(past: Past, changes: { readonly exists?: true; readonly dryRun?: true } = {}) {
  const offer: Offer = {
    origin: "https://notary.example.org",
    present: async () => ({ present, findings: [], notes: [] }),
    past: (_present, _held, onFinding, weight) => past(weight, onFinding),
  };
  const added: number[] = [];
  const taken: (Weight | undefined)[] = [];
  const destination: Destination = {
    origin: "https://trust.example",
    standing: async () => ({ exists: changes.exists === true, adopted: false }),
    versions: async () => new Map(),
    async take(_repository, _origin, _collection, _dryRun, weight) {
      taken.push(weight);
      return { changed: changes.exists !== true, incarnation: 1 };
    },
    async addPast(_repository, _incarnation, files) {
      added.push(files.length);
      return files.length;
    },
  };
  const reports: Report[] = [];
  const work = { offer, destination, dryRun: changes.dryRun === true, inFlight: 1 };
  const end = await takeOverEach({ ...work, onDone: (report) => reports.push(report) }, [app]).then(
    () => undefined,
    ({ code }) => code,
  );
  return { reports, end, added, taken };
}

const first = () => sets[0] as PastBatch;

it("a past that is too large among others is read once more alone, whatever else there is to say of it", async () => {
  const weights: Weight[] = [];
  const { reports, added, taken } = await brought(async function* (weight, onFinding) {
    weights.push(weight);
    for (let version = 1; version <= 30; version++) onFinding({ version, code: "THRESHOLD", sentence: "x." });
    if (weight === "light") onFinding({ version: 31, code: "SOURCE_ENDLESS", sentence: "x." });
    else yield first();
  });
  expect([weights, taken]).toEqual([
    ["light", "any"],
    ["light", "any"],
  ]);
  expect(added).toEqual([first().files.length]);
  expect(reports).toMatchObject([{ outcome: "taken", past: first().files.length }]);
  // Of both readings, the findings of the second.
  expect(reports[0]?.findings.map(({ code }) => code)).toEqual([
    ...Array.from({ length: 20 }, () => "THRESHOLD"),
    "MORE",
  ]);
  expect(reports[0]?.findings.at(-1)?.sentence).toContain("10 more");
});

it("what was added of a past before the time was over is counted, also where nothing else was missing", async () => {
  const past: Past = async function* (_weight, onFinding) {
    for (let version = 1; version <= 30; version++) onFinding({ version, code: "THRESHOLD", sentence: "x." });
    yield first();
    throw new TimeLimitError("Over.");
  };
  for (const [changes, outcome] of [[{}, "taken"] as const, [{ exists: true }, "same"] as const]) {
    const { reports, end } = await brought(past, changes);
    expect(end).toBe("TIME_LIMIT");
    expect(reports).toMatchObject([{ outcome, past: first().files.length }]);
    expect(reports[0]?.findings.map(({ code }) => code)).toEqual([
      ...Array.from({ length: 20 }, () => "THRESHOLD"),
      "MORE",
      "TIME_LIMIT",
    ]);
  }
});

it("nothing is told of a repository at which an import was cut off before anything of it was there", async () => {
  const nothing: Past = async function* () {
    if (sets.length === 0) yield first();
    throw new TimeLimitError("Over.");
  };
  expect(await brought(nothing, { exists: true })).toMatchObject({
    reports: [],
    end: "TIME_LIMIT",
    added: [],
  });
  const onlySeen: Past = async function* () {
    yield first();
    throw new TimeLimitError("Over.");
  };
  expect(await brought(onlySeen, { exists: true, dryRun: true })).toMatchObject({ reports: [], added: [] });
});

it("what was added of a past before the source failed is counted, and what failed comes first", async () => {
  const { reports, end } = await brought(async function* () {
    yield first();
    throw new SourceError("SOURCE_FORBIDDEN", "Log in.");
  });
  expect(end).toBeUndefined();
  expect(reports).toMatchObject([
    { outcome: "taken", past: first().files.length, findings: [{ code: "SOURCE_FORBIDDEN" }] },
  ]);
});

it("what was read of a past before its source went away is taken", async () => {
  const here = await startServer();
  const real = await recorded(old, app);
  const newest = present.collection.trusted.timestamp?.signed.version ?? 0;
  const away: Source = {
    ...real,
    async file(repository, name, maxBytes) {
      if (name === `${newest - 3}.timestamp.json`) throw new SourceError("SOURCE_UNREACHABLE", "It is away.");
      return await real.file(repository, name, maxBytes);
    },
  };
  const reports: Report[] = [];
  const onDone = (report: Report) => reports.push(report);
  await expect(importFrom(away, here, [app], { onDone })).rejects.toMatchObject({
    code: "SOURCE_UNREACHABLE",
  });
  for (const [version, status] of [
    [newest - 1, 200],
    [newest - 2, 200],
    [newest - 3, 404],
  ]) {
    expect((await here.file(app, `${version}.timestamp.json`)).status).toBe(status);
  }
  expect(reports[0]?.past).toBe((sets[0]?.files.length ?? 0) + (sets[1]?.files.length ?? 0));
  await here.close();
});
