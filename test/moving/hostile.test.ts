/** Sources that lie, forge, never end, or tell of far too much: findings, and no damage. */
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { usualCrawlLimits } from "../../src/moving/crawl.ts";
import type { Source } from "../../src/moving/source.ts";
import { app, everyVersion, importFrom, sourceAt, withHistory } from "../support/moving.ts";
import { newRootKey, type Owner, signedOf, signJson } from "../support/publisher.ts";
import { startServer, type TestServer } from "../support/server.ts";

let old: TestServer;
let owner: Owner;
let here: TestServer;
beforeAll(async () => {
  old = await startServer();
  owner = await withHistory(old);
});
afterAll(() => old.close());
beforeEach(async () => {
  here = await startServer();
});
afterEach(() => here.close());

type Lie = (name: string, honest: () => Promise<Buffer | undefined>) => Promise<Buffer | undefined>;

/** The old server with a lie in front of it. */
function lying(lie: Lie): Source {
  const real = sourceAt(old.port);
  return {
    ...real,
    file: (repository, name, maxBytes) => lie(name, () => real.file(repository, name, maxBytes)),
  };
}

async function leftOut(lie: Lie, code: string): Promise<void> {
  const [report] = await importFrom(lying(lie), here, [app]);
  expect(report).toMatchObject({ outcome: "leftOut", past: 0 });
  expect(report?.findings.map((each) => each.code)).toContain(code);
  expect(await here.store.state(app)).toMatchObject({ revision: 0, exists: false });
}

const flipped = (bytes: Buffer | undefined) => {
  if (bytes === undefined) return undefined;
  const copy = Buffer.from(bytes);
  const place = copy.lastIndexOf('"sig":"') + 12;
  copy[place] = copy[place] === 65 ? 66 : 65;
  return copy;
};

describe("the present of a source that lies", () => {
  it("with other bytes under a right checksum is left out", async () => {
    for (const role of ["snapshot", "targets", "targets/releases"]) {
      await leftOut(async (name, honest) => {
        const bytes = await honest();
        return name.startsWith(`${role}.`) && /[0-9a-f]{64}/.test(name) ? flipped(bytes) : bytes;
      }, "HASH_MISMATCH");
    }
  });

  it("with a root in the middle that the one before did not sign is left out", async () => {
    const rival = await newRootKey(app, old.clock.now());
    await leftOut(async (name, honest) => {
      const bytes = await honest();
      if (name !== "2.root.json" || bytes === undefined) return bytes;
      const signed = signedOf(bytes);
      return signJson(signed, [rival]);
    }, "ROOT_NOT_SIGNED_BY_PREVIOUS");
  });

  it("with a root of another version under a name is left out", async () => {
    await leftOut(
      async (name, honest) =>
        name === "1.root.json"
          ? signJson({ ...signedOf((await honest()) as Buffer), version: 2 }, [owner.rootKey])
          : honest(),
      "ROOT_VERSION",
    );
  });

  it("with a timestamp that nobody signed is left out", async () => {
    await leftOut(
      async (name, honest) => (name === "timestamp.json" ? flipped(await honest()) : honest()),
      "THRESHOLD",
    );
  });

  it("without a file that clients need is left out", async () => {
    await leftOut(
      async (name, honest) => (name.startsWith("targets/releases.") ? undefined : honest()),
      "SNAPSHOT_INCOMPLETE",
    );
  });

  it("with something that is no metadata is left out", async () => {
    await leftOut(
      async (name, honest) => (name === "root.json" ? Buffer.from("<html>") : honest()),
      "NOT_JSON",
    );
  });

  it("that tells of a root at version two thousand million is left out before anything else is asked for", async () => {
    let asked = 0;
    await leftOut(async (name, honest) => {
      asked++;
      const bytes = (await honest()) as Buffer;
      return name === "root.json"
        ? signJson({ ...signedOf(bytes), version: 2_000_000_000 }, [owner.rootKey])
        : bytes;
    }, "SOURCE_ENDLESS");
    // Once among others, and once alone.
    expect(asked).toBeLessThan(7);
  });

  it("whose files are too large together is left out", async () => {
    const limits = { ...usualCrawlLimits, presentBytes: 2_000 };
    const [report] = await importFrom(sourceAt(old.port), here, [app], { limits });
    expect(report).toMatchObject({ outcome: "leftOut", findings: [{ code: "SOURCE_ENDLESS" }] });
    expect(await here.store.state(app)).toMatchObject({ revision: 0 });
  });
});

