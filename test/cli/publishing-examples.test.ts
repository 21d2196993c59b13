/**
 * The examples in the help of the publishers' commands, against the real server, each as it stands: only what it calls a file lies
 * in the test's home, the digest and the key ID that it makes up are the real ones, and its registry is one of the test's own.
 */
import { createPublicKey } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { Command } from "commander";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { addPublishingCommands } from "../../src/cli/publishing/commands.ts";
import type { Publishing } from "../../src/cli/publishing/tools.ts";
import { sha256Hex } from "../../src/core/bytes.ts";
import { testingOnlyCost } from "../../src/publisher/custody/key-file.ts";
import { KeyFolder } from "../../src/publisher/custody/key-folder.ts";
import { makePrivateKey } from "../../src/publisher/custody/private-key.ts";
import { type Folder, folderWith } from "../support/folder.ts";
import { runningServer } from "../support/running-server.ts";

const app = "registry.acme.example/app";
const secret = "only-for-a-test";
const madeUpDigest = "0123456789abcdef".repeat(4);
const madeUpKey = "1aa9d4f8";
const manifest = Buffer.from('{"schemaVersion":2}');

let home: Folder;
let registry: Server;
let trusted: readonly string[];
let releaseKey: string;
let url: string;

beforeAll(async () => {
  const server = await runningServer();
  url = server.url;
  home = folderWith({
    "ca.pem": server.ca,
    pass: `${secret}\n`,
    "boot.bin": "content",
    "custom.json": "{}",
  });
  trusted = ["--server", url, "--ca", home.at("ca.pem")];
  await put("offline-root");
  releaseKey = await put("release");
  for (const name of ["release-2027", "staging", "second"]) await put(name);
  const bob = createPublicKey(makePrivateKey("ecdsa")).export({ type: "spki", format: "pem" });
  home.write("bob.pem", bob.toString());
  registry = createServer(({ url: path = "" }, answer) => {
    const isThere = /^\/v2\/app\/manifests\/(?:1\.2|sha256:[0-9a-f]{64})$/.test(path);
    const type = "application/vnd.oci.image.manifest.v1+json";
    answer.writeHead(isThere ? 200 : 404, { "content-type": type }).end(isThere ? manifest : "");
  });
  await new Promise<void>((resolve) => registry.listen(0, "127.0.0.1", resolve));
});

afterAll(() => void registry.close());

async function put(name: string): Promise<string> {
  const folder = new KeyFolder(join(home.path, ".vidimus", "keys"), testingOnlyCost);
  const key = { key: makePrivateKey("ecdsa"), name, role: undefined, repository: undefined };
  return (await folder.add(key, Buffer.from(secret))).id;
}

interface Said {
  readonly out: string;
  readonly err: string;
  /** Undefined where the command ended well. */
  readonly code: number | undefined;
}

/** A person who says yes. Rejects with what a command refuses. */
async function vidimus(...argv: readonly string[]): Promise<Said> {
  let [out, err] = ["", ""];
  let code: number | undefined;
  const stdout = (text: string) => {
    out += text;
  };
  const stderr = (text: string) => {
    err += text;
  };
  const env = {
    HOME: home.path,
    VIDIMUS_SERVER: url,
    VIDIMUS_POLICY: home.at("trust.yaml"),
    VIDIMUS_PASSPHRASE_FILE: home.at("pass"),
  };
  const shared = { stdout, stderr, env, isTerminal: false };
  const publishing: Publishing = {
    context: { ...shared, askHidden: undefined, readFile: (path) => home.read(inHome(path)), debug: false },
    client: {
      ...shared,
      program: "vidimus",
      stdin: async () => "",
      ask: async () => "yes",
      columns: 120,
      now: Date.now,
    },
    finish: (ended) => {
      code = ended;
    },
  };
  const program = new Command("vidimus")
    .exitOverride()
    .configureOutput({ writeOut: stdout, writeErr: stderr });
  addPublishingCommands(program, publishing);
  try {
    await program.parseAsync([...argv], { from: "user" });
  } catch (error) {
    if ((error as { code?: string }).code !== "commander.helpDisplayed") throw error;
  }
  return { out, err, code };
}

const inHome = (path: string) => path.replace(`${home.path}/`, "");

async function examplesOf(command: string): Promise<readonly string[]> {
  const { out } = await vidimus(...command.split(" "), "--help");
  return [...out.matchAll(/^ {2}\$ vidimus (.+)$/gm)].map(([, line = ""]) => line);
}

