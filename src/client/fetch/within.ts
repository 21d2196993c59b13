/** Ending work early: by a caller, by the clock, or because nobody waits for it any more. */
import { TrustError } from "../errors.ts";

/** Why a signal fired, as an error of this library. */
export function reasonOf(signal: AbortSignal): TrustError {
  const reason: unknown = signal.reason;
  if (reason instanceof TrustError) return reason;
  return new TrustError("TIMEOUT", "The caller ended the request before there was an answer.", {
    cause: reason,
  });
}

/**
 * Runs `work` with a signal that fires when any of `signals` does or after `time` ms, always with a `TrustError`.
 * The work has to heed it.
 */
export async function within<T>(
  time: number,
  signals: readonly AbortSignal[],
  late: () => TrustError,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  return await until(signals, async (signal, stop) => {
    const timer = setTimeout(() => stop(late()), time);
    try {
      return await work(signal);
    } finally {
      clearTimeout(timer);
    }
  });
}

/**
 * The same without a clock. Unlike `AbortSignal.any` it leaves nothing behind at a signal that outlives the work: there every signal
 * that was made of it stays until the whole heap is looked through.
 */
export async function until<T>(
  signals: readonly AbortSignal[],
  work: (signal: AbortSignal, stop: (reason: TrustError) => void) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const stop = (event: Event) => controller.abort(reasonOf(event.target as AbortSignal));
  try {
    for (const signal of signals) {
      if (signal.aborted) throw reasonOf(signal);
      signal.addEventListener("abort", stop, { once: true });
    }
    return await work(controller.signal, (reason) => controller.abort(reason));
  } finally {
    for (const signal of signals) signal.removeEventListener("abort", stop);
  }
}

interface Running<T> {
  readonly result: Promise<T>;
  readonly end: AbortController;
  waiting: number;
}

/** Work by key that is under way once, however many wait for it, and ends when the last of them has gone. */
export class Shared<T> {
  readonly #running = new Map<string, Running<T>>();

  async run(key: string, signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (signal.aborted) throw reasonOf(signal);
    const running = this.#running.get(key) ?? this.#begin(key, work);
    running.waiting++;
    const left = Promise.withResolvers<never>();
    const leave = () => left.reject(reasonOf(signal));
    signal.addEventListener("abort", leave, { once: true });
    try {
      return await Promise.race([running.result, left.promise]);
    } finally {
      signal.removeEventListener("abort", leave);
      if (--running.waiting === 0) this.#finish(key, running);
    }
  }

  #begin(key: string, work: (signal: AbortSignal) => Promise<T>): Running<T> {
    const end = new AbortController();
    const running = { result: work(end.signal), end, waiting: 0 };
    this.#running.set(key, running);
    // Whoever waits sees the failure; when nobody does any more, it is nobody's.
    running.result.catch(() => {});
    return running;
  }

  #finish(key: string, running: Running<T>): void {
    if (this.#running.get(key) === running) this.#running.delete(key);
    running.end.abort();
  }
}
