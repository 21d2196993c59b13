/** What is held of a past until it is published again. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { notary } from "../../../src/core/format/notary.ts";
import { stepsAfter } from "../../../src/moving/back/steps.ts";
import {
  type Crawl,
  crawlPast,
  crawlPresent,
  type Present,
  usualCrawlLimits,
} from "../../../src/moving/crawl.ts";
import { SourceError } from "../../../src/moving/errors.ts";
import type { Weight } from "../../../src/moving/offer.ts";
import { app, recorded, withHistory } from "../../support/moving.ts";
import { startServer, type TestServer } from "../../support/server.ts";

let here: TestServer;
let crawl: Crawl;
let present: Present;
/** Bytes of the past, without timestamps. */
let past = 0;
beforeAll(async () => {
  here = await startServer();
  await withHistory(here);
  const source = await recorded(here, app);
  crawl = { source, format: notary, limits: usualCrawlLimits, now: () => here.clock.now() };
  present = (await crawlPresent(crawl, app)) as Present;
  const { collection } = present;
  const usable = collection.files.filter(({ role }) => role !== "targets/gone");
  const known = { ...present, collection: { ...collection, files: usable } };
  for await (const { files } of crawlPast(crawl, known, new Map(), () => undefined))
    for (const { role, bytes } of files) if (role !== "timestamp") past += bytes.length;
});
afterAll(() => here.close());

const codeOf = (weight: Weight, testingOnlyMost?: number, from = crawl) =>
  stepsAfter(from, present, undefined, {
    weight,
    ...(testingOnlyMost !== undefined && { testingOnlyMost }),
  }).then(
    (steps) => steps.length,
    ({ code }) => code,
  );

it("is bounded in bytes, of which timestamps are none, for nobody needs them", async () => {
  const all = await codeOf("any");
  expect(all).toBeGreaterThan(5);
  expect(await codeOf("any", past)).toBe(all);
  expect(await codeOf("any", past - 1)).toBe("EXPORT_FILES");
  expect(await codeOf("light", past)).toBe(all);
  // Then it is tried once more, alone.
  expect(await codeOf("light", past - 1)).toBe("SOURCE_ENDLESS");
});

it("is not passed over because a file is too large for a light weight", async () => {
  const file: Crawl["source"]["file"] = async (repository, name, maxBytes) => {
    const isLarge = name === "3.timestamp.json" && maxBytes < usualCrawlLimits.fileBytes;
    if (isLarge) throw new SourceError("SOURCE_ENDLESS", "It is too large.");
    return await crawl.source.file(repository, name, maxBytes);
  };
  const large = { ...crawl, source: { ...crawl.source, file } };
  expect(await codeOf("light", undefined, large)).toBe("SOURCE_ENDLESS");
  expect(await codeOf("any", undefined, large)).toBe(await codeOf("any"));
});
