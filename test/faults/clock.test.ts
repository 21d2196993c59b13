/** The server's clock jumps both ways, stands behind the metadata, and a stop lasts a year. The refresher after each. */
import { afterEach, expect, test } from "vitest";
import { runs, times } from "./support/chance.ts";
import type { Running } from "./support/daemon.ts";
import { World } from "./support/world.ts";

let world: World;
afterEach(async () => await world.dispose());

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const year = 365 * day;

async function steps(server: Running, count: number): Promise<void> {
  let left = count;
  await world.work(server.line, () => left-- <= 0);
}

/** Every repository is served whole, verified, and fresh at the server's own instant. */
async function allFresh(server: Running): Promise<void> {
  for (const { repository } of world.keepers) {
    const view = await world.watcher.view(server.line, repository);
    expect([repository, view?.flaw]).toEqual([repository, undefined]);
  }
}

/** With nobody asking: the refresher has nothing left to do. */
async function renewed(server: Running): Promise<void> {
  const lag = async () => {
    const { body } = await server.line.client.request("/metrics");
    return Number(/^vidimus_\w*lag\w* (\S+)$/m.exec(body.toString("utf8"))?.[1]);
  };
  await expect.poll(lag, { timeout: 20_000 }).toBe(0);
}

async function begun(label: string): Promise<Running> {
  world = new World(label, 3);
  const server = await world.start();
  await steps(server, 9);
  await allFresh(server);
  return server;
}

async function ends(server: Running): Promise<void> {
  expect(await world.verdict(server.line)).toEqual([]);
  expect(world.watcher.faults).toEqual([]);
  expect(world.answers()).toEqual({});
}

test("jumps both ways while it runs", async () => {
  const server = await begun("clock jumps");
  const { chance, shim } = world;
  for (let round = 0; round < times(20); round++) {
    // Never so far back that what people made in between has not begun: that is another test.
    const forward = chance.pick([1_000, 7 * minute, hour, 2 * day, 30 * day]);
    shim.clockOffset += forward;
    await renewed(server);
    await allFresh(server);
    shim.clockOffset -= Math.min(forward, chance.pick([1_000, 7 * minute, hour]));
    await allFresh(server);
    await steps(server, 4);
  }
  await ends(server);
});

test.each(runs)(
  "a stop of a year: everything is fresh again soon after the start, with nobody asking (%i)",
  async (run) => {
    let server = await begun(`a year ${run}`);
    const rows = (await world.watcher.feed(server.line)).length;
    await server.stop();
    world.shim.clockOffset += year;
    server = await world.start();
    await renewed(server);
    expect((await world.watcher.feed(server.line)).length).toBeGreaterThan(rows);
    await allFresh(server);
    await steps(server, 6);
    await ends(server);
  },
);

test.each(runs)(
  "a start with a clock behind the metadata: it serves what there is, and publishes go on (%i)",
  async (run) => {
    let server = await begun(`behind ${run}`);
    await server.stop();
    world.shim.clockOffset -= 5 * year;
    server = await world.start();
    for (const { repository } of world.keepers) {
      const { status } = await server.line.client.request(`/v2/${repository}/_trust/tuf/timestamp.json`);
      expect([200, 404]).toContain(status);
    }
    expect((await server.line.client.request("/readyz")).status).toBe(200);
    // Its clock is set right while it runs.
    world.shim.clockOffset += 5 * year + 7 * minute;
    await renewed(server);
    await allFresh(server);
    await steps(server, 6);
    await ends(server);
  },
);

test.each(runs)(
  "a clock that was years ahead and is set right leaves nothing that is not renewed (%i)",
  async (run) => {
    let server = await begun(`ahead ${run}`);
    world.shim.clockOffset += 2 * year;
    await renewed(server);
    await server.kill();
    world.shim.clockOffset -= 2 * year;
    server = await world.start();
    await allFresh(server);
    await steps(server, 9);
    world.shim.clockOffset += 7 * minute;
    await renewed(server);
    await allFresh(server);
    await ends(server);
  },
);
