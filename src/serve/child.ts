/**
 * A reader or writer process, from its first message to its end.
 *
 * Invariants
 * - It does nothing before it is told what it is, and ends at once when the supervisor is gone, however that ended: the
 *   lock of the data directory is then free for the next start.
 * - Signals are the supervisor's business: a terminal and a service manager send them to every process of a group.
 */
import type { Logger } from "pino";
import type { Config } from "../config.ts";
import { type Answer, type Ask, answerOf } from "../remote/answer.ts";
import { StartError } from "./errors.ts";
import type { Begin } from "./keeper.ts";
import { createLogger, standardError } from "./logger.ts";
import { Peer, type Port } from "./peer.ts";
import { requestLimits } from "./supervisor.ts";
import type { ToldPolicy } from "./told-policy.ts";

/** A reader or writer that is up. */
export interface RunningChild {
  /** What the supervisor is told. */
  readonly facts: unknown;
  /** Carries out what is asked of it beside what every child does. */
  readonly handle: Ask;
  /** Its metrics, as they can be sent. */
  metrics(): Promise<unknown>;
  /** Reads the certificate again, and takes the policy that it is told. */
  reload(policy: ToldPolicy): Promise<void>;
  stop(): Promise<void>;
}

/** What `wire` puts in. Both reject with `StartError`, `StoreError` or `SignerError`, with nothing left open. */
export interface ChildParts {
  readonly reader: (config: Config, policy: ToldPolicy, logger: Logger, ask: Ask) => Promise<RunningChild>;
  readonly writer: (config: Config, policy: ToldPolicy, logger: Logger) => Promise<RunningChild>;
}

/** `process`, in a child. */
export interface ChildProcessPort extends Port {
  readonly pid: number;
  readonly stderr: { readonly isTTY?: boolean };
  on(event: "message", listener: (message: unknown) => void): unknown;
  on(event: "disconnect" | "SIGTERM" | "SIGINT" | "SIGHUP", listener: () => void): unknown;
}

/** Serves the supervisor until the process ends. `exit` does not return. */
export function runChild(port: ChildProcessPort, parts: ChildParts, exit: (code: number) => void): void {
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) port.on(signal, () => undefined);
  port.on("disconnect", () => exit(1));
  if (!port.connected) exit(1);

  let running: RunningChild | undefined;
  const peer: Peer = new Peer(port, carryOut, requestLimits);

  async function begin({ role, config, policy }: Begin): Promise<Answer> {
    const logger = loggerOf(config, role, port);
    try {
      running =
        role === "writer"
          ? await parts.writer(config, policy, logger)
          : await parts.reader(config, policy, logger, (operation, argument) =>
              peer.ask(operation, argument),
            );
      return { kind: "done", value: running.facts };
    } catch (error) {
      if (error instanceof StartError) {
        return { kind: "refused", code: error.code, message: error.message };
      }
      const answer = answerOf(error);
      if (answer.kind !== "refused") logger.fatal({ err: error }, "starting failed");
      return answer;
    }
  }

  async function carryOut(operation: string, argument: unknown): Promise<Answer> {
    if (operation === "begin") return await begin(argument as Begin);
    if (operation === "stop") return await stop();
    if (running === undefined) return { kind: "unsent" };
    switch (operation) {
      case "reload":
        await running.reload(argument as ToldPolicy);
        return { kind: "done", value: undefined };
      case "metrics":
        return { kind: "done", value: await running.metrics() };
      default:
        return await running.handle(operation, argument);
    }
  }

  async function stop(): Promise<never> {
    const code = await (running?.stop() ?? Promise.resolve()).then(
      () => 0,
      () => 1,
    );
    exit(code);
    return await new Promise<never>(() => undefined);
  }
}

function loggerOf({ log }: Config, role: string, { stderr }: ChildProcessPort): Logger {
  const format = log.format === "auto" ? (stderr.isTTY === true ? "pretty" : "json") : log.format;
  return createLogger({ level: log.level, format, destination: standardError() }).child({ process: role });
}
