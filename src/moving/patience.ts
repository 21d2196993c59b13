/**
 * How long a source is waited for. A fetcher moves bytes; here is what one request of an import may take:
 *
 * - Every try has a bound for all of it, from the connection to the last byte, so one that hangs and one that drips end alike. Its
 *   length goes by what may come: many may be read at a time, and a large file over a slow line is no fault.
 * - What took long is told before it is tried again, not when all tries are over: whoever waits sees why.
 * - The whole import may have an end; whatever is under way then ends with its reason.
 */
import { setTimeout as wait } from "node:timers/promises";
import { TrustError } from "../client/errors.ts";
import { isAway } from "../client/fetch/fetcher.ts";
import type { Pace } from "./pace.ts";

export interface Patience {
  /** The end of everything that is asked for; its reason is thrown. */
  readonly ending?: AbortSignal | undefined;
  /** Told of a try that took all of its time, before the next one. */
  readonly onSlow?: ((sentence: string) => void) | undefined;
  /** Milliseconds for one try whose answer has at most so many bytes. */
  readonly testingOnlyTime?: (maxBytes: number) => number;
  /** Requests for one file before it is given up, the first included. */
  readonly testingOnlyTries?: number;
}

const usualTries = 3;
/** Milliseconds before the second try, and before the third. */
const delays = [200, 1_000];
/** Longest that a source may ask to be left alone before it is asked again. */
const mostHeeded = 5_000;
const leastTime = 10_000;
/** Bytes a second that come at least over a line that is slow and not dead. */
const slowest = 512 * 1_024;

/** Longest that a try may take, in milliseconds. */
export function timeFor(maxBytes: number): number {
  return leastTime + Math.ceil((maxBytes / slowest) * 1_000);
}

export interface Asked {
  /** As it stands in a sentence. */
  readonly who: string;
  readonly maxBytes: number;
  readonly pace: Pace;
}

/** Asks, and asks again what may work the next time. Throws the last failure, and why `ending` fired. */
export async function patiently<T>(
  { ending, onSlow, testingOnlyTime = timeFor, testingOnlyTries: tries = usualTries }: Patience,
  { who, maxBytes, pace }: Asked,
  request: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const time = testingOnlyTime(maxBytes);
  for (let attempt = 1, pause = 0; ; attempt++) {
    try {
      // Waiting for its turn is no time of the source's.
      await pace.turn(ending);
      return await inTime(time, who, ending, request);
    } catch (error) {
      ending?.throwIfAborted();
      if (!(error instanceof TrustError) || !isAway(error.code)) throw error;
      pause = Math.max(delays[attempt - 1] ?? 0, heeded(error));
      if (attempt === tries || pause > mostHeeded) throw error;
      if (error.code === "TIMEOUT") onSlow?.(`${error.message} Try ${attempt + 1} of ${tries} begins.`);
    }
    await wait(pause, undefined, ending && { signal: ending }).catch(() => ending?.throwIfAborted());
  }
}

/** Milliseconds that it asked to be left alone; of an answer that says 5xx, no more than is heeded. */
function heeded({ code, detail }: TrustError): number {
  const seconds = detail?.retryAfter;
  if (typeof seconds !== "number") return 0;
  return code === "TOO_MANY_REQUESTS" ? seconds * 1_000 : Math.min(seconds * 1_000, mostHeeded);
}

async function inTime<T>(
  time: number,
  who: string,
  ending: AbortSignal | undefined,
  request: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  ending?.throwIfAborted();
  const trial = new AbortController();
  const late = new TrustError(
    "TIMEOUT",
    `${who} did not give a whole answer within ${Math.ceil(time / 1_000)} s.`,
  );
  const timer = setTimeout(() => trial.abort(late), time);
  const end = () => trial.abort(ending?.reason);
  ending?.addEventListener("abort", end, { once: true });
  try {
    return await request(trial.signal);
  } finally {
    clearTimeout(timer);
    ending?.removeEventListener("abort", end);
  }
}
