/**
 * What Vidimus costs when there is more: of versions, of repositories, of files beyond the cache. Repositories for reads
 * are put into the store directly.
 */
import { cpSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Entrant, interleaved, type Sample } from "../measure.ts";
import type { Findings } from "../results.ts";
import { Collection } from "./collection.ts";
import type { Competitor } from "./competitor.ts";
import { ratioGoal, row } from "./goals.ts";
import { seed, starving } from "./seed.ts";
import { Sender } from "./sender.ts";
import { have, type Stand } from "./stand.ts";
import { lanes, publishes } from "./writing.ts";
import { readsOf } from "./wrk.ts";

const versions = 500;
const connections = 16;
/** What is published to each of so many young repositories, and as many in all to the old one. */
const [young, steps] = [50, 6];
const few = 100;

export async function growth(
  stand: Stand,
  rounds: number,
  seconds: number,
  repositories: number,
): Promise<Findings> {
  const started: Competitor[] = [];
  const keep = async (server: Promise<Competitor>) => {
    started.push(await server);
    return await server;
  };
  try {
    const aged = await ageing(await keep(stand.start(stand.fresh())), seconds);
    const crowd = have("wrk") ? await crowded(stand, keep, repositories, seconds) : {};
    const samples = await interleaved<string, Sample>(rounds, { ...aged, ...crowd });
    const ratio = (goal: string, more: string, less: string, atMost: number) =>
      ratioGoal(goal, samples[more], samples[less], { atMost });
    const [some, lots] = [names.among(few), names.among(repositories)];
    return {
      title: "Growth, CPU each",
      judgedBy: "CPU",
      measurements: Object.entries(samples).map(([what, all]) => row(what, all)),
      goals: [
        ...ratio(`a read at ${versions} versions as at 1`, names.readOld, names.readYoung, 1.2),
        ...ratio(`a publish at ${versions} versions as at 1`, names.publishOld, names.publishYoung, 1.2),
        ...ratio(`a read among ${repositories} repositories as among ${few}`, lots, some, 1.3),
        ...ratio("a miss as a hit", names.miss, lots, 2.5),
      ],
    };
  } finally {
    for (const server of started.toReversed()) await server.stop();
  }
}

const names = {
  readYoung: "read, 1 version",
  readOld: `read, ${versions} versions`,
  publishYoung: "publish, 1 version",
  publishOld: `publish, ${versions} versions`,
  among: (count: number) => `read, ${few} of ${count} repositories, all in the cache`,
  miss: "read, not in the cache",
};

async function ageing(server: Competitor, seconds: number): Promise<Record<string, Entrant>> {
  const sender = new Sender(server);
  const old = await Collection.publish(sender, "bench.example.test/growth/old", 1);
  const fresh = await Collection.publish(sender, "bench.example.test/growth/young", 1);
  const never = () => false;
  await publishes(server, [await lanes([old], versions - 1)], never);
  const read = (collection: Collection): Entrant => {
    return () => readsOf(server, { path: collection.file("timestamp.json"), connections, seconds });
  };
  return {
    ...(have("wrk") && { [names.readYoung]: read(fresh), [names.readOld]: read(old) }),
    [names.publishYoung]: async (round) => {
      const collections: Collection[] = [];
      for (let each = 0; each < young; each++)
        collections.push(await Collection.publish(sender, `bench.example.test/growth/${round}-${each}`, 1));
      return await publishes(server, [await lanes(collections, steps)], never);
    },
    [names.publishOld]: async () => await publishes(server, [await lanes([old], young * steps)], never),
  };
}

/** Two stores, one with few repositories; of the other a copy whose server can keep next to nothing. */
async function crowded(
  stand: Stand,
  keep: (server: Promise<Competitor>) => Promise<Competitor>,
  repositories: number,
  seconds: number,
): Promise<Record<string, Entrant>> {
  const sender = new Sender(stand.vidimus);
  const model = await Collection.publish(sender, "bench.example.test/growth/model", 1);
  const [small, large, starved] = [stand.fresh(), stand.fresh(), stand.fresh()];
  await seed(sender, model, join(small, "data"), few);
  const paths = await seed(sender, model, join(large, "data"), repositories);
  sender.close();
  cpSync(large, starved, { recursive: true });
  const [some, all] = [stand.fresh(), stand.fresh()];
  const apart = Math.floor(repositories / few);
  writeFileSync(
    some,
    paths
      .filter((_, at) => at % apart === 0)
      .slice(0, few)
      .join("\n"),
  );
  writeFileSync(all, paths.join("\n"));
  const first = stand.fresh();
  writeFileSync(first, paths.slice(0, few).join("\n"));
  const read = (server: Competitor, asked: string): Entrant => {
    return () => readsOf(server, { path: "/", paths: asked, connections, seconds });
  };
  return {
    [names.among(few)]: read(await keep(stand.start(small)), first),
    [names.among(repositories)]: read(await keep(stand.start(large)), some),
    [names.miss]: read(await keep(stand.start(starved, { flags: starving })), all),
  };
}
