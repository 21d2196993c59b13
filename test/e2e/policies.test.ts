/** The policies that the pages show and ship are good policies. */
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { endings } from "../../src/client/errors.ts";
import { parsePolicy } from "../../src/client/policy/file.ts";

const root = resolve(import.meta.dirname, "../..");
const files = ["examples/policies", "examples/policy"].flatMap((folder) =>
  readdirSync(join(root, folder)).map((name) => join(folder, name)),
);

describe("the policies of examples/", () => {
  it.each(files)("%s is taken whole", async (name) => {
    const policy = await parsePolicy(readFileSync(join(root, name), "utf8"), name);
    expect(policy.rules.length).toBeGreaterThan(0);
    expect(policy.default).toBe("refuse");
  });
});

describe("docs/client.md", () => {
  it("has a row for every exit code", () => {
    const page = readFileSync(join(root, "docs/client.md"), "utf8");
    for (const [name, { exit, meaning }] of Object.entries(endings)) {
      expect(page, name).toMatch(new RegExp(`\\| ${exit} +\\| \`${name}\` +\\| ${meaning} +\\|`));
    }
  });
});
