/**
 * The client beside the stock one, in one run.
 *
 *   npm run bench:client                       # everything, 9 rounds
 *   npm run bench:client -- --rounds 3 memory  # some of start-up, locking, in-process, memory
 *
 * Never a test: it ends well whether goals are reached or not. The results are also written to `bench/results/`.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Page, styleFor } from "../demo/page.ts";
import { inProcess } from "./in-process.ts";
import { locking } from "./locking.ts";
import type { Spread } from "./measure.ts";
import { memory } from "./memory.ts";
import { openPlace, type Place } from "./place.ts";
import { checkPrograms } from "./programs.ts";
import { type Findings, type Goal, isReached } from "./results.ts";
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

const page = new Page(styleFor(process.stdout.isTTY === true, process.env));

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function number(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function spread({ median, least, most }: Spread): [string, string] {
  return [number(median), `${number(least)} to ${number(most)}`];
}

function told({ bound }: Goal): string {
  return "atLeast" in bound ? `at least ${bound.atLeast}` : `at most ${bound.atMost}`;
}

function show({ title, measurements, goals }: Findings): void {
  print(page.heading(title));
  const rows = measurements.map(({ what, unit, value, cpu }) => [
    what,
    ...spread(value),
    unit,
    cpu === undefined ? "" : number(cpu),
  ]);
  print(page.table([["measured", "median", "least to most", "unit", "CPU"], ...rows]));
  print("");
  const lines = goals.map((goal) => [
    page.mark(isReached(goal)),
    goal.goal,
    told(goal),
    ...spread(goal.measured),
    goal.unit,
    goal.cpu === undefined ? "" : number(goal.cpu),
  ]);
  print(page.table([["", "goal", "bound", "median", "least to most", "unit", "of CPU"], ...lines]));
}

function write(rounds: number, findings: readonly Findings[]): string {
  const folder = join(import.meta.dirname, "results");
  mkdirSync(folder, { recursive: true });
  const at = new Date().toISOString();
  const path = join(folder, `client-${at.replaceAll(/[:.]/g, "-")}.json`);
  const machine = { processors: cpus().length, model: cpus()[0]?.model, node: process.version };
  const told = findings.map(({ goals, ...rest }) => ({
    ...rest,
    goals: goals.map((goal) => ({ ...goal, reached: isReached(goal) })),
  }));
  writeFileSync(path, `${JSON.stringify({ at, machine, rounds, findings: told }, undefined, 2)}\n`);
  return path;
}

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
  print(`\n${write(rounds, findings)}`);
} finally {
  await place.close();
}
