/** Repositories into the tables of an old server: what may go there, in which transaction, and what is told. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { notary } from "../../../src/core/format/notary.ts";
import { rootRole } from "../../../src/core/verify.ts";
import { olderAt } from "../../../src/moving/back/publishing.ts";
import { tablesDestination } from "../../../src/moving/back/tables.ts";
import { crawlPast, crawlPresent, type Present, usualCrawlLimits } from "../../../src/moving/crawl.ts";
import { DatabaseError } from "../../../src/moving/databases/errors.ts";
import type { StoredFile, StoredFiles } from "../../../src/moving/databases/stored-files.ts";
import type { OnlineRoles } from "../../../src/moving/key-server.ts";
import type { Finding } from "../../../src/moving/report.ts";
import { app, sourceAt, withHistory } from "../../support/moving.ts";
import { startServer, type TestServer } from "../../support/server.ts";

let here: TestServer;
let present: Present;
beforeEach(async () => {
  here = await startServer();
  await withHistory(here);
  const source = sourceAt(here.port);
  present = (await crawlPresent(crawlOf(source), app)) as Present;
  source.close();
});
afterEach(() => here.close());

const crawlOf = (source: ReturnType<typeof sourceAt>) => ({
  source,
  format: notary,
  limits: usualCrawlLimits,
  now: () => here.clock.now(),
});

/** Tables in memory. `others` writes before each of our transactions. */
function tablesWith(rows: StoredFile[] = [], others: () => void = () => undefined) {
  const transactions: (readonly StoredFile[])[] = [];
  const announced: StoredFile[] = [];
  const text = (files: readonly StoredFile[]) =>
    JSON.stringify(files.map(({ role, version }) => [role, version]));
  const tables: StoredFiles = {
    place: "the old server's database",
    of: async () => [...rows],
    add: async (_repository, files, seen, told) => {
      others();
      if (text(rows) !== text(seen)) return undefined;
      const missing = files.filter(
        (file) => !rows.some((row) => row.role === file.role && row.version === file.version),
      );
      rows.push(...missing.map(({ role, version, sha256 }) => ({ role, version, sha256 })));
      transactions.push(missing);
      announced.push(...told);
      return missing.length;
    },
    close: async () => undefined,
  };
  return { tables, rows, transactions, announced };
}

function destinationTo(
  tables: StoredFiles,
  {
    keys,
    withoutKeys = true,
    held = [] as ("timestamp" | "snapshot")[],
  }: { keys?: Set<string>; withoutKeys?: boolean; held?: ("timestamp" | "snapshot")[] } = {},
) {
  const notes: Finding[] = [];
  const online: OnlineRoles = held.map((role) => ({ role, threshold: 1, keys: [{ id: "any", held: true }] }));
  const destination = tablesDestination({
    tables,
    keys,
    withoutKeys,
    older: olderAt(sourceAt(here.port), 1_000_000),
    online: async () => online,
    onNote: (_repository, note) => notes.push(note),
  });
  return { destination, notes };
}

const codeOf = (task: Promise<unknown> | undefined) =>
  (task ?? Promise.resolve()).then(
    () => "none",
    ({ code }) => code,
  );

