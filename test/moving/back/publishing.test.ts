/** What goes back by a publish interface, what cannot, and why: all of it known before anything is sent. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { notary } from "../../../src/core/format/notary.ts";
import { refuseOtherHistory } from "../../../src/moving/back/history.ts";
import { olderAt, publishingDestination } from "../../../src/moving/back/publishing.ts";
import { isWrittenAsStock } from "../../../src/moving/back/stock-form.ts";
import { crawlPresent, usualCrawlLimits } from "../../../src/moving/crawl.ts";
import { type SourceCode, SourceError } from "../../../src/moving/errors.ts";
import { paceOf } from "../../../src/moving/pace.ts";
import type { Source } from "../../../src/moving/source.ts";
import { readOnlineKey } from "../../../src/publisher/keys/online.ts";
import { app, publishOn, recorded, sourceAt, withHistory } from "../../support/moving.ts";
import type { Owner } from "../../support/publisher.ts";
import { startServer, type TestServer } from "../../support/server.ts";

const day = 86_400_000;

let here: TestServer;
let owner: Owner;
beforeEach(async () => {
  here = await startServer();
  owner = await withHistory(here);
});
afterEach(() => here.close());

const presentAt = async (source: Source) => {
  const crawl = { source, format: notary, limits: usualCrawlLimits, now: () => here.clock.now() };
  const present = await crawlPresent(crawl, app);
  if (present === undefined) throw new Error("there is none");
  return { crawl, present };
};

/** Whether something is missing there, by a server that answers with the keys it is given; nothing can be published to it. */
async function foreseen(there: Source, keys: (path: string) => Promise<Buffer> = keyHere, status = 200) {
  const source = sourceAt(here.port);
  const { crawl, present } = await presentAt(source);
  const asked: string[] = [];
  const destination = publishingDestination({
    crawl,
    there,
    pace: paceOf(10_000),
    readKey: readOnlineKey,
    older: olderAt(source, 1_000_000),
    encode: () => Promise.reject(new Error("nothing is published here")),
    fetcher: {
      origin: there.origin,
      get: () => Promise.reject(new Error("the source reads")),
      call: async ({ method, path }) => {
        asked.push(`${method} ${path.split("/").at(-1)}`);
        return { status, type: undefined, code: undefined, body: await keys(path) };
      },
      close: () => undefined,
    },
  });
  const outcome = await destination.take(app, source.origin, present.collection, true).then(
    ({ changed }) => (changed ? "missing" : "same"),
    ({ code }) => code,
  );
  source.close();
  return { outcome, asked };
}

const keyHere = async (path: string) => (await here.get(path)).body;

/** The server renews a timestamp that nobody can use any more. */
async function renewed(): Promise<void> {
  here.clock.advance(15 * day);
  await here.file(app, "timestamp.json");
}

