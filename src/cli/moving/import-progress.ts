/**
 * How far an import is: one line on a terminal, and a plain line now and then everywhere else, so that a log shows that it lives and
 * what it waits for.
 */
import type { Outcome, Report } from "../../moving/report.ts";
import { type CliContext, printable } from "../output.ts";
import { progressOf } from "../progress.ts";
import type { Words } from "./import-report.ts";

export interface ImportProgress {
  /** Told of each repository that is done. */
  onDone(report: Report, done: number): void;
  /** Something takes long: it is said at once, but not again and again. */
  onSlow(sentence: string): void;
  /** Nothing is said any more. */
  end(): void;
}

/** Milliseconds between two plain lines, and between two sentences of what is slow. */
const interval = 10_000;

interface Shown {
  /** What is read first, and may take long. */
  readonly from: string;
  /** Whether a document is wanted: then no line is drawn on a terminal either. */
  readonly json: boolean;
  readonly words: Words;
}

export function importProgress(context: CliContext, { from, json, words }: Shown): ImportProgress {
  const { isTerminal, stderr } = context;
  const line = progressOf(context);
  const counts = new Map<Outcome, number>();
  let last = "";
  let [spoke, count] = [Number.NEGATIVE_INFINITY, 0];
  const soFar = () => {
    if (count === 0) return `reading ${printable(from)}: nothing is done yet`;
    const each = [...counts].map(([outcome, number]) => `${number} ${words[outcome]}`);
    return `${count} ${count === 1 ? "repository" : "repositories"} done: ${each.join(", ")}; the last one ${last}`;
  };
  line.tell(`reading ${from}`);
  const timer = isTerminal && !json ? undefined : setInterval(() => stderr(`${soFar()}\n`), interval).unref();
  return {
    onDone({ repository, outcome }, done) {
      counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
      [count, last] = [done, printable(repository)];
      line.tell(`${done} done, ${words[outcome]}: ${last}`);
    },
    onSlow(sentence) {
      const now = performance.now();
      if (now - spoke < interval) return;
      spoke = now;
      stderr(`${printable(sentence)}\n`);
    },
    end: () => clearInterval(timer),
  };
}
