/**
 * The client beside the stock one, in one run.
 *
 *   npm run bench:client                       # everything, 9 rounds
 *   npm run bench:client -- --rounds 3 memory  # some of start-up, locking, in-process, memory
 *
 * Never a test: it ends well whether goals are reached or not. The results are also written to `bench/results/`.
 */
import { parseArgs } from "node:util";
import { inProcess } from "./in-process.ts";
import { locking } from "./locking.ts";
import { memory } from "./memory.ts";
import { openPlace, type Place } from "./place.ts";
import { checkPrograms } from "./programs.ts";
import { print, show, write } from "./report.ts";
import type { Findings } from "./results.ts";
import { startUp } from "./start-up.ts";

const small = Array.from({ length: 60 }, (_, index) => `bench.example.test/small/image-${index}`);
const large = Array.from({ length: 40 }, (_, index) => `bench.example.test/large/image-${index}`);
const [oneSmall = "", oneLarge = ""] = [small[0], large[0]];
const targets = 20_000;

type Part = (place: Place, rounds: number) => Promise<Findings>;

const parts: Readonly<Record<string, Part>> = {
  "start-up": (place, rounds) => startUp(place, rounds, oneSmall, oneLarge),
  locking: (place, rounds) => locking(place, rounds, small),
  "in-process": (place, rounds) => inProcess(place, rounds, oneSmall, oneLarge),
  memory: (place, rounds) => memory(place, Math.ceil(rounds / 3), small, large),
};

const { values, positionals } = parseArgs({
  options: { rounds: { type: "string", default: "9" } },
  allowPositionals: true,
});
const rounds = Number(values.rounds);
const wanted = positionals.length === 0 ? Object.keys(parts) : positionals;
const unknown = wanted.find((name) => !Object.hasOwn(parts, name));
if (unknown !== undefined || !Number.isInteger(rounds) || rounds < 1)
  throw new Error(`write a number of rounds, and any of ${Object.keys(parts).join(", ")}`);
checkPrograms();
const place = await openPlace();
try {
  for (const repository of small) await place.publish(repository, 1);
  const needed = wanted.includes("memory") ? large : [oneLarge];
  for (const repository of needed) await place.publish(repository, targets);
  const findings: Findings[] = [];
  for (const name of wanted) {
    const found = await parts[name]?.(place, rounds);
    if (found === undefined) continue;
    findings.push(found);
    show(found);
  }
  print(`\n${write("client", rounds, findings)}`);
} finally {
  await place.close();
}