describe("a publish interface", () => {
  it("takes what was published since, in the same order", async () => {
    const there = await recorded(here, app);
    expect(await foreseen(there)).toEqual({ outcome: "same", asked: [] });
    owner.addTarget("3.0");
    await publishOn(here, owner, "targets");
    expect(await foreseen(there)).toEqual({ outcome: "missing", asked: ["GET timestamp.key"] });
  });

  it("makes up for renewals by empty publications, where that server holds the snapshot's key", async () => {
    const there = await recorded(here, app);
    await renewed();
    expect(await foreseen(there)).toEqual({
      outcome: "missing",
      asked: ["GET timestamp.key", "GET snapshot.key"],
    });
    const other = await startServer();
    const foreign = async (path: string) =>
      path.endsWith("snapshot.key") ? (await other.get(path)).body : await keyHere(path);
    expect((await foreseen(there, foreign)).outcome).toBe("EXPORT_TIMESTAMP");
    await other.close();
  });

  it("takes no root that names keys which its signer lacks", async () => {
    const there = await recorded(here, app);
    owner.addTarget("3.0");
    await publishOn(here, owner, "targets");
    const other = await startServer();
    expect((await foreseen(there, async (path) => (await other.get(path)).body)).outcome).toBe("EXPORT_KEYS");
    await other.close();
  });

  it("that does not say which keys its signer has is not said to lack one", async () => {
    const there = await recorded(here, app);
    owner.addTarget("3.0");
    await publishOn(here, owner, "targets");
    for (const text of ["<html>", "{}", '{"keytype": 1, "keyval": {"public": 2}}']) {
      expect((await foreseen(there, async () => Buffer.from(text))).outcome).toBe("EXPORT_UNREADABLE");
    }
    expect((await foreseen(there, keyHere, 500)).outcome).toBe("EXPORT_UNREADABLE");
    expect((await foreseen(there, keyHere, 404)).outcome).toBe("EXPORT_KEYS");
  });

  it("takes nothing that has expired", async () => {
    const there = await recorded(here, app);
    owner.addTarget("3.0");
    await publishOn(here, owner, "targets");
    here.clock.advance(4_000 * day);
    expect((await foreseen(there)).outcome).toBe("EXPORT_EXPIRED");
  });

  it("takes a repository that it does not have from its first root on, and no later one", async () => {
    const nothing = { ...(await recorded(here)), file: async () => undefined };
    expect(await foreseen(nothing)).toEqual({ outcome: "missing", asked: [] });
    const source = await recorded(here, app);
    // Of the past, this server has the roots and nothing else.
    for (const name of source.files.keys()) {
      if (/ [0-9]+\.(timestamp|snapshot)\.json$/.test(name)) source.files.delete(name);
    }
    const { crawl, present } = await presentAt(source);
    const destination = publishingDestination({
      crawl,
      there: nothing,
      pace: paceOf(10_000),
      readKey: readOnlineKey,
      older: olderAt(source, 1_000_000),
      encode: () => Promise.reject(new Error("nothing is published here")),
      fetcher: {} as never,
    });
    await expect(destination.take(app, source.origin, present.collection, true)).rejects.toMatchObject({
      code: "EXPORT_ROOTS",
    });
  });

  it("that has another history is not published to", async () => {
    const other = await startServer();
    await withHistory(other);
    expect((await foreseen(await recorded(other, app))).outcome).toBe("EXPORT_CONFLICT");
    await other.close();
  });
});

/** A Notary that is published to, as far as this server has what comes of it, with what it was asked. */
async function published(
  changes: {
    /** Before the so many-th question for the timestamp. */
    readonly meanwhile?: (question: number, files: Map<string, Buffer>) => Promise<void>;
    readonly dryRun?: boolean;
    readonly before?: () => Promise<void>;
    readonly longest?: number;
    /** It says nothing of its keys, and what it is waited for is told. */
    readonly silent?: (sentence: string) => void;
  } = {},
) {
  const place = await recorded(here, app);
  await changes.before?.();
  const source = sourceAt(here.port);
  const { crawl, present } = await presentAt(source);
  const asked: string[] = [];
  let questions = 0;
  const destination = publishingDestination({
    crawl,
    there: {
      ...place,
      async file(repository, name, most) {
        if (name === "timestamp.json") await changes.meanwhile?.(++questions, place.files);
        asked.push(name);
        return await place.file(repository, name, most);
      },
    },
    pace: paceOf(10_000),
    readKey: readOnlineKey,
    older: olderAt(source, 1_000_000),
    encode: async () => ({ type: "x", bytes: Buffer.alloc(0) }),
    ...(changes.longest !== undefined && { longest: changes.longest }),
    ...(changes.silent && { patience: { onSlow: changes.silent, testingOnlyTime: () => 20 } }),
    fetcher: {
      origin: place.origin,
      get: () => Promise.reject(new Error("the source reads")),
      call: async ({ method, path, signal }) => {
        asked.push(`${method} ${path.split("/").at(-1)}`);
        if (method === "GET" && changes.silent !== undefined) {
          await new Promise((_resolve, reject) => {
            signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
          });
        }
        if (method === "POST") {
          place.files.clear();
          for (const [name, bytes] of (await recorded(here, app)).files) place.files.set(name, bytes);
        }
        return { status: 200, type: undefined, code: undefined, body: await keyHere(path) };
      },
      close: () => undefined,
    },
  });
  const outcome = await destination
    .take(app, source.origin, present.collection, changes.dryRun === true)
    .then(
      ({ changed }) => (changed ? "brought" : "same"),
      ({ code }) => code,
    );
  source.close();
  const count = (name: string) => asked.filter((each) => each === name).length;
  return {
    outcome,
    posts: count("POST "),
    readings: count("root.json"),
    timestamps: count("timestamp.json"),
  };
}

