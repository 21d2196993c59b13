/**
 * Reads with connections kept alive: the trust servers beside servers that have nothing but answers, of the same bytes.
 * Round 0 only warms up, with one kind of read, and longer: a server in JavaScript is compiled while it runs.
 */
import { createHash } from "node:crypto";
import { createAuthority } from "../../test/interop/support/certificates.ts";
import { startVidimus } from "../../test/interop/support/vidimus-server.ts";
import { type Entrant, interleaved } from "../measure.ts";
import type { Findings } from "../results.ts";
import { startBare, startNginx } from "./ceilings.ts";
import { Collection } from "./collection.ts";
import type { Competitor } from "./competitor.ts";
import { ratioGoal, row } from "./goals.ts";
import { asServer } from "./processors.ts";
import { Sender } from "./sender.ts";
import { writeSite } from "./site.ts";
import { have, type Stand, trustServers } from "./stand.ts";
import { type Reads, readsOf } from "./wrk.ts";

const connectionCounts = [16, 128];
const many = 20_000;

/** Where a competitor has what is asked for. */
interface Shelf {
  readonly timestamp: string;
  readonly targets: string;
  readonly checksum: string;
  readonly large: string;
  /** Of the large one, as it comes. */
  readonly bytes: number;
  /** The same for who accepts it compressed; undefined where it comes as it is. */
  readonly compressed: number | undefined;
  /** Of the large one; undefined where there is none. */
  readonly etag: string | undefined;
}

const files = {
  timestamp: "timestamp",
  targets: "targets, small",
  checksum: "by checksum",
  large: "20,000 targets",
} as const;

export async function reads(stand: Stand, rounds: number, seconds: number): Promise<Findings> {
  if (!have("wrk")) return { title: "Reads", judgedBy: "CPU", measurements: [], goals: [] };
  const site = stand.fresh();
  const started: Competitor[] = [];
  const keep = async (server: Promise<Competitor>) => {
    started.push(await server);
    return await server;
  };
  try {
    const shelves = new Map<Competitor, Shelf>();
    for (const server of trustServers(stand)) shelves.set(server, await fill(server));
    const ours = shelves.get(stand.vidimus) as Shelf;
    const sender = new Sender(stand.vidimus);
    await writeSite(site, sender, [ours.timestamp, ours.targets, ours.checksum, ours.large]);
    sender.close();
    const plain = [await keep(startBare("http", stand.fresh(), site))];
    plain.push(await keep(startBare("fastify", stand.fresh(), site)));
    if (have("nginx")) plain.push(await keep(startNginx(stand.fresh(), site)));
    const [bare] = plain;
    for (const server of plain) {
      const asked =
        server.name === "nginx" ? await look(server, ours) : { etag: undefined, compresses: false };
      shelves.set(server, { ...ours, ...asked });
    }
    const secure = await startSecure(stand, site, ours, keep);
    for (const [server, shelf] of secure) shelves.set(server, shelf);

    const entrants: Record<string, Entrant> = {};
    const enter = (
      what: string,
      server: Competitor,
      path: string,
      more: Pick<Reads, "headers" | "answer"> = {},
    ) => {
      for (const connections of connectionCounts) {
        const isWarmUp = what.startsWith(files.timestamp) && connections === connectionCounts.at(-1);
        entrants[keyOf(what, server, connections)] = (round) =>
          round === 0 && !isWarmUp
            ? Promise.resolve({ wall: 0, cpu: 0 })
            : readsOf(server, {
                path,
                connections,
                ...more,
                seconds: isWarmUp && round === 0 ? 3 * seconds : seconds,
              });
      }
    };
    const open = [...shelves].filter(([server]) => !secure.has(server));
    for (const name of ["timestamp", "targets", "checksum"] as const)
      for (const [server, shelf] of open) enter(files[name], server, shelf[name]);
    for (const [server, { large, bytes }] of open) enter(files.large, server, large, { answer: bytes });
    for (const [server, { large, compressed }] of open)
      if (compressed !== undefined)
        enter(`${files.large}, gzip`, server, large, {
          headers: { "accept-encoding": "gzip" },
          answer: compressed,
        });
    for (const [server, { large, etag }] of open)
      if (etag !== undefined)
        enter(`${files.large}, 304`, server, large, { headers: { "if-none-match": etag } });
    for (const [server, shelf] of secure) enter(`${files.timestamp}, TLS`, server, shelf.timestamp);

    const samples = await interleaved(rounds, entrants);
    const of = (what: string, server: Competitor | undefined, connections: number) =>
      server && samples[keyOf(what, server, connections)];
    return {
      title: "Reads, CPU a request",
      judgedBy: "CPU",
      measurements: Object.entries(samples).map(([what, each]) => row(what, each)),
      goals: connectionCounts.flatMap((connections) => {
        const held = (
          what: string,
          slower: Competitor | undefined,
          atLeast: number,
          than = slower?.name ?? "",
        ) =>
          ratioGoal(
            `${what}, ${connections} connections: times better than ${than}`,
            of(what, slower, connections),
            of(what, stand.vidimus, connections),
            { atLeast },
          );
        return [
          ...held(files.timestamp, stand.mariadb, 20),
          ...held(files.timestamp, stand.memory, 6.5),
          ...held(files.targets, stand.mariadb, 19),
          ...held(files.targets, stand.memory, 1.5),
          ...held(files.checksum, stand.mariadb, 1.7),
          ...held(files.checksum, stand.memory, 1.7),
          ...ratioGoal(
            `${files.timestamp}, ${connections} connections: 42 where bare node:http takes 30`,
            of(files.timestamp, stand.vidimus, connections),
            of(files.timestamp, bare, connections),
            { atMost: 1.4 },
          ),
        ];
      }),
      notes: ours.compressed !== undefined ? [] : ["Vidimus sends nothing compressed yet."],
    };
  } finally {
    for (const server of started.toReversed()) await server.stop();
  }
}

