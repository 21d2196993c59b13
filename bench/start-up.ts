/** A look-up as a process of its own, with nothing changed since the last: the executable beside the stock client. */
import { compared, cpuOf, interleaved, ratioOf, timedChildren, wallOf } from "./measure.ts";
import { type Place, tag } from "./place.ts";
import { bareNode, child, notaryLookup, vidimusClient } from "./programs.ts";
import type { Findings } from "./results.ts";

export async function startUp(place: Place, rounds: number, small: string, large: string): Promise<Findings> {
  const [cache, trust] = [place.fresh(), place.fresh()];
  const files = ["timestamp.json", "2.root.json"].map(
    (file) => `${place.url}/v2/${small}/_trust/tuf/${file}`,
  );
  const children = (task: () => Promise<unknown>) => () => timedChildren(task);
  const samples = await interleaved(rounds, {
    ours: children(() => vidimusClient(place, ["resolve", `${small}:${tag}`], cache)),
    notary: children(() => notaryLookup(place, small, trust)),
    requests: children(() => bareNode(place, [child("two-requests.js"), place.ca, ...files])),
    node: children(() => bareNode(place, ["-e", "0"])),
    oursLarge: children(() => vidimusClient(place, ["resolve", `${large}:${tag}`], cache)),
    notaryLarge: children(() => notaryLookup(place, large, trust)),
  });
  const row = (what: string, name: keyof typeof samples) =>
    ({ what, unit: "ms", value: wallOf(samples[name]), beside: cpuOf(samples[name]) }) as const;
  return {
    title: "As a process, warm",
    judgedBy: "clock",
    measurements: [
      row("vidimus-client resolve", "ours"),
      row("notary lookup", "notary"),
      row("Node that makes the same two requests and nothing else", "requests"),
      row("node -e 0", "node"),
      {
        what: "the two requests alone, in notary lookups",
        unit: "times",
        value: ratioOf(samples.requests, samples.notary),
        beside: cpuOf(samples.requests) / cpuOf(samples.notary),
      },
      row("vidimus-client resolve, 20,000 targets", "oursLarge"),
      row("notary lookup, 20,000 targets", "notaryLarge"),
    ],
    goals: [
      {
        goal: "resolve warm takes at most 3 times as long as notary lookup warm",
        ...compared(samples.ours, samples.notary),
        bound: { atMost: 3 },
      },
      {
        goal: "the same with 20,000 targets",
        ...compared(samples.oursLarge, samples.notaryLarge),
        bound: { atMost: 3 },
      },
    ],
  };
}
