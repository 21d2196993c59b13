/**
 * The power goes during `rekey` and `backup restore`. What the command wrote and synced is played back up to every record
 * of its trace; whatever the disk kept, a start then serves with the old key or the new one, or all that was restored, or
 * says what to do. No store is left that no key on the disk opens.
 */
import { execFile } from "node:child_process";
import {
  createWriteStream,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import pino from "pino";
import { afterEach, expect, test } from "vitest";
import { loadConfig } from "../../src/config.ts";
import { VidimusError } from "../../src/core/errors.ts";
import { createKeyFile } from "../../src/signer/secret.ts";
import { createBackup, restoreBackup } from "../../src/wire/backup.ts";
import { fsck } from "../../src/wire/fsck.ts";
import { serve } from "../../src/wire.ts";
import { type AgePair, agePair } from "../support/sealed-bytes.ts";
import { times } from "./support/chance.ts";
import { Disk, type Mercy } from "./support/disk.ts";
import { readTrace, type TraceRecord } from "./support/trace.ts";
import { World } from "./support/world.ts";

const places: string[] = [];
const worlds: World[] = [];
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.dispose();
  for (const place of places.splice(0)) rmSync(place, { recursive: true, force: true });
});

const mercies = ["nothing", "some", "everything"] as const;
const logger = pino({ level: "silent" });
const run = promisify(execFile);

interface Recorded {
  readonly world: World;
  readonly trace: readonly TraceRecord[];
  /** Where the command begins in it. */
  readonly from: number;
}

/** A stopped server's data directory with some work in it, and a command on it that is written down. */
async function record(
  label: string,
  script: string,
  argsOf: (world: World) => Promise<readonly string[]>,
  before: (world: World) => void = () => undefined,
): Promise<Recorded> {
  const world = new World(label, 2);
  worlds.push(world);
  const server = await world.start(true);
  let left = 8;
  await world.work(server.line, () => left-- <= 0);
  expect(await server.stop()).toBe(0);
  const args = await argsOf(world);
  const from = readTrace(world.shim.trace).length;
  before(world);
  const path = resolve(import.meta.dirname, "../support/children", script);
  await run(process.execPath, [path, ...args], { env: { ...process.env, ...world.shim.env(true) } });
  return { world, trace: readTrace(world.shim.trace), from };
}

function temporary(): string {
  const place = mkdtempSync(join(tmpdir(), "vidimus-power-"));
  places.push(place);
  return place;
}

/** At each record of the command, and after the last one: what `judge` says of what is left. */
async function play(
  { world, trace, from }: Recorded,
  merciesOf: () => readonly Mercy[],
  judge: (place: string, done: boolean) => Promise<string>,
): Promise<Map<string, number>> {
  const disk = new Disk(world.daemon.directory);
  const outcomes = new Map<string, number>();
  for (let cut = 0; cut <= trace.length; cut++) {
    for (const mercy of cut < from ? [] : merciesOf()) {
      const place = temporary();
      disk.writeTo(place, mercy, world.chance);
      const outcome = await judge(place, cut === trace.length);
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      rmSync(place, { recursive: true });
    }
    const next = trace[cut];
    if (next !== undefined) disk.apply(next);
  }
  const counts = JSON.stringify(Object.fromEntries(outcomes));
  console.info(`${trace.length - from} records of the command, outcomes ${counts}`);
  return outcomes;
}

/** One of them at each record, all of them several times with `--full`. */
const some = (world: World) => () => Array.from({ length: times(1) }, () => world.chance.pick(mercies));

function configured(data: string, settings: Readonly<Record<string, string>> = {}) {
  const all = { data, "server.port": "0", "server.plainHttp": "true", ...settings };
  const flags = Object.entries(all).map(([key, text]) => ({ flag: "--set", key, text }));
  return loadConfig({ flags, env: {}, readFile: () => "" }).config;
}

/** A start, and after it every key and file verified: `serves N`, or the code of what was refused or is damaged. */
async function start(data: string, settings: Readonly<Record<string, string>> = {}): Promise<string> {
  const config = configured(data, settings);
  try {
    const server = await serve(config, logger);
    const { status } = await fetch(`${server.url}/readyz`);
    await server.stop();
    if (status !== 200) return `not ready ${status}`;
    const damages: string[] = [];
    const { repositories } = await fsck(config, { openKeys: true }, ({ code }) => damages.push(code));
    return damages[0] ?? `serves ${repositories}`;
  } catch (error) {
    if (error instanceof VidimusError) return error.code;
    throw error;
  }
}

/** Names and contents below a directory, apart from what is made anew by whoever opens it. */
function contents(directory: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    // Whoever looks into a store leaves these.
    if (path.endsWith("-shm") || (path.endsWith("-wal") && statSync(path).size === 0)) continue;
    found[relative(directory, path)] = entry.isFile() ? readFileSync(path, "latin1") : "";
  }
  return found;
}

