/**
 * Where the time of a Vidimus process goes under each load, in parts of the time that its main thread was not idle: by
 * whose code it is, and the functions that take most of it themselves. Starting and filling the server are left out.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { spreadOf } from "../measure.ts";
import type { Findings, Measurement } from "../results.ts";
import { Collection } from "./collection.ts";
import type { Competitor } from "./competitor.ts";
import { contest } from "./rivals.ts";
import { seed, starving } from "./seed.ts";
import { Sender } from "./sender.ts";
import type { Stand } from "./stand.ts";
import { after, lanes, publishes } from "./writing.ts";
import { readsOf } from "./wrk.ts";

const [shownOwners, shown] = [8, 12];
const writers = 8;
const uploads = 1_500;

interface Load {
  readonly what: string;
  /** Of each of the repositories that are published. */
  readonly targets: number;
  readonly repositories: number;
  /** Repositories that are in the store already, for a server that can keep next to nothing. */
  readonly crowd?: number;
  /** Signs what is needed, and returns what is to be measured. */
  prepare(
    server: Competitor,
    collections: readonly Collection[],
    seconds: number,
    /** A file of the crowd's paths. */
    crowd: string,
  ): Promise<() => Promise<unknown>>;
}

const loads: readonly Load[] = [
  { what: "timestamp", targets: 1, repositories: 1, prepare: read("timestamp.json") },
  { what: "20,000 targets", targets: 20_000, repositories: 1, prepare: read("targets.json") },
  {
    what: "not in the cache",
    targets: 0,
    repositories: 0,
    crowd: 5_000,
    async prepare(server, _collections, seconds, paths) {
      return () => readsOf(server, { path: "/", paths, connections: 128, seconds });
    },
  },
  {
    what: `${writers} writers, a repository each`,
    targets: 1,
    repositories: writers,
    async prepare(server, collections, seconds) {
      const each = (await lanes(collections, uploads / writers)).map((lane) => [lane]);
      return () => publishes(server, each, after(seconds));
    },
  },
  {
    what: `${writers} writers, one repository`,
    targets: 1,
    repositories: 1,
    async prepare(server, collections, seconds) {
      const [one] = collections;
      if (one === undefined) throw new TypeError("nothing to contend for");
      const volleys = await one.volleys(writers, uploads / writers);
      return () => contest(server, one, volleys, seconds);
    },
  },
  {
    what: "one new tag beside 20,000",
    targets: 20_000,
    repositories: 1,
    async prepare(server, collections) {
      const [collection] = collections;
      if (collection === undefined) throw new TypeError("nothing to add to");
      const lane = { collection, uploads: await collection.next(2 * writers, true) };
      return () => publishes(server, [[lane]], () => false);
    },
  },
];

export async function profile(stand: Stand, _rounds: number, seconds: number): Promise<Findings> {
  const measurements: Measurement[] = [];
  for (const { what, targets, repositories, crowd, prepare } of loads) {
    const [folder, home, paths] = [stand.fresh(), stand.fresh(), stand.fresh()];
    if (crowd !== undefined) await gather(stand, join(home, "data"), crowd, paths);
    const server = await stand.start(home, {
      node: ["--cpu-prof", `--cpu-prof-dir=${folder}`, "--disable-sigusr1"],
      flags: crowd === undefined ? [] : starving,
    });
    let begun = 0;
    let ended = 0;
    try {
      const sender = new Sender(server);
      const collections: Collection[] = [];
      for (let each = 0; each < repositories; each++)
        collections.push(await Collection.publish(sender, `bench.example.test/profile/${each}`, targets));
      sender.close();
      const load = await prepare(server, collections, seconds + 3, paths);
      begun = microseconds();
      await load();
      ended = microseconds();
    } finally {
      await server.stop();
    }
    for (const [name, part] of top(folder, begun, ended))
      measurements.push({ what: `${what}: ${name}`, unit: "%", value: spreadOf([part]) });
  }
  return { title: "Where the time goes", judgedBy: "clock", measurements, goals: [] };
}

async function gather(stand: Stand, directory: string, count: number, paths: string): Promise<void> {
  const sender = new Sender(stand.vidimus);
  const model = await Collection.publish(sender, "bench.example.test/profile/model", 1);
  writeFileSync(paths, (await seed(sender, model, directory, count)).join("\n"));
  sender.close();
}

function read(file: string): Load["prepare"] {
  return async (server, [collection], seconds) => {
    if (collection === undefined) throw new TypeError("nothing to read");
    return () => readsOf(server, { path: collection.file(file), connections: 128, seconds });
  };
}

/** Of the machine's steady clock, which V8 writes into profiles, too. */
function microseconds(): number {
  return Number(process.hrtime.bigint() / 1_000n);
}

/** The parts of V8's format that are read here. */
interface Profile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: Frame }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
  readonly startTime: number;
}

interface Frame {
  readonly functionName: string;
  readonly url: string;
}

/** Whose code with its part of the busy time, greatest first; then single functions likewise. */
function top(folder: string, begun: number, ended: number): [string, number][] {
  const [owners, functions] = [new Map<string, number>(), new Map<string, number>()];
  let busy = 0;
  for (const file of readdirSync(folder)) {
    const { nodes, samples, timeDeltas, startTime } = JSON.parse(
      readFileSync(join(folder, file), "utf8"),
    ) as Profile;
    const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
    let now = startTime;
    for (const [at, id] of samples.entries()) {
      const [frame, time] = [frames.get(id), timeDeltas[at] ?? 0];
      now += time;
      if (now < begun || now > ended || frame === undefined || frame.functionName === "(idle)") continue;
      busy += time;
      for (const [names, name] of [
        [owners, ownerOf(frame)],
        [functions, nameOf(frame)],
      ] as const)
        names.set(name, (names.get(name) ?? 0) + time);
    }
  }
  const greatest = (times: ReadonlyMap<string, number>): [string, number][] =>
    [...times].toSorted(([, a], [, b]) => b - a).map(([name, time]) => [name, (100 * time) / busy]);
  return [
    ...greatest(owners)
      .slice(0, shownOwners)
      .map(([name, part]): [string, number] => [`all of ${name}`, part]),
    ...greatest(functions).slice(0, shown),
  ];
}

function ownerOf({ functionName, url }: Frame): string {
  if (functionName.startsWith("(")) return functionName;
  if (url.startsWith("node:")) return "Node's JavaScript";
  const [, found] = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url) ?? /\/(src\/[^/]+)/.exec(url) ?? [];
  return found ?? (url === "" ? "what V8 and Node have in C++" : url);
}

/** A function with the end of its file's path. */
function nameOf({ functionName, url }: Frame): string {
  const file = url.split("/").slice(-2).join("/");
  // A regular expression is named by its whole text.
  if (functionName.length > 60) return `${functionName.slice(0, 60)}...`;
  return file === "" ? functionName : `${functionName === "" ? "(anonymous)" : functionName} (${file})`;
}
