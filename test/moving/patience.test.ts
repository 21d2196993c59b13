/** A source that accepts requests and does not answer, or not to the end: every try has a bound, and so has the whole. */
import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { TimeLimitError } from "../../src/moving/errors.ts";
import type { NotarySource } from "../../src/moving/notary-source.ts";
import { type Patience, timeFor } from "../../src/moving/patience.ts";
import { app, importFrom, sourceAt, withHistory } from "../support/moving.ts";
import { startServer, type TestServer } from "../support/server.ts";

let site: Server | undefined;
let told: string[];
beforeEach(() => {
  told = [];
});
afterEach(() => {
  site?.closeAllConnections();
  site?.close();
  site = undefined;
});

type Told = (...told: Parameters<RequestListener>) => unknown;

async function sourceOf(tell: Told, patience: Patience = {}): Promise<NotarySource> {
  site = createServer((request, answer) => void tell(request, answer));
  site.listen(0, "127.0.0.1");
  await once(site, "listening");
  const { port } = site.address() as AddressInfo;
  return sourceAt(port, {
    testingOnlyTime: () => 50,
    onSlow: (sentence) => void told.push(sentence),
    ...patience,
  });
}

const hangs: RequestListener = () => undefined;
/** One byte now and then, so that the connection is never idle. */
const drips: RequestListener = (_request, answer) => {
  answer.writeHead(200);
  const timer = setInterval(() => answer.write(" "), 5);
  answer.on("close", () => clearInterval(timer));
};

it("has more time for what may be larger, and never none", () => {
  expect(timeFor(0)).toBe(10_000);
  expect(timeFor(1_024 * 1_024)).toBe(12_000);
  expect(timeFor(16 * 1_024 * 1_024)).toBe(42_000);
});

describe.each([
  ["hangs", hangs],
  ["drips", drips],
])("a source that %s", (_how, listener) => {
  it("is named at the first try, tried again, and given up", async () => {
    const source = await sourceOf(listener);
    await expect(source.file(app, "timestamp.json", 1_000)).rejects.toMatchObject({
      code: "SOURCE_FAILING",
      message: expect.stringContaining(source.origin),
    });
    expect(told).toHaveLength(2);
    expect(told[0]).toMatch(/whole answer within .* Try 2 of 3/);
    source.close();
  });

  it("is given up at its changefeed, too", async () => {
    const source = await sourceOf(listener);
    await expect(source.names(10)[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      code: "SOURCE_FAILING",
    });
    source.close();
  });

  it("ends with the time that the whole has, in the middle of a try", async () => {
    const over = new AbortController();
    const patience = { ending: over.signal, testingOnlyTime: () => 600_000 };
    const source = await sourceOf((...asked) => {
      listener(...asked);
      over.abort(new TimeLimitError("over"));
    }, patience);
    await expect(source.file(app, "timestamp.json", 1_000)).rejects.toMatchObject({ code: "TIME_LIMIT" });
    await expect(source.names(10)[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      code: "TIME_LIMIT",
    });
    source.close();
  });
});

it.each([
  [429, "3600", 1],
  [429, "0", 3],
  [503, "0", 3],
])("a source that answers %i with Retry-After %s is asked %i times", async (status, after, times) => {
  let asked = 0;
  const source = await sourceOf(
    (_request, answer) => {
      asked++;
      answer.writeHead(status, { "retry-after": after }).end();
    },
    { testingOnlyTime: () => 10_000 },
  );
  await expect(source.file(app, "timestamp.json", 1_000)).rejects.toMatchObject({ code: "SOURCE_FAILING" });
  expect([asked, told]).toEqual([times, []]);
  source.close();
});

describe("an import", () => {
  let old: TestServer;
  let here: TestServer;
  beforeEach(async () => {
    old = await startServer();
    here = await startServer();
    await withHistory(old);
  });
  afterEach(async () => {
    await old.close();
    await here.close();
  });

  it("tells of what has arrived before it ends, and goes on from there", async () => {
    const over = new AbortController();
    const reports: unknown[] = [];
    const source = await sourceOf(
      async ({ url = "" }, answer) => {
        // The present is there, and in the middle of the past the time is over.
        if (url.endsWith("/3.timestamp.json")) return over.abort(new TimeLimitError("over"));
        const { status, body } = await old.request(url);
        answer.writeHead(status).end(body);
      },
      { ending: over.signal, testingOnlyTime: () => 600_000 },
    );
    const onDone = (report: unknown) => void reports.push(report);
    const names = [app, "not/begun"];
    await expect(
      importFrom(source, here, names, { ending: over.signal, inFlight: 1, onDone }),
    ).rejects.toMatchObject({ code: "TIME_LIMIT" });
    expect(reports).toMatchObject([
      { repository: app, outcome: "taken", findings: [{ code: "TIME_LIMIT" }] },
    ]);
    expect(await importFrom(sourceAt(old.port), here, [app])).toMatchObject([
      { outcome: "same", findings: [] },
    ]);
    expect((await here.file(app, "3.timestamp.json")).body).toEqual(
      (await old.file(app, "3.timestamp.json")).body,
    );
  });

  it("is not ended by one repository that hangs", async () => {
    const source = await sourceOf(
      async ({ url = "" }, answer) => {
        if (url.includes("/dead/end/")) return;
        const { status, body } = await old.request(url);
        answer.writeHead(status).end(body);
      },
      { testingOnlyTime: () => 1_000 },
    );
    expect(await importFrom(source, here, ["dead/end", app])).toMatchObject([
      { repository: "dead/end", outcome: "leftOut", findings: [{ code: "SOURCE_FAILING" }] },
      { repository: app, outcome: "taken" },
    ]);
  });
});