describe("a server that is published to", () => {
  const publishing = async () => {
    owner.addTarget("3.0");
    await publishOn(here, owner, "targets");
  };

  it("is read once where nothing is missing", async () => {
    expect(await published()).toEqual({ outcome: "same", posts: 0, readings: 1, timestamps: 1 });
  });

  it("is read before and after, and asked once more right before", async () => {
    expect(await published({ before: publishing })).toEqual({
      outcome: "brought",
      posts: 1,
      readings: 2,
      timestamps: 3,
    });
  });

  it("is sent nothing when somebody has published another history between plan and publication", async () => {
    const other = await startServer();
    await withHistory(other);
    const theirs = await recorded(other, app);
    await other.close();
    const meanwhile = async (question: number, files: Map<string, Buffer>) => {
      if (question !== 2) return;
      files.clear();
      for (const [name, bytes] of theirs.files) files.set(name, bytes);
    };
    const { outcome, posts } = await published({ before: publishing, meanwhile });
    expect([outcome, posts]).toEqual(["EXPORT_CONFLICT", 0]);
  });

  it("is planned for anew when it has only renewed its timestamp, and not for ever", async () => {
    // The same to whoever verifies it, in other bytes each time.
    const touch = async (question: number, files: Map<string, Buffer>) => {
      const name = `${app} timestamp.json`;
      const { signed, signatures } = JSON.parse(String(files.get(name)));
      const text = question % 2 === 0 ? { signatures, signed } : { signed, signatures };
      files.set(name, Buffer.from(JSON.stringify(text)));
    };
    const once = (question: number, files: Map<string, Buffer>) =>
      question === 2 ? touch(question, files) : Promise.resolve();
    expect(await published({ before: publishing, meanwhile: once })).toMatchObject({
      outcome: "brought",
      posts: 1,
      readings: 3,
    });
    expect(await published({ before: publishing, meanwhile: touch })).toMatchObject({
      outcome: "EXPORT_AHEAD",
      posts: 0,
    });
  });

  it("is sent no second publication when somebody else published after the first", async () => {
    const twice = async () => {
      await publishing();
      await publishing();
    };
    // What comes of the first publication here is two timestamps further there.
    const { outcome, posts } = await published({ before: twice });
    expect([outcome, posts]).toEqual(["EXPORT_AHEAD", 1]);
  });

  it("and takes too long is not waited for", async () => {
    expect(await published({ before: publishing, longest: -1 })).toMatchObject({
      outcome: "EXPORT_PLACE",
      posts: 0,
    });
  });

  it("and does not answer about its keys is told of before it is asked again", async () => {
    const told: string[] = [];
    const silent = (sentence: string) => told.push(sentence);
    expect(await published({ before: publishing, silent })).toMatchObject({
      outcome: "EXPORT_PLACE",
      posts: 0,
    });
    expect(told).toEqual([expect.stringContaining("Try 2 of 3"), expect.stringContaining("Try 3 of 3")]);
  });

  it("and has lost a file that its own snapshot lists needs its database", async () => {
    const meanwhile = async (_question: number, files: Map<string, Buffer>) => {
      for (const name of files.keys()) if (name.includes(" targets/releases.")) files.delete(name);
    };
    const { outcome } = await published({ meanwhile });
    expect(outcome).toBe("EXPORT_UNREADABLE");
  });

  it.each<[SourceCode, string]>([
    ["SOURCE_FAILING", "EXPORT_UNREADABLE"],
    ["SOURCE_FORBIDDEN", "EXPORT_UNREADABLE"],
    ["SOURCE_UNREACHABLE", "EXPORT_PLACE"],
  ])("and gives nothing for %s is named: %s", async (code, refusal) => {
    const meanwhile = async () => {
      throw new SourceError(code, "x");
    };
    expect((await published({ meanwhile, dryRun: true })).outcome).toBe(refusal);
  });
});

