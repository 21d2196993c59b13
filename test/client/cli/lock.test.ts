import { mkdirSync } from "node:fs";
import { beforeEach, describe, expect, it } from "vitest";
import { usageExit } from "../../../src/client/cli/report.ts";
import { endings } from "../../../src/client/errors.ts";
import { readLock } from "../../../src/client/locking/lockfile.ts";
import { codesIn, runClient, type Said, type World } from "../../support/client-cli.ts";
import { type Folder, folderWith } from "../../support/folder.ts";
import { type Simulator, simulatedNow, someTarget } from "../../support/simulator.ts";
import type { TrustSite } from "../../support/trust-site.ts";
import { simulated, siteOf } from "../../support/trusting.ts";

const acme = "registry.example.test/acme";
const at = (content: string) => `@sha256:${someTarget(content).sha256}`;
const yml = `kernel:\n  image: ${acme}/kernel:1\ninit:\n  - nginx:1\ntrust:\n  image:\n    - ${acme}/kernel\n`;
const lockedYml = `kernel:\n  image: ${acme}/kernel:1${at("1")}\ninit:\n  - nginx:1\n`;

let sim: Simulator;
let site: TrustSite;
let folder: Folder;

beforeEach(async () => {
  sim = await simulated(`${acme}/kernel`, "1", "2");
  site = await siteOf(sim);
  const policy = `default: unverified\nserver: ${site.url}\nrepositories:\n  - match: ${acme}/**\n    tofu: true\n`;
  folder = folderWith({ "policy.yaml": policy, "a.yml": yml, Dockerfile: `FROM ${acme}/kernel:2\n` });
});

/** Runs `lock` on files of the folder, with its policy, cache and lock. */
function lock(names: readonly string[], flags: readonly string[] = [], world: World = {}): Promise<Said> {
  const files = names.map((name) => (/^[-/]/.test(name) ? name : folder.at(name)));
  const own = flags.includes("--lock") ? [] : ["--lock", folder.at("vidimus.lock")];
  const policy = ["--policy", folder.at("policy.yaml"), "--cache", folder.at("cache")];
  return runClient(["lock", ...files, ...own, ...policy, ...flags], world);
}

/** The folder without the cache. */
function written(): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(folder.contents()).filter(([name]) => !name.startsWith("cache/")));
}

describe("lock", () => {
  it("writes a locked text beside each file and one lock, and says so", async () => {
    const before = written();
    const { code, out, err } = await lock(["a.yml", "Dockerfile"]);
    expect([code, out]).toEqual([0, ""]);
    expect(written()).toEqual({
      ...before,
      "a.locked.yml": lockedYml,
      "Dockerfile.locked": `FROM ${acme}/kernel:2${at("2")}\n`,
      "vidimus.lock": expect.any(String),
    });
    expect(err.split("\n")).toEqual([
      `unverified: nginx:1 (${folder.at("a.yml")}:4), outside of the policy`,
      expect.stringMatching(/a\.yml: formats other than tar, .* --helpers/),
      `2 images verified; written: ${folder.at("a.locked.yml")}, ${folder.at("Dockerfile.locked")}, ${folder.at("vidimus.lock")}`,
      "",
    ]);
    const made = readLock(folder.read("vidimus.lock"), "vidimus.lock");
    expect(made.images.map(({ tag }) => tag)).toEqual(["1", "2"]);
    expect(made.lockedAt).toBe(new Date(simulatedNow).toISOString());
  });

  it("gives the same bytes again", async () => {
    await lock(["a.yml", "Dockerfile"]);
    const before = written();
    await lock(["a.yml", "Dockerfile"]);
    expect(written()).toEqual(before);
  });

  it("prints a document", async () => {
    const { code, err, json } = await lock(["a.yml"], ["--json"]);
    expect([code, err]).toEqual([0, ""]);
    expect(json()).toEqual({
      format: "vidimus-locked/1",
      lock: folder.at("vidimus.lock"),
      files: [{ file: folder.at("a.yml"), locked: folder.at("a.locked.yml") }],
      images: [expect.objectContaining({ reference: `${acme}/kernel:1${at("1")}`, role: "targets" })],
      moved: [],
      unverified: [{ reference: "nginx:1", why: "policy", file: folder.at("a.yml"), line: 4 }],
      notes: [expect.stringMatching(/a\.yml: formats other than tar, .* --helpers/)],
    });
  });

  it("fills in variables", async () => {
    folder.write("Dockerfile", `ARG TAG\nFROM ${acme}/kernel:\${TAG}\n`);
    expect((await lock(["Dockerfile"], ["--arg", "TAG=2"])).code).toBe(0);
    expect(folder.read("Dockerfile.locked")).toContain(`FROM ${acme}/kernel:2${at("2")}\n`);
  });

  it("verifies helpers", async () => {
    expect((await lock(["a.yml"], ["--helpers", `${acme}/kernel:2`])).code).toBe(0);
    const { code, err } = await lock(["a.yml"], ["--helpers", `${acme}/kernel:none`]);
    expect(code).toBe(endings.unsigned.exit);
    expect(err).toContain(`${acme}/kernel:none (--helpers)`);
  });

  it("lets templates through where told", async () => {
    folder.write("a.yml", `init:\n  - ${acme}/kernel:1\n  - "@pkg:../x"\n`);
    const refused = await lock(["a.yml"]);
    expect([refused.code, refused.err]).toEqual([
      endings.input.exit,
      expect.stringContaining("[LOCAL_TEMPLATE]"),
    ]);
    const { code, err } = await lock(["a.yml"], ["--allow-local"]);
    expect(code).toBe(0);
    expect(err).toContain(`unverified: @pkg:../x (${folder.at("a.yml")}:3), built from the local tree`);
  });
});

