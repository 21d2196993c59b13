/** `vidimus key import` of a directory: nothing odd in it keeps a key from being taken in, and everything odd is named. */
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { exitCodes } from "../../../src/cli/exit-codes.ts";
import { endings } from "../../../src/client/errors.ts";
import { type Folder, folderWith } from "../../support/folder.ts";
import { keyCommand, type Somebody } from "../../support/key-command.ts";

const vectors = join(import.meta.dirname, "../../vectors/notary");
const repository = "example.org/h1/plain";
const passphrases = {
  // Of a file whose role is no role of the three.
  NOTARY_DELEGATION_PASSPHRASE: "fixture-root-pass",
  NOTARY_ROOT_PASSPHRASE: "fixture-root-pass",
  NOTARY_TARGETS_PASSPHRASE: "fixture-targets-pass",
  NOTARY_SNAPSHOT_PASSPHRASE: "fixture-snapshot-pass",
};
/** IDs of the keys of `plain`, by role. */
const ids = Object.fromEntries(
  readdirSync(join(vectors, "plain/private")).map((name) => {
    const text = readFileSync(join(vectors, "plain/private", name), "utf8");
    return [/^role: (.+)$/m.exec(text)?.[1] ?? "", name.slice(0, 64)];
  }),
) as Readonly<Record<"root" | "targets" | "snapshot", string>>;
const other = "cd".repeat(32);

let home: Folder;
beforeEach(() => {
  home = folderWith();
  cpSync(join(vectors, "plain/private"), home.at("old/private"), { recursive: true });
  cpSync(join(vectors, "plain/metadata"), home.at(`old/tuf/${repository}/metadata`), { recursive: true });
});

const bring = (more: readonly string[] = [], somebody: Partial<Somebody> = {}) =>
  keyCommand(["import", home.at("old"), ...more], { home: home.path, env: passphrases, ...somebody });
const fileOf = (role: keyof typeof ids) => home.at(`old/private/${ids[role]}.key`);
/** Roles of the keys that are in our folder. */
const ours = async () => {
  const { keys } = (await keyCommand(["list", "--json"], { home: home.path })).json();
  return keys.map(({ role }) => role).sort();
};

interface Found {
  readonly id: string;
  readonly fate: string;
  readonly next: string | null;
  readonly past: readonly { readonly why: string; readonly repository: string | null }[];
  readonly counts: readonly { readonly role: string }[];
}
const foundIn = (document: { readonly [name: string]: unknown }) => document.found as readonly Found[];

