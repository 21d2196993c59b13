/**
 * Keeps the certificate of a running server fresh without a restart.
 *
 * Invariants: the server always has a pair that loads and belongs together; a failed load leaves the old pair in use
 * and is logged once for each change; loads never overlap.
 */
import { stat } from "node:fs/promises";
import type { Logger } from "pino";
import type { KeyPair } from "./key-pair.ts";

export interface ReloaderOptions {
  /** The pair in use at the start. */
  readonly pair: KeyPair;
  /** Loads the pair anew; rejects with a `StartError` if it cannot serve. */
  readonly load: () => Promise<KeyPair>;
  /** Files whose change asks for a load. Empty: a load at every interval. */
  readonly watched: readonly string[];
  readonly intervalMs: number;
  /** Puts a new pair into service. */
  readonly apply: (pair: KeyPair) => void;
  readonly logger: Logger;
}

export interface Reloader {
  /** Loads now, whether or not a file changed. Never rejects. */
  reload(): Promise<void>;
  stop(): void;
}

/** What changes when a file is replaced or written. */
async function signatureOf(paths: readonly string[]): Promise<string> {
  const parts = await Promise.all(
    paths.map((path) =>
      stat(path).then(
        ({ ino, size, mtimeMs, ctimeMs }) => `${ino}:${size}:${mtimeMs}:${ctimeMs}`,
        () => "absent",
      ),
    ),
  );
  return parts.join(" ");
}

export function startReloader(options: ReloaderOptions): Reloader {
  let current = options.pair;
  // Unknown at first, so that a change between the first load and now is seen.
  let signature: string | undefined;
  let queue: Promise<void> = Promise.resolve();
  let stopped = false;

  async function load(isAsked: boolean): Promise<void> {
    try {
      const next = await options.load();
      if (stopped) return;
      if (next.certificate === current.certificate && next.key === current.key) {
        if (isAsked) options.logger.debug("the TLS certificate was read again and is the one in use");
        return;
      }
      options.apply(next);
      current = next;
      options.logger.info({ notAfter: new Date(next.notAfter).toISOString() }, "new TLS certificate in use");
    } catch (error) {
      options.logger.error({ err: error }, "new TLS certificate refused, the old one stays in use");
    }
  }

  async function poll(): Promise<void> {
    const found = await signatureOf(options.watched);
    const changed = options.watched.length === 0 || found !== signature;
    signature = found;
    if (changed) await load(false);
  }

  const enqueue = (step: () => Promise<void>): Promise<void> => {
    queue = queue.then(step);
    return queue;
  };
  let polling = false;
  const timer = setInterval(() => {
    if (polling) return;
    polling = true;
    void enqueue(poll).finally(() => {
      polling = false;
    });
  }, options.intervalMs);
  timer.unref();
  if (options.watched.length > 0) void enqueue(poll);

  return {
    reload: () => enqueue(() => load(true)),
    stop() {
      stopped = true;
      clearInterval(timer);
    },
  };
}