describe("a filter", () => {
  it("writes to standard output and leaves no file", async () => {
    const { code, out } = await runClient(
      ["lock", "-", "--policy", folder.at("policy.yaml"), "--cache", folder.at("cache")],
      { stdin: yml },
    );
    expect([code, out]).toEqual([0, lockedYml]);
    expect(Object.keys(written())).toEqual(["Dockerfile", "a.yml", "policy.yaml"]);
  });

  it("writes a lock that is named", async () => {
    const { out } = await lock(["-"], [], { stdin: yml });
    expect(out).toBe(lockedYml);
    expect(readLock(folder.read("vidimus.lock"), "x").images[0]?.files).toEqual(["-"]);
  });

  it("puts the text into a document", async () => {
    const { json } = await lock(["-"], ["--json"], { stdin: yml });
    expect(json()).toMatchObject({ format: "vidimus-locked/1", files: [], text: lockedYml });
  });

  it("prints nothing to standard output when it refuses", async () => {
    const { code, out, err } = await lock(["-"], [], { stdin: `${acme}/kernel:none\n` });
    expect([code, out]).toEqual([endings.unsigned.exit, ""]);
    expect(err).toContain(`${acme}/kernel:none (-:1, list)`);
  });

  it("reads the format that it is told", async () => {
    const stdin = `FROM ${acme}/kernel:1\n`;
    expect((await lock(["-"], ["--format", "dockerfile"], { stdin })).out).toBe(
      `FROM ${acme}/kernel:1${at("1")}\n`,
    );
    expect((await lock(["-"], ["--format", "list"], { stdin })).code).toBe(endings.input.exit);
  });
});

