/** `vidimus proposal`: two people with a home each, and the real server between them. */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { exitCodes } from "../../src/cli/exit-codes.ts";
import { endings } from "../../src/client/errors.ts";
import { openTrust } from "../../src/client/trust.ts";
import { facts } from "../../src/publisher/files.ts";
import type { TrustServer } from "../support/bare/exchange.ts";
import { Person } from "../support/person.ts";
import { runningServer } from "../support/running-server.ts";

let server: TrustServer;
let alice: Person;
let bob: Person;
let counter = 0;
let name: string;

beforeAll(async () => {
  server = await runningServer();
});

beforeEach(async () => {
  name = `example.test/quorum${counter++}`;
  [alice, bob] = [new Person(server), new Person(server)];
  await alice.key("root");
  const [a, b] = [await alice.key("alice"), await bob.key("bob")];
  alice.home.write("bob.pem", b.pem);
  await alice.well("repo", "init", name, "--root", "root", "--targets", "alice", ...alice.trusted());
  await alice.well("rotate", name, "targets", "--add", alice.home.at("bob.pem"));
  await alice.well("threshold", "set", name, "targets", "2");
  // Bob's signature is needed for the targets that he is to sign from now on.
  bob.home.write("trust.yaml", alice.home.read("trust.yaml").replaceAll(alice.home.path, bob.home.path));
  expect(a.id).not.toBe(b.id);
});

async function quorum(): Promise<void> {
  const { out } = await alice.well("proposal", "open", name, "--json");
  const { id } = JSON.parse(out) as { id: string };
  await bob.well("proposal", "sign", name, id, "--yes");
}

/** Opens a proposal by Alice that adds a target. */
async function opened(target = "v1", ...more: readonly string[]): Promise<string> {
  await alice.well("add", name, target, alice.home.at("file"));
  const { out } = await alice.well("proposal", "open", name, "--json", ...more);
  return (JSON.parse(out) as { id: string }).id;
}

async function seen(target: string): Promise<string | undefined> {
  const trust = await openTrust({
    policy: alice.home.at("trust.yaml"),
    cacheDir: alice.home.at("reader"),
    environment: {},
  });
  try {
    return (await trust.lookUp({ repository: name, target })).hashes.sha256;
  } catch {
    return undefined;
  } finally {
    await trust.close();
  }
}

const content = facts(Buffer.from("content")).sha256;

