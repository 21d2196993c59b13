/** What this server has, where something of it is damaged: the finding says what, and what to do. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { notary } from "../../../src/core/format/notary.ts";
import { ownOffer } from "../../../src/moving/back/own-offer.ts";
import { usualCrawlLimits } from "../../../src/moving/crawl.ts";
import { SourceError } from "../../../src/moving/errors.ts";
import type { Source } from "../../../src/moving/source.ts";
import { app, recorded, withHistory } from "../../support/moving.ts";
import { startServer, type TestServer } from "../../support/server.ts";

let here: TestServer;
let source: Source;
beforeAll(async () => {
  here = await startServer();
  await withHistory(here);
  source = await recorded(here, app);
});
afterAll(() => here.close());

const offered = (file: Source["file"]) => {
  const crawl = {
    source: { ...source, file },
    format: notary,
    limits: usualCrawlLimits,
    now: () => here.clock.now(),
  };
  return ownOffer(crawl, { past: false }).present(app, "any");
};
const broken =
  (name: (asked: string) => boolean, answer: (bytes: Buffer) => Buffer): Source["file"] =>
  async (repository, asked, most) => {
    const bytes = await source.file(repository, asked, most);
    return bytes !== undefined && name(asked) ? answer(bytes) : bytes;
  };

it("is offered as it is where nothing is", async () => {
  expect(await offered(source.file)).toMatchObject({ present: { repository: app }, findings: [] });
  expect(await offered(async () => undefined)).toBeUndefined();
});

it.each<[string, (asked: string) => boolean, string, string]>([
  ["a root that is no JSON", (asked) => asked === "1.root.json", "NOT_JSON", "root"],
  ["targets of another digest", (asked) => /^targets\.[0-9a-f]{64}/.test(asked), "HASH_MISMATCH", "targets"],
])("names %s", async (_what, name, code, role) => {
  const found = await offered(broken(name, () => Buffer.from("<")));
  expect(found).toMatchObject({ present: undefined, findings: [{ code }] });
  expect(found?.findings[0]?.sentence).toMatch(
    new RegExp(
      `^What ${source.origin} serves as ${role} of ${app} does not verify .+ vidimus fsck .+ backup`,
    ),
  );
});

it("says where to look if the server gives no answer for one repository, and ends where it is away", async () => {
  const failing = (code: "SOURCE_FAILING" | "SOURCE_UNREACHABLE") => async () => {
    throw new SourceError(code, "It answered 500.");
  };
  const found = await offered(failing("SOURCE_FAILING"));
  expect(found).toMatchObject({ present: undefined, findings: [{ code: "SOURCE_FAILING" }] });
  expect(found?.findings[0]?.sentence).toContain("its log says why");
  await expect(offered(failing("SOURCE_UNREACHABLE"))).rejects.toMatchObject({ code: "SOURCE_UNREACHABLE" });
});
