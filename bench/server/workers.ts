/** Vidimus with one worker and with two, bound to no processor: the load has to share with them. */
import { cpus } from "node:os";
import { run } from "../../test/interop/support/process.ts";
import { type Entrant, interleaved, ratioOf } from "../measure.ts";
import type { Findings } from "../results.ts";
import { Collection } from "./collection.ts";
import type { Competitor } from "./competitor.ts";
import { ratioGoal, row } from "./goals.ts";
import { Sender } from "./sender.ts";
import { have, launcher, type Stand } from "./stand.ts";
import { readsOf } from "./wrk.ts";

const connections = 128;
const one = "timestamp, 1 worker";
const two = "timestamp, 2 workers";

export async function workers(stand: Stand, rounds: number, seconds: number): Promise<Findings> {
  const { stdout } = await run(process.execPath, [launcher, "serve", "--help"], {
    env: { PATH: process.env.PATH ?? "" },
  });
  const title = "Workers, CPU a request";
  const nothing = { title, judgedBy: "CPU", measurements: [], goals: [] } as const;
  if (!stdout.includes("--workers"))
    return { ...nothing, notes: ["`vidimus serve --workers`: not there yet."] };
  if (!have("wrk")) return nothing;
  const started: Competitor[] = [];
  try {
    const entrants: Record<string, Entrant> = {};
    for (const [name, count] of [
      [one, "1"],
      [two, "2"],
    ] as const) {
      const server = await stand.start(stand.fresh(), { flags: ["--workers", count], through: [] });
      started.push(server);
      const sender = new Sender(server);
      const small = await Collection.publish(sender, "bench.example.test/workers/small", 1);
      sender.close();
      const path = small.file("timestamp.json");
      entrants[name] = () => readsOf(server, { path, connections, seconds });
    }
    const samples = await interleaved(rounds, entrants);
    const [alone, both] = [samples[one] ?? [], samples[two] ?? []];
    const roomy = cpus().length > 2;
    return {
      title,
      judgedBy: "CPU",
      measurements: [row(one, alone), row(two, both)],
      goals: [
        ...ratioGoal("CPU a request with two workers as with one", both, alone, { atMost: 1.15 }),
        {
          goal: "times as many requests with two workers as with one, by the clock",
          unit: "times",
          measured: ratioOf(alone, both),
          bound: { atLeast: 1.6 },
        },
      ],
      notes: roomy
        ? []
        : ["The load has no processor of its own here: how many times as many requests says little."],
    };
  } finally {
    for (const server of started.toReversed()) await server.stop();
  }
}
