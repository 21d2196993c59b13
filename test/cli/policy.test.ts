/** `vidimus policy check` and `explain` as they are called: what they say, and how they end. */
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { exitCodes } from "../../src/cli/exit-codes.ts";
import { runCli } from "../../src/cli/program.ts";
import { temporaryDirectory } from "../support/directory.ts";

const examples = resolve(import.meta.dirname, "../../examples/policy");
const [ok, wrong, notStock] = [exitCodes.ok, exitCodes.policyWrong, exitCodes.policyNotStock].map(
  ({ code }) => code,
);
let out: string;
let err: string;
let file: string;

beforeEach(() => {
  out = "";
  err = "";
  file = join(temporaryDirectory(), "policy.yaml");
});

const run = (...argv: string[]) =>
  runCli(
    ["policy", ...argv],
    {
      stdout: (text) => {
        out += text;
      },
      stderr: (text) => {
        err += text;
      },
      isTerminal: false,
      env: {},
      readFile: () => "",
      askHidden: undefined,
      debug: false,
    },
    { serve: () => Promise.reject(new Error("nothing is served")), process },
  );

function write(text: string): string {
  writeFileSync(file, text);
  return file;
}

describe("check", () => {
  it("says that a good policy is good", async () => {
    expect(await run("check", join(examples, "stock-clients.yaml"), "--stock")).toBe(ok);
    expect(out).toContain("The policy is good: 1 rule");
    expect(out).toContain("can satisfy it");
  });

  it("names each rule that the stock clients cannot satisfy with line and reason, and is content unless asked", async () => {
    const strict = join(examples, "strict-quorum.yaml");
    expect(await run("check", strict)).toBe(ok);
    expect(out).toMatch(/line 18 +repositories\[0\]\.root\.minThreshold +docker, notary +publishing +They /);
    expect(await run("check", strict, "--stock")).toBe(notStock);
  });

  it("says where a policy is wrong, with every problem", async () => {
    write("repositories:\n  - match: a.test/**\n    tofuu: true\n    lookup: 3\n");
    expect(await run("check", file)).toBe(wrong);
    expect([out, err]).toEqual(["", expect.stringContaining("policy.yaml:4: ")]);
    for (const each of ["tofuu", "lookup"]) expect(err).toContain(each);
  });

  it("takes a file that is not there for a wrong one", async () => {
    expect(await run("check", file)).toBe(wrong);
    expect(err).toMatch(/policy\.yaml: The policy is not there\./);
  });

  it("refuses what only a server cannot do with a policy", async () => {
    write("repositories:\n  - { match: a.test/x, root: { pins: { keys: [] , ca: absent.pem } } }\n");
    expect(await run("check", file)).toBe(wrong);
    expect(err).toContain("absent.pem");
  });

  it("prints JSON", async () => {
    expect(await run("check", join(examples, "strict-quorum.yaml"), "--json")).toBe(ok);
    const good = JSON.parse(out);
    expect(good).toMatchObject({ format: "vidimus-policy-check/1", good: true, rules: 1, default: "refuse" });
    expect(good.stock[0]).toMatchObject({
      place: "repositories[0].root.minThreshold",
      line: 18,
      clients: ["docker", "notary"],
      refused: "publishing",
    });
    out = "";
    expect(await run("check", write("nonsense: 1"), "--json")).toBe(wrong);
    expect(JSON.parse(out)).toMatchObject({ format: "vidimus-policy-check/1", good: false, line: 1 });
  });
});

describe("explain", () => {
  const policy = () =>
    write(
      [
        "defaults:",
        "  algorithms: [ed25519]",
        "repositories:",
        "  - match: a.test/**",
        "    root:",
        "      minThreshold: 2",
        "    roles:",
        "      targets/**: { maxLifetime: 90d }",
        "  - match: a.test/app",
        "  - match: a.test/*/x",
        "  - match: a.test/y/*",
        "  - match: mirror.test/**",
        "    trustedAs: b.test/**",
      ].join("\n"),
    );
  /** Value and origin in a row. */
  const row = (what: string) =>
    out
      .split("\n")
      .map((line) => line.trim().split(/ {2,}/))
      .find(([name]) => name === what)
      ?.slice(1);

  it("names the rule, its values and where each comes from", async () => {
    expect(await run("explain", "a.test/team/app/z", "--policy", policy())).toBe(ok);
    expect(out).toContain("a.test/** (repositories[0], line 4)");
    expect(row("root.minThreshold")).toEqual(["2", "line 6"]);
    expect(row("root.maxLifetime")).toEqual(["any", "not in the rule"]);
    expect(row("targets/**.maxLifetime")).toEqual(["90 days", "line 8"]);
    expect(row("algorithms")).toEqual(["ed25519", "line 2, in defaults"]);
    expect(row("maxVersionStep")).toEqual(["1000", "not in the rule"]);
  });

  it("takes the most specific rule, and nothing of the others", async () => {
    await run("explain", "a.test/app", "--policy", policy());
    expect(out).toContain("a.test/app (repositories[1], line 9)");
    expect(row("root.minThreshold")?.[0]).toBe("1");
  });

  it("says that no rule speaks, and what becomes of the name", async () => {
    await run("explain", "nginx", "--policy", policy());
    expect(out).toMatch(/no rule speaks for it, so it is refused \(default: refuse\)/);
  });

  it("says that two rules speak equally", async () => {
    await run("explain", "a.test/y/x", "--policy", policy());
    expect(out).toContain("repositories[2] and repositories[3] speak equally");
  });

  it("tells a mirror's name from the name that is published", async () => {
    await run("explain", "mirror.test/app", "--policy", policy());
    expect(out).toMatch(/where it is published: no rule speaks/);
    expect(out).toContain("which is signed as b.test/app, where it is installed: mirror.test/**");
    out = "";
    await run("explain", "b.test/app", "--policy", policy());
    expect(out).toMatch(/where it is published: mirror\.test\/\*\* .*demands/);
    expect(out).toMatch(/where it is installed: no rule speaks/);
  });

  it("prints JSON", async () => {
    expect(await run("explain", "a.test/app", "--policy", policy(), "--json")).toBe(ok);
    expect(JSON.parse(out)).toMatchObject({
      format: "vidimus-policy-explanation/1",
      name: "a.test/app",
      explained: [{ for: ["server", "client"], rule: { match: "a.test/app", line: 9 } }],
    });
  });

  it.each<[string, readonly string[], number]>([
    ["a wrong policy", ["a.test/app", "--policy", "/dev/null/none"], exitCodes.policyWrong.code],
    ["no policy", ["a.test/app"], exitCodes.usage.code],
    ["no name of a repository", ["a.test/app:1.0@x", "--policy", "x"], exitCodes.usage.code],
  ])("%s has a sentence and a code", async (_, argv, code) => {
    expect(await run("explain", ...argv)).toBe(code);
    expect(err).not.toBe("");
  });
});

describe.each(["check", "explain"])("the help of %s", (command) => {
  it("ends with examples, which run as they stand", async () => {
    await run(command, "--help");
    const found = [...out.matchAll(/^ {2}\$ vidimus policy (.+)$/gm)].map(([, line = ""]) => line.split(" "));
    expect(found.length).toBeGreaterThan(1);
    for (const words of found) {
      out = "";
      const argv = words.map((word) =>
        word === "policy.yaml" ? join(examples, "stock-clients.yaml") : word,
      );
      expect([words, await run(...argv), err]).toEqual([words, ok, ""]);
      expect(out).not.toBe("");
    }
  });
});
