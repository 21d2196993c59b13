/**
 * The power goes. What a real server wrote, synced and answered is written down in its true order, and played back up to
 * many points: what the disk had promised by then is what is left, and it must hold everything that was answered by then.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { openSqlite } from "../../src/store/sqlite.ts";
import { TracedLine } from "./support/answers.ts";
import { times } from "./support/chance.ts";
import { check } from "./support/checker.ts";
import { Daemon } from "./support/daemon.ts";
import { directLine } from "./support/direct-line.ts";
import { Disk, type Mercy } from "./support/disk.ts";
import { type Happening, History, type Publishing, type Removing } from "./support/history.ts";
import { readTrace, type TraceRecord } from "./support/trace.ts";
import { Watcher } from "./support/watcher.ts";
import { World } from "./support/world.ts";

const places: string[] = [];
const worlds: World[] = [];
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.dispose();
  for (const place of places.splice(0)) rmSync(place, { recursive: true, force: true });
});

interface Recorded {
  readonly world: World;
  readonly trace: readonly TraceRecord[];
  /** Each change with the place in the trace at which it was answered. */
  readonly changes: readonly { readonly change: Publishing | Removing; readonly answered: number }[];
}

/** Some work from the very first start, written down. `spoil` may break the disk once the server is ready. */
async function record(
  label: string,
  writes: number,
  spoil: (world: World) => void,
  beforeEach: (world: World) => void = () => undefined,
): Promise<Recorded> {
  const world = new World(label, 3);
  worlds.push(world);
  const { history, keepers, shim } = world;
  const server = await world.start(true);
  spoil(world);
  const lines = keepers.map(() => new TracedLine(server.port, shim.now, history));
  let left = writes;
  await Promise.all(
    keepers.map(async (keeper, i) => {
      const line = lines[i] as TracedLine;
      while (left-- > 0) {
        beforeEach(world);
        await keeper.step(line);
      }
    }),
  );
  await server.kill();
  for (const line of lines) line.client.close();
  const trace = readTrace(shim.trace);
  const changes = history.happenings.flatMap((change) => {
    if (change.kind !== "publish" && change.kind !== "remove") return [];
    const keeper = keepers.findIndex(({ repository }) => repository === change.repository);
    const answered = lines[keeper]?.answered(change, trace);
    if (answered === undefined) throw new Error("an answer was not written down");
    return [{ change, answered }];
  });
  return { world, trace, changes };
}

/** The history as it stood when the power went: what was not answered by then may have happened or not. */
function historyAt({ changes }: Recorded, cut: number): History {
  const history = new History();
  for (const { change, answered } of changes) {
    const ended = history.tick() + change.ended;
    if (answered < cut) history.add({ ...change, ended });
    else history.add({ ...change, outcome: "unknown", ended });
  }
  while (history.tick() < 1e6);
  return history;
}

function image(disk: Disk, mercy: Mercy, world: World): string {
  const place = mkdtempSync(join(tmpdir(), "vidimus-power-"));
  places.push(place);
  disk.writeTo(place, mercy, world.chance);
  return place;
}

/** What a reader of the store finds after the cut, judged. */
async function verdictOf(place: string, recorded: Recorded, cut: number): Promise<string[]> {
  const { world } = recorded;
  const history = historyAt(recorded, cut);
  const directory = join(place, "data");
  mkdirSync(directory, { recursive: true });
  const store = await openSqlite({ directory });
  try {
    const watcher = new Watcher(history);
    const line = directLine(store, world.shim.now, (query) => store.audit.list(query));
    for (const { repository } of world.keepers) await watcher.view(line, repository);
    expect(await watcher.trail(line)).toBe(true);
    await watcher.feed(line);
  } finally {
    await store.close();
  }
  return codes(history.happenings);
}

function codes(happenings: readonly Happening[]): string[] {
  return check(happenings).map(({ code, sentence }) => `${code} ${sentence}`);
}

/** Plays the trace and stops at each cut. */
async function play(
  { trace, world }: Recorded,
  cuts: readonly number[],
  at: (disk: Disk, cut: number) => Promise<void>,
): Promise<void> {
  const disk = new Disk(world.daemon.directory);
  const wanted = new Set(cuts);
  for (const [i, each] of trace.entries()) {
    if (wanted.has(i)) await at(disk, i);
    disk.apply(each);
  }
  if (wanted.has(trace.length)) await at(disk, trace.length);
}