describe("what is there", () => {
  const older = async (role: string, version: number) => `${role}-${version}`;
  const refusal = async (...stored: readonly [string, number, string][]) => {
    const { present } = await presentAt(sourceAt(here.port));
    const known = stored.map(([role, version, sha256]) => ({ role, version, sha256 }));
    return await refuseOtherHistory(app, present.collection, known, older).then(
      () => "none",
      ({ code }) => code,
    );
  };
  const now = async (role: string) => {
    const { collection } = (await presentAt(sourceAt(here.port))).present;
    const file = [...collection.roots.slice(-1), ...collection.files].find((each) => each.role === role);
    return { version: file?.signed.version ?? 0, sha256: file?.sha256 ?? "" };
  };

  it("is an earlier state of what is here, or nothing", async () => {
    const { version } = await now("targets");
    expect(await refusal()).toBe("none");
    expect(await refusal(["targets", version - 1, `targets-${version - 1}`])).toBe("none");
    expect(await refusal(["snapshot", 1, "another server made it"])).toBe("none");
  });

  it.each(["targets", "targets/releases"])(
    "is another history if its %s is another, or later",
    async (role) => {
      const { version } = await now(role);
      expect(await refusal([role, version, "x"])).toBe("EXPORT_CONFLICT");
      expect(await refusal([role, version + 1, "x"])).toBe("EXPORT_CONFLICT");
      expect(await refusal([role, version - 1, "x"])).toBe("EXPORT_CONFLICT");
    },
  );

  it("is another history if one of its roots is another, or later", async () => {
    const { version, sha256 } = await now("root");
    expect(await refusal(["root", version, sha256])).toBe("none");
    for (const each of [1, version, version + 1])
      expect(await refusal(["root", each, "x"])).toBe("EXPORT_CONFLICT");
  });

  it("is another history, and not ahead, if somebody published there and its server renewed that", async () => {
    const { version } = await now("timestamp");
    const ahead = ["timestamp", version + 1, "x"] as const;
    const { version: targets } = await now("targets");
    for (const each of [targets, targets + 1])
      expect(await refusal([...ahead], ["targets", each, "x"])).toBe("EXPORT_CONFLICT");
    expect(await refusal([...ahead], ["targets/only-there", 1, "x"])).toBe("EXPORT_CONFLICT");
    // One that is here no longer, and was as it is there.
    expect(await refusal([...ahead], ["targets/gone", 1, "targets/gone-1"])).toBe("EXPORT_AHEAD");
  });

  it.each(["timestamp", "snapshot"])("is ahead if its own %s is as late as the one here", async (role) => {
    const { version, sha256 } = await now(role);
    expect(await refusal([role, version, sha256])).toBe("none");
    for (const each of [version, version + 1]) expect(await refusal([role, each, "x"])).toBe("EXPORT_AHEAD");
  });
});

it("a snapshot is written as the original writes it, or another digest would be named of it", async () => {
  const text = (await here.file(app, "snapshot.json")).body.toString("utf8");
  expect(isWrittenAsStock(Buffer.from(text))).toBe(true);
  const expires = /"expires":"([^"]+)"/.exec(text)?.[1] ?? "";
  const whole = expires.replace(/\.[0-9]+/, "");
  const others = [
    `${text}\n`,
    text.replace('{"signed":', '{ "signed":'),
    text.replace(expires, whole.replace("Z", ".600Z")),
    text.replace(expires, whole.replace("Z", "+00:00")),
    text.replace('"meta":', '"more":1,"meta":'),
    text.replace(/"keyid":("[^"]+"),"method":("[^"]+")/, '"method":$2,"keyid":$1'),
  ];
  expect(others.map((each) => isWrittenAsStock(Buffer.from(each)))).toEqual(others.map(() => false));
  for (const good of [whole, whole.replace("Z", ".5Z"), whole.replace("Z", "+02:00")])
    expect(isWrittenAsStock(Buffer.from(text.replace(expires, good)))).toBe(true);
});
