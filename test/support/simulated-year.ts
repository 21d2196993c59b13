/**
 * A year in which nobody does anything: the clock is set day by day, and the server's own jobs do what falls due. Some
 * repositories have offline roles that outlive it, one has targets that do not.
 */
import type { Owner } from "./publisher.ts";
import { day, year } from "./publisher.ts";
import type { TestServer } from "./server.ts";

/** The server signs its snapshot; it has a delegation. */
export const ofServer = "example.org/year/server";
/** Its owner signs the snapshot, for three years. */
export const ofOwner = "example.org/year/owner";
/** Its targets end after half of the year. */
export const ending = "example.org/year/ending";
export const lasting = [ofServer, ofOwner] as const;

export async function publishForAYear(server: TestServer): Promise<void> {
  const owners: Owner[] = [];
  for (const [name, snapshot] of [
    [ofServer, "server"],
    [ofOwner, "client"],
    [ending, "server"],
  ] as const) {
    const owner = await server.owner(name, snapshot);
    owner.addTarget("one");
    if (name === ofServer) owner.delegate("targets/releases");
    if (name === ending) owner.targets.expires = server.clock.now() + year / 2;
    await server.publish(name, owner.first());
    owners.push(owner);
  }
}

/** `daily`: what must hold at the end of each day, before anything is read. */
export async function passAYear(
  servers: readonly TestServer[],
  daily: (number: number) => Promise<void>,
): Promise<void> {
  const [first] = servers;
  if (first === undefined) throw new TypeError("no server");
  for (const { service } of servers) await service.start();
  for (let number = 1; number <= 365; number++) {
    first.clock.advance(day);
    await until(async () => ((await first.store.oldestDue()) ?? 0) > first.clock.now());
    await daily(number);
  }
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 2_000; i++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  throw new Error("what was due was not done within four seconds");
}
