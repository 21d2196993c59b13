/** `--full` asks every suite for ten times as much, and a seed for the same choices again. */
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { Chance, full, runs, times } from "./support/chance.ts";

/** They hold the tools of the others to their word, and try nothing by chance. */
const ofTools = ["chance.test.ts", "checker.test.ts", "disk.test.ts", "trail.test.ts"];
/** One large case, in which there is nothing to choose. */
const once = ["import-names.test.ts"];

const files = readdirSync(import.meta.dirname).filter((name) => name.endsWith(".test.ts"));

const chosen = files.filter((name) => ![...ofTools, ...once].includes(name));

test.each(chosen)("%s counts by it", (name) => {
  const text = readFileSync(`${import.meta.dirname}/${name}`, "utf8");
  expect(text).toMatch(/\btimes\(|\btest\.each\(.*\bruns\b/);
});

test("it is ten times as much", () => {
  expect(times(7)).toBe(full ? 70 : 7);
  expect(runs).toHaveLength(times(1));
});

test("one seed gives the same choices for one label, and others for another", () => {
  const choices = (label: string, seed: number) => {
    const chance = new Chance(label, seed);
    return Array.from({ length: 50 }, () => chance.between(0, 1_000));
  };
  expect(choices("a", 1)).toEqual(choices("a", 1));
  expect(choices("a", 1)).not.toEqual(choices("a", 2));
  expect(choices("a", 1)).not.toEqual(choices("b", 1));
});
