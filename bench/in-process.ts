/** The library in a process that already runs, as an image builder is, beside the stock client, which is a process. */
import { openTrust, type Trust } from "../src/client/index.ts";
import {
  compared,
  cpuOf,
  type Entrant,
  interleaved,
  type Sample,
  spreadOf,
  timed,
  timedChildren,
  wallOf,
} from "./measure.ts";
import { type Place, tag } from "./place.ts";
import { bareNode, child, notaryLookup } from "./programs.ts";
import type { Findings } from "./results.ts";
import { slowLine } from "./slow-line.ts";

const questions = 200;
const oneWay = 40;

export async function inProcess(
  place: Place,
  rounds: number,
  small: string,
  large: string,
): Promise<Findings> {
  const cacheDir = place.fresh();
  const notaryTrust = place.fresh();
  await using warm = await openTrust({ policy: place.policy, cacheDir });
  const samples = await interleaved(rounds, {
    cold: () =>
      timed(async () => {
        await using trust = await openTrust({ policy: place.policy, cacheDir: place.fresh() });
        await trust.resolve(`${large}:${tag}`);
      }),
    first: firstQuestion(place, `${large}:${tag}`),
    notaryCold: () => timedChildren(() => notaryLookup(place, large, place.fresh())),
    warm: () => timed(() => warm.resolve(`${large}:${tag}`)),
    notaryWarm: () => timedChildren(() => notaryLookup(place, large, notaryTrust)),
    many: () => timed(() => manyQuestions(warm, `${small}:${tag}`)),
  });
  const each = samples.many.map(({ wall, cpu }) => ({ wall: wall / questions, cpu: cpu / questions }));
  const { trips, requests } = await roundTrips(place, rounds, small);
  const row = (what: string, name: keyof typeof samples) =>
    ({ what, unit: "ms", value: wallOf(samples[name]), beside: cpuOf(samples[name]) }) as const;
  return {
    title: "In process",
    judgedBy: "clock",
    measurements: [
      row("20,000 targets cold, library", "cold"),
      row("the same as the first question of a process", "first"),
      row("20,000 targets cold, notary lookup", "notaryCold"),
      row("20,000 targets warm, library", "warm"),
      row("20,000 targets warm, notary lookup", "notaryWarm"),
      { what: "1 target warm, library", unit: "ms", value: wallOf(each), beside: cpuOf(each) },
      { what: "1 target warm, requests", unit: "requests", value: requests },
    ],
    goals: [
      {
        goal: "20,000 targets cold, 3 times faster",
        ...compared(samples.notaryCold, samples.cold),
        bound: { atLeast: 3 },
      },
      {
        goal: "the same, as the first question of a process",
        ...compared(samples.notaryCold, samples.first),
        bound: { atLeast: 3 },
      },
      {
        goal: "20,000 targets warm, 20 times faster",
        ...compared(samples.notaryWarm, samples.warm),
        bound: { atLeast: 20 },
      },
      {
        goal: "a small repository warm: one round trip",
        unit: "round trips",
        measured: trips,
        bound: { atMost: 1 },
      },
      {
        goal: "a small repository warm: less than 3 ms of CPU",
        unit: "ms",
        measured: spreadOf(each.map(({ cpu }) => cpu)),
        bound: { atMost: 3 },
      },
    ],
  };
}

async function manyQuestions(trust: Trust, reference: string): Promise<void> {
  for (let count = 0; count < questions; count++) await trust.resolve(reference);
}

/** Its own clock counts: what it takes from being asked to the answer. */
function firstQuestion(place: Place, reference: string): Entrant {
  return async () => {
    const args = [child("first-question.js"), place.policy, place.fresh(), reference];
    const { stdout } = await bareNode(place, args);
    return JSON.parse(stdout) as Sample;
  };
}

/** A warm question over a line that is slower than everything else: how many times it went there and back. */
async function roundTrips(place: Place, rounds: number, repository: string) {
  const line = await slowLine(Number(new URL(place.url).port), oneWay);
  let requests = 0;
  await using trust = await openTrust({
    server: `https://127.0.0.1:${line.port}`,
    ca: place.ca,
    policy: { repositories: [{ match: "**", tofu: true }] },
    cacheDir: place.fresh(),
    onEvent: ({ type }) => {
      if (type === "request") requests++;
    },
  });
  try {
    const trips: number[] = [];
    const counts: number[] = [];
    await trust.resolve(`${repository}:${tag}`);
    for (let round = 0; round < rounds; round++) {
      requests = 0;
      const { wall } = await timed(() => trust.resolve(`${repository}:${tag}`));
      trips.push(Math.floor(wall / (2 * oneWay)));
      counts.push(requests);
    }
    return { trips: spreadOf(trips), requests: spreadOf(counts) };
  } finally {
    line.close();
  }
}