/** What an example makes up is there in the test's world by another name. */
function placed(word: string): string {
  const plain = word.replaceAll("'", "");
  if (/^(?:boot\.bin|bob\.pem)$/.test(plain)) return home.at(plain);
  return plain.replace(madeUpDigest, sha256Hex(manifest)).replace(madeUpKey, releaseKey.slice(0, 8));
}

const played = new Set<string>();

/** Plays the examples of a command; each has to end well. What they say. */
async function play(command: string): Promise<readonly Said[]> {
  const lines = await examplesOf(command);
  expect([command, lines.length]).not.toEqual([command, 0]);
  const said: Said[] = [];
  for (const line of lines) {
    const more =
      command === "sign"
        ? ["--registry-url", `http://127.0.0.1:${(registry.address() as AddressInfo).port}`]
        : command === "repo init"
          ? trusted
          : [];
    const each = await vidimus(...line.split(" ").map(placed), ...more);
    expect([line, each.code]).toEqual([line, undefined]);
    said.push(each);
  }
  played.add(command);
  return said;
}

const staged = async () => (await vidimus("status", app)).out;

describe("the examples run as they stand", () => {
  it("of repositories", async () => {
    await play("repo init");
    for (const name of ["firmware", "old"])
      await vidimus(
        ...["repo", "init", `registry.acme.example/${name}`, "--root", "offline-root"],
        ...["--targets", "release", ...trusted],
      );
    const [list] = await play("repo list");
    expect(list?.out.split("\n")).toEqual(expect.arrayContaining([app, "registry.acme.example/old"]));
    expect((await play("repo show"))[0]?.out).toContain("No target is signed.");
    await play("repo delete");
    expect((await vidimus("repo", "list")).out).not.toContain("registry.acme.example/old");
  });

  it("of targets", async () => {
    await play("add");
    await play("add-digest");
    expect(await staged()).toContain(`add 1.2 sha256:${sha256Hex(manifest)}`);
    await play("status");
    expect((await play("diff"))[0]?.out).toContain(`+ 1.2  sha256:${sha256Hex(manifest)}`);
    expect((await play("reset"))[0]?.out).toContain("1 staged edit.");
    const [shown, published] = await play("sign");
    expect(shown?.err).toContain(`${app}:1.2\n  sha256:${sha256Hex(manifest)}`);
    expect(published?.out).toContain("targets 2");
    for (const name of ["1.0", "1.1", "nightly-1"])
      await vidimus("add", app, name, home.at("boot.bin"), "--custom", home.at("custom.json"));
    expect((await play("publish"))[0]?.out).toContain("targets 3");
  });

  it("of old signatures", async () => {
    await play("remove");
    const [aged, named] = await play("prune");
    expect(aged?.out).toBe("Nothing is that old.\n");
    expect(named?.out).toContain("3 edits");
    expect(await staged()).toContain("remove nightly-1");
    await vidimus("publish", app);
  });

  it("of delegations", async () => {
    await play("delegation add");
    await vidimus("delegation", "add", app, "targets/releases", "--key", "second");
    await play("threshold set");
    const staging = ["targets/staging", "--key", "staging", "--all-paths"];
    await vidimus("delegation", "add", app, ...staging, "--publish");
    for (const name of ["list", "tree", "paths"])
      expect((await play(`delegation ${name}`))[0]?.out).toMatch(/releases +2 of [0-9a-f]{12}, second/);
    await vidimus("add", app, "1.2", home.at("boot.bin"), "--role", "targets/staging", "--publish");
    await play("promote");
    expect(await staged()).toContain("targets/releases  add 1.2");
    await play("resign");
    await play("witness");
    await play("delegation remove");
    await vidimus("reset", app);
  });

  it("of other keys", async () => {
    await play("root renew");
    await vidimus("reset", app);
    await play("rotate");
    const { out } = await vidimus("publish", app);
    expect(out).toContain("+ key of targets: release-2027 (");
    expect(out).toMatch(/root 2, targets \d+/);
    expect((await play("adopt"))[0]?.out).toContain("there is nothing to adopt");
  });

  it("and no command is without", async () => {
    const { out } = await vidimus("--help");
    const commands = [...out.matchAll(/^ {2}([a-z-]+) /gm)].map(([, name = ""]) => name);
    const leaves = [];
    for (const name of commands.filter((each) => !["help", "proposal"].includes(each))) {
      const below = (await vidimus(name, "--help")).out.split("\nCommands:\n")[1] ?? "";
      const names = [...below.matchAll(/^ {2}([a-z-]+) /gm)].map(([, each = ""]) => each);
      const within = names.filter((each) => each !== "help").map((each) => `${name} ${each}`);
      leaves.push(...(within.length > 0 ? within : [name]));
    }
    expect([...played].sort()).toEqual(leaves.sort());
  });
});
