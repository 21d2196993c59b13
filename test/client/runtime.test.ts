import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { checkRuntime } from "../../src/client/runtime.ts";
import { trustErrorOf } from "../support/fetching.ts";

describe("a runtime", () => {
  it.each(["22.12.0", "22.13.1", "23.0.0", "24.18.1", "100.0.0"])("%s is taken", (version) => {
    expect(checkRuntime(version)).toBeUndefined();
  });

  it.each(["20.19.0", "22.11.9", "22.2.0", "9.99.99", "", "x"])("%j is too old", async (version) => {
    const { code, message } = await trustErrorOf(() => checkRuntime(version));
    expect(code).toBe("RUNTIME_TOO_OLD");
    expect(message).toContain("22.12");
  });

  it("may be as old as the package says, and no older", () => {
    const { engines } = JSON.parse(readFileSync("client/package.json", "utf8"));
    const oldest = /^>=(\d+\.\d+)$/.exec(engines.node)?.[1] ?? "";
    const [major = 0, minor = 0] = oldest.split(".").map(Number);
    expect(checkRuntime(`${oldest}.0`)).toBeUndefined();
    expect(() => checkRuntime(`${major}.${minor - 1}.9`)).toThrow();
  });
});
