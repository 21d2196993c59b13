/** Damage in the store: it is noticed and named, and what is damaged is never served. */
import { readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { exitCodes } from "../../src/cli/exit-codes.ts";
import { runs, times } from "./support/chance.ts";
import { NotStarted, type Running } from "./support/daemon.ts";
import { World } from "./support/world.ts";

let world: World;
afterEach(async () => await world.dispose());

const store = () => join(world.daemon.data, "vidimus.sqlite");

async function worked(label: string, writes: number): Promise<void> {
  world = new World(label, 3);
  const server = await world.start();
  let left = writes;
  await world.work(server.line, () => left-- <= 0);
  expect(await world.verdict(server.line)).toEqual([]);
  expect(await server.stop()).toBe(0);
}

async function current(server: Running, repository: string, role: string) {
  return await server.line.client.request(`/v2/${repository}/_trust/tuf/${role}.json`);
}

/** Somebody may have deleted one: people go on until there are two. */
async function twoThatStand(server: Running): Promise<readonly string[]> {
  for (;;) {
    const standing: string[] = [];
    for (const name of ["example.org/0", "example.org/1", "example.org/2"]) {
      if ((await current(server, name, "root")).status === 200) standing.push(name);
    }
    if (standing.length >= 2) return standing;
    let left = 3;
    await world.work(server.line, () => left-- <= 0);
  }
}

function flip(bytes: Buffer, at: number): void {
  bytes[at] = (bytes[at] ?? 0) ^ (1 << world.chance.between(0, 7));
}

const roles = ["root", "targets", "snapshot", "timestamp"];

test.each(roles.flatMap((role) => runs.map((run) => [role, run] as const)))(
  "a flipped bit in the stored %s (%i)",
  async (role, run) => {
    await worked(`flipped ${role} ${run}`, 9);
    let server = await world.start();
    const [harmed = "", other = ""] = await twoThatStand(server);
    const { body } = await current(server, harmed, role);
    await server.stop();
    const bytes = readFileSync(store());
    // A long file goes on in other pages of the store; its beginning is in one piece.
    const places = allPlaces(bytes, body.subarray(0, 200));
    expect(places.length).toBeGreaterThan(0);
    for (const at of places) flip(bytes, at + world.chance.between(60, 199));
    writeFileSync(store(), bytes);

    server = await world.start();
    const answer = await current(server, harmed, role);
    expect([answer.status, answer.code]).toEqual([500, "STORE_CORRUPT"]);
    expect(answer.body.toString("utf8")).not.toContain(world.daemon.directory);
    await expect.poll(() => server.log()).toContain(`The stored ${role} does not have its digest any more`);
    // Whoever is not harmed is served as before.
    expect((await world.watcher.view(server.line, other))?.flaw).toBeUndefined();
    expect(await world.watcher.view(server.line, harmed)).toBeUndefined();
  },
);

function allPlaces(bytes: Buffer, part: Buffer): number[] {
  const places: number[] = [];
  for (let at = bytes.indexOf(part); at >= 0; at = bytes.indexOf(part, at + 1)) places.push(at);
  return places;
}

test("bits flipped anywhere: whatever is served is what was published", async () => {
  await worked("flipped anywhere", 24);
  const sound = readFileSync(store());
  const count = { served: 0, refused: 0, noStart: 0 };
  for (let round = 0; round < times(12); round++) {
    const bytes = Buffer.from(sound);
    for (let i = world.chance.between(1, 20); i > 0; i--)
      flip(bytes, world.chance.between(0, bytes.length - 1));
    writeFileSync(store(), bytes);
    let server: Running;
    try {
      server = await world.start();
    } catch (error) {
      if (!(error instanceof NotStarted)) throw error;
      // A seal in which a bit was flipped cannot be told from one of another secret.
      expect([exitCodes.store.code, exitCodes.signer.code]).toContain(error.code);
      count.noStart += 1;
      continue;
    }
    for (const { repository } of world.keepers) {
      const view = await world.watcher.view(server.line, repository);
      count[view === undefined ? "refused" : "served"] += 1;
    }
    await server.kill();
  }
  writeFileSync(store(), sound);
  const verdict = await world.verdict((await world.start()).line);
  console.info(`flipped anywhere: ${JSON.stringify(count)}`);
  expect(verdict.filter((each) => /^(TWO_STRINGS|INVENTED|REFUSED_SERVED|TORN)/.test(each))).toEqual([]);
  expect(verdict.filter((each) => each.startsWith("CHAIN") && !each.includes("not served"))).toEqual([]);
});

test("planted: a log that lost its end is found out by the checker", async () => {
  world = new World("shortened log", 3);
  const server = await world.start();
  let left = 15;
  await world.work(server.line, () => left-- <= 0);
  await server.kill();
  const log = `${store()}-wal`;
  truncateSync(log, Math.floor(readFileSync(log).length * 0.7));
  const next = await world.start();
  const verdict = await world.verdict(next.line);
  expect(verdict.some((each) => each.startsWith("LOST"))).toBe(true);
});