function randomCuts({ trace, world }: Recorded, count: number): number[] {
  return Array.from({ length: count }, () => world.chance.between(1, trace.length));
}

/** Right after each answer: nothing that was only meant to be written helps. */
async function judge(recorded: Recorded): Promise<string[]> {
  const answers = recorded.changes.map(({ answered }) => answered + 1);
  const cuts = [...answers, ...randomCuts(recorded, times(100))];
  const found: string[] = [];
  await play(recorded, cuts, async (disk, cut) => {
    const mercy = answers.includes(cut)
      ? "nothing"
      : recorded.world.chance.pick(["nothing", "some", "everything"]);
    const place = image(disk, mercy, recorded.world);
    found.push(...(await verdictOf(place, recorded, cut)));
    rmSync(place, { recursive: true });
  });
  console.info(`${recorded.changes.length} answers, ${cuts.length} cuts in ${recorded.trace.length} records`);
  return found;
}

test("what was answered is on the disk before the answer goes out", async () => {
  const recorded = await record("power", times(80), () => undefined);
  expect(await judge(recorded)).toEqual([]);
});

test("syncs fail on the way, and what they were to save is lost: nothing of it was answered as done", async () => {
  const failing = ({ chance, shim }: World) => {
    if (chance.happens(0.3))
      shim.fail({ calls: ["sync"], error: "EIO", skip: chance.between(0, 1), count: chance.between(1, 2) });
  };
  const recorded = await record("power, failing syncs", times(60), () => undefined, failing);
  expect(recorded.trace.some(({ kind }) => kind === "failed sync")).toBe(true);
  expect(await judge(recorded)).toEqual([]);
});

test("a disk that only says that it has synced is found out", async () => {
  const recorded = await record("power, planted", 20, ({ shim }) => shim.swallowSyncs(true));
  expect((await judge(recorded)).some((each) => each.startsWith("LOST"))).toBe(true);
});

test("the first start, with TLS, is cut off anywhere: the next one needs no hand", async () => {
  const world = new World("power, first", 0);
  worlds.push(world);
  const secure = { "server.plainHttp": "false", "online.checkInterval": "1s" };
  const server = await world.daemon.start({ env: world.shim.env(true), settings: secure });
  await server.kill();
  const recorded: Recorded = { world, trace: readTrace(world.shim.trace), changes: [] };
  // The last thing that a first start makes is its certificate.
  const late = recorded.trace.flatMap(({ path }, i) =>
    path.includes(".draft") || path.includes("/tls") ? [i] : [],
  );
  const cuts = [
    ...randomCuts(recorded, times(4)),
    ...Array.from({ length: times(8) }, () => world.chance.pick(late as [number, ...number[]])),
  ];
  await play(recorded, cuts, async (disk) => {
    const place = image(disk, world.chance.pick(["nothing", "some", "everything"]), world);
    const daemon = new Daemon({ settings: secure }, place);
    const next = await daemon.start();
    expect(await next.stop()).toBe(0);
    await daemon.dispose();
  });
});

test("the server starts from what is left, even of its first start, and goes on", async () => {
  const recorded = await record("power, start", 12, () => undefined);
  const { changes, trace, world } = recorded;
  const firstAnswer = Math.min(...changes.map(({ answered }) => answered));
  const early = Array.from({ length: times(8) }, () => world.chance.between(1, firstAnswer));
  const cuts = [...early, ...randomCuts(recorded, times(4)), trace.length];
  await play(recorded, cuts, async (disk, cut) => {
    const place = image(disk, world.chance.pick(["nothing", "some", "everything"]), world);
    const daemon = new Daemon({}, place);
    const server = await daemon.start();
    const history = historyAt(recorded, cut);
    const watcher = new Watcher(history);
    for (const { repository } of world.keepers) await watcher.view(server.line, repository);
    await watcher.feed(server.line);
    expect(codes(history.happenings)).toEqual([]);
    expect((await server.line.client.request("/v2/new/_trust/tuf/timestamp.key")).status).toBe(200);
    expect((await server.line.client.request("/readyz")).status).toBe(200);
    await daemon.dispose();
  });
});
