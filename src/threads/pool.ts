/**
 * A few threads that do one job each at a time, started when there is work for them.
 *
 * Invariants
 * - Everything is bounded: how many threads, how many jobs wait, the heap of each thread, the time of each job.
 * - A job ends once: with the thread's answer, or refused. `EXAMINATION_FAILED`: its thread died, ran out of memory or of
 *   time. `OVERLOADED`: too many wait. Neither leaves anything behind.
 * - A thread that failed is never used again, and its place is taken by a new one when there is work. No job is tried
 *   twice: it may be what killed its thread.
 * - A thread gets nothing of the environment, and an idle one keeps no process alive.
 */
import { Worker } from "node:worker_threads";
import type { Logger } from "pino";
import { RefusedError } from "../core/errors.ts";

export interface PoolOptions {
  /** The program of each thread: it answers each message with one message. */
  readonly program: URL;
  readonly threads: number;
  /** Most jobs that wait for a thread. */
  readonly waiting: number;
  /** Heap of each thread, in MiB. */
  readonly heap: number;
  readonly logger: Pick<Logger, "error">;
}

export interface Job {
  readonly message: unknown;
  /** What goes over to the thread without being copied. */
  readonly transfer: readonly ArrayBuffer[];
  /** Time that it may take once it has begun, in milliseconds. */
  readonly time: number;
}

interface Task extends Job {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
}

interface Thread {
  readonly worker: Worker;
  /** What it does; undefined while it is idle. */
  task: Task | undefined;
  timer: NodeJS.Timeout | undefined;
  /** It has failed or was told to end, and is given nothing more. */
  ending: boolean;
}

export class ThreadPool {
  readonly #options: PoolOptions;
  readonly #threads = new Set<Thread>();
  readonly #waiting: Task[] = [];
  #closed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /** Resolves to the thread's answer. */
  async run(job: Job): Promise<unknown> {
    return await new Promise((resolve, reject) => {
      const task = { ...job, resolve, reject };
      if (this.#closed) reject(failed("the server stops"));
      else if (!this.#begin(task)) this.#wait(task);
    });
  }

  /** Ends all threads, and with them what they do. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const task of this.#waiting.splice(0)) task.reject(failed("the server stops"));
    await Promise.all([...this.#threads].map((thread) => this.#end(thread, failed("the server stops"))));
  }

  #wait(task: Task): void {
    if (this.#waiting.length < this.#options.waiting) this.#waiting.push(task);
    else task.reject(overloaded());
  }

  /** False: every thread is busy, and there may be no more of them. */
  #begin(task: Task): boolean {
    const idle = [...this.#threads].find(({ task, ending }) => task === undefined && !ending);
    if (idle === undefined && this.#threads.size >= this.#options.threads) return false;
    try {
      const thread = idle ?? this.#start();
      thread.worker.postMessage(task.message, task.transfer);
      thread.task = task;
      thread.worker.ref();
      thread.timer = setTimeout(() => void this.#end(thread, failed("time is over")), task.time);
    } catch (cause) {
      const why = failed("no thread could be started", cause);
      this.#options.logger.error({ err: why }, "no thread to read uploads");
      task.reject(why);
    }
    return true;
  }

  #start(): Thread {
    const { program, heap } = this.#options;
    const worker = new Worker(program, {
      name: "vidimus-reading",
      argv: [],
      env: {},
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: heap },
    });
    const thread: Thread = { worker, task: undefined, timer: undefined, ending: false };
    this.#threads.add(thread);
    worker.on("message", (answer) => {
      this.#settle(thread)?.resolve(answer);
      worker.unref();
      this.#next();
    });
    worker.on("error", (cause) => {
      this.#fail(thread, failed("its thread died", cause));
    });
    worker.on("exit", (code) => {
      this.#threads.delete(thread);
      if (!thread.ending) this.#fail(thread, failed(`its thread ended with ${code}`));
      this.#next();
    });
    return thread;
  }

  /** Until it has ended it keeps its place: threads that do not end at once are threads all the same. */
  async #end(thread: Thread, why: RefusedError): Promise<void> {
    if (thread.task !== undefined) this.#fail(thread, why);
    thread.ending = true;
    await thread.worker.terminate();
  }

  /** Told to the operator, who has more of it than the caller. */
  #fail(thread: Thread, why: RefusedError): void {
    thread.ending = true;
    this.#options.logger.error({ err: why }, "a thread that reads uploads failed");
    this.#settle(thread)?.reject(why);
  }

  /** The job of a thread, which then has none. */
  #settle(thread: Thread): Task | undefined {
    clearTimeout(thread.timer);
    const { task } = thread;
    thread.task = undefined;
    return task;
  }

  #next(): void {
    const task = this.#closed ? undefined : this.#waiting[0];
    if (task !== undefined && this.#begin(task)) this.#waiting.shift();
  }
}

function failed(why: string, cause?: unknown): RefusedError {
  return new RefusedError(
    "EXAMINATION_FAILED",
    "This upload could not be examined to its end: send it again in a few seconds.",
    { cause: new Error(why, { cause }) },
  );
}

function overloaded(): RefusedError {
  return new RefusedError(
    "OVERLOADED",
    "Too many large uploads at once: send this one again in a few seconds.",
  );
}
