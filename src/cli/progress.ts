/**
 * One line that says what a command is doing, once it takes longer than half a second.
 *
 * It is on standard error, only where a person reads that, never where a document is wanted; it is gone before anything else
 * is written or asked, and at the end. What is told often is drawn seldom.
 */
import { type CliContext, printable } from "./output.ts";

export interface Progress {
  /** What is being done from now on, in a few words: `reading registry.acme.example/app`. */
  tell(what: string): void;
}

const silent: Progress = { tell: () => {} };

/** Of the command that runs in a context. */
export function progressOf({ progress }: CliContext): Progress {
  return progress ?? silent;
}

/** Milliseconds without a word, and between two of them. */
const patience = 500;
const pause = 100;
const longestLine = 79;
const eraseLine = "\r\u001b[K";

export class ProgressLine implements Progress {
  readonly #write: (text: string) => void;
  readonly #isOn: boolean;
  #what = "";
  #since: number | undefined;
  #drawn = 0;
  #isShown = false;
  #timer: NodeJS.Timeout | undefined;

  /** @param json whether a document is wanted */
  constructor({ stderr, isTerminal }: Pick<CliContext, "stderr" | "isTerminal">, json: boolean) {
    this.#write = stderr;
    this.#isOn = isTerminal && !json;
  }

  /** Runs a whole command. @param what is said of it until it says more */
  async during<T>(what: string, run: () => Promise<T>): Promise<T> {
    this.#what = what;
    this.#begin();
    try {
      return await run();
    } finally {
      this.#end();
    }
  }

  tell(what: string): void {
    this.#what = what;
    this.#draw();
  }

  /** The same context, in which whatever is written or asked takes the line away first. */
  guard(context: CliContext): CliContext {
    const { askHidden } = context;
    return {
      ...context,
      progress: this,
      stdout: this.#clearing(context.stdout),
      stderr: this.#clearing(context.stderr),
      askHidden: this.asking(askHidden),
    };
  }

  /** A question, while which nothing is drawn; the patience begins anew after it. */
  asking<Ask extends (question: string) => Promise<string>>(ask: Ask | undefined) {
    if (ask === undefined) return undefined;
    return async (question: string): Promise<string> => {
      this.#end();
      try {
        return await ask(question);
      } finally {
        this.#begin();
      }
    };
  }

  #clearing(write: (text: string) => void): (text: string) => void {
    return (text) => {
      this.#clear();
      write(text);
    };
  }

  #begin(): void {
    if (!this.#isOn) return;
    this.#since = performance.now();
    // It keeps no process alive.
    this.#timer = setInterval(() => this.#draw(), patience).unref();
  }

  #end(): void {
    clearInterval(this.#timer);
    this.#since = undefined;
    this.#clear();
  }

  #draw(): void {
    const now = performance.now();
    if (this.#since === undefined || now - this.#since < patience || now - this.#drawn < pause) return;
    this.#drawn = now;
    this.#isShown = true;
    const time = ` (${Math.floor((now - this.#since) / 1_000)} s)`;
    this.#write(`${eraseLine}${printable(this.#what).slice(0, longestLine - time.length)}${time}`);
  }

  #clear(): void {
    if (this.#isShown) this.#write(eraseLine);
    this.#isShown = false;
  }
}
