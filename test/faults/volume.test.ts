/**
 * A volume of its own under data and log, which is really full: the kernel says so, of the store, its mark and the log
 * alike. Room is made, and nobody lends a hand beyond that.
 */
import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmdirSync, rmSync, statSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { times } from "./support/chance.ts";
import type { Running } from "./support/daemon.ts";
import { World } from "./support/world.ts";

const volumeSize = "16m";
/** The log goes to a file on the volume, as the shell of a service manager would have it. */
const withLogOnVolume = ["sh", "-c", 'exec "$@" 2>>log', "sh"];

function mounts(directory: string): boolean {
  const args = ["-t", "tmpfs", "-o", `size=${volumeSize},mode=0700`, "vidimus-faults", directory];
  return spawnSync("mount", args).status === 0;
}

/** At once, whoever has files open on it. */
function unmount(directory: string): void {
  spawnSync("umount", ["--lazy", directory]);
}

/** Only root may mount, and not in every container. */
function mayMount(): boolean {
  const directory = mkdtempSync(join(tmpdir(), "vidimus-volume-"));
  const may = mounts(directory);
  if (may) unmount(directory);
  rmdirSync(directory);
  return may;
}

let world: World;
afterEach(async () => {
  unmount(world.daemon.directory);
  await world.dispose();
});

/** To the last byte. */
function fill(path: string): void {
  const file = openSync(path, "w");
  try {
    for (;;) writeSync(file, Buffer.alloc(1024 * 1024, 1));
  } catch (error) {
    expect(error).toMatchObject({ code: "ENOSPC" });
  } finally {
    closeSync(file);
  }
}

const refusals = () => Object.values(world.answers()).reduce((sum, each) => sum + each, 0);

/** People work until it holds. */
async function until(server: Running, holds: () => boolean): Promise<void> {
  for (let left = 200; left > 0 && !holds(); ) await world.work(server.line, () => left-- <= 0 || holds());
  expect(holds()).toBe(true);
}

test.skipIf(!mayMount()).each([
  ["one process", "0"],
  ["several processes", "2"],
])(
  "a full volume under %s: publishes are refused with the reason, reads go on, room brings everything back",
  async (label, workers) => {
    world = new World(`full volume, ${label}`, 3, {
      settings: { "server.workers": workers },
      within: withLogOnVolume,
    });
    const { daemon, keepers, watcher } = world;
    expect(mounts(daemon.directory)).toBe(true);
    const filler = join(daemon.directory, "filler");
    const log = join(daemon.directory, "log");
    const server = await world.start();
    const ready = async () => (await server.line.client.request("/readyz")).status;
    await until(server, () => world.acknowledged >= 9);

    for (let round = 0; round < times(1); round++) {
      const before = refusals();
      fill(filler);
      await until(server, () => refusals() >= before + 9);
      const known = world.acknowledged;
      const logged = statSync(log).size;
      expect(await ready()).toBe(503);
      for (const { repository } of keepers) expect(await watcher.view(server.line, repository)).toBeDefined();
      expect(Object.keys(world.answers())).toEqual(["503 STORE_UNAVAILABLE"]);

      rmSync(filler);
      await expect.poll(ready, { timeout: 10_000 }).toBe(200);
      await until(server, () => world.acknowledged >= known + 9);
      expect(Object.keys(world.answers())).toEqual(["503 STORE_UNAVAILABLE"]);
      expect(watcher.faults).toEqual([]);
      // The log goes on, too.
      expect(statSync(log).size).toBeGreaterThan(logged);
    }
    await server.kill();
    const next = await world.start();
    expect(await world.verdict(next.line)).toEqual([]);
    expect(await next.stop()).toBe(0);
  },
);
