/** The client's commands as their users start them, against the real server: processes, files, exit codes. */
import { spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { exitCodes } from "../../src/cli/exit-codes.ts";
import { endings } from "../../src/client/errors.ts";
import { readInput } from "../../src/client/inputs/read.ts";
import { readLock } from "../../src/client/locking/lockfile.ts";
import { parseReference } from "../../src/client/reference.ts";
import { facts } from "../../src/publisher/files.ts";
import { type CollectionHolders, publishFirst, publishNext } from "../support/bare/collection.ts";
import type { TrustServer } from "../support/bare/exchange.ts";
import {
  bareKey,
  certificateKey,
  generatePrivateKey,
  makeRootCertificate,
  type PublisherKey,
} from "../support/bare/keys.ts";
import { temporaryDirectory } from "../support/directory.ts";
import { type Folder, folderWith } from "../support/folder.ts";
import { runningServer } from "../support/running-server.ts";

const root = resolve(import.meta.dirname, "../..");
const programs = { client: join(root, "src/client/cli/main.ts"), vidimus: join(root, "src/main.ts") };
const vector = readFileSync(join(root, "test/vectors/linuxkit/dm-crypt.yml"), "utf8");
const moving = "registry.example.test/acme/moving";
const year = 365 * 86_400_000;

let server: TrustServer;
let ca: string;
let holders: CollectionHolders;
let folder: Folder;

const facing = (name: string, tag: string, edition = "") => facts(Buffer.from(`${name}:${tag}${edition}`));
const digestOf = (name: string, tag: string, edition = "") => `sha256:${facing(name, tag, edition).sha256}`;

async function publish(name: string, ...tags: readonly string[]): Promise<void> {
  const key = generatePrivateKey("ecdsa");
  const own = certificateKey(key, await makeRootCertificate(key, name, new Date()));
  holders = { root: { keys: [own], threshold: 1 }, targets: { keys: [targetsKey], threshold: 1 } };
  await publishFirst(server, {
    repository: name,
    holders,
    targets: new Map(tags.map((tag) => [tag, facing(name, tag)])),
    rootExpires: Date.now() + 10 * year,
    targetsExpires: Date.now() + 3 * year,
  });
}

const targetsKey: PublisherKey = bareKey(generatePrivateKey("ecdsa"));
/** Version of the targets of `moving`. */
let current = 1;

async function move(edition: string): Promise<void> {
  await publishNext(server, {
    repository: moving,
    current: current++,
    targets: new Map([["1", facing(moving, "1", edition)]]),
    signers: [targetsKey],
    expires: Date.now() + 3 * year,
  });
}

beforeAll(async () => {
  server = await runningServer();
  ca = join(temporaryDirectory(), "ca.pem");
  writeFileSync(ca, server.ca);
  const tags = new Map<string, Set<string>>();
  for (const { reference } of (await readInput("dm-crypt.yml", vector)).images) {
    const { name, tag = "latest" } = parseReference(reference);
    tags.set(name, (tags.get(name) ?? new Set()).add(tag));
  }
  for (const [name, all] of tags) await publish(name, ...all);
  await publish(moving, "1");
});

beforeEach(() => {
  folder = folderWith({
    "trust.yaml": `version: 1\nserver: ${server.url}\nservers:\n  ${server.url}: { ca: ${ca} }\nrepositories:\n  - match: "**"\n    tofu: true\n`,
    "linuxkit.yml": vector,
    Dockerfile: "FROM busybox AS build\nFROM scratch\nCOPY --from=build /bin /bin\n",
    "compose.yaml":
      "services:\n  shell:\n    image: busybox\n  kept:\n    image: linuxkit/kernel:6.12.59 # newest\n",
  });
});

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs a program in the folder. A rejection that nobody takes would end it. */
function run(argv: readonly string[], stdin = "", program = programs.client): Promise<Ended> {
  const child = spawn(process.execPath, [program, ...argv], {
    cwd: folder.path,
    env: {
      PATH: process.env.PATH,
      HOME: folder.at("home"),
      NODE_OPTIONS: "--unhandled-rejections=strict",
    },
  });
  let [out, err] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    out += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    err += text;
  });
  child.stdin.on("error", () => {});
  child.stdin.end(stdin);
  return new Promise((done) => child.once("close", (code) => done({ code, out, err })));
}