describe("a trust directory", () => {
  it("is listed first, then taken in, each key with its own passphrase; and once more changes nothing", async () => {
    const taken = await bring();
    expect(taken.code).toBe(0);
    expect(taken.err).toMatch(/^ID +KIND +NAME +ROLE +REPOSITORY/);
    expect(taken.err).toContain(repository);
    expect(taken.out).toMatch(/KEY +MADE FOR +WAS +COUNTS AS/);
    expect(taken.out.match(/ taken in {2,}/g)).toHaveLength(3);
    expect(await ours()).toEqual(["root", "snapshot", "targets"]);
    const again = await bring([], { env: {} });
    expect([again.code, again.out.match(/there already {2,}/g)?.length]).toEqual([0, 3]);
  });

  it("says what its keys are for, what to do, and how it went", async () => {
    const { code, out } = await bring();
    expect(code).toBe(0);
    expect(out).toMatch(/REPOSITORY +ROLE +SIGNED BY +CAN SIGN +AS OF/);
    expect(out).toContain(`${repository}: its root can be signed here: vidimus adopt ${repository}\n`);
    expect(out.trimEnd().split("\n").at(-1)).toBe(
      `3 keys in ${home.at("old/private")}: 3 taken in (${home.at(".vidimus/keys")}), 0 there already, 0 not taken in. Of 1 repository the root of 1 can be signed here.`,
    );
    const again = (await bring(["--json"])).json();
    expect(again.repositories).toMatchObject([
      { repository, asOf: "copy", root: "signable", past: [], retired: [] },
    ]);
    expect(foundIn(again).map(({ id, fate, counts }) => [id, fate, counts.map(({ role }) => role)])).toEqual(
      Object.entries(ids)
        .map(([role, id]) => [id, "there already", [role]])
        .sort(),
    );
  });

  it("of which only the folder of keys was copied is taken in, too", async () => {
    renameSync(home.at("old/private"), home.at("keys"));
    const { code } = await keyCommand(["import", home.at("keys")], { home: home.path, env: passphrases });
    expect([code, await ours()]).toEqual([0, ["root", "snapshot", "targets"]]);
  });

  it("in the layout of before 0.4 is taken in with the repository that its folder names", async () => {
    const keys = home.at(`old/private/tuf_keys/${repository}`);
    for (const folder of [keys, home.at("old/private/root_keys")]) mkdirSync(folder, { recursive: true });
    renameSync(fileOf("root"), home.at(`old/private/root_keys/${ids.root}_root.key`));
    const text = readFileSync(fileOf("targets"), "utf8");
    writeFileSync(join(keys, `${ids.targets}_targets.key`), text.replace(/^(gun|role): .*\n/gm, ""));
    for (const role of ["targets", "snapshot"] as const) rmSync(fileOf(role));
    const { keys: taken, ...document } = (await bring(["--json"])).json();
    expect(taken).toMatchObject([
      { id: ids.root, role: "root" },
      { id: ids.targets, role: "targets", repository },
    ]);
    expect(document.faults).toEqual([]);
  });

  it("without keys says which roots have none left, and ends as one without keys", async () => {
    rmSync(home.at("old/private"), { recursive: true });
    const { code, out, err } = await bring();
    expect([code, err]).toEqual([exitCodes.keyUnknown.code, expect.stringContaining("There are no keys")]);
    expect(out).toContain(`No key of the root is here:\n  ${repository}\n`);
    expect(out).toContain(`${repository}: no key of its root is here: look for ${ids.root.slice(0, 12)}`);
    const document = (await bring(["--json"])).json();
    expect(document.repositories).toMatchObject([{ repository, root: "lost" }]);
  });

  it("without anything is no mistake that passes in silence", async () => {
    mkdirSync(home.at("empty"));
    const { code, out } = await keyCommand(["import", home.at("empty")], { home: home.path });
    expect([code, out]).toEqual([exitCodes.keyUnknown.code, ""]);
  });
});

