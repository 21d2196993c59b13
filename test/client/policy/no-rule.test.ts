import { describe, expect, it } from "vitest";
import { explain } from "../../../src/client/errors.ts";
import { parsePolicy } from "../../../src/client/policy/file.ts";
import { noRule, unruled } from "../../../src/client/policy/no-rule.ts";

async function said(name: string, matches: readonly string[], flags: readonly string[] = []) {
  const rules = matches.map((match) => `  - match: "${match}"\n`).join("");
  const policy = await parsePolicy(`repositories:\n${rules}`, "trust.yaml");
  const error = noRule(name, unruled(name, policy, flags));
  expect(error).toMatchObject({ code: "NO_RULE", repository: name });
  return { what: error.message, next: explain(error)?.next };
}

const registry = "registry.example.test";

describe("the rule that was meant", () => {
  it.each([
    [`${registry}/acme/kernle`, `${registry}/acme/kernel`],
    [`${registry}/amce/kernel`, `${registry}/acme/*`],
    ["registry.exmaple.test/acme/kernel", `${registry}/**`],
    ["registry.example.tset/a/b/c", `${registry}/a/**`],
    [`${registry}:5000/acme/kernel`, `${registry}/acme/*`],
    // The host was left out.
    ["docker.io/acme/kernel", `${registry}/acme/kernel`],
  ])("for %s is %s", async (name, match) => {
    const { what } = await said(name, ["other.example.test/x/*", match]);
    expect(what).toBe(
      `No rule of the policy speaks for ${name}. Did you mean the rule ${match} (trust.yaml:3)?`,
    );
  });

  it("is the one with the fewest differences", async () => {
    const { what } = await said(`${registry}/acme/kernle`, [
      `${registry}/amce/kernels`,
      `${registry}/acme/kernel`,
    ]);
    expect(what).toContain(`the rule ${registry}/acme/kernel (trust.yaml:3)`);
  });

  it("is the one whose star stands for one segment alone", async () => {
    const { what } = await said(`${registry}/acme/os/kernel`, [`${registry}/acme/*`]);
    expect(what).toContain(`The rule ${registry}/acme/* (trust.yaml:2) speaks for one segment`);
  });

  it.each([
    [`${registry}/acme/kernel`, `${registry}/acme/nginx`],
    ["docker.io/library/nginx", `${registry}/**`],
    [`${registry}/acme/kernel`, "a/b"],
    [`${registry}/acme`, `${registry}/acme/*`],
    [`${registry}/a/b/c`, `${registry}/*/b`],
  ])("for %s is none where the policy has %s", async (name, match) => {
    expect((await said(name, [match])).what).toBe(`No rule of the policy speaks for ${name}.`);
  });
});

it("the next step is the command that adds a rule, as it has to be given", async () => {
  const flags = ["--server", "https://notary.example.test"];
  expect((await said(`${registry}/acme/kernel`, ["a/b"], flags)).next).toBe(
    `Add a rule for this name: vidimus-client pin add ${registry}/acme/kernel --policy trust.yaml --server https://notary.example.test`,
  );
  expect((await said("acme/files", ["a/b"])).next).toContain("pin add --files acme/files --policy");
});
