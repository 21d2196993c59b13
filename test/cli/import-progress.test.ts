/** How far an import is, for somebody who reads a log and for somebody at a terminal. */
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { importProgress } from "../../src/cli/moving/import-progress.ts";
import { wordsOfImport } from "../../src/cli/moving/import-report.ts";
import { nothingOf } from "../../src/moving/report.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

let said: string[];
let told: string[];
function begin(isTerminal: boolean, json = false) {
  said = [];
  told = [];
  const context = {
    stdout: () => undefined,
    stderr: (text: string) => void said.push(text),
    isTerminal,
    env: {},
    readFile: () => "",
    askHidden: undefined,
    debug: false,
    progress: { tell: (what: string) => void told.push(what) },
  };
  return importProgress(context, { from: "https://old", json, words: wordsOfImport });
}

it("is said in a plain line every ten seconds where nobody reads a terminal, also before anything is done", () => {
  const progress = begin(false);
  vi.advanceTimersByTime(9_999);
  expect(said).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(said).toEqual(["reading https://old: nothing is done yet\n"]);
  progress.onDone(nothingOf("team/a", "taken"), 1);
  progress.onDone(nothingOf("team/b", "leftOut"), 2);
  expect(said).toHaveLength(1);
  vi.advanceTimersByTime(10_000);
  expect(said[1]).toBe("2 repositories done: 1 taken over, 1 LEFT OUT; the last one team/b\n");
  progress.end();
  vi.advanceTimersByTime(60_000);
  expect(said).toHaveLength(2);
});

it("is said in plain lines beside a document, too", () => {
  const progress = begin(true, true);
  vi.advanceTimersByTime(10_000);
  expect(said).toHaveLength(1);
  progress.end();
});

it("is the one line of a terminal, and no other", () => {
  const progress = begin(true);
  vi.advanceTimersByTime(60_000);
  progress.onDone(nothingOf("team/\u001b[31ma", "taken"), 1);
  expect([said, told]).toEqual([[], ["reading https://old", "1 done, taken over: team/\\u{1b}[31ma"]]);
  progress.end();
});

it("says at once what is slow, and not again within ten seconds", () => {
  const progress = begin(false);
  progress.onSlow("https://old did not answer.");
  progress.onSlow("https://old did not answer again.");
  expect(said).toEqual(["https://old did not answer.\n"]);
  vi.advanceTimersByTime(10_000);
  progress.onSlow("https://old is still silent.");
  expect(said.at(-1)).toBe("https://old is still silent.\n");
  progress.end();
});
