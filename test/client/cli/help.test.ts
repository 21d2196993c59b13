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
      ["NOT_SIGNED"],
      ["what", "no role that counts signs this name"],
      ["who", "publisher"],
      ["next", "Sign this name; or check the name and its tag."],
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

it("a command in it stands whole on a line of its own", async () => {
  const { out } = await runClient(["help", "NO_PIN"], { columns: 60 });
  expect(out).toMatch(/\n\(1\)\nvidimus-client pin add NAME\n$/);
});

it("knows what mistakes in arguments are called in documents", async () => {
  const { code, out } = await runClient(["help", "usage"]);
  expect([code, out]).toEqual([0, expect.stringMatching(/^USAGE\nwhat .*\nexit code +2 /s)]);
});

describe("help of something unknown is a mistake in the arguments, and names what is near", () => {
  it.each([
    [["lock", "none"], "lock has no command none."],
    [["pin", "ad"], "pin has no command ad; did you mean add?"],
    [["pin", "xyz"], "pin has no command xyz; what can stand here is add, list, remove."],
    [["NO_PINN"], "There is no command and no code NO_PINN; did you mean NO_PIN?"],
    [["dokter"], "There is no command and no code dokter; did you mean doctor?"],
    [["exit-code"], "There is no command and no code exit-code; did you mean exit-codes?"],
    [["FOO"], "There is no command and no code FOO."],
    [["a\u001b[2J"], "There is no command and no code a?[2J."],
  ])("%j", async (topic, sentence) => {
    expect(await runClient(["help", ...topic])).toMatchObject({
      code: usageExit,
      out: "",
      err: `${sentence}\n`,
    });
  });
});

it("version says which client and which Node", async () => {
  const manifest: unknown = JSON.parse(
    readFileSync(new URL("../../../client/package.json", import.meta.url), "utf8"),
  );
  const { version } = manifest as { version: string };
  expect(await runClient(["version"])).toMatchObject({
    code: 0,
    out: `vidimus-client ${version} (Node ${process.versions.node})\n`,
  });
});

describe("mistakes in the arguments are a document where one is wanted", () => {
  it.each([
    ["an unknown option", ["resolve", "a", "--jsson"], "Unknown option '--jsson' (Did you mean --json?)"],
    ["a missing argument", ["lock"], "Missing required argument 'file'."],
    ["an unknown command", ["lok"], "Unknown command 'lok' (Did you mean lock?)"],
    ["one of ours", ["lock", "-", "a"], "Lock standard input alone, without other files."],
  ])("%s", async (_, argv, what) => {
    const { code, err, json } = await runClient([...argv, "--json"]);
    expect([code, err]).toEqual([usageExit, ""]);
    expect(json()).toEqual({
      format: "vidimus-refusal/1",
      refusals: [
        {
          subject: "(arguments)",
          code: "USAGE",
          ending: "usage",
          what,
          who: "you",
          next: "Correct the arguments: vidimus-client help",
        },
      ],
    });
    const said = await runClient(argv);
    expect([said.code, said.out]).toEqual([usageExit, ""]);
    expect(said.err).not.toBe("");
  });
});
