/** Trying again what may work the next time: a server that is away, slow or busy. */
import { TrustError } from "../errors.ts";
import { isAway } from "./fetcher.ts";
import { reasonOf } from "./within.ts";

export interface Trying {
  readonly tries: number;
  /** Milliseconds before the second try, at least; every further wait is twice as long. */
  readonly firstDelay: number;
  /** Waits beyond that, because the server said so. */
  readonly wait: (milliseconds: number, signal: AbortSignal) => Promise<void>;
}

const usualDelay = 200;
const longestDelay = 4_000;
/** Milliseconds that a `Retry-After` is heeded at most. */
const mostHeeded = 5_000;

export function trying(tries: number, firstDelay = usualDelay): Trying {
  return { tries, firstDelay, wait };
}

/** Throws the last failure, and at once what no try can mend or why `signal` fired. */
export async function withTries<T>(
  { tries, firstDelay, wait: waitMore }: Trying,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  let first: unknown;
  try {
    return await work();
  } catch (error) {
    if (signal.aborted) throw reasonOf(signal);
    if (tries === 1 || !mayPass(error)) throw error;
    first = error;
  }
  const { default: pRetry } = await import("p-retry");
  try {
    // What was tried above is its first attempt.
    return await pRetry(
      async (attempt) => {
        if (attempt === 1) throw first;
        return work();
      },
      {
        retries: tries - 1,
        minTimeout: firstDelay,
        maxTimeout: longestDelay,
        factor: 2,
        randomize: true,
        signal,
        shouldRetry: ({ error }) => mayPass(error),
        async onFailedAttempt({ error, retriesLeft, retryDelay }) {
          const more = retriesLeft > 0 && mayPass(error) ? heeded(error) - retryDelay : 0;
          if (more > 0) await waitMore(more, signal);
        },
      },
    );
  } catch (error) {
    throw signal.aborted ? reasonOf(signal) : error;
  }
}

function mayPass(error: unknown): boolean {
  if (!(error instanceof TrustError) || !isAway(error.code)) return false;
  // Who comes before the time that was said is one more who asks too often.
  return error.code !== "TOO_MANY_REQUESTS" || secondsOf(error) * 1_000 <= mostHeeded;
}

/** What the server asked to wait, in milliseconds. */
function heeded(error: Error): number {
  return Math.min(secondsOf(error) * 1_000, mostHeeded);
}

function secondsOf(error: Error): number {
  const seconds = error instanceof TrustError ? error.detail?.retryAfter : undefined;
  return typeof seconds === "number" ? seconds : 0;
}

async function wait(milliseconds: number, signal: AbortSignal): Promise<void> {
  const { setTimeout } = await import("node:timers/promises");
  await setTimeout(milliseconds, undefined, { signal });
}
