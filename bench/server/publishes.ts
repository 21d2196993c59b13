/**
 * Publishes to the trust servers: durable where the server is (Vidimus on SQLite and MariaDB sync each commit, memory
 * nothing). All uploads are signed beforehand: in round 0 a few, then as many as the last rate asks for.
 */
import { type Entrant, interleaved, type Sample, spreadOf } from "../measure.ts";
import type { Findings, Measurement } from "../results.ts";
import { Collection } from "./collection.ts";
import type { Competitor } from "./competitor.ts";
import { percentile, syncTimes } from "./disk.ts";
import { milliseconds, ratioGoal, row } from "./goals.ts";
import { contest, type RivalSample } from "./rivals.ts";
import { Sender } from "./sender.ts";
import { type Stand, trustServers } from "./stand.ts";
import { after, lanes, publishes as send } from "./writing.ts";

const writers = 8;
/** Of 20,000 targets, a round: signing one takes longer than most servers take for it. */
const largeUploads = 4;
const what = {
  alone: "1 writer",
  distinct: `${writers} writers, a repository each`,
  large: "one new tag beside 20,000",
  rivals: `${writers} writers, one repository, a winner`,
} as const;

export async function publishes(stand: Stand, rounds: number, seconds: number): Promise<Findings> {
  const servers = trustServers(stand);
  const made = new Map<Competitor, Awaited<ReturnType<typeof found>>>();
  for (const server of servers) made.set(server, await found(server));
  const each = <Kind extends Sample>(
    name: keyof typeof what,
    entrant: (server: Competitor, collections: Awaited<ReturnType<typeof found>>) => Entrant<Kind>,
  ) => Object.fromEntries([...made].map(([server, all]) => [keyOf(name, server), entrant(server, all)]));
  const samples = await interleaved(rounds, {
    ...each("alone", (server, { alone }) =>
      stocked(seconds, 1, (most) => write(server, [alone], most, seconds)),
    ),
    ...each("distinct", (server, { distinct }) =>
      stocked(seconds, writers, (most) => write(server, distinct, most, seconds)),
    ),
    ...each("large", (server, { large }) => async (round) => {
      const uploads = await large.next(round === 0 ? 1 : largeUploads, true);
      return await send(server, [[{ collection: large, uploads }]], () => false);
    }),
  });
  const syncs: number[][] = [];
  const contests = await interleaved<string, RivalSample>(
    rounds,
    each("rivals", (server, { rivals }) => {
      const contend = stocked(seconds, 1, async (most) =>
        contest(server, rivals, await rivals.volleys(writers, most), seconds),
      );
      return async (round) => {
        if (round > 0 && server === stand.vidimus) syncs.push([...syncTimes(stand.fresh())]);
        return await contend(round);
      };
    }),
  );
  const of = (name: keyof typeof what, server: Competitor | undefined) =>
    server && samples[keyOf(name, server)];
  const syncP99 = spreadOf(syncs.map((times) => percentile(times, 0.99)));
  const longest = Math.max(50, 3 * syncP99.median);
  const ours = contests[keyOf("rivals", stand.vidimus)] ?? [];
  const { vidimus, memory, mariadb } = stand;
  return {
    title: "Publishes, CPU each",
    judgedBy: "CPU",
    measurements: [
      ...Object.entries({ ...samples, ...contests }).map(([name, all]) => row(name, all)),
      ...Object.entries(contests).flatMap(([name, all]) => told(name, all)),
      milliseconds(
        "sync of this disk, median",
        syncs.map((times) => percentile(times, 0.5)),
      ),
      { what: "sync of this disk, p99", unit: "ms", value: syncP99 },
    ],
    goals: [
      ...ratioGoal(
        `${what.distinct}: times better than notary on MariaDB`,
        of("distinct", mariadb),
        of("distinct", vidimus),
        { atLeast: 8 },
      ),
      ...ratioGoal(
        `${what.distinct}: no slower than notary in memory`,
        of("distinct", memory),
        of("distinct", vidimus),
        { atLeast: 1 },
      ),
      {
        goal: "99 of 100 losers are told in 50 ms or three syncs of the disk",
        unit: "ms",
        measured: spreadOf(ours.map((sample) => sample.told)),
        bound: { atMost: longest },
      },
      ...[memory, mariadb].flatMap((server) =>
        ratioGoal(
          `${what.large}: times faster than ${server?.name}`,
          of("large", server),
          of("large", vidimus),
          {
            atLeast: 4,
          },
        ),
      ),
    ],
  };
}

function keyOf(name: keyof typeof what, server: Competitor): string {
  return `${what[name]}: ${server.name}`;
}

/** An entrant that is told how many uploads to have ready for each writer. */
function stocked<Kind extends Sample>(
  seconds: number,
  lanesOf: number,
  run: (most: number) => Promise<Kind>,
): Entrant<Kind> {
  let most = 40;
  return async () => {
    const sample = await run(most);
    most = Math.min(4_000, Math.ceil((seconds * 1_400) / sample.wall / lanesOf));
    return sample;
  };
}

async function write(
  server: Competitor,
  collections: readonly Collection[],
  most: number,
  seconds: number,
): Promise<Sample> {
  const each = await lanes(collections, most);
  return await send(
    server,
    each.map((lane) => [lane]),
    after(seconds),
  );
}

async function found(server: Competitor) {
  const sender = new Sender(server);
  const publish = (name: string, targets = 1) =>
    Collection.publish(sender, `bench.example.test/publishes/${name}`, targets);
  try {
    const distinct: Collection[] = [];
    for (let each = 0; each < writers; each++) distinct.push(await publish(`distinct-${each}`));
    return {
      alone: await publish("alone"),
      distinct,
      rivals: await publish("rivals"),
      large: await publish("large", 20_000),
    };
  } finally {
    sender.close();
  }
}

function told(name: string, samples: readonly RivalSample[]): Measurement[] {
  const share = samples.map(({ faults, losers }) => (100 * faults) / losers);
  return [
    milliseconds(
      `${name}: p99 of losers`,
      samples.map((sample) => sample.told),
    ),
    { what: `${name}: losers that got 500 and above`, unit: "%", value: spreadOf(share) },
  ];
}
