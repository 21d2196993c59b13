/** The most memory that locking takes: by the largest file and how many are read at once, not by how many images. */
import { writeFileSync } from "node:fs";
import { spreadOf } from "./measure.ts";
import { type Place, tag } from "./place.ts";
import { child, vidimusClient } from "./programs.ts";
import type { Findings } from "./results.ts";

/** How many times as much memory more images may take, and still be told apart from memory that grows with them. */
const allowance = 1.25;

export async function memory(
  place: Place,
  rounds: number,
  small: readonly string[],
  large: readonly string[],
): Promise<Findings> {
  const sets = {
    "6 repositories of 1 target": small.slice(0, 6),
    "60 repositories of 1 target": small,
    "2 repositories of 20,000 targets": large.slice(0, 2),
    "8 repositories of 20,000 targets": large.slice(0, 8),
    "20 repositories of 20,000 targets": large.slice(0, 20),
    "40 repositories of 20,000 targets": large,
  } as const;
  const names = Object.keys(sets) as (keyof typeof sets)[];
  const peaks = new Map(names.map((name) => [name, [] as number[]]));
  for (let round = 0; round < rounds; round++) {
    for (const name of names) peaks.get(name)?.push(await peakOf(place, sets[name]));
  }
  const of = (name: keyof typeof sets) => peaks.get(name) ?? [];
  const ratio = (many: keyof typeof sets, few: keyof typeof sets) =>
    spreadOf(of(many).map((peak, round) => peak / (of(few)[round] ?? Number.NaN)));
  return {
    title: "Peak memory of vidimus-client lock, cold",
    judgedBy: "clock",
    measurements: names.map((what) => ({ what, unit: "MiB", value: spreadOf(of(what)) })),
    goals: [
      {
        goal: "60 small repositories as 6",
        unit: "times",
        measured: ratio("60 repositories of 1 target", "6 repositories of 1 target"),
        bound: { atMost: allowance },
      },
      {
        goal: "40 large repositories as 20",
        unit: "times",
        measured: ratio("40 repositories of 20,000 targets", "20 repositories of 20,000 targets"),
        bound: { atMost: allowance },
      },
      {
        goal: "20 large repositories as the 8 that are read at once",
        unit: "times",
        measured: ratio("20 repositories of 20,000 targets", "8 repositories of 20,000 targets"),
        bound: { atMost: allowance },
      },
    ],
  };
}

async function peakOf(place: Place, repositories: readonly string[]): Promise<number> {
  const file = place.fresh();
  writeFileSync(file, repositories.map((repository) => `${repository}:${tag}\n`).join(""));
  const args = ["lock", "--format", "list", "--lock", place.fresh(), file];
  const { stderr } = await vidimusClient(place, args, place.fresh(), ["--import", child("peak.js")]);
  const peak = /^peak (\d+)$/m.exec(stderr)?.[1];
  if (peak === undefined) throw new Error(`no peak was told: ${stderr}`);
  return Number(peak);
}
