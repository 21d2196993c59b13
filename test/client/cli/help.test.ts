import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { clientExitCodes, refusalCodes } from "../../../src/client/cli/help.ts";
import { usageExit } from "../../../src/client/cli/report.ts";
import { endings } from "../../../src/client/errors.ts";
import { meaningOf } from "../../../src/client/meanings.ts";
import { rowOf } from "../../../src/client/refusals.ts";
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

describe("help CODE", () => {
  it("says what a refusal means, who has to do what, and how a program ends", async () => {
    const { code, out } = await runClient(["help", "not_signed"]);
    expect(code).toBe(0);
    expect(out.split("\n").map((line) => line.split(/ {2,}/))).toEqual([
      ["NOT_SIGNED", "no role that counts signs this name"],
      ["who", "publisher"],
      ["next", "Sign this name."],
      ["exit code", "33 (unsigned: nothing that counts signs this name)"],
      [""],
    ]);
  });

  it.each(refusalCodes)("knows %s", async (name) => {
    const { code, out } = await runClient(["help", name]);
    expect([code, out.startsWith(name)]).toEqual([0, true]);
  });

  const generic = meaningOf("NOT_JSON");
  const page = readFileSync(new URL("../../../docs/client.md", import.meta.url), "utf8");

  it("says what the documentation says, and knows every code that it has", () => {
    const rows = [...page.matchAll(/^\| `([A-Z0-9_]+)` +\| (.*?) +\| (\d+) +\| (.*?) +\| (.*?) +\|$/gm)];
    expect(rows.map(([, ...cells]) => cells)).toEqual(
      refusalCodes
        .filter((code) => meaningOf(code) !== generic)
        .map((code) => {
          const { ending, who, next } = rowOf(code);
          return [code, meaningOf(code), String(endings[ending].exit), who, next];
        }),
    );
  });

  it("has one meaning for all that the documentation lists together", () => {
    const listed = page.slice(page.indexOf("\nThe others mean that "));
    expect([...listed.matchAll(/`([A-Z0-9_]+)`/g)].map(([, code]) => code)).toEqual(
      refusalCodes.filter((code) => meaningOf(code) === generic),
    );
    expect(listed.replaceAll("\n", " ")).toContain(generic);
    for (const code of refusalCodes.filter((each) => meaningOf(each) === generic))
      expect(rowOf(code)).toMatchObject({ ending: "unauthentic", who: "server operator" });
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
