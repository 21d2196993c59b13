import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parsePolicy, parsePolicyValue, readPolicyFile } from "../../../src/client/policy/file.ts";
import { temporaryDirectory } from "../../support/directory.ts";
import { trustCodeOf, trustErrorOf } from "../../support/fetching.ts";

const good = [
  "# What we install from.",
  "default: refuse",
  "server: https://notary.example.test",
  "repositories:",
  "  - match: nginx",
  "    tofu: true",
  "  - match: registry.example.test/**",
  "    roles:",
  "      targets: { minThreshold: 2 }",
  "",
].join("\n");

function written(content: string | Buffer): string {
  const path = join(temporaryDirectory(), "policy.yml");
  writeFileSync(path, content);
  return path;
}

describe("a policy", () => {
  it("is read from YAML", async () => {
    const { rules, server } = await readPolicyFile(written(good));
    expect([server, rules.map(({ match }) => match.text)]).toEqual([
      "https://notary.example.test",
      ["nginx", "registry.example.test/**"],
    ]);
  });

  it("is read from JSON, and the same from a value", async () => {
    const value = { default: "unverified", repositories: [{ match: "nginx", tofu: true }] };
    const policy = await parsePolicy(JSON.stringify(value), "policy.json");
    const { source, ...rest } = policy;
    expect(rest).toEqual(await parsePolicyValue(value));
    const places = ["repositories[0]", "repositories[0].match", "repositories[0].tofu"];
    expect(source).toEqual({ file: "policy.json", lines: new Map(places.map((place) => [place, 1])) });
    expect(policy.default).toBe("unverified");
  });
});

it("a policy knows the lines of its keys, those of defaults included", async () => {
  const text =
    "defaults:\n  root:\n    minThreshold: 2\nrepositories:\n  - match: nginx\n    roles:\n      targets/**:\n        paths:\n          - a\n";
  const lines = (await parsePolicy(text, "p.yaml")).source?.lines;
  expect(["defaults.root", "defaults.root.minThreshold"].map((place) => lines?.get(place))).toEqual([2, 3]);
  const below = ["match", "roles", "roles.targets/**", "roles.targets/**.paths"];
  expect(below.map((key) => lines?.get(`repositories[0].${key}`))).toEqual([5, 6, 7, 8]);
});

describe("what is wrong in a policy is POLICY_INVALID, in its line", () => {
  it.each<[string, string, number | undefined]>([
    ["no YAML", 'default: "refuse\n', 2],
    ["a key twice", "default: refuse\nserver: https://a.test\ndefault: refuse\n", 3],
    ["a key that is not there", "default: refuse\n\nsever: x\n", 3],
    ["a key without a value that is not there", "default: refuse\nsever:\n", 2],
    [
      "a wrong value in a list",
      "repositories:\n- match: a/b\n- match: c/d\n  lookup:\n  - targets\n  - root\n",
      6,
    ],
    ["something missing, in the line of what lacks it", "repositories:\n- match: a/b\n- tofu: true\n", 3],
    [
      "a contradiction, where it comes second",
      "repositories:\n- match: nginx\n- match: docker.io/nginx\n",
      3,
    ],
    ["no mapping", "- match: a\n", undefined],
    ["nothing", "", undefined],
    ["only a comment", "# policy\n", undefined],
    ["two documents", "default: refuse\n---\ndefault: unverified\n", 2],
    ["an alias", "server: &s https://a.test\ndefaults: { server: *s }\n", undefined],
    ["a merge key", "defaults:\n  <<: { tofu: true }\n", 2],
    ["a tag", "repositories:\n- match: !odd nginx\n", 2],
    ["a text that looks like a truth", 'defaults:\n  tofu: "true"\n', 2],
    ["a word of YAML 1.1", "defaults:\n  tofu: yes\n", 2],
    ["a directive that would make it one", "%YAML 1.1\n---\ndefaults:\n  tofu: yes\n", 1],
    ["a key that is no text", "? [a]\n: b\n", 1],
    ["__proto__ among roles", "defaults:\n  roles:\n    __proto__: { minThreshold: 9 }\n", 3],
  ])("%s", async (_, text, line) => {
    expect(await trustErrorOf(parsePolicy(text, "policy.yml"))).toMatchObject({
      code: "POLICY_INVALID",
      file: "policy.yml",
      line,
    });
  });

  it("however deep it is", async () => {
    for (const text of [
      "[".repeat(200_000),
      "a: ".repeat(5_000),
      `a:${" -".repeat(100_000)}`,
      "{a: ".repeat(50_000),
    ]) {
      expect(await trustCodeOf(parsePolicy(text, "policy.yml"))).toBe("POLICY_INVALID");
    }
  });

  it("with ten problems and the number of the others", async () => {
    const odd = Array.from({ length: 25 }, (_, index) => `odd${index}: 1\n`).join("");
    const { message, line } = await trustErrorOf(parsePolicy(odd, "policy.yml"));
    expect(message.match(/line [0-9]+:/g)).toHaveLength(9);
    expect(message).toContain("15 more");
    expect(line).toBe(1);
  });

  it("also in a value, which has no lines", async () => {
    const error = await trustErrorOf(parsePolicyValue({ repositories: [{ match: "a/b", odd: 1 }] }));
    expect([error.code, error.file, error.line]).toEqual(["POLICY_INVALID", undefined, undefined]);
    expect(error.message).toContain("repositories[0].odd");
  });

  it("in printable letters, whatever the file says", async () => {
    const { message } = await trustErrorOf(parsePolicy('"\\e[31m\\u202e": 1\n', "policy.yml"));
    expect(message).toMatch(/^[\x20-\x7e]+$/);
  });
});

describe("a policy that cannot be read: POLICY_INVALID", () => {
  it.each<[string, string | Buffer]>([
    ["too large", Buffer.alloc(4 * 1_048_576 + 1, "#")],
    ["no UTF-8", Buffer.concat([Buffer.from(good), Buffer.from("# \xe9\n", "latin1")])],
  ])("%s", async (_, content) => {
    const path = written(content);
    expect(await trustErrorOf(readPolicyFile(path))).toMatchObject({ code: "POLICY_INVALID", file: path });
  });

  it("missing", async () => {
    expect(await trustCodeOf(readPolicyFile(join(temporaryDirectory(), "policy.yml")))).toBe(
      "POLICY_INVALID",
    );
  });
});