describe("the tables of an old server", () => {
  it("get all roots and the present in one transaction, and the feed is told once", async () => {
    const { tables, transactions, announced } = tablesWith();
    const { destination } = destinationTo(tables);
    expect(await destination.take(app, "x", present.collection, true)).toMatchObject({ changed: true });
    expect(await destination.take(app, "x", present.collection, false)).toMatchObject({ changed: true });
    expect(transactions.map((files) => files.length)).toEqual([3 + present.collection.files.length]);
    expect(announced.map(({ role }) => role)).toEqual(["timestamp"]);
    expect(await destination.take(app, "x", present.collection, true)).toMatchObject({ changed: false });
    expect(await destination.take(app, "x", present.collection, false)).toMatchObject({ changed: false });
    expect(transactions).toHaveLength(1);
  });

  it("get a past that becomes current for nobody", async () => {
    const { tables, rows } = tablesWith();
    const { destination } = destinationTo(tables);
    const source = sourceAt(here.port);
    const past = [];
    for await (const { files } of crawlPast(crawlOf(source), present, new Map(), () => undefined))
      past.push(...files);
    source.close();
    // Without the present, a timestamp of the past would be the latest.
    await destination.addPast(app, 1, past);
    expect(rows.filter(({ role }) => role === "timestamp")).toEqual([]);
    await destination.take(app, "x", present.collection, false);
    expect(await destination.addPast(app, 1, past)).toBeGreaterThan(0);
    const versions = rows.filter(({ role }) => role === "timestamp").map(({ version }) => version);
    expect(Math.max(...versions)).toBe(present.collection.trusted.timestamp?.signed.version);
    expect(versions.length).toBeGreaterThan(5);
  });

  it("are looked at again when somebody writes meanwhile, and given up when that has no end", async () => {
    let times = 1;
    const rows: StoredFile[] = [];
    const once = tablesWith(rows, () => {
      if (times-- > 0) rows.push({ role: "snapshot", version: 1, sha256: "x" });
    });
    const { destination } = destinationTo(once.tables);
    expect(await destination.take(app, "x", present.collection, false)).toMatchObject({ changed: true });
    expect(rows).toContainEqual({ role: "snapshot", version: 1, sha256: "x" });
    let version = 0;
    const busy: StoredFile[] = [];
    const always = tablesWith(busy, () => busy.push({ role: "snapshot", version: ++version, sha256: "x" }));
    const given = destinationTo(always.tables).destination.take(app, "x", present.collection, false);
    expect(await codeOf(given)).toBe("EXPORT_AHEAD");
    const past = destinationTo(always.tables).destination.addPast(app, 1, present.collection.files);
    expect(await codeOf(past)).toBe("EXPORT_AHEAD");
    expect(always.transactions).toEqual([]);
  });

  it("are not written over another history that came meanwhile", async () => {
    const rows: StoredFile[] = [];
    const { tables, transactions } = tablesWith(rows, () => {
      if (rows.length === 0) rows.push({ role: "targets", version: 99, sha256: "x" });
    });
    expect(await codeOf(destinationTo(tables).destination.take(app, "x", present.collection, false))).toBe(
      "EXPORT_CONFLICT",
    );
    expect(transactions).toEqual([]);
  });

  it("hold names of 255 characters and versions of 32 bits", async () => {
    const { destination } = destinationTo(tablesWith().tables);
    expect(await codeOf(destination.take("a".repeat(256), "x", present.collection, true))).toBe(
      "EXPORT_BOUNDS",
    );
    expect(await codeOf(destination.take("a".repeat(255), "x", present.collection, true))).toBe("none");
    const [first, ...files] = present.collection.files;
    const large = { ...first, signed: { ...first?.signed, version: 2 ** 31 } } as NonNullable<typeof first>;
    const grown = { ...present.collection, files: [large, ...files] };
    expect(await codeOf(destination.take(app, "x", grown, true))).toBe("EXPORT_BOUNDS");
  });

  it("that break off end the whole, to be gone on with", async () => {
    const { tables } = tablesWith();
    const broken: StoredFiles = {
      ...tables,
      add: () => Promise.reject(new DatabaseError("DATABASE_BROKE_OFF", "x")),
    };
    expect(await codeOf(destinationTo(broken).destination.take(app, "x", present.collection, false))).toBe(
      "EXPORT_PLACE",
    );
  });
});

describe("the keys of the old signer", () => {
  const idsOf = (...roles: readonly ("timestamp" | "snapshot")[]) => {
    const root = present.collection.roots.at(-1)?.signed;
    if (root === undefined) throw new Error("no root");
    return new Set(roles.flatMap((role) => [...rootRole(root, role).keys.keys()]));
  };
  const outcome = async (options: Parameters<typeof destinationTo>[1]) => {
    const { destination, notes } = destinationTo(tablesWith().tables, options);
    const code = await codeOf(destination.take(app, "x", present.collection, true));
    return [code, ...notes.map((note) => note.code)];
  };

  it("must be those of timestamp and, where this server signs it, of the snapshot", async () => {
    const withoutKeys = false;
    expect(await outcome({ keys: idsOf("timestamp", "snapshot"), withoutKeys, held: ["snapshot"] })).toEqual([
      "none",
    ]);
    expect(await outcome({ keys: idsOf("timestamp"), withoutKeys })).toEqual(["none"]);
    expect(await outcome({ keys: idsOf("timestamp"), withoutKeys, held: ["snapshot"] })).toEqual([
      "EXPORT_KEYS",
    ]);
    expect(await outcome({ keys: idsOf("snapshot"), withoutKeys })).toEqual(["EXPORT_KEYS"]);
  });

  it("may be missing where that is asked for, and then it is told what is to be done", async () => {
    expect(await outcome({ keys: new Set(), held: ["timestamp", "snapshot"] })).toEqual([
      "none",
      "KEYS_MISSING",
    ]);
    expect(await outcome({})).toEqual(["none", "KEYS_MISSING"]);
    expect(await outcome({ keys: idsOf("timestamp") })).toEqual(["none"]);
  });
});
