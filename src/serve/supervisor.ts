/**
 * A server of several processes: one writer, several readers, and this one, which starts them, starts them again, and
 * passes on what readers ask of the writer. It opens no store and no key, and reads no request.
 *
 * Invariants
 * - Nothing listens before the writer is ready; the server is ready when every reader listens.
 * - Readers serve whether there is a writer or not. What they ask of it while there is none is answered `unsent` at
 *   once; what was on its way when it died, `lost` (`serve/peer.ts`).
 * - On the way down readers finish their requests while the writer is still there; then the writer ends.
 */
import type { Logger } from "pino";
import type { Config } from "../config.ts";
import type { Answer, Ask } from "../remote/answer.ts";
import { type Begin, type Forked, Keeper, type Role } from "./keeper.ts";
import type { RunningServer } from "./server.ts";
import type { PolicySource } from "./told-policy.ts";

/** What a reader says when it listens: a `RunningServer` without what cannot be sent. */
export type ReaderFacts = Omit<RunningServer, "reload" | "stop">;

/** What the supervisor has to say in `/metrics`; `wire` puts it in. */
export interface OwnMetrics {
  /** A process of the kind was started again. */
  restarted(role: Role): void;
  /** A process told its own, as they can be sent. */
  heard(pid: number, metrics: unknown): void;
  /** A process has ended. */
  ended(pid: number): void;
  /** As they can be sent: its own, and what those had counted that were heard before and are not `telling` now. */
  toSend(telling: ReadonlySet<number>): Promise<readonly unknown[]>;
}

/** What a reader says that is asked for the metrics of all. */
export interface Telling {
  readonly pid: number;
  readonly metrics: unknown;
}

/** Requests of one process that wait for their answer at one time, and how long each does. */
export const requestLimits = { inFlight: 1_024, patience: 15_000 };
/** How long the metrics of one process are waited for. */
const metricsPatience = 2_000;
const reloadPatience = 10_000;
/** Time beyond `limits.shutdownTimeout` for a process to close what it has open. */
const closing = 5_000;

/** Rejects with the refusal of the first process that has one, with none left. */
export async function supervise(
  config: Config,
  fork: (role: Role) => Forked,
  policy: PolicySource,
  logger: Logger,
  metrics: OwnMetrics,
): Promise<RunningServer> {
  const count = config.server.workers;
  const own: Config = {
    ...config,
    limits: { ...config.limits, connections: Math.ceil(config.limits.connections / count) },
  };
  const writer = config.server.readOnly ? undefined : keeper("writer", async () => ({ kind: "unsent" }));
  const readers = Array.from({ length: count }, () => keeper("reader", readersRequest));

  function keeper(role: Role, handle: Ask): Keeper {
    const inFlight = role === "writer" ? count * requestLimits.inFlight : requestLimits.inFlight;
    const begin = (): Begin => ({ role, config: own, policy: policy.told() });
    const limits = { ...requestLimits, inFlight };
    const onRestart = () => metrics.restarted(role);
    const onEnd = (pid: number) => metrics.ended(pid);
    return new Keeper({ role, fork: () => fork(role), begin, handle, limits, logger, onRestart, onEnd });
  }

  async function readersRequest(operation: string, argument: unknown): Promise<Answer> {
    if (operation === "metrics") return { kind: "done", value: await gatherMetrics(argument as Telling) };
    return (await writer?.peer?.ask(operation, argument)) ?? { kind: "unsent" };
  }

  /** Of all processes but the one that asks; of those that do not answer in time, what they had counted. */
  async function gatherMetrics(asking: Telling): Promise<readonly unknown[]> {
    metrics.heard(asking.pid, asking.metrics);
    const telling = new Set([asking.pid]);
    const gathered: unknown[] = [];
    const gather = async (each: Keeper | undefined) => {
      const [peer, pid] = [each?.peer, each?.pid];
      if (peer === undefined || pid === undefined || pid === asking.pid) return;
      const answer = await peer.ask("metrics", undefined, metricsPatience);
      if (answer.kind !== "done") return;
      metrics.heard(pid, answer.value);
      telling.add(pid);
      gathered.push(answer.value);
    };
    await Promise.all([writer, ...readers].map(gather));
    return [...(await metrics.toSend(telling)), ...gathered];
  }

  async function reload(): Promise<void> {
    await policy.reload();
    // The writer renews what the server made itself; the readers then find it.
    await writer?.peer?.ask("reload", policy.told(), reloadPatience);
    await Promise.all(readers.map((each) => each.peer?.ask("reload", policy.told(), reloadPatience)));
  }

  let stopped: Promise<void> | undefined;
  async function stopAll(): Promise<void> {
    const patience = config.limits.shutdownTimeout + closing;
    await Promise.all(readers.map((each) => each.stop(patience)));
    await writer?.stop(patience);
  }

  try {
    await writer?.start();
    const [facts] = await Promise.all(readers.map((each) => each.start()));
    return {
      ...(facts as ReaderFacts),
      reload,
      stop() {
        stopped ??= stopAll();
        return stopped;
      },
    };
  } catch (error) {
    await stopAll();
    throw error;
  }
}
