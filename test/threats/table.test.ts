/** docs/threats.md names every row that concerns a server or its client, and only tests that exist. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

const home = join(import.meta.dirname, "../..");
const page = readFileSync(join(home, "docs/threats.md"), "utf8");

/** A test by its file and title, or words in its place. */
interface Cell {
  readonly file: string | undefined;
  readonly text: string;
}

interface Row {
  readonly id: string;
  readonly server: Cell;
  readonly client: Cell;
}

function cell(text: string): Cell {
  const [, file, title] = /^`([^`]+)`: (.+)$/.exec(text) ?? [];
  return { file, text: title ?? text };
}

const rows: readonly Row[] = page.split("\n").flatMap((line) => {
  const cells = /^\| ([A-Z]\d+) +\| .+ \| (.+?) +\| (.*?) *\|$/.exec(line);
  return cells === null
    ? []
    : [{ id: cells[1] ?? "", server: cell(cells[2] ?? ""), client: cell(cells[3] ?? "") }];
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
  ...range("Q", 11),
  ...range("A", 21),
  ...["X1", "X2", ...range("B", 3), ...range("O", 5), ...range("K", 6)],
  ...["P1", "P2", "W1", "W3", "W6", "W9", "W10", "W13", "T1", "T2", "T3", "P4", "L1", "L2"],
];

test("every row is there, once", () => {
  expect(rows.map(({ id }) => id).sort()).toEqual([...ids].sort());
});

describe.each(["server", "client"] as const)("the test of the %s in a row exists", (side) => {
  test.each(rows.filter((row) => row[side].file !== undefined))("$id", (row) => {
    const { file, text } = row[side];
    const path = join(home, "test", file ?? "");
    expect(existsSync(path)).toBe(true);
    expect(readFileSync(path, "utf8")).toContain(`"${text}"`);
  });
});

test("a test of the client is one of the client", () => {
  const files = rows.map(({ client }) => client.file).filter((file) => file !== undefined);
  expect(files.filter((file) => !/^threats\/client-[a-z]+\.test\.ts$/.test(file))).toEqual([]);
});

test("a row without a test of the server says why", () => {
  const reasons = rows.map(({ server }) => server).filter(({ file }) => file === undefined);
  const known =
    /^(a client's matter|belongs to access control|there is no remote signer|there is no PKCS#11|the server fetches nothing|nobody here reads key files)/;
  expect(reasons.filter(({ text }) => !known.test(text))).toEqual([]);
});

test("a row that is a client's matter has a test of the client", () => {
  const theirs = rows.filter(({ server }) => server.text.startsWith("a client's matter"));
  expect(theirs.filter(({ client }) => client.file === undefined)).toEqual([]);
  expect(theirs.length).toBeGreaterThan(10);
});

test("what stands for a test of the client is one, or nothing", () => {
  expect(rows.filter(({ client }) => client.file === undefined && client.text !== "")).toEqual([]);
});
