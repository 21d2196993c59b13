/** `vidimus key deny`: what it touches, open proposals among it, and what is proposed. */
import { beforeEach, describe, expect, it } from "vitest";
import { exitCodes } from "../../src/cli/exit-codes.ts";
import { Person } from "../support/person.ts";
import { runningServer } from "../support/running-server.ts";

const name = (end: string) => `example.test/${end}`;

let alice: Person;
let carol: Person;
let stolen: string;
let files: { readonly bob: string; readonly carol: string };

beforeEach(async () => {
  const server = await runningServer();
  [alice, carol] = [new Person(server), new Person(server)];
  await alice.key("root");
  await alice.key("alice");
  const [bob, theirs] = [await new Person(server).key("bob"), await carol.key("carol")];
  stolen = theirs.id;
  alice.home.write("bob.pem", bob.pem);
  alice.home.write("carol.pem", theirs.pem);
  files = { bob: alice.home.at("bob.pem"), carol: alice.home.at("carol.pem") };
});

/** Carol trusts what alice trusts. */
function likeAlice(): void {
  carol.home.write("trust.yaml", alice.home.read("trust.yaml").replaceAll(alice.home.path, carol.home.path));
}

/** A repository of which two have to sign targets, with an open proposal that carol alone has signed. */
async function halfSigned(repository: string, ...signers: readonly string[]): Promise<string> {
  const keys = ["alice", ...signers].flatMap((key) => ["--targets", key]);
  await alice.well("repo", "init", repository, "--root", "root", ...keys, ...alice.trusted());
  await alice.well("threshold", "set", repository, "targets", "2");
  likeAlice();
  const open = async () =>
    ((await alice.well("proposal", "open", repository, "--json")).json() as { id: string }).id;
  await carol.well("proposal", "sign", repository, await open(), "--yes");
  await carol.well("add", repository, "v1", carol.home.at("file"));
  return ((await carol.well("proposal", "open", repository, "--json")).json() as { id: string }).id;
}

interface Denial {
  readonly proposals: readonly { repository: string; id: string; roles: string[]; outcome: string }[];
  readonly repairs: readonly {
    repository: string;
    proposal: string | null;
    state: string;
    left: readonly string[];
  }[];
}

const denied = async (...flags: readonly string[]) => {
  const { code, out } = await alice.run("key", "deny", stolen, "--json", ...flags);
  return { code, document: JSON.parse(out) as Denial };
};

describe("key deny", () => {
  it("lists the open proposals that hold its signature, and says what becomes of them", async () => {
    const waits = await halfSigned(name("three"), files.bob, files.carol);
    const stuck = await halfSigned(name("two"), files.carol);
    const { document } = await denied("--no-repair");
    const of = (end: string, id: string, outcome: string) => ({
      repository: name(end),
      id,
      roles: ["targets"],
      outcome,
    });
    expect(document.proposals).toEqual([of("two", stuck, "stuck"), of("three", waits, "waits")]);
    const { out } = await alice.well("key", "deny", stolen, "--no-repair");
    expect(out).toMatch(
      new RegExp(`^${waits} +${name("three")} +targets +stays open, without that signature`, "m"),
    );
    expect(out).toMatch(
      new RegExp(`^${stuck} +${name("two")} +targets +cannot be published: too few keys`, "m"),
    );
    await alice.well("proposal", "sign", name("three"), waits, "--yes");
    const nobodys = await alice.well("key", "deny", "0123456789abcdef".repeat(4), "--no-repair");
    expect(nobodys.out).toContain("No open proposal has a signature of it.");
  });

  it("proposes the repair where others have to sign it, and publishes it where nobody else has", async () => {
    const repository = name("below");
    const role = "targets/below";
    const waits = await halfSigned(name("three"), files.bob, files.carol);
    await alice.well("repo", "init", repository, "--root", "root", "--targets", "alice", ...alice.trusted());
    const listed = [files.bob, files.carol, "alice"].flatMap((key) => ["--key", key]);
    await alice.well("delegation", "add", repository, role, ...listed, "--all-paths");
    await alice.well("threshold", "set", repository, role, "2", "-p");
    likeAlice();
    await carol.well("add", repository, "v1", carol.home.at("file"), "--role", role);
    const ended = ((await carol.well("proposal", "open", repository, "--json")).json() as { id: string }).id;
    const { code, document } = await denied();
    expect(code).toBe(exitCodes.ok.code);
    expect(document.repairs).toMatchObject([
      { repository, state: "published", left: [] },
      { repository: name("three"), state: "open", left: [] },
    ]);
    expect(document.proposals).toMatchObject([
      { id: ended, roles: [role], outcome: "superseded" },
      { id: waits, roles: ["targets"], outcome: "waits" },
    ]);
    expect((await alice.well("proposal", "show", repository, ended)).out).toContain("superseded");
  });

  it("takes out what it can, and names what has no other key", async () => {
    const repository = name("mixed");
    const keys = ["--root", "root", "--targets", "alice"];
    await alice.well("repo", "init", repository, ...keys, ...alice.trusted());
    const add = ["delegation", "add", repository];
    await alice.well(...add, "targets/only", "--key", files.carol, "--all-paths");
    await alice.well(...add, "targets/both", "--key", files.carol, "--key", files.bob, "--all-paths");
    await alice.well("publish", repository);
    const { code, document } = await denied();
    expect(code).toBe(exitCodes.repairMissing.code);
    expect(document.repairs).toMatchObject([
      { state: "published", left: [expect.stringContaining("targets/only")] },
    ]);
    const left = (await alice.well("audit", "keys", repository, "--key", stolen, "--json")).json().lines;
    expect(left).toEqual([expect.objectContaining({ role: "targets/only" })]);
  });
});
