/** Publishes as fast as answers come, each writer with uploads that were signed beforehand. */
import type { Body } from "../../test/support/bare/exchange.ts";
import type { Sample } from "../measure.ts";
import type { Collection } from "./collection.ts";
import type { Competitor } from "./competitor.ts";
import { cpuOfServers } from "./processes.ts";
import { Sender } from "./sender.ts";

export interface Lane {
  readonly collection: Collection;
  /** The next versions, in order. */
  readonly uploads: readonly Body[];
}

/** What one publish took; `taken` is how many there were. */
export interface PublishSample extends Sample {
  readonly taken: number;
}

/** So many uploads for each of the collections. */
export async function lanes(collections: readonly Collection[], each: number): Promise<Lane[]> {
  const made: Lane[] = [];
  for (const collection of collections) made.push({ collection, uploads: await collection.next(each) });
  return made;
}

/**
 * Sends until the time is over, or nothing is left: a writer goes through its lanes in turn. Throws if one is refused.
 */
export async function publishes(
  competitor: Competitor,
  writers: readonly (readonly Lane[])[],
  isOver: () => boolean,
): Promise<PublishSample> {
  const sender = new Sender(competitor, writers.length);
  let taken = 0;
  const write = async (all: readonly Lane[]) => {
    for (const { collection, upload } of all.flatMap(single)) {
      if (isOver()) return;
      const { status, bytes } = await sender.post(collection.path, upload);
      if (status !== 200)
        throw new Error(`${competitor.name} refused: ${status} ${bytes.toString("utf8", 0, 300)}`);
      collection.version++;
      taken++;
    }
  };
  try {
    const cpu = cpuOfServers(competitor.pids);
    const begun = performance.now();
    await Promise.all(writers.map(write));
    const wall = performance.now() - begun;
    return { wall: wall / taken, cpu: (cpuOfServers(competitor.pids) - cpu) / taken, taken };
  } finally {
    sender.close();
  }
}

/** A condition that holds so many seconds from its first question on. */
export function after(seconds: number): () => boolean {
  let end = Number.POSITIVE_INFINITY;
  return () => {
    const now = performance.now();
    if (end === Number.POSITIVE_INFINITY) end = now + seconds * 1_000;
    return now >= end;
  };
}

function single({ collection, uploads }: Lane) {
  return uploads.map((upload) => ({ collection, upload }));
}