function keyOf(what: string, { name }: Competitor, connections: number): string {
  return `${what}, ${connections} connections: ${name}`;
}

/** Publishes a small and a large repository to a trust server. */
async function fill(server: Competitor): Promise<Shelf> {
  const sender = new Sender(server);
  try {
    const small = await Collection.publish(sender, "bench.example.test/reads/small", 1);
    const large = await Collection.publish(sender, "bench.example.test/reads/large", many);
    const { bytes } = await sender.get(small.file("targets.json"));
    const shelf = {
      timestamp: small.file("timestamp.json"),
      targets: small.file("targets.json"),
      checksum: small.file(`targets.${createHash("sha256").update(bytes).digest("hex")}.json`),
      large: large.file("targets.json"),
    };
    return { ...shelf, ...(await look(server, shelf)) };
  } finally {
    sender.close();
  }
}

async function look(server: Competitor, { large }: Pick<Shelf, "large">) {
  const sender = new Sender(server);
  try {
    const plain = await sender.get(large);
    const accepted = await sender.get(large, { "accept-encoding": "gzip" });
    const isCompressed = accepted.headers["content-encoding"] === "gzip";
    return {
      bytes: plain.bytes.length,
      compressed: isCompressed ? accepted.bytes.length : undefined,
      etag: plain.headers.etag,
    };
  } finally {
    sender.close();
  }
}

/** Vidimus with TLS, and bare Node beside it. */
async function startSecure(
  stand: Stand,
  site: string,
  ours: Shelf,
  keep: (server: Promise<Competitor>) => Promise<Competitor>,
): Promise<ReadonlyMap<Competitor, Shelf>> {
  const shelves = new Map<Competitor, Shelf>();
  const vidimus = startVidimus(stand.fresh(), { through: asServer });
  const server = await keep(vidimus.then((each) => ({ ...each, name: "Vidimus" })));
  shelves.set(server, await fill(server));
  if (have("openssl")) {
    const authority = await createAuthority(site);
    const tls = { ...(await authority.issueTls("bare")), ca: authority.ca };
    shelves.set(await keep(startBare("https", stand.fresh(), site, tls)), ours);
  }
  return shelves;
}
