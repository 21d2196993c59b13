/** What the system gives runs out for real: room on the disk, descriptors, the right to write. */
import { execFileSync } from "node:child_process";
import { connect, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { exitCodes } from "../../src/cli/exit-codes.ts";
import { runs } from "./support/chance.ts";
import type { Running } from "./support/daemon.ts";
import { World } from "./support/world.ts";

let world: World;
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await world.dispose();
});

const statusOf = async (server: Running, path: string) => (await server.line.client.request(path)).status;

/** Sets a soft limit of a running process. */
function limit(server: Running, what: "fsize" | "nofile", most: number | "unlimited"): void {
  const hard = what === "fsize" ? "unlimited" : String(most);
  execFileSync("prlimit", ["--pid", String(server.pid), `--${what}=${most}:${hard}`]);
}

test.each(runs)(
  "a full disk: publishes are refused with the reason, reads go on, room brings everything back (%i)",
  async (run) => {
    world = new World(`full disk ${run}`, 3);
    const server = await world.start();
    let left = 9;
    await world.work(server.line, () => left-- <= 0);
    limit(server, "fsize", 512 * 1024);
    // Until the log has no room left, and some way beyond.
    left = 60;
    const refusals = () => Object.values(world.answers()).reduce((sum, each) => sum + each, 0);
    while (refusals() < 5 && left > 0) await world.work(server.line, () => left-- <= 0 || refusals() >= 5);
    expect(refusals()).toBeGreaterThanOrEqual(5);
    // A publish may find no room where something smaller still does: now there is none for anything.
    limit(server, "fsize", 1_024);
    expect(await statusOf(server, "/readyz")).toBe(503);
    expect(world.watcher.faults).toEqual([]);
    const answered = Object.keys(world.answers());
    expect(
      answered.filter((each) => !["503 STORE_UNAVAILABLE", "500 COMMIT_UNKNOWN"].includes(each)),
    ).toEqual([]);
    limit(server, "fsize", "unlimited");
    expect(await statusOf(server, "/readyz")).toBe(200);
    const before = world.acknowledged;
    left = 9;
    await world.work(server.line, () => left-- <= 0);
    expect(world.acknowledged).toBeGreaterThan(before);
    await server.kill();
    const next = await world.start();
    expect(await world.verdict(next.line)).toEqual([]);
  },
);

test.each(runs)(
  "no descriptors are left: who is connected is served, and everybody once some are free again (%i)",
  async (run) => {
    world = new World(`descriptors ${run}`, 2);
    const server = await world.daemon.start({
      env: world.shim.env(),
      now: world.shim.now,
      within: ["prlimit", "--nofile=80"],
    });
    let left = 6;
    await world.work(server.line, () => left-- <= 0);
    // The honest clients' connections are open; somebody takes all that is left, and more.
    for (let i = 0; i < 200; i++) {
      const socket = connect({ host: "127.0.0.1", port: server.port, localAddress: "127.0.0.2" });
      sockets.push(socket);
      socket.on("error", () => undefined);
      await new Promise((done) => socket.once("connect", done).once("close", done));
    }
    left = 6;
    await world.work(server.line, () => left-- <= 0);
    for (const socket of sockets.splice(0)) socket.destroy();
    await expect.poll(() => statusOf(server, "/livez").catch(() => 0), { timeout: 20_000 }).toBe(200);
    expect(await statusOf(server, "/readyz")).toBe(200);
    left = 9;
    while (left > 0) await world.work(server.line, () => left-- <= 0);
    expect(world.watcher.faults).toEqual([]);
    expect(world.answers()).toEqual({});
    expect(await world.verdict(server.line)).toEqual([]);
  },
);

test.each(runs)(
  "a read-only file system: a start that would write says so; one that only reads serves (%i)",
  async (run) => {
    world = new World(`read-only ${run}`, 2);
    const server = await world.start();
    let left = 8;
    await world.work(server.line, () => left-- <= 0);
    expect(await server.stop()).toBe(0);
    world.shim.fail({ calls: ["write", "open", "sync", "truncate", "rename"], error: "EROFS" });
    await expect(world.start()).rejects.toMatchObject({ code: exitCodes.store.code });
    const settings = { "server.readOnly": "true" };
    const reader = await world.daemon.start({ env: world.shim.env(), now: world.shim.now, settings });
    for (const { repository } of world.keepers) await world.watcher.view(reader.line, repository);
    await world.watcher.feed(reader.line);
    expect(world.watcher.faults).toEqual([]);
    expect(await statusOf(reader, "/readyz")).toBe(200);
    await reader.stop();
    world.shim.heal();
    expect(await world.verdict((await world.start()).line)).toEqual([]);
  },
);