/** What is made odd, its exit code, and the roles that are taken in all the same. */
const oddities: readonly (readonly [string, () => string, number, readonly string[]])[] = [
  [
    "bytes in it that are damaged",
    () => {
      const lines = readFileSync(fileOf("root"), "utf8").split("\n");
      const last = lines.findLastIndex((line) => line.startsWith("-----END")) - 1;
      lines[last - 1] = (lines[last - 1] ?? "").replace(/^.{4}/, (four) =>
        four === "AAAA" ? "BBBB" : "AAAA",
      );
      writeFileSync(fileOf("root"), lines.join("\n"));
      return fileOf("root");
    },
    exitCodes.passphrase.code,
    ["snapshot", "targets"],
  ],
  [
    "no end",
    () => {
      truncateSync(fileOf("root"), 200);
      return fileOf("root");
    },
    exitCodes.keyFile.code,
    ["snapshot", "targets"],
  ],
  [
    "nothing in it",
    () => {
      truncateSync(fileOf("root"), 0);
      return fileOf("root");
    },
    exitCodes.keyFile.code,
    ["snapshot", "targets"],
  ],
  [
    "PEM of a kind that nobody knows",
    () => {
      const text = readFileSync(fileOf("root"), "utf8");
      writeFileSync(fileOf("root"), text.replaceAll("ENCRYPTED PRIVATE KEY", "SECRET PRIVATE KEY"));
      return fileOf("root");
    },
    exitCodes.keyFile.code,
    ["snapshot", "targets"],
  ],
  [
    "a role that is none",
    () => {
      const text = readFileSync(fileOf("root"), "utf8");
      writeFileSync(fileOf("root"), text.replace("role: root", "role: two words"));
      return fileOf("root");
    },
    exitCodes.keyFile.code,
    ["snapshot", "targets"],
  ],
  [
    "another key than its name says",
    () => {
      renameSync(fileOf("root"), home.at(`old/private/${other}.key`));
      return home.at(`old/private/${other}.key`);
    },
    exitCodes.keyFile.code,
    ["snapshot", "targets"],
  ],
  [
    "more bytes than any key has",
    () => {
      writeFileSync(home.at(`old/private/${other}.key`), Buffer.alloc(1_100_000));
      return home.at(`old/private/${other}.key`);
    },
    exitCodes.keyFile.code,
    ["root", "snapshot", "targets"],
  ],
  [
    "the name of a key and is a folder",
    () => {
      mkdirSync(home.at("old/private/x.key"));
      return home.at("old/private/x.key");
    },
    exitCodes.keyFile.code,
    ["root", "snapshot", "targets"],
  ],
  [
    "a link to itself",
    () => {
      symlinkSync("x.key", home.at("old/private/x.key"));
      return home.at("old/private/x.key");
    },
    exitCodes.keyFile.code,
    ["root", "snapshot", "targets"],
  ],
];

describe.each(oddities)("a file that has %s", (_, make, code, taken) => {
  it("is named, and all others are taken in", async () => {
    const path = make();
    const said = await bring();
    expect([said.code, await ours()]).toEqual([code, taken]);
    const messages = said.err.split("\n").slice(1);
    expect(messages.filter((line) => /^\S+ +\S+ +.* {2}/.test(line) === false && line !== "")).toEqual([
      expect.stringContaining(path),
    ]);
    expect(said.out).toContain("1 problem, named in the messages.");
    const document = (await bring(["--json"])).json();
    expect(document.faults).toMatchObject([{ what: expect.stringContaining(path) }]);
  });
});

describe("a file with a name of somebody's own", () => {
  it.each(["my root.key", "schlüssel.key", "🔑.key", "-rf.key"])(
    "such as %j is taken in for what it is",
    async (name) => {
      renameSync(fileOf("root"), home.at(`old/private/${name}`));
      const { code, out } = await bring();
      expect([code, await ours()]).toEqual([0, ["root", "snapshot", "targets"]]);
      expect(out).toContain(`its root can be signed here`);
    },
  );

  it("that is a copy of another is taken in once", async () => {
    cpSync(fileOf("root"), home.at("old/private/copy.key"));
    const { code, out } = await bring();
    expect([code, await ours()]).toEqual([0, ["root", "snapshot", "targets"]]);
    expect(out).toContain("3 keys in ");
  });
});

describe("a passphrase that does not open one key", () => {
  const { NOTARY_ROOT_PASSPHRASE, NOTARY_DELEGATION_PASSPHRASE: _, ...others } = passphrases;

  it("leaves that key, says so, and the same command takes it in with the right one", async () => {
    const first = await bring([], { env: { ...others, NOTARY_ROOT_PASSPHRASE: "another passphrase" } });
    expect([first.code, await ours()]).toEqual([exitCodes.passphrase.code, ["snapshot", "targets"]]);
    expect(first.err).toContain(fileOf("root"));
    expect(first.out).toContain(`vidimus key import ${fileOf("root")}`);
    expect(first.out).not.toContain("No key of the root is here");
    const document = (await bring(["--json"], { env: others })).json();
    expect(document.repositories).toMatchObject([{ root: "left" }]);
    expect(foundIn(document).find(({ id }) => id === ids.root)).toMatchObject({ fate: "not taken in" });
    const again = await bring([], { env: { NOTARY_ROOT_PASSPHRASE } });
    expect([again.code, await ours()]).toEqual([0, ["root", "snapshot", "targets"]]);
  });

  it("of any key leaves all, and writes nothing", async () => {
    const { code } = await bring([], { env: {} });
    expect([code, existsSync(home.at(".vidimus"))]).toEqual([exitCodes.passphrase.code, false]);
  });

  it("is asked for key by key, until somebody gives up: then nobody is asked again", async () => {
    const questions: string[] = [];
    const ask = async (question: string) => {
      questions.push(question);
      throw new Error("canceled");
    };
    const { code } = await bring([], { env: {}, ask });
    expect([code, questions.length]).toEqual([exitCodes.passphrase.code, 1]);
  });
});

