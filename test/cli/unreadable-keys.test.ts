/** Key files that are damaged and tokens that are not there: told by name where they may hold what is missing, as warnings elsewhere. */
import { cpSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { exitCodes } from "../../src/cli/exit-codes.ts";
import type { TrustServer } from "../support/bare/exchange.ts";
import { Person } from "../support/person.ts";
import { runningServer } from "../support/running-server.ts";

let server: TrustServer;
let person: Person;
let counter = 0;
let name: string;
/** The file of the only key of targets. */
let file: string;

beforeAll(async () => {
  server = await runningServer();
});

beforeEach(async () => {
  person = new Person(server);
  name = `example.test/unreadable${counter++}`;
  await person.key("root");
  file = (await person.key("one")).place;
  await person.well("repo", "init", name, "--root", "root", "--targets", "one", ...person.trusted());
});

/** The module is no library, so no token can be read by it. */
const token = () => ["--token", `pkcs11:token=absent?module-path=${person.home.at("file")}`] as const;
const add = (...more: readonly string[]) => person.run("add", name, "v1", person.home.at("file"), ...more);
const isPublished = async () => (await person.run("repo", "show", name, "--json")).out.includes('"v1"');

const damages: readonly (readonly [string, () => void])[] = [
  ["cut off", () => truncateSync(file, 100)],
  ["emptied", () => truncateSync(file, 0)],
  ["overwritten", () => writeFileSync(file, "{}")],
];

describe.each(damages)("the file of the needed key, %s,", (_, damage) => {
  it("is named where something is signed, with its own exit code, and nothing is sent", async () => {
    damage();
    const expected = [exitCodes.keyFile.code, expect.stringContaining(file)];
    const published = await add("-p");
    expect([published.code, published.err]).toEqual(expected);
    expect(published.err.split("\n")).toHaveLength(2);
    await person.run("add", name, "v1", person.home.at("file"));
    const proposed = await person.run("proposal", "open", name);
    expect([proposed.code, proposed.err]).toEqual(expected);
    expect((await person.run("proposal", "list", name, "--json")).json().proposals).toEqual([]);
  });
});

it("a damaged file that says no name may be the key of any name", async () => {
  truncateSync(file, 100);
  const shown = await person.run("key", "show", "one");
  expect([shown.code, shown.err]).toEqual([exitCodes.keyFile.code, expect.stringContaining(file)]);
});

it("a damaged file that is not needed is a warning, where keys are searched, and what was asked for is done", async () => {
  truncateSync((await person.key("other")).place, 100);
  const { code, err } = await add("-p");
  expect([code, err]).toEqual([0, expect.stringMatching(/^Warning: .*other|^Warning: .* is damaged/)]);
  expect((await person.run("key", "show", "one")).err).toMatch(/^Warning: /);
  expect((await person.run("diff", name)).err).toMatch(/^Warning: /m);
});

it("a key that lies elsewhere, too, is used from there, and its damaged file is a warning", async () => {
  const copy = person.home.at("copies");
  cpSync(dirname(file), copy, { recursive: true });
  await person.well(
    "key",
    "export",
    "one",
    person.home.at("one.pem"),
    "--format",
    "notary",
    "--role",
    "targets",
  );
  await person.well("key", "import", person.home.at("one.pem"), "--format", "notary", "--keys", copy);
  truncateSync(file, 100);
  const { code, err } = await add("-p");
  expect([code, err]).toEqual([0, expect.stringMatching(/^Warning: /)]);
  expect(await isPublished()).toBe(true);
});

describe.each([
  ["a token", () => token(), exitCodes.keyDevice.code],
  ["a folder", () => ["--trust-dir", person.home.at("file")], exitCodes.keyFile.code],
] as const)("%s that cannot be read", (_, flags, code) => {
  it("is told by its own exit code where it may hold what is missing, and nothing is sent", async () => {
    rmSync(file);
    expect((await add("-p")).code).toBe(exitCodes.signers.code);
    expect((await person.run("publish", name, ...flags())).code).toBe(code);
    expect((await person.run("proposal", "open", name, ...flags())).code).toBe(code);
    expect((await person.run("key", "show", "elsewhere", ...flags())).code).toBe(code);
    expect((await person.run("proposal", "list", name, "--json")).json().proposals).toEqual([]);
  });

  it("is a warning where nothing is missing", async () => {
    const said = await add("-p", ...flags());
    expect([said.code, said.err]).toEqual([0, expect.stringMatching(/^Warning: .*\n$/)]);
  });
});