describe("the past of a source that lies", () => {
  it("is left out set by set, and what is honest is taken", async () => {
    const source = lying(async (name, honest) => {
      const bytes = await honest();
      return name === "2.timestamp.json" || name === "4.timestamp.json" ? flipped(bytes) : bytes;
    });
    const [report] = await importFrom(source, here, [app]);
    expect(report?.outcome).toBe("taken");
    expect(report?.findings.map(({ code }) => code)).toEqual(["THRESHOLD", "THRESHOLD"]);
    const mine = await everyVersion(here, app);
    const theirs = await everyVersion(old, app);
    for (const [name, bytes] of mine) expect(bytes).toBe(theirs.get(name));
    expect([...theirs.keys()].filter((name) => !mine.has(name))).toContain("2.timestamp");
    expect(mine.has("3.timestamp")).toBe(true);
  });

  it("under another version's name is left out", async () => {
    const real = sourceAt(old.port);
    const one = await real.file(app, "1.timestamp.json", 1_000_000);
    real.close();
    const source = lying(async (name, honest) => (name === "3.timestamp.json" ? one : honest()));
    const [report] = await importFrom(source, here, [app]);
    expect(report?.findings.map(({ code }) => code)).toEqual(["ROLLBACK"]);
  });
});

describe("a server that takes over believes nobody", () => {
  const post = (path: string, body: unknown) =>
    here.request(`/api/v1/repositories/${encodeURIComponent(app)}/import${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  const file = async (name: string) => (await old.file(app, name)).body.toString("base64");

  it("and refuses what does not verify, whoever brings it", async () => {
    const roots = [await file("1.root.json"), await file("3.root.json")];
    const answer = await post("", { origin: "x", roots, files: [] });
    expect([answer.status, answer.code]).toEqual([400, "ROOT_VERSION"]);
    const none = await post("", { origin: "x", roots: [await file("3.root.json")], files: [] });
    expect([none.status, none.code]).toEqual([400, "SNAPSHOT_INCOMPLETE"]);
    expect(await here.store.state(app)).toMatchObject({ revision: 0 });
  });

  it("and takes a past only of what it took over, and only files that a timestamp leads to", async () => {
    const files = [{ role: "timestamp", bytes: await file("1.timestamp.json") }];
    const early = await post("/past", { incarnation: 1, files });
    expect([early.status, early.code]).toEqual([404, "NOT_FOUND"]);
    await importFrom(sourceAt(old.port), here, [app]);
    const stray = [{ role: "targets", bytes: await file("1.targets.json") }];
    const answer = await post("/past", { incarnation: 1, files: stray });
    expect([answer.status, answer.code]).toEqual([400, "BAD_REQUEST"]);
  });
});

async function allOf(names: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = [];
  for await (const name of names) all.push(name);
  return all;
}

describe("a source over HTTP", () => {
  let site: Server;
  const listen = async (listener: RequestListener): Promise<number> => {
    site = createServer(listener);
    await new Promise<void>((resolve) => site.listen(0, "127.0.0.1", resolve));
    return (site.address() as AddressInfo).port;
  };
  afterEach(() => {
    site.closeAllConnections();
    site.close();
  });
  const fails = (work: Promise<unknown>, code: string) => expect(work).rejects.toMatchObject({ code });

  it("that answers without end is given up at the bound", async () => {
    const port = await listen((_request, answer) => {
      const more = () => {
        while (!answer.destroyed && answer.write(Buffer.alloc(65_536, 32)));
      };
      answer.on("drain", more);
      more();
    });
    const limits = { ...usualCrawlLimits, fileBytes: 1_000_000 };
    const [report] = await importFrom(sourceAt(port), here, [app], { limits });
    expect(report).toMatchObject({ outcome: "leftOut", findings: [{ code: "SOURCE_ENDLESS" }] });
  });

  it("that is slow for ever ends the import, and nothing is there", async () => {
    const port = await listen((_request, answer) => void answer.writeHead(200).write("{"));
    const patience = { testingOnlyTime: () => 50 };
    await fails(importFrom(sourceAt(port, patience), here, [app]), "SOURCE_FAILING");
    expect(await here.store.state(app)).toMatchObject({ revision: 0 });
  });

  it("that is not there ends the import", async () => {
    const port = await listen(() => undefined);
    site.close();
    await fails(importFrom(sourceAt(port), here, [app]), "SOURCE_UNREACHABLE");
  });

  it("that tells of 100,000 names is asked for each, and has none of them", async () => {
    const page = 1_000;
    const port = await listen(({ url = "" }, answer) => {
      const after = Number(new URL(url, "http://x").searchParams.get("change_id") || 0);
      if (!url.includes("changefeed")) return void answer.writeHead(404).end();
      const records = Array.from({ length: after >= 100_000 ? 0 : page }, (_, i) => ({
        ID: String(after + i + 1),
        GUN: `n/${after + i}`,
        Category: "update",
      }));
      answer.writeHead(200).end(JSON.stringify({ count: records.length, records }));
    });
    const source = sourceAt(port);
    let count = 0;
    for await (const _ of source.names(1_000_000)) count++;
    expect(count).toBe(100_000);
    await fails(allOf(source.names(5_000)), "SOURCE_ENDLESS");
    source.close();
  });

  it("that tells of a name longer than any table holds has that one as a finding, and the others are asked for", async () => {
    const names = ["x".repeat(5_000), "a/b"];
    const records = names.map((GUN, i) => ({ ID: String(i + 1), GUN, Category: "update" }));
    const port = await listen(({ url = "" }, answer) => {
      if (!url.includes("changefeed")) return void answer.writeHead(404).end();
      answer.end(JSON.stringify({ records }));
    });
    const source = sourceAt(port);
    const reports = await importFrom(source, here, source.names(10));
    expect(reports.map(({ repository, findings: [first] }) => [repository.length, first?.code])).toEqual([
      [3, "NOT_FOUND"],
      [1_025, "BAD_REPOSITORY_NAME"],
    ]);
  });

  it("whose changefeed does not get on is given up", async () => {
    const records = Array.from({ length: 1_000 }, (_, i) => ({
      ID: String(i + 1),
      GUN: "a",
      Category: "update",
    }));
    const port = await listen((_request, answer) => void answer.end(JSON.stringify({ records })));
    const source = sourceAt(port);
    await fails(allOf(source.names(1_000_000)), "SOURCE_ENDLESS");
    source.close();
  });

  it("whose changefeed gets on and has no end is given up after its time", async () => {
    const port = await listen(({ url = "" }, answer) => {
      const after = Number(new URL(url, "http://x").searchParams.get("change_id") || 0);
      const records = Array.from({ length: 1_000 }, (_, i) => ({
        ID: String(after + i + 1),
        GUN: "a",
        Category: "update",
      }));
      answer.end(JSON.stringify({ records }));
    });
    const source = sourceAt(port, { feedTime: 100 });
    await fails(allOf(source.names(1_000_000)), "SOURCE_ENDLESS");
    source.close();
  });

  it("without a changefeed says so", async () => {
    const port = await listen((_request, answer) => void answer.writeHead(404).end());
    const source = sourceAt(port);
    await fails(allOf(source.names(10)), "SOURCE_LIST");
    source.close();
  });
});
