/** Sixty images of sixty repositories, with nothing cached: one `lock`, against one `notary lookup` for each. */
import { writeFileSync } from "node:fs";
import pLimit from "p-limit";
import { openTrust } from "../src/client/index.ts";
import { lockList } from "../src/client/list.ts";
import { compared, cpuOf, interleaved, timed, timedChildren, wallOf } from "./measure.ts";
import { type Place, tag } from "./place.ts";
import { notaryLookup, vidimusClient } from "./programs.ts";
import type { Findings } from "./results.ts";

export async function locking(
  place: Place,
  rounds: number,
  repositories: readonly string[],
): Promise<Findings> {
  const list = repositories.map((repository) => `${repository}:${tag}\n`).join("");
  const file = place.fresh();
  writeFileSync(file, list);
  const lookups = (parallel: number) => () => {
    const turn = pLimit(parallel);
    const all = repositories.map((repository) => turn(() => notaryLookup(place, repository, place.fresh())));
    return Promise.all(all);
  };
  const samples = await interleaved(rounds, {
    process: () =>
      timedChildren(() =>
        vidimusClient(place, ["lock", "--format", "list", "--lock", place.fresh(), file], place.fresh()),
      ),
    library: () =>
      timed(async () => {
        await using trust = await openTrust({ policy: place.policy, cacheDir: place.fresh() });
        await lockList(list, { trust });
      }),
    notary: () => timedChildren(lookups(1)),
    notaryTwo: () => timedChildren(lookups(2)),
  });
  const row = (what: string, name: keyof typeof samples) =>
    ({ what, unit: "ms", value: wallOf(samples[name]), beside: cpuOf(samples[name]) }) as const;
  const ours = { process: samples.process, "in process": samples.library };
  return {
    title: `${repositories.length} images of as many repositories, cold`,
    judgedBy: "clock",
    measurements: [
      row("vidimus-client lock", "process"),
      row("lockList in process", "library"),
      row("notary lookup, one after the other", "notary"),
      row("notary lookup, two at a time", "notaryTwo"),
    ],
    goals: Object.entries(ours).flatMap(([how, mine]) => [
      {
        goal: `locked in less than 2 s (${how})`,
        unit: "ms" as const,
        measured: wallOf(mine),
        bound: { atMost: 2_000 },
      },
      {
        goal: `5 times faster than the look-ups one after the other (${how})`,
        ...compared(samples.notary, mine),
        bound: { atLeast: 5 },
      },
      {
        goal: `5 times faster than the look-ups two at a time (${how})`,
        ...compared(samples.notaryTwo, mine),
        bound: { atLeast: 5 },
      },
    ]),
  };
}
