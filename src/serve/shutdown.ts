/**
 * Signals. SIGTERM and SIGINT stop the server in good order and end the process with 0; a second one, once the first
 * is half a second old, ends it at once with 128 + the signal's number. (A terminal, npm and the launcher may each
 * pass on the same Ctrl-C, so an immediate second one is the same one.) SIGHUP asks for what can be read again to be read
 * again; the log says when it was heard and when that is over, whatever had changed. Losing the launcher's channel is SIGTERM.
 */
import { constants } from "node:os";
import type { Logger } from "pino";

/** The part of `process` that is used. */
export interface SignalSource {
  /** False: started by the launcher, which is gone already. Undefined: started otherwise. */
  readonly connected?: boolean;
  on(event: string, listener: () => void): unknown;
  removeListener(event: string, listener: () => void): unknown;
}

export interface ShutdownOptions {
  /** Finishes what was acknowledged and lets go of everything. */
  readonly stop: () => Promise<void>;
  readonly reload: () => Promise<void>;
  /** Ends the process. */
  readonly exit: (code: number) => void;
  readonly logger: Logger;
  readonly source: SignalSource;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

const sameSignalMs = 500;

/** Installs the handlers; returns a function that removes them. */
export function handleSignals({ stop, reload, exit, logger, source, now }: ShutdownOptions): () => void {
  let startedAt: number | undefined;

  function shutDown(signal: "SIGTERM" | "SIGINT", why: string): void {
    if (startedAt !== undefined) {
      if (now() - startedAt < sameSignalMs) return;
      logger.warn({ signal }, "second signal, ending at once");
      exit(128 + constants.signals[signal]);
      return;
    }
    startedAt = now();
    logger.info({ signal: why }, "stopping: finishing requests in flight");
    stop().then(
      () => {
        logger.info("stopped");
        exit(0);
      },
      (error: unknown) => {
        logger.error({ err: error }, "stopping failed");
        exit(1);
      },
    );
  }

  async function readAgain(): Promise<void> {
    logger.info({ signal: "SIGHUP" }, "reading certificate, policy and keys of tokens again");
    await reload();
    logger.info({ signal: "SIGHUP" }, "everything that is configured was read again");
  }

  const handlers: readonly (readonly [string, () => void])[] = [
    ["SIGTERM", () => shutDown("SIGTERM", "SIGTERM")],
    ["SIGINT", () => shutDown("SIGINT", "SIGINT")],
    ["SIGHUP", () => void readAgain()],
    ["disconnect", () => shutDown("SIGTERM", "launcher gone")],
  ];
  for (const [event, handler] of handlers) source.on(event, handler);
  if (source.connected === false) shutDown("SIGTERM", "launcher gone");
  return () => {
    for (const [event, handler] of handlers) source.removeListener(event, handler);
  };
}
