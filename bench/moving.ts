/**
 * Taking repositories over from a Notary on loopback: how long it takes, how much memory, and what verifying costs beside what
 * the core needs for the same files.
 *
 *   npm run bench:moving                                  # 1,000 repositories of 20 versions, once
 *   npm run bench:moving -- --repositories 100 --rounds 3
 *
 * The source is a Vidimus that was published to over HTTP, since it answers faster than the original: the import is what is
 * measured, not the source. Never a test. The results are also written to `bench/results/`.
 */
import { readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import pLimit from "p-limit";
import { notary } from "../src/core/format/notary.ts";
import { TrustedSet } from "../src/core/trusted-set.ts";
import { crawlPast, crawlPresent, usualCrawlLimits } from "../src/moving/crawl.ts";
import type { Source } from "../src/moving/source.ts";
import { run } from "../test/interop/support/process.ts";
import { startVidimus } from "../test/interop/support/vidimus-server.ts";
import { publishNext } from "../test/support/bare/collection.ts";
import { exchange } from "../test/support/bare/exchange.ts";
import { interleaved, ratioOf, type Sample, spreadOf, timed, wallOf } from "./measure.ts";
import { contents, openPlace, type Place } from "./place.ts";
import { child } from "./programs.ts";
import { print, show, write } from "./report.ts";

const root = resolve(import.meta.dirname, "..");
/** Repositories whose files are verified in this process, beside the core. */
const sampled = 50;
const year = 365 * 86_400_000;

const { values } = parseArgs({
  options: {
    repositories: { type: "string", default: "1000" },
    versions: { type: "string", default: "20" },
    rounds: { type: "string", default: "1" },
  },
});
const [repositories, versions, rounds] = [values.repositories, values.versions, values.rounds].map(
  Number,
) as [number, number, number];
if (![repositories, versions, rounds].every((value) => Number.isInteger(value) && value >= 1))
  throw new Error("write whole numbers of repositories, versions and rounds");

const nameOf = (index: number) => `bench.example.test/moving/app-${index}`;

interface Import extends Sample {
  /** MiB at most, of the command and of the server that takes over. */
  readonly command: number;
  readonly server: number;
}

const place = await openPlace();
try {
  print(`Filling the source with ${repositories} repositories of ${versions} versions.`);
  await fill(place);
  const imports: Import[] = [];
  for (let round = 0; round < rounds; round++) imports.push(await importAll(place));
  const files = await keptFiles(place);
  const verified = await interleaved(Math.max(3, rounds), {
    crawl: () => timed(() => crawlAll(files)),
    core: () => timed(async () => verifyAll(files)),
  });
  const each = (sample: Sample) => sample.wall / repositories;
  const findings = {
    title: `An import of ${repositories} repositories with ${versions} versions each, 16 at a time`,
    judgedBy: "clock",
    measurements: [
      { what: "all of them, by the command", unit: "ms", value: wallOf(imports) },
      { what: "one of them", unit: "ms", value: spreadOf(imports.map(each)) },
      {
        what: "most memory of the command",
        unit: "MiB",
        value: spreadOf(imports.map(({ command }) => command)),
      },
      {
        what: "most memory of the server",
        unit: "MiB",
        value: spreadOf(imports.map(({ server }) => server)),
      },
    ],
    goals: [
      { goal: "minutes, not hours", unit: "ms", measured: wallOf(imports), bound: { atMost: 10 * 60_000 } },
      {
        goal: "verifying in an import as by the core alone",
        unit: "times",
        measured: ratioOf(verified.crawl, verified.core, "cpu"),
        bound: { atMost: 1.25 },
      },
    ],
    notes: ["The command's own bound of 200 requests a second is lifted to 10,000 here."],
  } as const;
  show(findings);
  print(`\n${write("moving", rounds, [findings])}`);
} finally {
  await place.close();
}

async function fill({ url, ca, publish }: Place): Promise<void> {
  const limit = pLimit(16);
  const server = { url, ca: readFileSync(ca, "utf8") };
  await Promise.all(
    Array.from({ length: repositories }, (_, index) =>
      limit(async () => {
        const repository = nameOf(index);
        const signers = await publish(repository, 1);
        for (let current = 1; current < versions; current++) {
          const targets = contents(current + 1);
          await publishNext(server, { repository, current, targets, signers, expires: Date.now() + year });
        }
      }),
    ),
  );
}

async function importAll({ url, ca, fresh }: Place): Promise<Import> {
  const directory = fresh();
  const server = await startVidimus(directory);
  try {
    const flags = ["--old-ca", ca, "--server", server.url, "--ca", server.ca, "--rate", "10000", "--json"];
    const command = [
      "--import",
      child("peak.js"),
      join(root, "src/main.ts"),
      "import",
      "notary",
      url,
      ...flags,
    ];
    let stderr = "";
    const sample = await timed(async () => {
      const env = { PATH: process.env.PATH ?? "", HOME: directory };
      const ended = await run(process.execPath, command, { env, cwd: directory, seconds: 3_600 });
      const { repositories: reports } = JSON.parse(ended.stdout) as { repositories: { outcome: string }[] };
      const taken = reports.filter(({ outcome }) => outcome === "taken").length;
      if (ended.code !== 0 || taken !== repositories)
        throw new Error(`the import ended with ${ended.code}, and took ${taken}: ${ended.stderr}`);
      stderr = ended.stderr;
    });
    const status = readFileSync(`/proc/${server.pids[0]}/status`, "latin1");
    return {
      ...sample,
      command: Number(/^peak (\d+)$/m.exec(stderr)?.[1]),
      server: Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) / 1_024,
    };
  } finally {
    await server.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

type Files = ReadonlyMap<string, ReadonlyMap<string, Buffer>>;

/** All that is read of some repositories, by the names under which it is asked for. */
async function keptFiles({ url, ca }: Place): Promise<Files> {
  const server = { url, ca: readFileSync(ca, "utf8") };
  const kept = new Map<string, Map<string, Buffer>>();
  for (let index = 0; index < Math.min(sampled, repositories); index++) {
    const repository = nameOf(index);
    const files = new Map<string, Buffer>();
    const source: Source = {
      origin: url,
      async *names() {},
      async file(name, file) {
        const { status, bytes: body } = await exchange(server, "GET", `/v2/${name}/_trust/tuf/${file}`);
        if (status !== 200) return undefined;
        files.set(file, body);
        return body;
      },
      close() {},
    };
    await crawl(source, repository);
    kept.set(repository, files);
  }
  return kept;
}

async function crawl(source: Source, repository: string): Promise<void> {
  const work = { source, format: notary, limits: usualCrawlLimits, now: Date.now };
  const present = await crawlPresent(work, repository);
  if (present === undefined) throw new Error(`no ${repository}`);
  const fault = () => {
    throw new Error(`${repository} does not verify`);
  };
  for await (const _ of crawlPast(work, present, new Map(), fault));
}

async function crawlAll(kept: Files): Promise<void> {
  for (const [repository, files] of kept) {
    const source: Source = {
      origin: "memory",
      async *names() {},
      file: async (_, name) => files.get(name),
      close() {},
    };
    await crawl(source, repository);
  }
}

/** The same files as clients verify them: each timestamp with what it leads to. */
function verifyAll(kept: Files): void {
  const at = Date.now();
  for (const [repository, files] of kept) {
    for (let version = versions; version >= 1; version--) {
      const timestamp = files.get(version === versions ? "timestamp.json" : `${version}.timestamp.json`);
      const first = files.get("1.root.json") ?? files.get("root.json");
      if (timestamp === undefined || first === undefined) throw new Error(`${repository} lacks a file`);
      const set = new TrustedSet({ format: notary, repository });
      set.addRoot(first, at);
      const digest = set.addTimestamp(timestamp, at, "ignored").signed.snapshot.hashes.get("sha256");
      const snapshot = set.addSnapshot(files.get(`snapshot.${digest}.json`) as Buffer, at, "ignored");
      const targets = snapshot.signed.meta.get("targets")?.hashes.get("sha256");
      set.addTargets("targets", files.get(`targets.${targets}.json`) as Buffer, at, "ignored");
    }
  }
}
