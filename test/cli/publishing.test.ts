/** The commands of publishers, against the real server: what they say, what they end with, what readers then see. */
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { exitCodes } from "../../src/cli/exit-codes.ts";
import { endings } from "../../src/client/errors.ts";
import { openTrust } from "../../src/client/trust.ts";
import { facts } from "../../src/publisher/files.ts";
import type { TrustServer } from "../support/bare/exchange.ts";
import type { Folder } from "../support/folder.ts";
import { Person } from "../support/person.ts";
import { runningServer } from "../support/running-server.ts";

let server: TrustServer;
let person: Person;
let home: Folder;
let counter = 0;
let name: string;

beforeAll(async () => {
  server = await runningServer();
});

beforeEach(async () => {
  person = new Person(server);
  home = person.home;
  name = `example.test/app${counter++}`;
  await put("root", "ecdsa");
  await put("one", "ecdsa");
});

const vidimus = (...argv: readonly string[]) => person.run(...argv);
/** Runs a command that has to end well. */
const well = (...argv: readonly string[]) => person.well(...argv);
const put = (called: string, algorithm: "ecdsa" | "ed25519", place?: string) =>
  person.key(called, algorithm, place);
const trusted = () => person.trusted();
const init = (...more: readonly string[]) =>
  well("repo", "init", name, "--root", "root", "--targets", "one", ...trusted(), ...more);