describe("what is wrong", () => {
  it("is one table with image, place, reason and who has to do what; the exit code is that of the worst", async () => {
    folder.write("a.yml", `kernel:\n  image: ${acme}/kernel:none\ninit:\n  - UPPER\n  - ${acme}/absent:1\n`);
    sim.break.expire("timestamp");
    const before = written();
    const { code, out, err } = await lock(["a.yml"]);
    expect([code, out]).toEqual([endings.stale.exit, ""]);
    const [head, ...rows] = err.trimEnd().split("\n");
    expect(head).toMatch(/^image +what is wrong +who has to do what$/);
    expect(rows.map((row) => /\[([A-Z_]+)\]/.exec(row)?.[1])).toEqual([
      "REFERENCE_INVALID",
      "EXPIRED",
      "NO_TRUST_DATA",
    ]);
    expect(rows[1]).toContain(`${acme}/kernel:none (${folder.at("a.yml")}:2, kernel)`);
    expect(rows[1]).toContain("publisher: Sign the role again with a new expiry.");
    expect(written()).toEqual(before);
  });

  it("is one document", async () => {
    folder.write("a.yml", `kernel:\n  image: ${acme}/kernel:none\n`);
    const { code, err, json } = await lock(["a.yml"], ["--json"]);
    expect([code, err]).toEqual([endings.unsigned.exit, ""]);
    expect(json()).toEqual({
      format: "vidimus-refusal/1",
      refusals: [
        {
          subject: `${acme}/kernel:none`,
          where: `${folder.at("a.yml")}:2, kernel`,
          code: "NOT_SIGNED",
          ending: "unsigned",
          what: expect.any(String),
          who: "you",
          next: "Check the name and its tag; if they are right, have the publisher sign it.",
          reference: `${acme}/kernel:none`,
          repository: `${acme}/kernel`,
          detail: { signed: expect.any(Array) },
        },
      ],
    });
  });

  it("is told of all kinds in one run: format, trust block, rules and signatures", async () => {
    folder.write("a.yml", `kernel:\n  image: ${acme}/kernel:none\ntrust:\n  orgs: [x]\n  org: [y]\n`);
    folder.write("b.yml", "kernel:\n  image: a\nservice: []\n");
    folder.write("c.txt", `${acme}/absent:1\n`);
    const before = written();
    const { code, json } = await lock(["a.yml", "b.yml", "c.txt", "d.txt"], ["--json"]);
    const { refusals } = json() as { refusals: { subject: string; code: string; where?: string }[] };
    expect(refusals.map((each) => [each.subject.replace(folder.path, ""), each.code])).toEqual([
      ["/b.yml", "INPUT_INVALID"],
      ["/d.txt", "FILE_UNREADABLE"],
      ["trust", "TRUST_BLOCK"],
      [`${acme}/kernel:none`, "NOT_SIGNED"],
      [`${acme}/absent:1`, "NO_TRUST_DATA"],
    ]);
    expect(refusals.map(({ where }) => where?.replace(folder.path, ""))).toEqual([
      undefined,
      undefined,
      "/a.yml:4, trust",
      "/a.yml:2, kernel",
      "/c.txt:1, list",
    ]);
    expect(code).toBe(endings.unsigned.exit);
    expect(written()).toEqual(before);
    // The entry that covers nothing is told once it is sure.
    expect(codesIn((await lock(["a.yml"], ["--json"])).json())).toEqual([
      "TRUST_BLOCK",
      "TRUST_BLOCK",
      "NOT_SIGNED",
    ]);
  });

  it("with a file is told beside what is wrong with the policy or the lock", async () => {
    folder.write("a.yml", "kernel:\n  image: a\nservice: []\n");
    folder.write("vidimus.lock", "{}\n");
    expect(codesIn((await lock(["a.yml"], ["--json"])).json())).toEqual(["INPUT_INVALID", "LOCK_INVALID"]);
    expect(codesIn((await lock(["a.yml"], ["--check", "--json"])).json())).toEqual([
      "INPUT_INVALID",
      "LOCK_INVALID",
    ]);
  });

  it("has its place said once", async () => {
    folder.write("a.yml", `kernel:\n  image: "@pkg:./kernel"\n`);
    const { err } = await lock(["a.yml"]);
    expect(err).toContain("[LOCAL_TEMPLATE]");
    expect(err.split(`${folder.at("a.yml")}:2`)).toHaveLength(2);
  });

  it("is told with file and line where the file itself cannot be read", async () => {
    folder.write("a.yml", "kernel:\n  image: a\nservice: []\n");
    const { code, err } = await lock(["a.yml"]);
    expect(code).toBe(endings.input.exit);
    expect(err).toContain(`${folder.at("a.yml")}:3: `);
    const { json } = await lock(["a.yml"], ["--json"]);
    expect(json()).toMatchObject({
      refusals: [{ code: "INPUT_INVALID", file: folder.at("a.yml"), line: 3 }],
    });
  });

  it("with an output leaves everything as it was", async () => {
    mkdirSync(folder.at("Dockerfile.locked"));
    const before = written();
    const { code, err } = await lock(["a.yml", "Dockerfile"]);
    expect(code).toBe(endings.output.exit);
    expect(err).toContain("[OUTPUT_UNWRITABLE]");
    expect(err).toContain(`${folder.at("Dockerfile.locked")}: It cannot be written (EISDIR)`);
    expect(written()).toEqual(before);
  });

  it("with a damaged lock is told with file and line", async () => {
    folder.write("vidimus.lock", '{\n  "format": "vidimus-lock/9"\n}\n');
    const before = written();
    const { code, err } = await lock(["a.yml"]);
    expect(code).toBe(endings.lockFile.exit);
    expect(err).toContain(`${folder.at("vidimus.lock")}:2: `);
    expect(written()).toEqual(before);
  });
});

describe("two runs at once", () => {
  it("write what the first to end gives, and the other is refused", async () => {
    const [waiting, go] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let isFirst = true;
    site.answer = (file, response) => {
      if (!isFirst || file !== "timestamp.json") return false;
      isFirst = false;
      waiting.resolve();
      void go.promise.then(() => response.end(sim.served.get("timestamp")));
      return true;
    };
    const slow = lock(["a.yml"]);
    await waiting.promise;
    const fast = await lock(["Dockerfile"], ["--cache", folder.at("cache/other")]);
    const before = written();
    go.resolve();
    const { code, err } = await slow;
    expect(fast.code).toBe(0);
    expect([code, err]).toEqual([endings.moved.exit, expect.stringContaining("[LOCK_DIFFERS]")]);
    expect(written()).toEqual(before);
    expect((await lock(["Dockerfile"], ["--check"])).code).toBe(0);
    expect((await lock(["a.yml"])).code).toBe(0);
  });
});