/** The folder without the cache. */
function contents(): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(folder.contents()).filter(([name]) => !name.startsWith("home/.cache/")),
  );
}

/** Runs a command that has to end with a code, one sentence with its place, and nothing written. */
async function refused(argv: readonly string[], code: number, place: string | RegExp): Promise<void> {
  const before = contents();
  const { code: ended, out, err } = await run(argv);
  expect([ended, out]).toEqual([code, ""]);
  expect(err).toMatch(place);
  expect(err).not.toMatch(/\n\s+at /);
  expect(contents()).toEqual(before);
}

describe("lock", () => {
  it("locks a LinuxKit yaml, a Dockerfile and a Compose file against the real server", async () => {
    const before = contents();
    const { code, out, err } = await run(["lock", "linuxkit.yml", "Dockerfile", "compose.yaml"]);
    expect([code, out, err]).toEqual([
      0,
      "",
      expect.stringMatching(
        /^linuxkit\.yml: formats other than tar, .*\n13 images verified; written: linuxkit\.locked\.yml, Dockerfile\.locked, compose\.locked\.yaml, vidimus\.lock\n$/,
      ),
    ]);
    let expected = vector;
    for (const { reference } of (await readInput("linuxkit.yml", vector)).images) {
      const { name, tag = "latest" } = parseReference(reference);
      const written = `${reference.replace(/:[^/]*$/, "")}:${tag}@${digestOf(name, tag)}`;
      expected = expected.replace(`image: ${reference}\n`, `image: ${written}\n`);
      expected = expected.replace(`- ${reference}\n`, `- ${written}\n`);
    }
    const busybox = `busybox:latest@${digestOf("docker.io/library/busybox", "latest")}`;
    const kernel = `linuxkit/kernel:6.12.59@${digestOf("docker.io/linuxkit/kernel", "6.12.59")}`;
    expect(contents()).toEqual({
      ...before,
      "linuxkit.locked.yml": expected,
      "Dockerfile.locked": before.Dockerfile?.replace("FROM busybox", `FROM ${busybox}`),
      "compose.locked.yaml": before["compose.yaml"]
        ?.replace("image: busybox", `image: ${busybox}`)
        .replace("linuxkit/kernel:6.12.59", kernel),
      "vidimus.lock": expect.any(String),
    });
    const lock = readLock(folder.read("vidimus.lock"), "vidimus.lock");
    expect(lock.images).toHaveLength(13);
    expect(new Set(lock.images.map((image) => image.server))).toEqual(new Set([server.url]));

    const check = await run(["lock", "--check", "linuxkit.yml", "Dockerfile", "compose.yaml"]);
    expect([check.code, check.err]).toEqual([0, ""]);
    expect((await run(["lock", "--check", "linuxkit.locked.yml"])).code).toBe(0);
  });

  it("filters", async () => {
    const before = contents();
    const { code, out } = await run(["lock", "-"], folder.read("compose.yaml"));
    expect(code).toBe(0);
    expect(out).toContain(`busybox:latest@${digestOf("docker.io/library/busybox", "latest")}`);
    expect(contents()).toEqual(before);
  });

  it("refuses what moved, until it is accepted", async () => {
    folder.write("images.txt", `${moving}:1\n`);
    expect((await run(["lock", "images.txt"])).code).toBe(0);
    await move("second");
    await refused(["lock", "images.txt"], endings.moved.exit, /\[MOVED\]/);
    const { code, err } = await run(["lock", "--update", "images.txt"]);
    expect([code, err]).toEqual([0, expect.stringMatching(new RegExp(`^${moving}:1\n  from: sha256:`))]);
    expect(folder.read("images.locked.txt")).toBe(`${moving}:1@${digestOf(moving, "1", "second")}\n`);
  });
});

