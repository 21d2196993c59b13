/**
 * The server beside the stock one, in one run.
 *
 *   npm run bench                           # all parts, 5 rounds
 *   npm run bench -- --rounds 1             # the short run, some minutes
 *   npm run bench -- reads publishes        # some of reads, disturbed, publishes, trail, growth, footprint, workers
 *   npm run bench -- profile                # where the time of Vidimus goes; only when asked for
 *   npm run bench -- --full growth          # with 100,000 repositories
 *
 * Never a test: it ends well whether goals are reached or not. The results are also written to `bench/results/`.
 */
import { writeFileSync } from "node:fs";
import { delimiter } from "node:path";
import { parseArgs } from "node:util";
import { print, show, write } from "./report.ts";
import type { Findings } from "./results.ts";
import { disturbed } from "./server/disturbed.ts";
import { footprint } from "./server/footprint.ts";
import { growth } from "./server/growth.ts";
import { plot } from "./server/plot.ts";
import { bindThisProcess, bound } from "./server/processors.ts";
import { profile } from "./server/profile.ts";
import { publishes } from "./server/publishes.ts";
import { reads } from "./server/reads.ts";
import { openStand, type Stand } from "./server/stand.ts";
import { trail } from "./server/trail.ts";
import { workers } from "./server/workers.ts";

type Part = (stand: Stand, rounds: number, seconds: number, repositories: number) => Promise<Findings>;

const parts: Readonly<Record<string, Part>> = {
  reads,
  disturbed,
  publishes,
  trail,
  growth,
  footprint,
  workers,
  profile,
};

const { values, positionals } = parseArgs({
  options: { rounds: { type: "string", default: "5" }, full: { type: "boolean", default: false } },
  allowPositionals: true,
});
const rounds = Number(values.rounds);
const wanted =
  positionals.length === 0 ? Object.keys(parts).filter((name) => name !== "profile") : positionals;
const unknown = wanted.find((name) => !Object.hasOwn(parts, name));
if (unknown !== undefined || !Number.isInteger(rounds) || rounds < 1)
  throw new Error(`write a number of rounds, and any of ${Object.keys(parts).join(", ")}`);
// Each measurement of a short run is short, too.
const seconds = rounds === 1 ? 1 : 2;
const repositories = values.full ? 100_000 : 20_000;
// Where Debian keeps its servers.
process.env.PATH = [process.env.PATH, "/usr/sbin"].join(delimiter);

await bindThisProcess();
if (!bound) print("This machine has one processor: servers and loads share it.");
const stand = await openStand();
try {
  for (const line of stand.missing) print(line);
  const findings: Findings[] = [];
  for (const name of wanted) {
    const found = await parts[name]?.(stand, rounds, seconds, repositories);
    if (found === undefined) continue;
    findings.push(found);
    show(found);
  }
  const path = write("server", rounds, findings);
  const picture = path.replace(/\.json$/, ".svg");
  writeFileSync(picture, plot(findings));
  print(`\n${path}\n${picture}`);
} finally {
  await stand.close();
}
