/**
 * Keeps one process of a kind running: starts it, and starts it again when it ends unasked.
 *
 * Invariants: at most one process at a time, for the next one starts when the last has ended and its channel is read to
 * the end; between two starts lies a pause that doubles up to a bound, and begins anew once a process has lasted; a
 * first start that fails is the caller's, every later one is tried again for ever; after `stop` nothing is started.
 */
import type { Logger } from "pino";
import type { Config } from "../config.ts";
import { type Answer, type Ask, rebuilt } from "../remote/answer.ts";
import { type StartCode, StartError } from "./errors.ts";
import { Peer, type PeerLimits, type Port } from "./peer.ts";
import type { ToldPolicy } from "./told-policy.ts";

export type Role = "reader" | "writer";

/** A process that was started and knows nothing yet. */
export interface Forked extends Port {
  readonly pid?: number | undefined;
  kill(signal: "SIGKILL"): unknown;
  on(event: "message", listener: (message: unknown) => void): unknown;
  on(event: "disconnect", listener: () => void): unknown;
  /** It has ended, and what it had said was read. `error`: it could not be started. */
  on(event: "close" | "error", listener: (code: unknown, signal?: unknown) => void): unknown;
}

/** What a child is told first. */
export interface Begin {
  readonly role: Role;
  readonly config: Config;
  readonly policy: ToldPolicy;
}

export interface KeeperOptions {
  readonly role: Role;
  readonly fork: () => Forked;
  /** What the process is told at its start (`serve/child.ts`). */
  readonly begin: () => Begin;
  /** Carries out what the process asks for. */
  readonly handle: Ask;
  readonly limits: PeerLimits;
  readonly logger: Logger;
  /** Told each time that a process is started in the place of one that ended unasked, or did not become ready. */
  readonly onRestart: () => void;
  /** Told each time that one which was ready has ended. */
  readonly onEnd: (pid: number) => void;
}

/** Migrations may take their time. */
const startPatience = 10 * 60_000;
const firstPause = 100;
const longestPause = 5_000;
/** A process that ran for so long has lasted. */
const lasting = 10_000;

export class Keeper {
  readonly #options: KeeperOptions;
  /** The other end once it is ready, and from its start. */
  #peer: Peer | undefined;
  #current: Peer | undefined;
  #process: Forked | undefined;
  #ended: Promise<string> = Promise.resolve("");
  #pause = firstPause;
  #timer: NodeJS.Timeout | undefined;
  #stopping = false;

  constructor(options: KeeperOptions) {
    this.#options = options;
  }

  /** The other end, while there is one that is ready. */
  get peer(): Peer | undefined {
    return this.#peer;
  }

  /** Of the process that runs or was last started; 0 if none could be. */
  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  /** The first start. Resolves to what the process says of itself; rejects with its refusal. */
  async start(): Promise<unknown> {
    const facts = await this.#run();
    void this.#watch();
    return facts;
  }

  /** Asks the process to end, and ends it if it does not within `patience` milliseconds. Idempotent. */
  async stop(patience: number): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#timer);
    const kill = setTimeout(() => this.#process?.kill("SIGKILL"), patience);
    // It does not answer, it ends.
    void this.#current?.ask("stop", undefined, patience);
    await this.#ended;
    clearTimeout(kill);
  }

  /** Starts a process; resolves when it is ready. Rejects, with the process gone, if that fails. */
  async #run(): Promise<unknown> {
    const { fork, begin, handle, limits, role, logger } = this.#options;
    const child = fork();
    this.#process = child;
    this.#ended = new Promise((resolve) => {
      child.on("error", (error) => resolve(String(error)));
      child.on("close", (code, signal) => resolve(signal ? `signal ${signal}` : `code ${code}`));
    });
    const peer = new Peer(child, handle, limits);
    this.#current = peer;
    void this.#ended.then(() => peer.close());
    const told = begin();
    const answer = await peer.ask("begin", told, startPatience);
    if (answer.kind !== "done") {
      child.kill("SIGKILL");
      throw failureOf(answer, role, await this.#ended);
    }
    logger.info({ process: role, child: child.pid }, "process is ready");
    this.#peer = peer;
    // What changed while it started was told to those that were ready.
    const { policy } = begin();
    if (policy !== told.policy) await peer.ask("reload", policy, startPatience);
    return answer.value;
  }

  /** Waits for the end of a running process, and sees to the next. */
  async #watch(): Promise<void> {
    const { role, logger, onEnd } = this.#options;
    const began = performance.now();
    const how = await this.#ended;
    this.#peer = undefined;
    onEnd(this.pid);
    if (this.#stopping) return;
    if (performance.now() - began >= lasting) this.#pause = firstPause;
    logger.error({ process: role, child: this.pid, how }, "a process ended unasked");
    this.#again();
  }

  #again(): void {
    const { role, logger, onRestart } = this.#options;
    const pause = this.#pause;
    this.#pause = Math.min(2 * pause, longestPause);
    this.#timer = setTimeout(() => {
      onRestart();
      this.#run().then(
        () => void this.#watch(),
        (error: unknown) => {
          if (this.#stopping) return;
          logger.error({ err: error, process: role }, "the process could not be started again; trying later");
          this.#again();
        },
      );
    }, pause);
  }
}

/** Why a process did not become ready. */
function failureOf(answer: Answer, role: Role, how: string): Error {
  if (answer.kind === "refused") {
    return rebuilt(answer) ?? new StartError(answer.code as StartCode, answer.message);
  }
  return new Error(`The ${role} ended before it was ready (${how}): what it wrote before says why.`);
}