describe("nothing is written, and a sentence says what and where, after", () => {
  it("an image that nobody signed, among good ones", async () => {
    folder.write("linuxkit.yml", vector.replace("image: busybox\n", "image: busybox:none\n"));
    await refused(
      ["lock", "linuxkit.yml", "Dockerfile"],
      endings.unsigned.exit,
      /linuxkit\.yml:\d+,[\s\S]*onboot/,
    );
  });

  it("a damaged yaml", async () => {
    folder.write("linuxkit.yml", `${vector}servces: []\n`);
    const line = vector.split("\n").length;
    await refused(["lock", "linuxkit.yml"], endings.input.exit, new RegExp(`linuxkit\\.yml:${line}: `));
  });

  it("a damaged policy", async () => {
    folder.write("trust.yaml", "version: 1\nrepositories:\n  - mach: a\n");
    await refused(["lock", "linuxkit.yml"], endings.policyFile.exit, /trust\.yaml:3: /);
    folder.write("trust.yaml", "version: 1\nrepositories: [\n");
    await refused(["resolve", "busybox"], endings.policyFile.exit, /trust\.yaml:\d: /);
  });

  it("a damaged lock", async () => {
    expect((await run(["lock", "Dockerfile"])).code).toBe(0);
    const good = folder.read("vidimus.lock");
    const line = good.split("\n").findIndex((each) => each.includes('"digest"')) + 1;
    folder.write("vidimus.lock", good.replace("sha256:", "sha256:x"));
    await refused(["lock", "Dockerfile"], endings.lockFile.exit, new RegExp(`vidimus\\.lock:${line}: `));
    await refused(["lock", "--check", "Dockerfile"], endings.lockFile.exit, /vidimus\.lock:/);
    folder.write("vidimus.lock", good.slice(0, -20));
    await refused(["lock", "Dockerfile"], endings.lockFile.exit, /vidimus\.lock:\d+: /);
  });

  it("a damaged cache", async () => {
    expect((await run(["resolve", "busybox", "--cache", "cache"])).code).toBe(0);
    const [state = ""] = Object.keys(contents()).filter((name) => name.endsWith("state.json"));
    folder.write(state, folder.read(state).replace('"rootVersion": 1', '"rootVersion": "1"'));
    await refused(["lock", "Dockerfile", "--cache", "cache"], endings.cache.exit, /state\.json:\d+: /);
    folder.write("file", "");
    await refused(["lock", "Dockerfile", "--cache", "file"], endings.cache.exit, /CACHE_UNUSABLE/);
  });

  it("a server that is away, or that cannot be authenticated", async () => {
    folder.write("trust.yaml", folder.read("trust.yaml").replace(/servers:\n.*\n/, ""));
    await refused(["lock", "Dockerfile"], endings.unreachable.exit, /TLS_UNTRUSTED/);
  });

  it("a file that is not there", async () => {
    await refused(["lock", "absent.yml"], endings.input.exit, /absent\.yml: /);
  });

  it("a mistake in the arguments", async () => {
    await refused(["lock"], exitCodes.usage.code, /missing required argument/);
    await refused(["lock", "--nothing", "Dockerfile"], exitCodes.usage.code, /unknown option/);
    await refused(["lock", "-", "Dockerfile"], exitCodes.usage.code, /standard input/);
  });
});

