/**
 * How long readers wait while others publish: the timestamp at 128 connections, with 8 writers beside them. Bare
 * node:http, to which nobody publishes, says what of the wait is this machine's. Connections are kept, and judged is what comes
 * after the first answer on each: Node accepts one new connection in each turn of its loop, so that 128 that come at once
 * wait for as many turns, each as long as all requests of the others take.
 */
import { type Entrant, interleaved, spreadOf } from "../measure.ts";
import type { Findings } from "../results.ts";
import { startBare } from "./ceilings.ts";
import { Collection } from "./collection.ts";
import type { Competitor } from "./competitor.ts";
import { milliseconds } from "./goals.ts";
import { type KeptSample, keptReads } from "./kept.ts";
import { Sender } from "./sender.ts";
import { writeSite } from "./site.ts";
import { type Stand, trustServers } from "./stand.ts";
import { lanes, publishes } from "./writing.ts";

const writers = 8;
const connections = 128;
/** For each writer, and more than there is time for beside so many reads. */
const uploads = 250;

interface DisturbedSample extends KeptSample {
  /** A second, while the reads went on. */
  readonly published: number;
}

export async function disturbed(stand: Stand, rounds: number, seconds: number): Promise<Findings> {
  const entrants: Record<string, Entrant<DisturbedSample>> = {};
  let path = "";
  for (const server of trustServers(stand)) {
    const sender = new Sender(server);
    const collections: Collection[] = [];
    for (let each = 0; each < writers; each++)
      collections.push(await Collection.publish(sender, `bench.example.test/disturbed/${each}`, 1));
    sender.close();
    path = collections[0]?.file("timestamp.json") ?? "";
    entrants[server.name] = (round) => measure(server, collections, path, round === 0 ? 1 : seconds + 1);
  }
  const site = stand.fresh();
  const sender = new Sender(stand.vidimus);
  await writeSite(site, sender, [path]);
  sender.close();
  const bare = await startBare("http", stand.fresh(), site);
  entrants[bare.name] = (round) => measure(bare, [], path, round === 0 ? 1 : seconds + 1);
  let found: Record<string, readonly DisturbedSample[]>;
  try {
    found = await interleaved(rounds, entrants);
  } finally {
    await bare.stop();
  }
  const ours = found[stand.vidimus.name] ?? [];
  return {
    title: `Reads at ${connections} connections while ${writers} writers publish`,
    judgedBy: "clock",
    measurements: Object.entries(found).flatMap(([name, samples]) => [
      milliseconds(
        `${name}: p99`,
        samples.map(({ p99 }) => p99),
      ),
      milliseconds(
        `${name}: p99 of the first answers on new connections`,
        samples.map(({ first }) => first),
      ),
      {
        what: `${name}: publishes a second meanwhile`,
        unit: "requests" as const,
        value: spreadOf(samples.map(({ published }) => published)),
      },
      {
        what: `${name}: reads a second meanwhile`,
        unit: "requests" as const,
        value: spreadOf(samples.map(({ wall }) => 1_000 / wall)),
      },
    ]),
    goals: [
      {
        goal: "99 of 100 readers have their answer in time",
        unit: "ms",
        measured: spreadOf(ours.map(({ p99 }) => p99)),
        bound: { atMost: 40 },
      },
    ],
  };
}

async function measure(
  server: Competitor,
  collections: readonly Collection[],
  path: string,
  seconds: number,
): Promise<DisturbedSample> {
  const ready = await lanes(collections, uploads);
  let over = false;
  const writing = publishes(
    server,
    ready.map((lane) => [lane]),
    () => over,
  );
  try {
    const sample = await keptReads(server, { path, connections, seconds });
    over = true;
    const { wall } = await writing;
    return { ...sample, published: 1_000 / wall };
  } finally {
    over = true;
    await writing.catch(() => {});
  }
}
