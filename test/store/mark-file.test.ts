/** The high-water mark's file: what is appended is found again, whatever became of its end; it is never lowered. */
import { appendFileSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import type { HighWaterMark, MarkEntry, Position } from "../../src/store/mark.ts";
import { openMarkFile } from "../../src/store/mark-file.ts";
import { temporaryDirectory } from "../support/directory.ts";
import { codeOf } from "../support/refusal.ts";

const digest = (text: string) => Buffer.from(text).toString("hex").padEnd(64, "0").slice(0, 64);

function entry(repository: string, version: number, changes: Partial<MarkEntry> = {}): MarkEntry {
  const roles = new Map([["timestamp", { version, sha256: digest(`${version}`) }]]);
  return { repository, revision: version, incarnation: 1, exists: true, roles, ...changes };
}

const position = (id: number, repository = "a"): Position => ({
  id,
  repository,
  version: id,
  sha256: digest("p"),
});

const place = () => join(temporaryDirectory(), "mark");
const openAt = (path: string, testingOnlySlack?: number) =>
  openMarkFile({ path, readOnly: false, ...(testingOnlySlack !== undefined && { testingOnlySlack }) });

async function everything(mark: HighWaterMark): Promise<Map<string, MarkEntry>> {
  const found = new Map<string, MarkEntry>();
  for await (const each of mark.entries()) {
    expect(found.has(each.repository)).toBe(false);
    found.set(each.repository, each);
  }
  return found;
}

/** What another process finds in the file. */
async function reopened(path: string) {
  const mark = await openAt(path);
  const found = { position: mark.position(), entries: await everything(mark) };
  await mark.close();
  return found;
}

describe("a mark is doubtful", () => {
  async function doubtful(change: (text: string) => string): Promise<boolean> {
    const path = place();
    const mark = await openAt(path);
    await mark.append([entry("a", 1)], position(1));
    await mark.append([entry("a", 2)], position(2));
    await mark.close();
    writeFileSync(path, change(readFileSync(path, "utf8")));
    const again = await openAt(path);
    const found = again.isDoubtful();
    await again.close();
    return found;
  }
  const altered = (text: string, part: string) => text.replace(part, part.replace("2", "3"));

  test.each<[string, (text: string) => string]>([
    ["whose newest position was altered", (text) => altered(text, '"position",2')],
    ["with something else at its end", (text) => `${text}0123456789abcdef {}\n`],
    ["in which nothing can be read", () => "anything\n"],
    ["without one whole line", () => "anything"],
  ])("%s", async (_, change) => {
    expect(await doubtful(change)).toBe(true);
  });

  test.each<[string, (text: string) => string]>([
    ["as it was written", (text) => text],
    ["empty", () => ""],
    ["cut off in its last line", (text) => text.slice(0, -20)],
    ["altered before its newest position", (text) => altered(text, '"entry","a",2')],
  ])("not: %s", async (_, change) => {
    expect(await doubtful(change)).toBe(false);
  });
});

describe("what was appended", () => {
  test("is found by the next process: newest position, each repository once, its roles together", async () => {
    const path = place();
    const mark = await openAt(path);
    await mark.append([entry("a", 1), entry("b", 4)], position(1));
    const roles = new Map([["targets", { version: 9, sha256: digest("t") }]]);
    await mark.append([entry("a", 2, { roles })], position(2));
    await mark.close();
    const { position: newest, entries } = await reopened(path);
    expect(newest).toEqual(position(2));
    expect([...entries.keys()].sort()).toEqual(["a", "b"]);
    expect(entries.get("a")).toEqual({
      ...entry("a", 2),
      roles: new Map([
        ["timestamp", { version: 1, sha256: digest("1") }],
        ["targets", { version: 9, sha256: digest("t") }],
      ]),
    });
  });

  test("is never lowered by what comes later with a lower version, or of an earlier life", async () => {
    const path = place();
    const mark = await openAt(path);
    await mark.append([entry("a", 7, { incarnation: 2 })], undefined);
    await mark.append([entry("a", 3, { incarnation: 2 }), entry("a", 9, { incarnation: 1 })], undefined);
    expect((await everything(mark)).get("a")).toEqual(entry("a", 7, { incarnation: 2 }));
    await mark.close();
  });

  test("of a later life takes the place of an earlier one", async () => {
    const mark = await openAt(place());
    await mark.append([entry("a", 7)], undefined);
    await mark.append([entry("a", 8, { exists: false, roles: new Map() })], undefined);
    expect((await everything(mark)).get("a")).toEqual(entry("a", 7, { revision: 8, exists: false }));
    await mark.append([entry("a", 2, { revision: 9, incarnation: 2 })], undefined);
    expect((await everything(mark)).get("a")).toEqual(entry("a", 2, { revision: 9, incarnation: 2 }));
    await mark.close();
  });

  test.each(["a\nb", '"', "\\", "\u2028", "é", "__proto__", "a]", "\u{1f600}"])(
    "keeps the name %j, of a repository and of a role",
    async (name) => {
      const path = place();
      const mark = await openAt(path);
      const roles = new Map([[name, { version: 1, sha256: digest("x") }]]);
      await mark.append([entry(name, 1, { roles })], position(1, name));
      await mark.close();
      expect(await reopened(path)).toEqual({
        position: position(1, name),
        entries: new Map([[name, entry(name, 1, { roles })]]),
      });
    },
  );

  test("may have more roles than a line holds", async () => {
    const path = place();
    const mark = await openAt(path);
    const roles = new Map(
      Array.from(
        { length: 1_001 },
        (_, i) => [`targets/${i}`, { version: 1, sha256: digest(`${i}`) }] as const,
      ),
    );
    await mark.append([entry("a", 1, { roles })], position(1));
    await mark.close();
    expect((await reopened(path)).entries.get("a")?.roles).toEqual(roles);
  });
});

describe("damage", () => {
  async function twice(): Promise<string> {
    const path = place();
    const mark = await openAt(path);
    await mark.append([entry("a", 1)], position(1));
    await mark.append([entry("a", 2)], position(2));
    await mark.close();
    return path;
  }

  test("an end that was cut off anywhere leaves what came before, and what is appended next is whole", async () => {
    const whole = readFileSync(await twice());
    const secondFlush = whole.indexOf('["entry"', whole.indexOf('["position"')) - 17;
    for (let end = secondFlush; end < whole.length; end += 7) {
      const path = place();
      writeFileSync(path, whole.subarray(0, end));
      const before = await reopened(path);
      expect(before.position).toEqual(position(1));
      const mark = await openAt(path);
      await mark.append([entry("b", 3)], position(3));
      await mark.close();
      const after = await reopened(path);
      expect(after.position).toEqual(position(3));
      expect(after.entries.get("b")).toEqual(entry("b", 3));
      expect(after.entries.get("a")).toBeDefined();
    }
  });

  test("a line that was altered counts for nothing", async () => {
    const path = await twice();
    const text = readFileSync(path, "latin1");
    writeFileSync(
      path,
      text.replace('["entry","a",2', '["entry","a",9').replace('["position",2', '["position",9'),
    );
    const { position: newest, entries } = await reopened(path);
    expect(newest).toEqual(position(1));
    expect(entries.get("a")).toEqual(entry("a", 1));
  });

  test("what is no mark at all gives no position, however long it is", async () => {
    const path = place();
    writeFileSync(path, Buffer.alloc(3_000_000, "x"));
    expect(await reopened(path)).toEqual({ position: undefined, entries: new Map() });
    writeFileSync(path, "0123456789abcdef [1]\n\n\nposition\n");
    expect(await reopened(path)).toEqual({ position: undefined, entries: new Map() });
  });

  test("the newest position is found behind much that is none", async () => {
    const path = await twice();
    appendFileSync(path, `${"x".repeat(99)}\n`.repeat(10_000));
    expect((await reopened(path)).position).toEqual(position(2));
  });
});

describe("growth", () => {
  test("the file is made anew once it has doubled, and keeps everything, also what is appended meanwhile", async () => {
    const path = place();
    const mark = await openAt(path, 20_000);
    let largest = 0;
    for (let version = 1; version <= 400; version++) {
      await mark.append([entry(`r${version % 10}`, version), entry("every", version)], position(version));
      largest = Math.max(largest, statSync(path).size);
    }
    expect(await everything(mark)).toEqual(await expected());
    await mark.close();
    const { position: newest, entries } = await reopened(path);
    expect(newest).toEqual(position(400));
    expect(entries).toEqual(await expected());
    expect(largest).toBeLessThan(60_000);
    expect(readdirSync(dirname(path))).toEqual(["mark"]);

    async function expected() {
      const rows = Array.from({ length: 10 }, (_, i) => entry(`r${i}`, i === 0 ? 400 : 390 + i));
      return new Map([...rows, entry("every", 400)].map((each) => [each.repository, each]));
    }
  });

  test("after a restart it remembers what size it was made with", async () => {
    const path = place();
    const first = await openAt(path, 1_000);
    const many = Array.from({ length: 200 }, (_, i) => entry(`r${i}`, 1));
    await first.append(many, position(1));
    await first.close();
    const { ino, size } = statSync(path);
    const second = await openAt(path, 1_000);
    await second.append([entry("a", 1)], position(2));
    await second.close();
    expect(statSync(path).ino).toBe(ino);
    expect(statSync(path).size).toBeLessThan(size + 500);
  });

  test("more than one pass holds gives each repository once", async () => {
    const path = place();
    const mark = await openAt(path);
    const name = (i: number) => `${"r".repeat(1_500)}${i}`;
    const many = (version: number) => Array.from({ length: 12_000 }, (_, i) => entry(name(i), version));
    for (const version of [1, 2]) await mark.append(many(version), position(version));
    expect(statSync(path).size).toBeGreaterThan(32 * 1024 * 1024);
    const found = await everything(mark);
    expect(found.size).toBe(12_000);
    expect([...found.values()].every(({ revision }) => revision === 2)).toBe(true);
    await mark.close();
  });
});

test("a mark that is replaced forgets what it had", async () => {
  const path = place();
  const mark = await openAt(path);
  await mark.append([entry("a", 7)], position(7));
  await mark.replace(
    (async function* () {
      yield entry("a", 3);
    })(),
    position(3),
  );
  await mark.append([entry("b", 1)], position(4));
  await mark.close();
  expect(await reopened(path)).toEqual({
    position: position(4),
    entries: new Map([
      ["a", entry("a", 3)],
      ["b", entry("b", 1)],
    ]),
  });
});

test("a mark that could not be made anew stays as it was", async () => {
  const path = place();
  const mark = await openAt(path);
  await mark.append([entry("a", 7)], position(7));
  const failing = (async function* (): AsyncGenerator<MarkEntry> {
    yield entry("b", 1);
    throw new Error("the store went away");
  })();
  await expect(mark.replace(failing, undefined)).rejects.toThrow("went away");
  await mark.append([entry("a", 8)], position(8));
  await mark.close();
  expect((await reopened(path)).entries).toEqual(new Map([["a", entry("a", 8)]]));
  expect(readdirSync(dirname(path))).toEqual(["mark"]);
});

test("one that is only read is not made, and says nothing", async () => {
  const path = place();
  const mark = await openMarkFile({ path, readOnly: true });
  expect(mark.position()).toBeUndefined();
  expect(await everything(mark)).toEqual(new Map());
  await mark.close();
  expect(readdirSync(dirname(path))).toEqual([]);
});

test("a place that cannot be written is refused, with where to put it", async () => {
  expect(await codeOf(openAt(join(place(), "absent", "mark")))).toBe("STORE_UNWRITABLE");
});

test("only its owner may read it", async () => {
  const path = place();
  await (await openAt(path)).close();
  expect(statSync(path).mode & 0o777).toBe(0o600);
});
