import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { clientExitCodes } from "../../../src/client/cli/help.ts";
import { usageExit } from "../../../src/client/cli/report.ts";
import { endings } from "../../../src/client/errors.ts";
import { runClient } from "../../support/client-cli.ts";

describe("help exit-codes", () => {
  it("lists every code with its meaning", async () => {
    const { code, out } = await runClient(["help", "exit-codes"]);
    expect(code).toBe(0);
    const lines = out.split("\n").map((line) => line.replace(/ +/, " "));
    for (const { exit, meaning } of Object.values(endings)) expect(lines).toContain(`${exit} ${meaning}`);
    for (const start of ["0 ", "1 ", "2 "]) expect(lines.some((line) => line.startsWith(start))).toBe(true);
  });

  it("lists what the documentation lists", () => {
    const page = readFileSync(new URL("../../../docs/client.md", import.meta.url), "utf8");
    const rows = [...page.matchAll(/^\| (\d+) +\| [^|]*\| ([^|]*?) *\|$/gm)];
    expect(rows.map(([, code, meaning]) => ({ code: Number(code), meaning }))).toEqual(clientExitCodes);
  });
});

it.each([
  [["help"], "Usage: vidimus-client"],
  [["help", "lock"], "Usage: vidimus-client lock"],
  [["help", "pin", "add"], "Usage: vidimus-client pin add"],
])("%j helps", async (argv, usage) => {
  const { code, out } = await runClient(argv);
  expect([code, out.slice(0, usage.length)]).toEqual([0, usage]);
});

it("help of something unknown is a mistake in the arguments", async () => {
  expect((await runClient(["help", "lock", "none"])).code).toBe(usageExit);
});
