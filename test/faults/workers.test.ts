/**
 * A server of several processes: kill -9 of readers, of the writer and of the supervisor in turn, while people publish,
 * rotate and delete, others read, and roles are renewed. Nobody lends a hand.
 */
import { cpSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import { times } from "./support/chance.ts";
import type { Running } from "./support/daemon.ts";
import { wholeFamily } from "./support/processes.ts";
import type { Line } from "./support/watcher.ts";
import { World } from "./support/world.ts";

const workers = 2;
/** A reader, the writer and the supervisor die in each. */
const rounds = times(24) / 3;
const sevenMinutes = 7 * 60_000;
/** What publishers may be told while there is no writer, or as it dies. */
const withoutWriter = ["503 STORE_UNAVAILABLE", "503 SIGNER_UNAVAILABLE", "500 COMMIT_UNKNOWN"];
/** What publishers may be told whose publish came to pass after they had looked for it. */
const afterAll = ["400 ROLLBACK", "400 CONFLICT", "400 NO_ROOT"];

let world: World;
afterEach(() => world.dispose());

function newWorld(label: string): World {
  world = new World(label, 3, { settings: { "server.workers": String(workers) } });
  return world;
}

/** Resolves when so many more changes were acknowledged. */
async function acknowledged(more: number): Promise<void> {
  const enough = world.acknowledged + more;
  for (const end = performance.now() + 60_000; world.acknowledged < enough; await setTimeout(1)) {
    if (performance.now() > end)
      throw new Error(`nothing is acknowledged: ${JSON.stringify(world.answers())}`);
  }
}

/** The moment is chosen, so that it falls anywhere in a write. */
async function moment(): Promise<void> {
  await acknowledged(world.chance.between(2, 8));
  await setTimeout(world.chance.between(0, 12));
}

/** People and readers go on all the while. */
async function during(line: Line, task: () => Promise<void>, readersLine = line): Promise<void> {
  let over = false;
  const going = world.persist(line, () => over, readersLine);
  try {
    await task();
  } finally {
    over = true;
    await going;
  }
}

/** One reader and the writer, in an order that chance gives, then the supervisor. */
async function killEach(server: Running): Promise<void> {
  const { chance, daemon } = world;
  const gone: number[] = [];
  for (const victim of chance.pick([
    ["reader", "writer"],
    ["writer", "reader"],
  ])) {
    await moment();
    const { writer, readers } = await wholeFamily(server, daemon, workers, gone);
    const pid = victim === "writer" ? writer : chance.pick(readers as [number, number]);
    process.kill(pid, "SIGKILL");
    gone.push(pid);
  }
  // Now and then while one of them is still on its way back.
  if (chance.happens(0.5)) await wholeFamily(server, daemon, workers, gone);
  await moment();
  await server.kill();
}

test("what was acknowledged is there after every kill of reader, writer and supervisor, and nobody has to lend a hand", async () => {
  const { shim, watcher } = newWorld("workers");
  for (let round = 0; round < rounds; round++) {
    shim.clockOffset += sevenMinutes;
    const server = await world.start();
    await during(server.line, () => killEach(server));
  }
  const server = await world.start();
  const verdict = await world.verdict(server.line);
  console.info(
    `workers: ${3 * rounds} kills, ${world.acknowledged} acknowledged, answers ${JSON.stringify(world.answers())}`,
  );
  expect(verdict).toEqual([]);
  // No reader was ever told of a fault: there was always another process to ask.
  expect(watcher.faults).toEqual([]);
  const allowed = [...withoutWriter, ...afterAll];
  expect(Object.keys(world.answers()).filter((each) => !allowed.includes(each))).toEqual([]);
  expect(world.acknowledged).toBeGreaterThan(3 * rounds);
  expect(await server.stop()).toBe(0);
});

test("a mark that cannot be written is in the metrics of every reader, and publishes go on", async () => {
  const { shim } = newWorld("workers, mark");
  const server = await world.start();
  const lag = async () => {
    const { body } = await server.line.client.request("/metrics");
    return Number(/^vidimus_mark_lag_seconds (.+)$/m.exec(body.toString())?.[1]);
  };
  shim.fail({ calls: ["write"], error: "ENOSPC", name: "high-water-mark" });
  await during(server.line, () => acknowledged(10));
  const lags: number[] = [];
  await expect
    .poll(async () => lags.push(await lag()) > 4 && lags.at(-1), { timeout: 20_000 })
    .toBeGreaterThan(2);
  expect((await server.line.client.request("/readyz")).status).toBe(200);
  shim.heal();
  await expect.poll(lag, { timeout: 20_000 }).toBe(0);
  expect(world.answers()).toEqual({});
  expect(await world.verdict(server.line)).toEqual([]);
});

test("planted: a reader that does not hear of what others commit is found out", async () => {
  const { daemon, watcher } = newWorld("workers, deaf");
  const first = await world.start();
  await during(first.line, () => acknowledged(8));
  expect(await first.stop()).toBe(0);
  // It goes on reading what was there at one moment.
  const deaf = new World("workers, deaf copy", 0);
  try {
    cpSync(daemon.data, deaf.daemon.data, { recursive: true });
    const reader = await deaf.daemon.start({ settings: { "server.readOnly": "true" } });
    const server = await world.start();
    const either: Line = {
      now: server.line.now,
      client: {
        request: (path, options) =>
          (world.chance.happens(0.5) ? reader : server).line.client.request(path, options),
        close: () => undefined,
      },
    };
    await during(server.line, () => acknowledged(12), either);
    expect(watcher.faults).toEqual([]);
    const codes = (await world.verdict(server.line)).map((each) => each.split(" ", 1)[0]);
    expect(codes).toContain("LOST");
  } finally {
    await deaf.dispose();
  }
});