it("a path that leads nowhere, or round in a circle, is told with its exit code", async () => {
  symlinkSync("circle", home.at("circle"));
  for (const name of ["nowhere", "circle"]) {
    const { code, err } = await keyCommand(["import", home.at(name), "--server", "https://trust.example"], {
      home: home.path,
    });
    expect([code, err]).toEqual([exitCodes.keyFile.code, expect.stringContaining(home.at(name))]);
  }
});

it("a folder that takes no key is told once, and no key is said to be here", async () => {
  symlinkSync(home.at("nowhere/at/all"), home.at(".vidimus"));
  const { code, out, err } = await bring();
  expect([code, err.match(/cannot be written/g)?.length]).toEqual([exitCodes.keyUnwritable.code, 1]);
  expect(out.match(/ not taken in {2,}/g)).toHaveLength(3);
  expect(out).not.toContain("can be signed here: vidimus adopt");
});

it("a path that a shell would take apart is quoted in what to type", async () => {
  renameSync(home.at("old"), home.at("old keys"));
  const { out } = await keyCommand(["import", home.at("old keys")], { home: home.path });
  expect(out).toContain(`vidimus key import '${home.at("old keys/private")}/${ids.root}.key'`);
});

it("of the directory that is searched anyway tells each problem once", async () => {
  cpSync(home.at("old"), home.at(".docker/trust"), { recursive: true });
  truncateSync(home.at(`.docker/trust/private/${ids.root}.key`), 10);
  const { code, err } = await keyCommand(["import", home.at(".docker/trust")], {
    home: home.path,
    env: passphrases,
  });
  expect([code, err.match(/There is no private key/g)?.length]).toEqual([exitCodes.keyFile.code, 1]);
});

describe("a server that is asked", () => {
  it("and is away keeps no key from being taken in, and the copies are told of", async () => {
    const server = ["--server", "https://127.0.0.1:1"];
    const { code, out, err } = await bring(server);
    expect([code, await ours()]).toEqual([endings.unreachable.exit, ["root", "snapshot", "targets"]]);
    expect(err).toContain("by the copies here");
    expect(out).toContain("root 1, the copy here");
    expect(out).toContain(`vidimus adopt ${repository} --server https://127.0.0.1:1\n`);
    const document = (await bring([...server, "--json"])).json();
    expect(document.unasked).toMatchObject({ what: expect.stringContaining("127.0.0.1:1") });
  });

  it("is no server: nothing is taken in", async () => {
    const { code } = await bring(["--server", "not an address"]);
    expect([code, existsSync(home.at(".vidimus"))]).toEqual([endings.policyFile.exit, false]);
  });
});

it.each([
  ["--server is for a directory", (path: string) => [path, "--server", "https://trust.example"]],
  ["--name is for one key", () => [home.at("old"), "--name", "release"]],
])("%s: anything else is a mistake, and nothing is taken in", async (_, args) => {
  const { code } = await keyCommand(["import", ...args(fileOf("root"))], {
    home: home.path,
    env: passphrases,
  });
  expect([code, existsSync(home.at(".vidimus"))]).toEqual([exitCodes.usage.code, false]);
});
