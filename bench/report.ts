/** What both benches say in the end: tables on the terminal, and everything as JSON in `bench/results/`. */
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { Page, styleFor } from "../demo/page.ts";
import type { Spread } from "./measure.ts";
import { besides, type Findings, type Goal, isReached } from "./results.ts";

const page = new Page(styleFor(process.stdout.isTTY === true, process.env));

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function show({ title, judgedBy, measurements, goals, notes = [] }: Findings): void {
  const beside = besides[judgedBy];
  print(page.heading(title));
  const rows = measurements.map(({ what, unit, value, beside }) => [
    what,
    ...spread(value),
    unit,
    optional(beside),
  ]);
  if (rows.length > 0)
    print(page.table([["measured", "median", "least to most", "unit", beside.measurement], ...rows]));
  const lines = goals.map((goal) => [
    page.mark(isReached(goal)),
    goal.goal,
    told(goal),
    ...spread(goal.measured),
    goal.unit,
    optional(goal.beside),
  ]);
  if (lines.length > 0) {
    print("");
    print(page.table([["", "goal", "bound", "median", "least to most", "unit", beside.goal], ...lines]));
  }
  for (const note of notes) print(`\n  ${note}`);
}

/** Writes `NAME-INSTANT.json` and returns its path. */
export function write(name: string, rounds: number, findings: readonly Findings[]): string {
  const folder = join(import.meta.dirname, "results");
  mkdirSync(folder, { recursive: true });
  const at = new Date().toISOString();
  const path = join(folder, `${name}-${at.replaceAll(/[:.]/g, "-")}.json`);
  const machine = {
    processors: cpus().length,
    model: cpus()[0]?.model,
    node: process.version,
    load: loadavg(),
  };
  const told = findings.map(({ goals, ...rest }) => ({
    ...rest,
    goals: goals.map((goal) => ({ ...goal, reached: isReached(goal) })),
  }));
  writeFileSync(path, `${JSON.stringify({ at, machine, rounds, findings: told }, undefined, 2)}\n`);
  return path;
}

export function number(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function optional(value: number | undefined): string {
  return value === undefined ? "" : number(value);
}

function spread({ median, least, most }: Spread): [string, string] {
  return [number(median), `${number(least)} to ${number(most)}`];
}

function told({ bound }: Goal): string {
  return "atLeast" in bound ? `at least ${number(bound.atLeast)}` : `at most ${number(bound.atMost)}`;
}
