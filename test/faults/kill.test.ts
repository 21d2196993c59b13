/** kill -9 of the real server while people publish, rotate and delete, and while it renews; it starts again each time. */
import { setTimeout } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import { times } from "./support/chance.ts";
import { World } from "./support/world.ts";

/** All rounds are shared by two worlds, so that one starts while the other works. */
const rounds = times(100) / 2;
const sevenMinutes = 7 * 60_000;

const worlds: World[] = [];
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.dispose();
});

async function killAndStart(label: string): Promise<void> {
  const world = new World(label, 4);
  worlds.push(world);
  const { chance, shim, watcher } = world;
  for (let round = 0; round < rounds; round++) {
    // Every repository is due: the refresher works from the start.
    shim.clockOffset += sevenMinutes;
    const server = await world.start();
    const last = chance.between(2, 16);
    let writes = 0;
    let killed: Promise<void> | undefined;
    await world.work(server.line, () => {
      writes += 1;
      // The moment is chosen, so that it falls anywhere in a write: nothing is waited for.
      if (writes === last) killed = setTimeout(chance.between(0, 12)).then(() => server.kill());
      return false;
    });
    await killed;
  }
  const server = await world.start();
  const verdict = await world.verdict(server.line);
  const feed = await watcher.feed(server.line);
  console.info(
    `${label}: ${rounds} kills, ${world.acknowledged} acknowledged, ${feed.length} changes, answers ${JSON.stringify(world.answers())}`,
  );
  expect(verdict).toEqual([]);
  expect(watcher.faults).toEqual([]);
  // Nobody was refused: an unfinished change stands in nobody's way.
  expect(world.answers()).toEqual({});
  expect(world.acknowledged).toBeGreaterThan(rounds);
  expect(await server.stop()).toBe(0);
}

test("what was acknowledged is there after every kill, and nobody has to lend a hand", async () => {
  await Promise.all([killAndStart("kill a"), killAndStart("kill b")]);
});

test("a reader beside the server sees what was acknowledged, and its death harms nobody", async () => {
  const world = new World("kill a reader", 3);
  worlds.push(world);
  const { chance, daemon, shim, watcher } = world;
  const server = await world.start();
  let left = 6;
  await world.work(server.line, () => left-- <= 0);
  const settings = { "server.readOnly": "true" };
  for (let round = 0; round < times(4); round++) {
    const reader = await daemon.start({ env: shim.env(), now: shim.now, settings });
    const last = chance.between(4, 12);
    left = last + 6;
    let killed: Promise<void> | undefined;
    const enough = () => {
      if (left === 6) killed = reader.kill();
      return left-- <= 0;
    };
    await world.work(server.line, enough, reader.line);
    await killed;
  }
  expect(await world.verdict(server.line)).toEqual([]);
  expect(watcher.faults).toEqual([]);
  expect(world.answers()).toEqual({});
  expect(await server.stop()).toBe(0);
});