/** What a reader with the publisher's policy sees under a name. */
async function seen(target: string): Promise<string | undefined> {
  const trust = await openTrust({
    policy: home.at("trust.yaml"),
    cacheDir: home.at("reader"),
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

const digest = (text: string) => facts(Buffer.from(text)).sha256;
const staged = () => {
  const folder = join(home.path, ".vidimus", "staging");
  return existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith(".json")) : [];
};

describe("repo", () => {
  it("init makes one, pins its root, and shows what was made", async () => {
    const { out } = await init();
    expect(out).toContain("+ key: root (");
    expect(out).toContain(`Published ${name} at ${server.url}: root 1, targets 1.`);
    expect(out).not.toContain("vidimus pin add");
    expect(home.read("trust.yaml")).toContain(`match: ${name}`);
    const shown = (await well("repo", "show", name, "--json")).json();
    expect(shown).toMatchObject({ format: "vidimus-repository/1", repository: name, server: server.url });
    expect((await well("repo", "list", ...trusted())).out.split("\n")).toContain(name);
  });

  it("init that was cut off is run again: what it has made is pinned, and nothing is made twice", async () => {
    await init();
    rmSync(home.at("trust.yaml"));
    expect((await init()).out).toContain("says all of this already: nothing was published.");
    expect(home.read("trust.yaml")).toContain(`match: ${name}`);
    await well("add", name, "a", home.at("file"), "-p");
    expect((await init()).out).toContain("says all of this already");
    await well("root", "renew", name, "-p");
    const later = await vidimus("repo", "init", name, "--root", "root", "--targets", "one", ...trusted());
    expect([later.code, later.out]).toEqual([exitCodes.refused.code, ""]);
  });

  it("init is refused where there is another one, and with too few keys", async () => {
    await init();
    const before = home.read("trust.yaml");
    await put("two", "ecdsa");
    const holders: readonly (readonly string[])[] = [
      ["--root", "two", "--targets", "one"],
      ["--root", "root", "--targets", "two"],
      ["--root", "root", "--targets", "one", "--targets", "two"],
      ["--root", "root", "--targets", "one", "--targets", "two", "--targets-threshold", "2"],
    ];
    for (const each of holders) {
      const again = await vidimus("repo", "init", name, ...each, ...trusted());
      expect([again.code, again.out, again.err]).toEqual([
        exitCodes.refused.code,
        "",
        expect.stringContaining("is there already"),
      ]);
    }
    expect(home.read("trust.yaml")).toBe(before);
    name = `${name}-two`;
    const lonely = await vidimus(
      ...[
        "repo",
        "init",
        name,
        "--root",
        "root",
        "--root",
        "one",
        "--root-threshold",
        "3",
        "--targets",
        "one",
      ],
      ...trusted(),
    );
    expect([lonely.code, lonely.out]).toEqual([exitCodes.edit.code, ""]);
    const strange = await vidimus("repo", "init", name, "--root", "none", "--targets", "one", ...trusted());
    expect(strange.code).toBe(exitCodes.keyUnknown.code);
    await put("below", "ed25519");
    const odd = await vidimus("repo", "init", name, "--root", "below", "--targets", "one", ...trusted());
    expect(odd.code).toBe(exitCodes.keyFile.code);
  });

  it("init lists the root key of somebody else by the certificate that they made", async () => {
    const bob = await put("bob", "ecdsa", "of-bob");
    const { out: pem } = await well("key", "certificate", "bob", name, "--keys", home.at("of-bob"));
    home.write("bob.pem", pem);
    await init("--root", home.at("bob.pem"));
    const { roles } = (await well("repo", "show", name, "--json")).json() as {
      roles: { role: string; keyIds: string[] }[];
    };
    expect(roles.find(({ role }) => role === "root")?.keyIds).toContain(bob.id);
    await well("threshold", "set", name, "root", "2");
    expect((await vidimus("publish", name)).code).toBe(exitCodes.signers.code);
    cpSync(home.at("of-bob"), home.at(".vidimus/keys"), { recursive: true });
    expect((await well("publish", name)).out).toContain("root 2");
  });

  it("delete asks first, and is final", async () => {
    await init();
    const { code, err } = await vidimus("repo", "delete", name);
    expect([code, err]).toEqual([exitCodes.unconfirmed.code, expect.stringContaining("--yes")]);
    await well("repo", "delete", name, "--yes");
    // A script that was cut off is run again, and a wrong name is told.
    const again = await well("repo", "delete", name, "--yes");
    expect(again.out).toBe(`There is no ${name} at ${server.url}: nothing was deleted.\n`);
    expect((await well("repo", "delete", name, "--yes", "--json")).json()).toMatchObject({ deleted: false });
    expect((await vidimus("repo", "show", name)).code).toBe(endings.unsigned.exit);
  });
});

describe("targets", () => {
  beforeEach(async () => void (await init()));

  it("are staged, shown as a difference, and published as one", async () => {
    await well("add", name, "a", home.at("file"));
    await well("add-digest", name, "b", "--size", "5", "--sha256", "ab".repeat(32));
    expect((await well("status")).out).toContain(`add a sha256:${digest("content")}`);
    expect(await seen("a")).toBeUndefined();
    const diff = await well("diff", name);
    expect(diff.out).toContain(`    + a  sha256:${digest("content")}`);
    expect(diff.out).toContain("targets: 0 of 1 signed (nobody), 1 more of one");
    expect(diff.out).toContain("Keys here that sign it: one");
    expect((await well("publish", name)).out).toContain(`Published ${name} at ${server.url}: targets 2.`);
    expect([await seen("a"), await seen("b")]).toEqual([digest("content"), "ab".repeat(32)]);
    expect(staged()).toEqual([]);
    expect((await vidimus("publish", name)).code).toBe(exitCodes.staging.code);
  });

  it("move only where that is said, and the last that is said of a name counts", async () => {
    await well("add", name, "a", home.at("file"), "-p");
    const { code, err } = await vidimus("add", name, "a", home.at("other"));
    expect([code, err]).toEqual([exitCodes.edit.code, expect.stringContaining("--move")]);
    expect(staged()).toEqual([]);
    await well("add", name, "a", home.at("other"), "--move");
    const move = `move a sha256:${digest("content")} → sha256:${digest("other content")}`;
    expect((await well("status")).out).toContain(move);
    await well("add", name, "a", home.at("file"));
    expect((await well("status")).out).toContain(`sign again a sha256:${digest("content")}`);
    await well("remove", name, "a");
    await well("add", name, "a", home.at("other"), "--move", "-p");
    expect(await seen("a")).toBe(digest("other content"));
  });

  it("are taken back, and forgotten while they are staged", async () => {
    await well("add", name, "a", home.at("file"), "-p");
    await well("remove", name, "a");
    expect((await well("reset", name)).out).toContain("1 staged edit.");
    await well("remove", name, "a", "-p");
    expect(await seen("a")).toBeUndefined();
    expect((await vidimus("remove", name, "a")).code).toBe(exitCodes.edit.code);
  });

  it("carry what is to be signed with them", async () => {
    writeFileSync(home.at("custom.json"), '{"by": "us"}');
    await well("add", name, "a", home.at("file"), "--custom", home.at("custom.json"));
    const { repositories } = (await well("status", name, "--json")).json() as {
      repositories: { edits: { target: { custom: unknown } }[] }[];
    };
    expect(repositories[0]?.edits[0]?.target.custom).toEqual({ by: "us" });
    writeFileSync(home.at("custom.json"), '{"by": 1.5}');
    const bad = await vidimus("add", name, "b", home.at("file"), "--custom", home.at("custom.json"));
    expect(bad.code).toBe(exitCodes.edit.code);
  });

  it("that are old are shown first, and taken back with --yes", async () => {
    await well("add", name, "nightly-1", home.at("file"));
    await well("add", name, "stable", home.at("file"), "-p");
    const dry = await vidimus("prune", name, "--pattern", "nightly-*");
    expect([dry.code, dry.out.split("\n").length]).toEqual([exitCodes.unconfirmed.code, 3]);
    expect(staged()).toEqual([]);
    await well("prune", name, "--pattern", "nightly-*", "--yes", "-p");
    expect([await seen("nightly-1"), await seen("stable")]).toEqual([undefined, digest("content")]);
    expect((await well("prune", name, "--older-than", "30")).out).toBe("Nothing is that old.\n");
  });
});

describe("roles", () => {
  beforeEach(async () => void (await init()));

  it("are delegated by path, and sign nothing outside of it", async () => {
    await put("two", "ed25519");
    const { out } = await well("delegation", "add", name, "targets/x", "--key", "two", "--path", "v", "-p");
    expect(out).toContain("  ! + delegation to targets/x");
    await well("add", name, "v1", home.at("file"), "--role", "targets/x", "-p");
    expect((await vidimus("add", name, "w", home.at("file"), "--role", "targets/x")).code).toBe(
      exitCodes.outsidePaths.code,
    );
    expect((await well("delegation", "list", name)).out).toContain('targets/x  1 of two   "v"    1 target');
    expect((await well("delegation", "paths", name, "v2")).out).toContain("targets/x");
    expect((await well("delegation", "paths", name, "w")).out).toBe("There is no delegation.\n");
    await well("promote", name, "v1", "--from", "targets/x", "--to", "targets", "-p");
    expect(await seen("v1")).toBe(digest("content"));
    await well("delegation", "remove", name, "targets/x", "--path", "v", "-p");
    await well("delegation", "remove", name, "targets/x", "-p");
    expect((await vidimus("delegation", "remove", name, "targets/x")).code).toBe(exitCodes.edit.code);
  });

  it("need as many signatures as they are told, and say whose are missing", async () => {
    const two = await put("two", "ecdsa");
    await well("rotate", name, "targets", "--add", "two");
    await well("threshold", "set", name, "targets", "2", "-p");
    await well("add", name, "a", home.at("file"), "-p");
    const away = join(home.path, ".vidimus", "keys", `${two.id}.json`);
    const text = readFileSync(away);
    rmSync(away);
    const { code, err } = await vidimus("add", name, "b", home.at("file"), "-p");
    expect(code).toBe(exitCodes.signers.code);
    expect(err).toContain(`targets has 1 of 2 signatures, and none of ${two.id.slice(0, 12)}`);
    expect(err).toContain("vidimus proposal open");
    expect(staged()).toHaveLength(1);
    writeFileSync(away, text);
    await well("publish", name);
    expect(await seen("b")).toBe(digest("content"));
  });

  it("get other keys, root by its old and new ones", async () => {
    await put("next", "ecdsa");
    const before = (await well("repo", "show", name, "--json")).json();
    // The old key signs on, which is all that its pins want.
    const { out } = await well("rotate", name, "root", "--add", "next", "-p");
    expect(out).not.toContain("pin add");
    await well("rotate", name, "timestamp", "--server-key", "-p");
    await well("rotate", name, "snapshot", "--server-key", "-p");
    await well("add", name, "a", home.at("file"), "-p");
    expect(await seen("a")).toBe(digest("content"));
    expect((await well("repo", "show", name, "--json")).json()).not.toEqual(before);
    const odd = await vidimus("rotate", name, "targets", "--remove", "00000000");
    expect(odd.code).toBe(exitCodes.edit.code);
    expect((await vidimus("rotate", name, "targets", "--server-key")).code).toBe(exitCodes.usage.code);
  });

  it("tell the root's readers what to pin, before or after they would refuse it", async () => {
    const [next, last] = [await put("next", "ecdsa"), await put("last", "ecdsa")];
    // The old key signs on, so nobody has to be told.
    expect((await well("rotate", name, "root", "--add", "next")).out).not.toContain("refuse");
    const ahead = `vidimus pin add ${name} --key ${next.id} --yes\n`;
    for (const argv of [
      ["threshold", "set", name, "root", "2"],
      ["diff", name],
    ]) {
      const { out: told } = await well(...argv);
      expect(told).toContain("! Readers who pin the present root keys will refuse this root: it needs 2");
      expect(told).toContain(ahead);
    }
    expect((await well("diff", name, "--json")).json()).toMatchObject({
      pins: { outcome: "refused", own: "refused", needed: 2, fresh: [next.id] },
    });
    const { out } = await well("publish", name);
    // Before the signature, and after it.
    expect(out.indexOf(ahead)).toBeGreaterThan(-1);
    expect(out.indexOf(ahead)).toBeLessThan(out.indexOf("Published "));
    const command = ["pin", "add", name, "--key", next.id];
    expect(out).toContain(`vidimus ${command.join(" ")}\n`);
    expect((await vidimus("status", name)).code).toBe(0);
    const refused = (await vidimus("repo", "show", name, "--json")).json();
    expect(refused).toMatchObject({ refusals: [{ code: "PIN_MISMATCH" }] });
    await well(...command);
    await well("repo", "show", name);
    expect((await vidimus("pin", "add", name, "--key", last.id, "--yes")).code).toBe(0);
    const { keys } = (await well("key", "list", "--json")).json() as { keys: { id: string; name: string }[] };
    const gone = keys.find(({ name: called }) => called === "root")?.id ?? "";
    await well("rotate", name, "root", "--add", "last", "--remove", gone, "-p");
    await well("repo", "show", name);
  });

  it("renew the root, with new certificates for keys whose own would end before it", async () => {
    const rootOf = async () => {
      const { roles } = (await well("repo", "show", name, "--json")).json() as {
        roles: { role: string; version: number; keyIds: string[] }[];
      };
      return roles.find(({ role }) => role === "root");
    };
    const before = await rootOf();
    const { out } = await well("root", "renew", name, "-p");
    expect(out).toContain("root 2");
    expect(out).not.toContain("certificate");
    const late = await well("root", "renew", name, "-p", "--expires", "3700");
    expect(late.out).toContain("certificate: another one for the same key");
    expect(late.out).toMatch(/^! Root keys get other certificates/);
    expect(await rootOf()).toMatchObject({ version: 3, keyIds: before?.keyIds });
    await well("add", name, "a", home.at("file"), "-p");
    expect(await seen("a")).toBe(digest("content"));
  });

  it("are signed again, with new dates or as they are", async () => {
    await well("add", name, "a", home.at("file"), "-p");
    expect((await well("resign", name, "-p")).out).toContain("targets 3");
    expect((await well("witness", name, "targets", "-p")).out).toContain("targets 4");
    expect((await well("resign", name, "root", "-p", "--expires", "100")).out).toContain("root 2");
    expect((await vidimus("resign", name, "targets/none")).code).toBe(exitCodes.edit.code);
  });
});

describe("what cannot be meant", () => {
  beforeEach(async () => void (await init()));

  it("a new delegation that may sign nothing is refused, and one that is there may get a key", async () => {
    const none = await vidimus("delegation", "add", name, "targets/x", "--key", "one");
    expect([none.code, none.err]).toEqual([exitCodes.edit.code, expect.stringContaining("--all-paths")]);
    await well("delegation", "add", name, "targets/x", "--key", "one", "--all-paths");
    expect((await well("status")).out).toContain("delegation: 1 key added; paths added: everything");
    await put("two", "ed25519");
    await well("delegation", "add", name, "targets/x", "--key", "two");
    await well("publish", name);
    await put("three", "ed25519");
    await well("delegation", "add", name, "targets/x", "--key", "three");
  });

  it("from a role to the same, and a name that is empty, are mistakes in arguments", async () => {
    await well("add", name, "a", home.at("file"), "-p");
    for (const argv of [
      ["promote", name, "a", "--from", "targets", "--to", "targets"],
      ["key", "generate", "--name", ""],
      ["key", "import", home.at("file"), "--name", ""],
    ]) {
      expect([argv.join(" "), (await vidimus(...argv)).code]).toEqual([argv.join(" "), exitCodes.usage.code]);
    }
  });

  it.each(["bad name", "", "/x", "a//b", "a\u001bb"])(
    "no repository is called %j, and it is said how",
    async (odd) => {
      for (const argv of [["repo", "show"], ["diff"], ["publish"]]) {
        const { code, err } = await vidimus(...argv, odd);
        expect([code, err]).toEqual([endings.input.exit, expect.stringContaining("host[:port]/path")]);
      }
    },
  );
});

describe("a name outside of what a role may sign", () => {
  beforeEach(async () => {
    await init();
    await put("two", "ed25519");
    await well("delegation", "add", name, "targets/x", "--key", "two", "--path", "v", "-p");
    await well("add", name, "w0", home.at("file"), "-p");
    await well("add", name, "v1", home.at("file"), "--role", "targets/x");
  });

  it.each([
    ["add", (file: string) => ["add", name, "w", file, "--role", "targets/x"]],
    [
      "add-digest",
      () => ["add-digest", name, "w", "--role", "targets/x", "--size", "1", "--sha256", "ab".repeat(32)],
    ],
    ["promote", () => ["promote", name, "w0", "--from", "targets", "--to", "targets/x"]],
  ])(
    "is refused by %s with a code of its own, before a passphrase is wanted or anything written",
    async (_, argv) => {
      rmSync(home.at("pass"));
      const folder = home.at(".vidimus/staging");
      const before = staged().map((file) => readFileSync(join(folder, file), "utf8"));
      for (const more of [[], ["-p", "--no-input"]]) {
        const { code, out, err } = await vidimus(...argv(home.at("file")), ...more);
        expect([code, out]).toEqual([exitCodes.outsidePaths.code, ""]);
        expect(err).toMatch(/^w0? lies outside of what targets delegates to targets\/x \("v"\): .*\n$/);
      }
      const document = (await vidimus(...argv(home.at("file")), "--json")).json();
      expect(document).toMatchObject({ code: "OUTSIDE_PATHS", ending: "outsidePaths" });
      expect(staged().map((file) => readFileSync(join(folder, file), "utf8"))).toEqual(before);
      expect(before).toHaveLength(1);
    },
  );
});

it("refusals are documents for programs", async () => {
  await init();
  const { code, out, err } = await vidimus("remove", name, "none", "--json");
  expect([code, err, JSON.parse(out)]).toMatchObject([
    exitCodes.edit.code,
    "",
    { format: "vidimus-publish-refusal/1", code: "TARGET_UNKNOWN" },
  ]);
});

it("a repository that is not there is told with the command that makes it, and a root outside of the pins with ours", async () => {
  await init();
  const policy = home.read("trust.yaml");
  home.write("trust.yaml", policy.replace(name, "example.test/*"));
  const missing = `${name}-none`;
  const unruled = (await vidimus("repo", "show", `other.test/${missing}`, "--json")).json();
  expect(unruled).toMatchObject({ refusals: [{ code: "NO_TRUST_DATA", who: "you" }] });
  const shown = await vidimus("repo", "show", missing);
  expect([shown.code, shown.out]).toEqual([endings.unsigned.exit, ""]);
  expect(shown.err).toMatch(/^repository +what is wrong +who has to do what\n/);
  expect(shown.err).toContain(`\nvidimus repo init ${missing} --root KEY --targets KEY\n`);
  const next = expect.stringContaining(`vidimus repo init ${missing} `);
  const document = (await vidimus("add", missing, "a", home.at("file"), "--json")).json();
  expect(document).toMatchObject({ refusals: [{ code: "NO_TRUST_DATA", who: "you", next }] });
  home.write("trust.yaml", policy.replace(/- [0-9a-f]{64}/, `- "${"0".repeat(64)}"`));
  const odd = await vidimus("repo", "show", name);
  expect([odd.code, odd.err]).toEqual([endings.policy.exit, expect.stringContaining("\nvidimus pin add ")]);
  expect(odd.err).not.toContain("vidimus-client");
  const told = (await vidimus("repo", "show", name, "--json")).out;
  expect([told.includes("vidimus-client"), told.includes('"command": "vidimus pin add ')]).toEqual([
    false,
    true,
  ]);
  expect((await vidimus("help", "NO_PIN")).out).toContain("\nvidimus pin add NAME\n");
});

it("a wrong passphrase stages nothing either, where staging and publishing is one command", async () => {
  await init();
  await well("add", name, "a", home.at("file"));
  const folder = home.at(".vidimus/staging");
  const read = () => staged().map((file) => JSON.parse(readFileSync(join(folder, file), "utf8")) as unknown);
  const before = read();
  home.write("wrong", "something else\n");
  const wrong = ["--passphrase-file", home.at("wrong"), "-p"];
  for (const argv of [
    ["add", name, "a", home.at("other")],
    ["add", name, "b", home.at("file")],
    ["resign", name],
  ]) {
    const { code, out } = await vidimus(...argv, ...wrong);
    expect([code, out]).toEqual([exitCodes.passphrase.code, ""]);
    expect(read()).toEqual(before);
  }
  await well("publish", name);
  expect((await vidimus("add", name, "b", home.at("file"), ...wrong)).code).toBe(exitCodes.passphrase.code);
  expect([staged(), await seen("a"), await seen("b")]).toEqual([[], digest("content"), undefined]);
});

it("a wrong passphrase signs nothing, and what was staged stays", async () => {
  await init();
  await well("add", name, "a", home.at("file"));
  writeFileSync(home.at("pass"), "something else\n");
  expect((await vidimus("publish", name, "--no-input")).code).toBe(exitCodes.passphrase.code);
  expect([await seen("a"), staged().length]).toEqual([undefined, 1]);
});
