/**
 * One end of the channel between two of our processes (Node's IPC): requests and their answers, in both directions.
 *
 * Invariants
 * - Every request is answered, once: by the other end, or as `unsent` (there is no channel, or too much is under way)
 *   or `lost` (the channel closed, or the time is over). `ask` never rejects.
 * - A request that is answered `unsent` was not given to the channel.
 * - What is under way is bounded in number here and in time; what comes late is dropped.
 */
import { type Answer, type Ask, answerOf } from "../remote/answer.ts";

/** The part of a child process, or of `process` in one, that is used. */
export interface Port {
  readonly connected: boolean;
  send(message: object, callback: (error: Error | null) => void): unknown;
  on(event: "message", listener: (message: unknown) => void): unknown;
  on(event: "disconnect", listener: () => void): unknown;
}

export interface PeerLimits {
  /** Requests of this end that wait for their answer. */
  readonly inFlight: number;
  /** How long each waits, in milliseconds. */
  readonly patience: number;
}

interface Request {
  readonly vidimus: "request";
  readonly id: number;
  readonly operation: string;
  readonly argument: unknown;
}

interface Reply {
  readonly vidimus: "reply";
  readonly id: number;
  readonly answer: Answer;
}

interface Waiting {
  readonly settle: (answer: Answer) => void;
  readonly timer: NodeJS.Timeout;
}

export class Peer {
  readonly #port: Port;
  readonly #handle: Ask;
  readonly #limits: PeerLimits;
  readonly #waiting = new Map<number, Waiting>();
  #next = 1;
  #closed = false;

  /** @param handle carries out what the other end asks for; if it rejects, the answer is `lost` */
  constructor(port: Port, handle: Ask, limits: PeerLimits) {
    this.#port = port;
    this.#handle = handle;
    this.#limits = limits;
    // Others use the channel too: node:cluster, and whoever else is in the process.
    port.on("message", (message) => {
      const kind = (message as Partial<Request | Reply> | null)?.vidimus;
      if (kind === "request") void this.#carryOut(message as Request);
      else if (kind === "reply") this.#settle((message as Reply).id, (message as Reply).answer);
    });
    port.on("disconnect", () => this.close());
  }

  /** The answer of the other end. `patience`: another one than usual, in milliseconds. */
  ask(operation: string, argument: unknown, patience = this.#limits.patience): Promise<Answer> {
    const busy = this.#waiting.size >= this.#limits.inFlight;
    if (this.#closed || busy || !this.#port.connected) return Promise.resolve({ kind: "unsent" });
    const id = this.#next++;
    return new Promise((settle) => {
      const timer = setTimeout(() => this.#settle(id, { kind: "lost" }), patience);
      this.#waiting.set(id, { settle, timer });
      this.#send({ vidimus: "request", id, operation, argument }, id);
    });
  }

  /** Whatever is under way is lost; nothing more is sent. Idempotent. */
  close(): void {
    this.#closed = true;
    for (const id of this.#waiting.keys()) this.#settle(id, { kind: "lost" });
  }

  async #carryOut({ id, operation, argument }: Request): Promise<void> {
    const answer = await this.#handle(operation, argument).catch(answerOf);
    // Nobody is there any more to hear it.
    if (this.#closed || !this.#port.connected) return;
    this.#send({ vidimus: "reply", id, answer }, undefined);
  }

  #send(message: Request | Reply, id: number | undefined): void {
    this.#port.send(message, (error) => {
      // How much of it went out is not known.
      if (error !== null && id !== undefined) this.#settle(id, { kind: "lost" });
    });
  }

  #settle(id: number, answer: Answer): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    this.#waiting.delete(id);
    clearTimeout(waiting.timer);
    waiting.settle(answer);
  }
}
