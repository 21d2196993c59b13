/** System calls that fail under the running server, and under its start: what it says, and what is so afterwards. */
import { afterEach, describe, expect, test } from "vitest";
import { allExitCodes, exitCodes } from "../../src/cli/exit-codes.ts";
import { runs, times } from "./support/chance.ts";
import { NotStarted, type Running } from "./support/daemon.ts";
import type { Call } from "./support/shim.ts";
import { World } from "./support/world.ts";

let world: World;
afterEach(async () => await world.dispose());

/** The world of a test, in place of the one before. */
async function renew(label: string, repositories: number): Promise<void> {
  await world?.dispose();
  world = new World(label, repositories);
}

const seven = 7 * 60_000;

/** What may be said while the disk fails: that nothing happened, or that nobody knows. */
const allowed = ["503 STORE_UNAVAILABLE", "500 COMMIT_UNKNOWN"];

async function readiness(server: Running): Promise<readonly [number, unknown]> {
  const { status, body } = await server.line.client.request("/readyz");
  return [status, JSON.parse(body.toString("utf8"))];
}

const ready = [200, {}];
const notReady = [503, { "DB operational": expect.stringMatching(/^the store cannot be used: \S/) }];

async function steps(server: Running, count: number): Promise<void> {
  let left = count;
  // A fault ends nobody's work: everybody goes on until the steps are used up.
  while (left > 0) await world.work(server.line, () => left-- <= 0);
}

describe.each([
  [["write"], "EIO"],
  [["write"], "ENOSPC"],
  [["sync"], "EIO"],
  [["write", "sync", "truncate", "open", "rename"], "EROFS"],
] as const)("while every %s fails with %s", (calls, error) => {
  test.each(runs)(
    "nothing is answered as done, reads go on, the server says why, and is well again by itself (%i)",
    async (run) => {
      await renew(`${calls} ${error} ${run}`, 3);
      const { shim, watcher } = world;
      const server = await world.start();
      await steps(server, 12);
      const before = world.acknowledged;
      shim.fail({ calls, error });
      await steps(server, 12);
      expect(shim.failed).toBeGreaterThan(0);
      expect(world.acknowledged).toBe(before);
      expect(await readiness(server)).toEqual(notReady);
      expect(watcher.faults).toEqual([]);
      shim.heal();
      expect(await readiness(server)).toEqual(ready);
      await steps(server, 12);
      expect(world.acknowledged).toBeGreaterThan(before);
      expect(Object.keys(world.answers()).filter((each) => !allowed.includes(each))).toEqual([]);
      await server.kill();
      const next = await world.start();
      expect(await world.verdict(next.line)).toEqual([]);
      expect(await next.stop()).toBe(0);
    },
  );
});

test.each(runs)("an interrupted write is made again: nobody notices (%i)", async (run) => {
  await renew(`EINTR ${run}`, 3);
  const server = await world.start();
  await steps(server, 6);
  world.shim.fail({ calls: ["write"], error: "EINTR", count: 20 });
  await steps(server, 12);
  expect(world.shim.failed).toBeGreaterThan(0);
  expect(world.answers()).toEqual({});
  expect(await world.verdict(server.line)).toEqual([]);
});

test("calls fail at any place, a few or all, and the server is killed in between", async () => {
  await renew("any call", 3);
  const { chance, shim } = world;
  let server = await world.start();
  const rounds = times(24);
  let failed = 0;
  for (let round = 0; round < rounds; round++) {
    shim.clockOffset += seven;
    const error = chance.pick(["EIO", "ENOSPC", "EINTR"]);
    shim.fail({
      calls: [chance.pick(["write", "sync", "sync", "truncate"])],
      error,
      skip: chance.between(0, 40),
      // No system interrupts a call for ever.
      count: chance.pick([1, 1, 3, error === "EINTR" ? 3 : -1]),
      name: chance.pick(["", "-wal", "vidimus.sqlite"]),
    });
    await steps(server, 6);
    failed += shim.failed;
    const killed = chance.happens(0.4);
    if (killed) await server.kill();
    shim.heal();
    if (killed) server = await world.start();
    expect((await readiness(server))[0]).toBe(200);
    await steps(server, 3);
  }
  console.info(`${rounds} rounds, ${failed} failed calls, answers ${JSON.stringify(world.answers())}`);
  expect(failed).toBeGreaterThan(rounds / 4);
  expect(Object.keys(world.answers()).filter((each) => !allowed.includes(each))).toEqual([]);
  await server.kill();
  const last = await world.start();
  expect(await world.verdict(last.line)).toEqual([]);
});

test("one call of a first start fails: it starts or says why not, and the next start needs no hand", async () => {
  const all: readonly Call[] = ["write", "sync", "open", "rename", "truncate"];
  const known = allExitCodes.map(({ code }) => code);
  const codes = new Map<number | null, number>();
  for (let round = 0; round < times(16); round++) {
    await renew(`start ${round}`, 1);
    const { chance, shim } = world;
    const error = chance.pick(["EIO", "ENOSPC", "EROFS", "EMFILE"]);
    shim.fail({ calls: all, error, skip: chance.between(0, 70), count: chance.pick([1, -1]) });
    try {
      await (await world.start()).kill();
    } catch (ended) {
      if (!(ended instanceof NotStarted)) throw ended;
      codes.set(ended.code, (codes.get(ended.code) ?? 0) + 1);
      expect(known).toContain(ended.code);
      expect([exitCodes.ok.code, exitCodes.unexpected.code]).not.toContain(ended.code);
    }
    shim.heal();
    const server = await world.start();
    expect(await readiness(server)).toEqual(ready);
    await steps(server, 2);
    expect(await world.verdict(server.line)).toEqual([]);
  }
  console.info(`exit codes of starts that failed: ${JSON.stringify([...codes])}`);
});