describe("the time limit of the whole", () => {
  it("ends it as TIMEOUT with nothing written, and nothing more is asked for", async () => {
    const repositories = new Set<string>();
    site.answer = (_file, _response, { url = "" }) =>
      repositories.add(url.split("/_trust")[0] ?? "") !== undefined;
    folder.write("images.txt", Array.from({ length: 40 }, (_, i) => `${acme}/r${i}:1\n`).join(""));
    const before = written();
    const { code, err } = await lock(["images.txt"], ["--timeout", "1"]);
    expect([code, err]).toEqual([endings.unreachable.exit, expect.stringContaining("[TIMEOUT]")]);
    expect(written()).toEqual(before);
    expect(repositories.size).toBeGreaterThan(0);
    expect(repositories.size).toBeLessThan(40);
  });

  it("does not end what is in time", async () => {
    expect((await lock(["a.yml"], ["--timeout", "99999"])).code).toBe(0);
  });
});

describe("a tag that moved", () => {
  beforeEach(async () => {
    await lock(["a.yml", "Dockerfile"]);
    sim.targetsOf("targets").names.set("1", someTarget("moved"));
    sim.publish();
  });

  it("is refused, and nothing is written", async () => {
    const before = written();
    const { code, err } = await lock(["a.yml"]);
    expect([code, err]).toEqual([endings.moved.exit, expect.stringContaining("[MOVED]")]);
    expect(written()).toEqual(before);
  });

  it("is shown and accepted with --update", async () => {
    const { code, err } = await lock(["a.yml"], ["--update"]);
    expect(code).toBe(0);
    expect(err).toMatch(/^moved +from +to\n/);
    expect(err).toContain(at("moved").slice(1));
    expect(folder.read("a.locked.yml")).toContain(at("moved"));
    const { json } = await lock(["a.yml"], ["--update", "--json"]);
    expect(json()).toMatchObject({ moved: [] });
  });

  it("is refused to a filter too where the lock is named", async () => {
    expect((await lock(["-"], [], { stdin: yml })).code).toBe(endings.moved.exit);
  });

  it("backwards is below the lock, even with an empty cache", async () => {
    await lock(["a.yml"], ["--update"]);
    sim.break.replayAll(1);
    const { code, err } = await lock(["a.yml"], ["--update", "--cache", folder.at("cache/other")]);
    expect([code, err]).toEqual([endings.stale.exit, expect.stringContaining("[BELOW_LOCK]")]);
  });
});

