/** docs/threats.md names every row that concerns a server, and only tests that exist. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

const home = join(import.meta.dirname, "../..");
const page = readFileSync(join(home, "docs/threats.md"), "utf8");

interface Row {
  readonly id: string;
  readonly file: string | undefined;
  readonly text: string;
}

const rows: readonly Row[] = page.split("\n").flatMap((line) => {
  const cells = /^\| ([A-Z]\d+) +\| .+ \| (?:`([^`]+)`: )?(.+?) +\|$/.exec(line);
  return cells === null ? [] : [{ id: cells[1] ?? "", file: cells[2], text: cells[3] ?? "" }];
});

const range = (letter: string, last: number) => Array.from({ length: last }, (_, i) => `${letter}${i + 1}`);
const ids = [
  ...range("S", 12),
  ...range("V", 49),
  ...range("N", 10),
  ...range("M", 14),
  ...range("J", 10),
  ...range("C", 10),
  ...range("R", 6),
  ...range("D", 6),
  ...["P1", "P2", "W1", "W3", "W6", "W9", "W10", "T1", "T2", "T3", "P4", "L1", "L2"],
];

test("every row is there, once", () => {
  expect(rows.map(({ id }) => id).sort()).toEqual([...ids].sort());
});

describe("the test of a row exists", () => {
  test.each(rows.filter(({ file }) => file !== undefined))("$id", ({ file, text }) => {
    const path = join(home, "test", file ?? "");
    expect(existsSync(path)).toBe(true);
    expect(readFileSync(path, "utf8")).toContain(`"${text}"`);
  });
});

test("a row without a test says why", () => {
  const reasons = rows.filter(({ file }) => file === undefined).map(({ text }) => text);
  const known =
    /^(a client's matter|belongs to access control|there is no remote signer|the server fetches nothing)/;
  expect(reasons.filter((reason) => !known.test(reason))).toEqual([]);
});
