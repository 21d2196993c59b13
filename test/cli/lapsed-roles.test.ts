/** Delegated roles that readers refuse, since too few of their present keys have signed them: how their publishers go on. */
import { beforeEach, describe, expect, it } from "vitest";
import { exitCodes } from "../../src/cli/exit-codes.ts";
import { Person } from "../support/person.ts";
import { runningServer } from "../support/running-server.ts";

const repository = "example.test/app";
const role = "targets/releases";

let alice: Person;
let team: string;

beforeEach(async () => {
  alice = new Person(await runningServer());
  for (const name of ["root", "alice", "rel2"]) await alice.key(name);
  team = (await alice.key("team")).id;
  await alice.well("repo", "init", repository, "--root", "root", "--targets", "alice", ...alice.trusted());
});

const file = () => alice.home.at("file");
const other = () => alice.home.at("other");

/** The role with one key, which has signed 2.0. */
async function signedByTeam(...more: readonly string[]): Promise<void> {
  const keys = ["team", ...more].flatMap((key) => ["--key", key]);
  await alice.well("delegation", "add", repository, role, ...keys, "--all-paths");
  await alice.well("add", repository, "2.0", file(), "--role", role, "-p");
}

/** Then it lists another in its place. */
async function lapsed(): Promise<void> {
  await signedByTeam();
  await alice.well("delegation", "add", repository, role, "--key", "rel2", "-p");
  const { out } = await alice.well("delegation", "remove", repository, role, "--key", team, "-p");
  expect(out).toContain(`vidimus resign ${repository} ${role}`);
  expect((await alice.run("verify", `${repository}:2.0`)).err).toContain("ROLE_UNAVAILABLE");
}

const names = async () => {
  const { targets } = (await alice.well("repo", "show", repository, "--json")).json() as {
    targets: readonly { role: string; name: string }[];
  };
  return targets.map((each) => `${each.name}@${each.role}`).sort();
};

const versionOf = async () => {
  const { roles } = (await alice.well("repo", "show", repository, "--json")).json() as {
    roles: readonly { role: string; version: number | null }[];
  };
  return roles.find((each) => each.role === role)?.version;
};

describe("a role whose keys were exchanged", () => {
  beforeEach(lapsed);

  it.each(["witness", "resign"])("goes on from its published version by %s", async (command) => {
    await alice.well(command, repository, role, "-p");
    expect(await names()).toEqual([`2.0@${role}`]);
    expect(await versionOf()).toBe(2);
    await alice.well("add", repository, "2.1", file(), "--role", role, "-p");
    expect(await names()).toEqual([`2.0@${role}`, `2.1@${role}`]);
  });

  it("shows all that its signers would stand for, and calls it no first version", async () => {
    await alice.well("witness", repository, role);
    const { out } = await alice.well("diff", repository);
    expect(out).toContain("version 2");
    expect(out).not.toContain("first version");
    expect(out).toMatch(/\+ 2\.0 /);
  });

  it("is changed in the same publication, and nothing of it gets lost", async () => {
    await alice.well("witness", repository, role);
    await alice.well("add", repository, "2.1", file(), "--role", role);
    const moved = await alice.run("add", repository, "2.0", other(), "--role", role);
    expect(moved.err).toContain("--move");
    await alice.well("publish", repository);
    expect(await names()).toEqual([`2.0@${role}`, `2.1@${role}`]);
  });

  it("is not signed by the way: what it holds is nobody's word, and the command that signs it is named", async () => {
    const { code, err } = await alice.run("add", repository, "2.1", file(), "--role", role, "-p");
    expect([code, err]).toEqual([exitCodes.edit.code, expect.stringContaining("sign all of it again first")]);
    expect(err).toContain(`(vidimus witness ${repository} ${role})`);
    expect((await alice.well("status")).out).toContain("Nothing is staged.");
  });

  it("stays as it is, and is named again, when another role is published", async () => {
    const { out } = await alice.well("add", repository, "1.0", file(), "-p");
    expect(out).toContain(`vidimus resign ${repository} ${role}`);
    await alice.well("witness", repository, role, "-p");
    expect(await names()).toEqual(["1.0@targets", `2.0@${role}`]);
  });

  it("is mended in the same way after its delegation was removed and made anew", async () => {
    await alice.well("delegation", "remove", repository, role, "-p");
    const again = ["delegation", "add", repository, role, "--key", "rel2", "--all-paths"];
    await alice.well(...again);
    const { code, err } = await alice.run("add", repository, "2.1", file(), "--role", role);
    expect([code, err]).toEqual([
      exitCodes.edit.code,
      expect.stringContaining("publish the delegation first"),
    ]);
    await alice.well("publish", repository);
    await alice.well("witness", repository, role, "-p");
    expect(await names()).toEqual([`2.0@${role}`]);
  });
});

describe("key deny", () => {
  it("names the role that its repair leaves to be signed again, and does not end well", async () => {
    await signedByTeam("rel2");
    const { code, out } = await alice.run("key", "deny", team, "--reason", "stolen");
    expect(out).toContain("(published)");
    expect(out).toContain(`vidimus witness ${repository} ${role}`);
    expect(code).toBe(exitCodes.repairMissing.code);
    await alice.well("witness", repository, role, "-p");
    expect(await names()).toEqual([`2.0@${role}`]);
  });

  it("ends well where remaining keys have signed the role", async () => {
    const [first, second] = ["alice", "rel2"];
    await alice.well("delegation", "add", repository, role, "--key", first, "--key", second, "--all-paths");
    await alice.well("add", repository, "2.0", file(), "--role", role, "-p");
    await alice.well("delegation", "add", repository, role, "--key", "team", "-p");
    const { repairs } = (await alice.well("key", "deny", team, "--reason", "stolen", "--json")).json();
    expect(repairs).toMatchObject([{ state: "published", left: [], broken: [] }]);
  });
});