describe("lock --check", () => {
  beforeEach(async () => {
    await lock(["a.yml", "Dockerfile"]);
    await site.close();
  });

  it("is content with what was locked, without the server, the cache and the policy", async () => {
    const check = (name: string, ...more: string[]) =>
      runClient(["lock", "--check", folder.at(name), "--lock", folder.at("vidimus.lock"), ...more]);
    expect(await check("a.yml")).toMatchObject({
      code: 0,
      err: "1 image was never verified: nginx:1.\n",
      out: `1 image is as it was locked at ${new Date(simulatedNow).toISOString()}.\n`,
    });
    expect((await check("a.locked.yml")).code).toBe(0);
    expect((await check("Dockerfile.locked")).code).toBe(0);
    expect((await check("a.yml", "--json")).json()).toEqual({
      format: "vidimus-lock-check/1",
      images: 1,
      unverified: ["nginx:1"],
      lockedAt: new Date(simulatedNow).toISOString(),
    });
  });

  it("refuses a changed file, a changed locked text, and a locked text that is gone", async () => {
    const codesOf = async (name: string) => codesIn((await lock([name], ["--check", "--json"])).json());
    folder.write("a.locked.yml", `${lockedYml}# more\n`);
    expect(await codesOf("a.yml")).toEqual(["LOCK_DIFFERS"]);
    folder.write("b.yml", yml.replace("init:\n  - nginx:1\n", ""));
    expect(await codesOf("b.yml")).toEqual(["LOCK_DIFFERS"]);
    folder.write("a.yml", yml.replace("kernel:1", "kernel:2").replace("nginx:1", "redis:1"));
    expect(await codesOf("a.yml")).toEqual(["LOCK_MISSING"]);
    folder.write("a.locked.yml", lockedYml.replace(at("1"), at("2")));
    const { code, err } = await lock(["a.locked.yml"], ["--check"]);
    expect([code, err]).toEqual([endings.moved.exit, expect.stringContaining("[LOCK_DIFFERS]")]);
  });

  it("lets unverified images pass in the files alone that they were locked for", async () => {
    const made = readLock(folder.read("vidimus.lock"), "vidimus.lock");
    expect(made.unverified).toEqual([{ reference: "nginx:1", files: ["a.yml"] }]);
    expect(made.images.map(({ files }) => files)).toEqual([["a.yml"], ["Dockerfile"]]);
    folder.write("b.txt", "nginx:1\n");
    folder.write("b.locked.txt", "nginx:1\n");
    for (const file of ["b.txt", "b.locked.txt"]) {
      const { code, err } = await lock([file], ["--check"]);
      expect([code, err]).toEqual([endings.moved.exit, expect.stringContaining("[LOCK_MISSING]")]);
      expect(err).toContain("lets nginx:1 through unverified for a.yml, and not for this file.");
    }
    expect((await lock(["a.yml", "a.locked.yml"], ["--check"])).code).toBe(0);
    expect((await lock(["-"], ["--check"], { stdin: lockedYml })).code).toBe(0);
  });

  it("refuses what has expired since", async () => {
    const now = () => simulatedNow + 15 * 86_400_000;
    const { code, err } = await lock(["a.yml"], ["--check"], { now });
    expect([code, err]).toEqual([endings.moved.exit, expect.stringContaining("[LOCK_EXPIRED]")]);
  });

  it("refuses where there is no lock", async () => {
    const { code, err } = await lock(["a.locked.yml"], ["--check", "--lock", folder.at("none.lock")]);
    expect([code, err]).toEqual([endings.moved.exit, expect.stringContaining("[LOCK_MISSING]")]);
    expect(err).toContain(`\nvidimus-client lock ${folder.at("a.yml")} --lock ${folder.at("none.lock")}\n`);
  });

  it("writes nothing", async () => {
    const before = folder.contents();
    folder.write("a.yml", yml);
    await lock(["a.yml", "Dockerfile"], ["--check"]);
    expect(folder.contents()).toEqual(before);
  });
});

describe("mistakes in the arguments", () => {
  it.each([
    ["no file", [], []],
    ["standard input beside a file", ["-", "a.yml"], []],
    ["a file twice", ["a.yml", "a.yml"], []],
    ["a format that is none", ["a.yml"], ["--format", "yaml"]],
    ["an argument without a value", ["a.yml"], ["--arg", "TAG"]],
    ["a time limit that is none", ["a.yml"], ["--time-limit", "soon"]],
    ["a time for everything that is none", ["a.yml"], ["--timeout", "0"]],
    ["a time for everything without end", ["a.yml"], ["--timeout", "100000"]],
    ["a check that updates", ["a.yml"], ["--check", "--update"]],
    ["what lock writes", ["a.locked.yml"], []],
    ["what lock writes beside its source", ["a.yml", "Dockerfile.locked"], []],
    ["a flag that is none", ["a.yml"], ["--nothing"]],
  ])("%s", async (_, names, flags) => {
    const before = written();
    const { code, out, err } = await lock(names, flags);
    expect([code, out]).toEqual([usageExit, ""]);
    expect(err.trim().split("\n")[0]).not.toBe("");
    expect(written()).toEqual(before);
  });

  it("files of which one would overwrite the other", async () => {
    folder.write("a.locked.yml", lockedYml);
    const before = written();
    expect((await lock(["a.yml", "a.locked.yml"])).code).toBe(usageExit);
    expect((await lock(["a.yml", `${folder.path}/./a.yml`])).code).toBe(usageExit);
    expect((await lock(["a.yml"], ["--lock", folder.at("a.locked.yml")])).code).toBe(usageExit);
    expect((await lock(["a.yml"], ["--lock", folder.at("a.yml")])).code).toBe(usageExit);
    expect(written()).toEqual(before);
  });
});

it("progress goes to terminals only, and is taken away", async () => {
  const erase = "\r\u001b[K";
  const { err } = await lock(["a.yml"], [], { isTerminal: true, columns: 40 });
  const [, first = "", rest = ""] = err.split(erase);
  expect(first).toBe(`verified 1 of 1  ${acme}/kernel:1`.slice(0, 39));
  expect(rest).toMatch(/^unverified: nginx:1 /);
  expect((await lock(["a.yml"])).err).not.toContain("\u001b");
});
