/** Files that have really expired: readers refuse them, and whoever holds the keys signs them again with the usual commands. */
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { endings } from "../../src/client/errors.ts";
import type { TrustServer } from "../support/bare/exchange.ts";
import { Person } from "../support/person.ts";
import { runningServer } from "../support/running-server.ts";

const day = 86_400_000;
const name = () => `example.test/expiry${counter}`;
let server: TrustServer;
let person: Person;
let begun: number;
let counter = 0;
let strangers = 0;

/** The clock of the server, the publisher and the reader: they are all in this process. */
const after = (days: number) => vi.setSystemTime(begun + days * day);

beforeAll(async () => {
  vi.useFakeTimers({ toFake: ["Date"] });
  server = await runningServer();
});

beforeEach(async () => {
  begun = Date.now();
  counter += 1;
  person = new Person(server);
  for (const key of ["root", "one", "two"]) await person.key(key);
  await person.well("repo", "init", name(), "--root", "root", "--targets", "one", ...person.trusted());
  await person.well("delegation", "add", name(), "targets/x", "--key", "two", "--path", "x");
  await person.well("add", name(), "a", person.home.at("file"), "-p");
  await person.well("add", name(), "x1", person.home.at("file"), "--role", "targets/x", "-p");
});

afterEach(() => {
  vi.setSystemTime(begun);
});

/** How a reader ends who verifies a file under a name, with a cache of their own and with none. */
async function ends(target: string, role: string): Promise<readonly number[]> {
  const policy = person.home.read("trust.yaml").replace(/(match: .*\n)/, `$1    lookup: [${role}]\n`);
  person.home.write("reader.yaml", policy);
  const argv = ["verify", person.home.at("file"), "--repository", name(), "--target", target];
  const codes: number[] = [];
  for (const cache of ["reader", `reader-${strangers++}`]) {
    const flags = ["--policy", person.home.at("reader.yaml"), "--cache", person.home.at(cache)];
    codes.push((await person.run(...argv, ...flags)).code);
  }
  return codes;
}

const fine = [0, 0];
const stale = [endings.stale.exit, endings.stale.exit];

describe("after the targets and a delegation have expired", () => {
  beforeEach(async () => {
    expect([await ends("a", "targets"), await ends("x1", "targets/x")]).toEqual([fine, fine]);
    after(370);
    expect([await ends("a", "targets"), await ends("x1", "targets/x")]).toEqual([stale, stale]);
  });

  it("resign mends both in one publication", async () => {
    const { out } = await person.well("resign", name(), "targets", "targets/x", "-p");
    expect(out).toContain("targets 3, targets/x 2.");
    expect([await ends("a", "targets"), await ends("x1", "targets/x")]).toEqual([fine, fine]);
  });

  it("each is mended by itself, the delegation by witness", async () => {
    await person.well("resign", name(), "-p");
    expect([await ends("a", "targets"), await ends("x1", "targets/x")]).toEqual([fine, stale]);
    await person.well("witness", name(), "targets/x", "-p");
    expect(await ends("x1", "targets/x")).toEqual(fine);
  });

  it("whatever is published signs its own file again", async () => {
    await person.well("add", name(), "b", person.home.at("file"));
    await person.well("publish", name());
    expect([await ends("a", "targets"), await ends("b", "targets")]).toEqual([fine, fine]);
    await person.well("add", name(), "x2", person.home.at("file"), "--role", "targets/x", "-p");
    expect([await ends("x1", "targets/x"), await ends("x2", "targets/x")]).toEqual([fine, fine]);
  });

  it("a proposal signs again what several have to sign", async () => {
    await person.well("threshold", "set", name(), "targets", "1");
    await person.well("resign", name(), "targets", "targets/x");
    await person.well("proposal", "open", name());
    expect([await ends("a", "targets"), await ends("x1", "targets/x")]).toEqual([fine, fine]);
  });

  it("it is shown which of them have", async () => {
    const { out } = await person.well("repo", "show", name());
    const until = (days: number) => new Date(begun + days * day).toISOString().slice(0, 10);
    for (const [role, line] of [
      ["root", until(730)],
      ["targets", `${until(365)}, expired`],
      ["targets/x", `${until(365)}, expired`],
    ])
      expect(out).toMatch(new RegExp(`^${role} .* ${line}$`, "m"));
  });
});

describe("after the root has expired, too", () => {
  beforeEach(() => void after(740));

  it.each([
    ["resign", ["resign", "root", "targets", "targets/x"]],
    ["root renew, then resign", ["renew"]],
  ])("%s mends all", async (_, [command = "", ...roles]) => {
    expect(await ends("a", "targets")).toEqual(stale);
    if (command === "renew") {
      await person.well("root", "renew", name(), "-p");
      await person.well("resign", name(), "targets", "targets/x", "-p");
    } else await person.well(command, name(), ...roles, "-p");
    expect([await ends("a", "targets"), await ends("x1", "targets/x")]).toEqual([fine, fine]);
  });

  it("other keys take its place", async () => {
    await person.key("next");
    await person.well("rotate", name(), "root", "--add", "next", "-p");
    await person.well("resign", name(), "targets", "-p");
    expect(await ends("a", "targets")).toEqual(fine);
  });
});
