/**
 * Writers of one repository who all send its next version at one time. One is taken; the others are to hear it soon,
 * and in words that say so: an answer of 500 and above is the server's fault and counted.
 */
import type { Body } from "../../test/support/bare/exchange.ts";
import type { Sample } from "../measure.ts";
import type { Collection } from "./collection.ts";
import type { Competitor } from "./competitor.ts";
import { percentile } from "./disk.ts";
import { cpuOfServers } from "./processes.ts";
import { Sender } from "./sender.ts";
import { after } from "./writing.ts";

/** What one volley took: one publish and its losers. */
export interface RivalSample extends Sample {
  /** Milliseconds from sending to the refusal, of 99 in 100 losers. */
  readonly told: number;
  /** Volleys that were made. */
  readonly volleys: number;
  /** Answers of 500 and above, of so many losers. */
  readonly faults: number;
  readonly losers: number;
}

/** `volleys`: of the next versions, in order. Throws if two of one volley are taken: the original is not known to do that, and Vidimus must not. */
export async function contest(
  server: Competitor,
  collection: Collection,
  volleys: readonly (readonly Body[])[],
  seconds: number,
): Promise<RivalSample> {
  const sender = new Sender(server, volleys[0]?.length);
  const told: number[] = [];
  let [made, faults] = [0, 0];
  try {
    const isOver = after(seconds);
    const cpu = cpuOfServers(server.pids);
    const begun = performance.now();
    for (const bodies of volleys) {
      if (isOver()) break;
      const answers = await Promise.all(bodies.map((body) => sender.post(collection.path, body)));
      const lost = answers.filter(({ status }) => status !== 200);
      if (answers.length - lost.length > 1) throw new Error(`${server.name} took two rivals of one version`);
      told.push(...lost.map(({ milliseconds }) => milliseconds));
      faults += lost.filter(({ status }) => status >= 500).length;
      made++;
    }
    const wall = performance.now() - begun;
    collection.version += made;
    return {
      wall: wall / made,
      cpu: (cpuOfServers(server.pids) - cpu) / made,
      told: percentile(
        told.toSorted((a, b) => a - b),
        0.99,
      ),
      volleys: made,
      faults,
      losers: told.length,
    };
  } finally {
    sender.close();
  }
}
