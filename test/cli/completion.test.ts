/** The scripts that `vidimus completion` prints, run by the shells that are here: bash is everywhere. */
import { spawnSync } from "node:child_process";
import { beforeAll, describe, expect, it } from "vitest";
import { exitCodes } from "../../src/cli/exit-codes.ts";
import { runCli } from "../../src/cli/program.ts";
import { contextOf, Said, servesNothing } from "../support/command.ts";
import { type Folder, folderWith } from "../support/folder.ts";

const shells = ["bash", "zsh", "fish"];
const isHere = (shell: string) => spawnSync(shell, ["-c", "exit 0"]).status === 0;

let home: Folder;

async function vidimus(...argv: readonly string[]) {
  const said = new Said();
  const code = await runCli(argv, contextOf(said), servesNothing);
  return { code, out: said.out, err: said.err };
}

beforeAll(async () => {
  home = folderWith({ "a file": "" });
  for (const shell of shells) {
    const { code, out, err } = await vidimus("completion", shell);
    expect([shell, code, err]).toEqual([shell, exitCodes.ok.code, ""]);
    home.write(shell, out);
  }
});

/** What bash offers for the last word of a line. */
function bash(...words: readonly string[]): readonly string[] {
  const script = `. ./bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _vidimus; printf "%s\n" "\${COMPREPLY[@]}"`;
  const { status, stdout, stderr } = spawnSync(
    "bash",
    ["--norc", "-uc", script, "bash", "vidimus", ...words],
    {
      cwd: home.path,
      encoding: "utf8",
    },
  );
  expect([status, stderr]).toEqual([0, ""]);
  return stdout.split("\n").filter((line) => line !== "");
}

describe("bash", () => {
  it("is offered commands, and those below them", () => {
    expect(bash("")).toEqual(expect.arrayContaining(["serve", "key", "publish", "verify", "completion"]));
    expect(bash("add")).toEqual(["add", "add-digest"]);
    expect(bash("delegation", "")).toEqual(
      expect.arrayContaining(["add", "list", "paths", "remove", "tree"]),
    );
    expect(bash("key", "gen")).toEqual(["generate"]);
    expect(bash("key", "--json", "x", "gen")).toEqual(["generate"]);
  });

  it("is offered the flags of the command, and no others", () => {
    expect(bash("rotate", "example.test/app", "targets", "--ser")).toEqual(["--server-key", "--server"]);
    expect(bash("delegation", "add", "--all")).toEqual(["--all-paths"]);
    expect(bash("delegation", "list", "--all")).toEqual([]);
  });

  it("is offered what a flag takes, or nothing, so that it completes file names", () => {
    expect(bash("key", "generate", "--algorithm", "")).toEqual(["ecdsa", "ed25519"]);
    expect(bash("key", "generate", "--keys", "")).toEqual([]);
    expect(bash("add", "example.test/app", "name", "")).toEqual([]);
    expect(home.read("bash")).toContain("complete -o default -F _vidimus vidimus");
  });
});

describe("the scripts", () => {
  it.each(shells.filter(isHere))("are good %s", (shell) => {
    const { status, stderr } = spawnSync(shell, ["-n", shell], { cwd: home.path, encoding: "utf8" });
    expect([status, stderr]).toEqual([0, ""]);
  });

  it.each(shells.filter((shell) => shell === "fish" && isHere(shell)))("complete in %s", (shell) => {
    const line = (text: string) =>
      spawnSync(shell, ["-c", `source fish; complete -C '${text}'`], { cwd: home.path, encoding: "utf8" })
        .stdout.split("\n")
        .map((each) => each.split("\t")[0]);
    expect(line("vidimus key gen")).toEqual(["generate", ""]);
    expect(line("vidimus key generate --algorithm ")).toEqual(["ecdsa", "ed25519", ""]);
    expect(line("vidimus delegation add --all")).toEqual(["--all-paths", ""]);
  });

  it("are for shells that are known", async () => {
    const { code, err } = await vidimus("completion", "tcsh");
    expect([code, err]).toEqual([exitCodes.usage.code, expect.stringContaining("bash, zsh, fish")]);
  });

  it("say in the help where they go", async () => {
    const { out } = await vidimus("completion", "--help");
    for (const shell of shells) expect(out).toContain(`$ vidimus completion ${shell} > `);
  });
});
