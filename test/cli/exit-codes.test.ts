import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { expect, it } from "vitest";
import { allExitCodes, exitCodes, exitNameOf } from "../../src/cli/exit-codes.ts";
import { unexpectedExit, usageExit } from "../../src/client/cli/report.ts";
import { endings } from "../../src/client/errors.ts";
import { ConfigurationError } from "../../src/config.ts";
import { MalformedError, SignerError, StoreError } from "../../src/core/errors.ts";
import { ProbeError, StartError } from "../../src/serve/errors.ts";

it("every code is its own, those of the client's refusals too", () => {
  expect(allExitCodes.length).toBe(Object.keys(exitCodes).length + Object.keys(endings).length);
  const codes = allExitCodes.map(({ code }) => code);
  expect(new Set(codes).size).toBe(codes.length);
});

it("the client's own executable has the same two for mistakes", () => {
  expect([unexpectedExit, usageExit]).toEqual([exitCodes.unexpected.code, exitCodes.usage.code]);
});

it("the launcher uses the same number", () => {
  const { unsuitableRuntime } = createRequire(import.meta.url)("../../bin/runtime.js") as {
    unsuitableRuntime: number;
  };
  expect(unsuitableRuntime).toBe(exitCodes.runtime.code);
});

it("docs/operations.md lists every code", () => {
  const page = readFileSync(new URL("../../docs/operations.md", import.meta.url), "utf8").replaceAll(
    / +/g,
    " ",
  );
  for (const { code, meaning } of allExitCodes) expect(page).toContain(`| ${code} | ${meaning} |`);
});

it.each([
  [new ConfigurationError([{ code: "BAD_VALUE", subject: "a", sentence: "b" }]), "configuration"],
  [new StartError("DATA_UNUSABLE", "x"), "store"],
  [new StartError("PORT_IN_USE", "x"), "listen"],
  [new StartError("KEY_MISMATCH", "x"), "tls"],
  [new ProbeError("NOT_READY", "x"), "notReady"],
  [new ProbeError("NO_ANSWER", "x"), "noAnswer"],
  [new StoreError("STORE_LOCKED", "x"), "running"],
  [new StoreError("STORE_NEWER", "x"), "store"],
  [new SignerError("WRONG_SECRET", "x"), "signer"],
  [new MalformedError("NOT_JSON", "x"), "unexpected"],
  [new TypeError("x"), "unexpected"],
  ["x", "unexpected"],
])("%s is %s", (error, name) => {
  expect(exitNameOf(error)).toBe(name);
});
