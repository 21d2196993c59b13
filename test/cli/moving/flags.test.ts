/** What the commands about moving make of their flags. */
import { Command } from "commander";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { runImport } from "../../../src/cli/moving/import-run.ts";
import { namesOf } from "../../../src/cli/moving/other-server.ts";
import type { Publishing } from "../../../src/cli/publishing/tools.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const context: Publishing["context"] = {
  stdout: () => undefined,
  stderr: () => undefined,
  env: {},
  isTerminal: false,
  askHidden: undefined,
  readFile: () => "b/two\n# a comment\n\nb/one\na/three\nb/one\n",
  debug: false,
};

it("names are taken in their order, each once, however they were given", () => {
  const given = (names: readonly string[], file?: string) => {
    const named = namesOf(new Command(), context, names, file);
    return named && [...named];
  };
  expect(given([], "names.txt")).toEqual(["a/three", "b/one", "b/two"]);
  expect(given(["b/two", "b/one", "a/three", "b/one"])).toEqual(["a/three", "b/one", "b/two"]);
  expect(given([])).toBeUndefined();
});

it("a time limit that is none leaves nothing running", async () => {
  const publishing = { context } as Publishing;
  const run = { flags: { timeLimit: "soon" }, from: "https://old", origin: () => "https://old" };
  await expect(runImport(publishing, run, async () => undefined)).rejects.toThrow("--time-limit");
  expect(vi.getTimerCount()).toBe(0);
});