/** Nothing that the command did went past the record, or its cuts would prove nothing. */
function expectWhole({ world, trace }: Recorded): void {
  const disk = new Disk(world.daemon.directory);
  for (const each of trace) disk.apply(each);
  const place = temporary();
  disk.writeTo(place, "everything", world.chance);
  expect(Object.keys(contents(place)).sort()).toEqual(Object.keys(contents(world.daemon.directory)).sort());
  expect(contents(place)).toEqual(contents(world.daemon.directory));
}

test("rekey is cut off anywhere: the next start finds the key that opens the store", async () => {
  const recorded = await record("power, rekey", "rekeyer.ts", async ({ daemon }) => [daemon.data, "", ""]);
  expectWhole(recorded);
  const { world } = recorded;
  const old = configured(world.daemon.data);
  const before = JSON.stringify(await fsck(old, { openKeys: true }, () => {}));
  const all = `serves ${JSON.parse(before).repositories}`;
  const outcomes = await play(recorded, some(world), (place) => start(join(place, "data")));
  expect([...outcomes.keys()]).toEqual([all]);
});

test("rekey to another source is cut off anywhere: the old one opens the store, or the new one", async () => {
  const other = join(temporary(), "new");
  createKeyFile(other);
  const recorded = await record("power, new source", "rekeyer.ts", async ({ daemon }) => [
    daemon.data,
    "",
    `file:${other}`,
  ]);
  expectWhole(recorded);
  const outcomes = await play(recorded, some(recorded.world), async (place, done) => {
    const data = join(place, "data");
    const found = [await start(data), await start(data, { "signer.secret": `file:${other}` })];
    return `${done ? "at its end: " : ""}${found.map((each) => each.replace(/ \d+$/, "")).join(", ")}`;
  });
  const either = ["serves, WRONG_SECRET", "WRONG_SECRET, serves"];
  expect([...outcomes.keys()].filter((each) => !each.startsWith("at its end")).sort()).toEqual(either.sort());
  expect([...outcomes.keys()].filter((each) => each.startsWith("at its end"))).toEqual([
    "at its end: WRONG_SECRET, serves",
  ]);
});

test("planted: a disk that only says that it has synced leaves a rekey that no key opens", async () => {
  const recorded = await record(
    "power, rekey, planted",
    "rekeyer.ts",
    async ({ daemon }) => [daemon.data, "", ""],
    ({ shim }) => shim.swallowSyncs(true),
  );
  const outcomes = await play(
    recorded,
    () => ["some", "some", "some", "nothing"],
    (place) => start(join(place, "data")),
  );
  expect([...outcomes.keys()].some((each) => !each.startsWith("serves"))).toBe(true);
});

async function backup(world: World, pair: AgePair): Promise<string> {
  const file = join(temporary(), "backup.age");
  await createBackup(configured(world.daemon.data), {
    sealing: { recipients: [pair.recipient] },
    settings: {},
    version: "0.1.0",
    place: temporary(),
    includeSecret: true,
    write: async (content) => await pipeline(Readable.from(content), createWriteStream(file)),
  });
  return file;
}

test.each(["beside", "inside"])(
  "a restore is cut off anywhere: all of it is served, or nothing is taken for it (%s)",
  async (how) => {
    const pair = await agePair();
    let file = "";
    const recorded = await record(`power, restore ${how}`, "restorer.ts", async (world) => {
      file = await backup(world, pair);
      return [file, pair.identity, join(world.daemon.directory, "restored"), how];
    });
    expectWhole(recorded);
    const { world } = recorded;
    const { repositories } = await fsck(configured(world.daemon.data), { openKeys: true }, () => {});
    const restored = readdirSync(join(world.daemon.directory, "restored")).filter(
      (name) => name !== "lock.db",
    );
    expect(restored).toEqual(expect.arrayContaining(["kek", "restored", "vidimus.sqlite"]));
    const outcomes = await play(recorded, some(world), async (place, done) => {
      const into = join(place, "restored");
      const at = done ? "at its end: " : "";
      if (existsSync(join(into, "vidimus.sqlite"))) {
        const lacks = restored.filter((name) => !existsSync(join(into, name)));
        const outcome = await start(into);
        // Nobody serves a part of it as if it were all.
        return `${at}${outcome}${outcome.startsWith("serves") ? lacks.map((name) => ` without ${name}`).join("") : ""}`;
      }
      // Nothing of it is there, not the key either: the restore is simply made again.
      const opening = { identities: [pair.identity] };
      await restoreBackup({ content: createReadable(file), opening, into });
      return `${at}again, ${await start(into)}`;
    });
    const all = `serves ${repositories}`;
    const allowed = [all, `again, ${all}`, `at its end: ${all}`];
    // Where it cannot take its place in one step, a start says what is missing.
    if (how === "inside") allowed.push("BAD_SECRET");
    expect([...outcomes.keys()].filter((each) => !allowed.includes(each))).toEqual([]);
    expect([...outcomes.keys()]).toEqual(expect.arrayContaining([`again, ${all}`, `at its end: ${all}`]));
  },
);

async function* createReadable(file: string): AsyncGenerator<Uint8Array> {
  yield readFileSync(file);
}