describe("other commands", () => {
  it("talk to other programs in JSON", async () => {
    folder.write("image.tar", `${moving}:file`);
    const request = {
      format: "vidimus-request/1",
      references: ["busybox", "nobody/here"],
      files: [{ path: "image.tar", repository: "docker.io/library/busybox", target: "latest" }],
    };
    const { code, out, err } = await run(["verify", "-", "--json"], JSON.stringify(request));
    expect([code, err]).toEqual([endings.unauthentic.exit, ""]);
    const { format, results } = JSON.parse(out) as { format: string; results: Result[] };
    expect(format).toBe("vidimus-verify/1");
    expect(results.map(({ subject, image, refusal }) => [subject, image?.digest ?? refusal?.code])).toEqual([
      ["busybox", digestOf("docker.io/library/busybox", "latest")],
      ["nobody/here", "NO_TRUST_DATA"],
      ["image.tar", "FILE_MISMATCH"],
    ]);
  });

  it("pin from an empty folder: refused without a pin, then with the key that was compared", async () => {
    const flags = ["--server", server.url, "--ca", ca];
    folder = folderWith();
    const { code, err } = await run(["resolve", "busybox", ...flags]);
    expect(code).toBe(endings.policy.exit);
    const [id = ""] = /[0-9a-f]{64}/.exec(err) ?? [];
    expect((await run(["pin", "add", "busybox", ...flags])).code).toBe(exitCodes.usage.code);
    expect(Object.keys(contents())).toEqual([]);
    expect((await run(["pin", "add", "busybox", "--key", id, ...flags])).code).toBe(0);
    expect((await run(["resolve", "busybox", ...flags])).code).toBe(0);
    expect((await run(["pin", "list"])).out).toContain(id);
    expect((await run(["pin", "remove", "busybox", "--all"])).code).toBe(0);
    expect((await run(["resolve", "busybox", ...flags])).code).toBe(endings.policy.exit);
  });

  it("doctor finds this set-up in order", async () => {
    const { code, out } = await run(["doctor", "--json"]);
    expect(code).toBe(0);
    const { diagnoses } = JSON.parse(out) as { diagnoses: { state: string }[] };
    expect(diagnoses.filter(({ state }) => state === "fault")).toEqual([]);
  });
});

describe("vidimus", () => {
  const vidimus = (...argv: readonly string[]) => run(argv, "", programs.vidimus);

  it("offers the same commands with the same codes", async () => {
    expect((await vidimus("lock", "Dockerfile")).code).toBe(0);
    const first = folder.read("vidimus.lock");
    const own = await run(["resolve", "busybox"]);
    expect(await vidimus("resolve", "busybox")).toEqual(own);
    expect(first).toContain(own.out.trim().slice("busybox:latest@".length));
    expect((await vidimus("resolve", "busybox:none")).code).toBe(endings.unsigned.exit);
    expect((await vidimus("lock", "absent.yml")).code).toBe(endings.input.exit);
    expect((await vidimus("lock")).code).toBe(exitCodes.usage.code);
  });

  it("help exit-codes lists those of the client too", async () => {
    const { code, out } = await vidimus("help", "exit-codes");
    expect(code).toBe(0);
    for (const { exit, meaning } of Object.values(endings)) expect(out).toContain(`${exit}  ${meaning}\n`);
  });

  it("help explains the client's commands", async () => {
    const { code, out } = await vidimus("help", "pin", "add");
    expect([code, out]).toEqual([0, expect.stringContaining("Usage: vidimus pin add")]);
  });
});

describe.runIf(existsSync("/dev/full"))("where the result cannot be written", () => {
  it.each([
    ["vidimus", ["version"]],
    ["vidimus", ["help"]],
    ["vidimus", ["resolve", "busybox"]],
    ["client", ["--help"]],
    ["client", ["resolve", "busybox"]],
    ["client", ["resolve", "busybox", "--json"]],
  ] as const)("%s %j ends with one sentence and its own code", async (program, argv) => {
    const full = openSync("/dev/full", "w");
    const child = spawn(process.execPath, [programs[program], ...argv], {
      cwd: folder.path,
      env: { PATH: process.env.PATH, HOME: folder.at("home") },
      stdio: ["ignore", full, "pipe"],
    });
    closeSync(full);
    let said = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
    const code = await new Promise((done) => child.once("close", done));
    expect([code, said]).toEqual([endings.output.exit, expect.stringMatching(/^[^\n]*\(ENOSPC\)[^\n]*\n$/)]);
  });
});

interface Result {
  readonly subject: string;
  readonly image?: { readonly digest: string };
  readonly refusal?: { readonly code: string };
}