describe("two people", () => {
  beforeEach(quorum);

  it("publish with two signatures what one alone cannot", async () => {
    const alone = await alice.run("add", name, "v0", alice.home.at("file"), "-p");
    expect(alone.code).toBe(exitCodes.signers.code);
    await alice.well("reset", name);
    const id = await opened();
    expect(await seen("v1")).toBeUndefined();
    const shown = await bob.well("proposal", "show", name, id);
    expect(shown.out).toContain(`    + v1  sha256:${content}`);
    expect(shown.out).toContain("targets: 1 of 2 signed");
    const { out } = await bob.well("proposal", "sign", name, id, "--yes");
    expect(out).toContain(`Proposal ${id} of ${name} is published.`);
    expect(await seen("v1")).toBe(content);
    expect((await alice.well("status")).out).toBe("Nothing is staged.\n");
  });

  it("sign only what they have seen, where that is asked for", async () => {
    const id = await opened();
    const { digest } = JSON.parse((await bob.well("proposal", "show", name, id, "--json")).out) as {
      digest: string;
    };
    const other = await bob.run("proposal", "sign", name, id, "--digest", "0".repeat(64));
    expect(other.code).toBe(exitCodes.proposalBad.code);
    const silent = await bob.run("proposal", "sign", name, id, "--no-input");
    expect([silent.code, silent.err]).toEqual([
      exitCodes.unconfirmed.code,
      "Nothing was signed. To sign without being asked, give --yes, or --digest with the digest that was seen.\n",
    ]);
    expect((await bob.well("proposal", "sign", name, id, "--digest", digest)).out).toContain("published");
  });

  it("who has signed already adds nothing, and neither does a stranger", async () => {
    const id = await opened();
    expect((await alice.run("proposal", "sign", name, id, "--yes")).code).toBe(exitCodes.signers.code);
    const carol = new Person(server);
    await carol.key("carol");
    carol.home.write("trust.yaml", bob.home.read("trust.yaml").replaceAll(bob.home.path, carol.home.path));
    expect((await carol.run("proposal", "sign", name, id, "--yes")).code).toBe(exitCodes.signers.code);
    expect((await carol.run("proposal", "reject", name, id, "--reason", "no")).code).toBe(
      exitCodes.signers.code,
    );
  });

  it("reject, cancel, and see how it ended", async () => {
    const id = await opened();
    await bob.well("proposal", "reject", name, id, "--reason", "not built by us");
    const after = await alice.run("proposal", "sign", name, id, "--yes");
    expect([after.code, after.err]).toEqual([
      exitCodes.proposalOver.code,
      expect.stringContaining("not built by us"),
    ]);
    expect((await alice.run("proposal", "watch", name, id)).code).toBe(exitCodes.proposalOver.code);
    await alice.well("proposal", "watch", name, id, "--until", "settled");
    const second = await opened("v2");
    await alice.well("proposal", "cancel", name, second);
    const listed = JSON.parse((await alice.well("proposal", "list", name, "--all", "--json")).out) as {
      proposals: { id: string; state: string }[];
    };
    expect(listed.proposals.slice(0, 2).map(({ id: each, state }) => [each, state])).toEqual([
      [second, "cancelled"],
      [id, "rejected"],
    ]);
    expect((await alice.run("proposal", "show", name, "0".repeat(16))).code).toBe(
      exitCodes.proposalUnknown.code,
    );
    expect((await alice.run("proposal", "show", name, "odd")).code).toBe(exitCodes.proposalUnknown.code);
  });

  it("see what can be done next, and after it was published where to look", async () => {
    const id = await opened();
    const next = `To sign it: vidimus proposal sign ${name} ${id}\n`;
    const { out: before } = await bob.well("proposal", "show", name, id.slice(0, 8));
    expect(before).toContain("targets: 1 of 2 signed (");
    expect(before).toContain(", 1 more of bob (here)");
    expect(before.endsWith(next)).toBe(true);
    expect((await alice.well("proposal", "show", name, id)).out).not.toContain(next);
    await bob.well("proposal", "sign", name, id, "--yes");
    const { out: after } = await bob.well("proposal", "show", name, id);
    expect(after).toContain(": published\n");
    expect(after).toContain(
      `It is published. What it changed:\n  targets 3: vidimus audit changes ${name} targets --to 3\n`,
    );
    expect(after).not.toContain("changes nothing");
    expect((await bob.well("proposal", "show", name, id, "--json")).json()).toMatchObject({ changes: null });
  });

  it("of an ended one that others have overtaken see no difference to what came after", async () => {
    const [first, second] = [await opened("v1"), await opened("v2")];
    await bob.well("proposal", "sign", name, second, "--yes");
    const { out } = await bob.well("proposal", "show", name, first);
    expect(out).toContain("Others have published since");
    expect(out).not.toContain("v2");
  });

  it("write reasons and notes that no terminal obeys", async () => {
    const id = await opened();
    for (const reason of ["a\u001b[31m", "a\nb", "a\u202eb", " ", "a".repeat(1_001)]) {
      const { code } = await bob.run("proposal", "reject", name, id, "--reason", reason);
      expect(code).toBe(exitCodes.usage.code);
    }
    await alice.well("add", name, "v2", alice.home.at("file"));
    for (const flags of [
      ["--note", "a\u001b[31m"],
      ["--release", "a\nb"],
    ]) {
      const { code, err } = await alice.run("proposal", "open", name, ...flags);
      expect([code, err]).toEqual([exitCodes.refused.code, expect.stringContaining("(BAD_PARAMETER)")]);
    }
  });

  it("are told that nothing is there in words that fit the question", async () => {
    const list = async (...argv: readonly string[]) => (await alice.well("proposal", "list", ...argv)).out;
    const more = " Those in other states are listed with --all.\n";
    expect(await list(name)).toBe(`There is no open proposal of ${name}.${more}`);
    expect(await list(name, "--state", "rejected", "--release", "x")).toBe(
      `There is no rejected proposal of ${name} in the release x.${more}`,
    );
    expect(await list(name, "--release", "x", "--all")).toBe(
      `There is no proposal of ${name} in the release x.\n`,
    );
    // That by which the two became signers.
    expect(await list(name, "--state", "all")).toBe(await list(name, "--all"));
    expect(await list(name, "--all")).toContain("published");
    const odd = await alice.run("proposal", "list", "--state", "odd");
    expect(odd.code).toBe(exitCodes.usage.code);
  });

  it("wait for each other, and no longer than they say", async () => {
    const id = await opened();
    const late = await alice.run("proposal", "watch", name, id, "--timeout", "1");
    expect([late.code, late.out]).toEqual([
      exitCodes.proposalWaiting.code,
      `Proposal ${id} of ${name} is still open after 1 second: targets has 1 signature. Who is missing: vidimus proposal show ${name} ${id}\n`,
    ]);
    const [watched] = await Promise.all([
      alice.well("proposal", "watch", name, id, "--timeout", "60"),
      bob.well("proposal", "sign", name, id, "--yes"),
    ]);
    expect(watched.out).toContain("is published");
  });

  it("are told when what a proposal rests on has moved", async () => {
    const [first, second] = [await opened("v1"), await opened("v2")];
    await bob.well("proposal", "sign", name, second, "--yes");
    const late = await bob.run("proposal", "sign", name, first, "--yes");
    expect([late.code, late.err]).toEqual([
      exitCodes.proposalOver.code,
      expect.stringContaining("superseded"),
    ]);
  });

  it("sign a release over many repositories with one command", async () => {
    const names = [name];
    const one = await opened("v1", "--release", "2027.1");
    name = `${name}-second`;
    names.push(name);
    await alice.well(
      "repo",
      "init",
      name,
      "--root",
      "root",
      "--targets",
      "alice",
      "--targets",
      alice.home.at("bob.pem"),
    );
    bob.home.write("trust.yaml", alice.home.read("trust.yaml").replaceAll(alice.home.path, bob.home.path));
    await alice.well("threshold", "set", name, "targets", "2");
    await alice.well("add", name, "v1", alice.home.at("file"));
    const { out } = await alice.well("proposal", "open", name, "--release", "2027.1", "--json");
    const two = (JSON.parse(out) as { id: string }).id;
    const done = JSON.parse(
      (await bob.well("proposal", "sign", "--release", "2027.1", "--yes", "--json")).out,
    ) as {
      proposals: { id: string; state: string }[];
    };
    expect(done.proposals.map(({ id, state }) => [id, state]).sort()).toEqual(
      [
        [one, "published"],
        [two, "published"],
      ].sort(),
    );
    expect((await bob.run("proposal", "sign", "--release", "2027.1", "--yes")).code).toBe(
      exitCodes.proposalUnknown.code,
    );
  });

  it("see that readers will refuse a root before they sign it", async () => {
    const { id: key } = await bob.key("bob-root");
    alice.home.write("bob-root.pem", await bob.certificate("bob-root", name));
    await alice.well("rotate", name, "root", "--add", alice.home.at("bob-root.pem"));
    await alice.well("threshold", "set", name, "root", "2");
    const command = `vidimus pin add ${name} --key ${key} --yes\n`;
    const open = await alice.well("proposal", "open", name);
    expect(open.out.indexOf(command)).toBeGreaterThan(-1);
    expect(open.out.indexOf(command)).toBeLessThan(open.out.indexOf("is open"));
    const id = /Proposal ([0-9a-f]{16})/.exec(open.out)?.[1] ?? "";
    for (const argv of [["show"], ["sign", "--no-input"]]) {
      const { out } = await bob.run("proposal", argv[0] ?? "", name, id, ...argv.slice(1));
      expect(out).toContain("! Readers who pin the present root keys will refuse this root: it needs 2");
      expect(out).toContain(command);
    }
    const pinned = await bob.run("pin", "add", name, "--key", key, "--yes");
    expect(pinned.code).toBe(exitCodes.ok.code);
    expect((await bob.well("proposal", "show", name, id)).out).toContain("Your own policy takes it.");
    expect((await bob.well("proposal", "sign", name, id, "--yes")).out).toContain("is published");
  });

  it("sign on a machine without a network, by its own pins", async () => {
    const id = await opened();
    const file = join(bob.home.path, "proposal.json");
    await alice.well("proposal", "export", name, id, file);
    const before = readFileSync(file, "utf8");
    const away = await bob.run("proposal", "sign-file", file, "--no-input");
    expect([away.code, readFileSync(file, "utf8")]).toEqual([exitCodes.unconfirmed.code, before]);
    expect((await bob.well("proposal", "sign-file", file, "--yes")).out).toContain("Bring");
    const { out } = await alice.well("proposal", "import", file);
    expect(out).toContain("is published");
    expect(await seen("v1")).toBe(content);
    expect((await alice.well("proposal", "import", file)).out).toContain("is published");
  });

  it("an export takes the place of an earlier one, and of nothing else", async () => {
    const id = await opened();
    const file = join(bob.home.path, "proposal.json");
    await alice.well("proposal", "export", name, id, file);
    await alice.well("proposal", "export", name, id, file);
    writeFileSync(file, "something precious");
    for (const path of [file, "/dev/null", bob.home.path]) {
      const { code, out } = await alice.run("proposal", "export", name, id, path);
      expect([code, out]).toEqual([exitCodes.proposalBad.code, ""]);
    }
    expect(readFileSync(file, "utf8")).toBe("something precious");
  });

  it("a file of a foreign repository, or one that was altered, is refused and left as it is", async () => {
    const id = await opened();
    const file = join(bob.home.path, "proposal.json");
    await alice.well("proposal", "export", name, id, file);
    const good = readFileSync(file, "utf8");
    const others = JSON.parse(good) as { base: { root: string } };
    others.base.root = others.base.root.replace(/"sig":"../, '"sig":"AA');
    for (const bad of ["{", good.replace("vidimus-proposal-file/1", "other/1"), JSON.stringify(others)]) {
      writeFileSync(file, bad);
      const { code, out } = await bob.run("proposal", "sign-file", file, "--yes");
      expect([code, out, readFileSync(file, "utf8")]).toEqual([exitCodes.proposalBad.code, "", bad]);
    }
    writeFileSync(file, good);
    bob.home.write("trust.yaml", bob.home.read("trust.yaml").replaceAll(/[0-9a-f]{64}/g, "ab".repeat(32)));
    expect((await bob.run("proposal", "sign-file", file, "--yes")).code).toBe(exitCodes.proposalBad.code);
  });
});

it("a repository may begin as a proposal: root and targets of two", async () => {
  const begun = `${name}-begun`;
  await bob.key("bob-root");
  const certificate = await bob.certificate("bob-root", begun);
  alice.home.write("bob-root.pem", certificate);
  const { out } = await alice.well(
    ...[
      "repo",
      "init",
      begun,
      "--root",
      "root",
      "--root",
      alice.home.at("bob-root.pem"),
      "--root-threshold",
      "2",
    ],
    ...[
      "--targets",
      "alice",
      "--targets",
      alice.home.at("bob.pem"),
      "--targets-threshold",
      "2",
      "--propose",
      "--json",
    ],
    ...alice.trusted(),
  );
  const { id, first } = JSON.parse(out) as { id: string; first: boolean };
  expect(first).toBe(true);
  // Bob has no policy yet: the surroundings name where it will be.
  rmSync(bob.home.at("trust.yaml"));
  expect((await bob.well("proposal", "list", ...bob.trusted())).out).toContain(begun);
  const shown = await bob.well("proposal", "show", begun, id, ...bob.trusted());
  expect(shown.out).toContain("The repository is not there yet");
  const named = ["--policy", bob.home.at("trust.yaml")];
  const lost = await bob.run("proposal", "show", begun, id, ...bob.trusted(), ...named);
  expect([lost.code, lost.out]).toEqual([endings.policyFile.exit, ""]);
  expect((await bob.run("diff", begun, ...bob.trusted())).code).toBe(endings.policyFile.exit);
  expect((await bob.well("proposal", "sign", begun, id, "--yes", ...bob.trusted())).out).toContain(
    "is published",
  );
  expect((await alice.well("repo", "show", begun)).out).toContain("2 of root, ");
});

it("a server holds proposals to the bounds that it is configured with, and says them", async () => {
  const strict = await runningServer({ "proposals.note": "3", "proposals.mostLifetime": "31d" });
  const carol = new Person(strict);
  await carol.key("root");
  await carol.key("carol");
  await carol.well("repo", "init", name, "--root", "root", "--targets", "carol", ...carol.trusted());
  await carol.well("add", name, "v1", carol.home.at("file"));
  for (const [flags, what] of [
    [["--note", "more"], "at most 3 characters"],
    [["--lifetime", "32"], "to 2678400 seconds"],
  ] as const) {
    const { code, err } = await carol.run("proposal", "open", name, ...flags);
    expect([code, err]).toEqual([exitCodes.refused.code, expect.stringContaining(what)]);
  }
  await carol.well("proposal", "open", name, "--note", "abc", "--lifetime", "31");
});
