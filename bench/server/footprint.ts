/** What a Vidimus process is: its memory with 250 repositories that are read, and how soon it answers. */
import { cpuOf, type Sample, spreadOf, wallOf } from "../measure.ts";
import type { Findings } from "../results.ts";
import { Collection } from "./collection.ts";
import { cpuOfServers, residentOf } from "./processes.ts";
import { Sender } from "./sender.ts";
import type { Stand } from "./stand.ts";

const repositories = 250;
const passes = 8;
const files = ["timestamp.json", "snapshot.json", "targets.json", "root.json"];

export async function footprint(stand: Stand, rounds: number): Promise<Findings> {
  const [cold, warm]: [Sample[], Sample[]] = [[], []];
  const resident: number[] = [];
  const home = stand.fresh();
  await fill(stand, home);
  for (let round = 0; round < rounds; round++) {
    cold.push(await startTime(stand, stand.fresh()));
    warm.push(await startTime(stand, home));
    resident.push(await readAll(stand, home));
  }
  return {
    title: `A process with ${repositories} repositories`,
    judgedBy: "clock",
    measurements: [
      { what: "start with nothing there", unit: "ms", value: wallOf(cold), beside: cpuOf(cold) },
      { what: "start with its data there", unit: "ms", value: wallOf(warm), beside: cpuOf(warm) },
    ],
    goals: [
      { goal: "start with its data there", unit: "ms", measured: wallOf(warm), bound: { atMost: 1_000 } },
      {
        goal: "resident memory after reads of all",
        unit: "MiB",
        measured: spreadOf(resident),
        bound: { atMost: 200 },
      },
    ],
  };
}

async function startTime(stand: Stand, directory: string): Promise<Sample> {
  const begun = performance.now();
  const server = await stand.start(directory);
  const wall = performance.now() - begun;
  const cpu = cpuOfServers(server.pids);
  await server.stop();
  return { wall, cpu };
}

function name(index: number): string {
  return `bench.example.test/footprint/${index}`;
}

async function fill(stand: Stand, directory: string): Promise<void> {
  const server = await stand.start(directory);
  const sender = new Sender(server);
  try {
    for (let index = 0; index < repositories; index++) await Collection.publish(sender, name(index), 20);
  } finally {
    sender.close();
    await server.stop();
  }
}

async function readAll(stand: Stand, directory: string): Promise<number> {
  const server = await stand.start(directory);
  const sender = new Sender(server, 16);
  try {
    for (let pass = 0; pass < passes; pass++) {
      for (let index = 0; index < repositories; index++) {
        const path = `/v2/${name(index)}/_trust/tuf/`;
        await Promise.all(files.map((file) => sender.get(`${path}${file}`)));
      }
    }
    return residentOf(server.pids);
  } finally {
    sender.close();
    await server.stop();
  }
}
