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
    return new Keeper({ role, fork: () => fork(role), begin, handle, limits, logger });
  }

  async function readersRequest(operation: string, argument: unknown): Promise<Answer> {
    if (operation === "metrics") return { kind: "done", value: await gatherMetrics(argument) };
    return (await writer?.peer?.ask(operation, argument)) ?? { kind: "unsent" };
  }

  /** Of all processes but the one that asks; without those that do not answer in time. */
  async function gatherMetrics(asking: unknown): Promise<readonly unknown[]> {
    const answers = await Promise.all(
      [writer, ...readers].map((each) => each?.peer?.ask("metrics", asking, metricsPatience)),
    );
    return answers.flatMap((answer) => (answer?.kind === "done" && answer.value ? [answer.value] : []));
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
