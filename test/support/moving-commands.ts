/** Commands about moving as somebody runs them, in this process: what they say, and how they end. */
import { Command } from "commander";
import { exitCodes } from "../../src/cli/exit-codes.ts";
import type { Publishing } from "../../src/cli/publishing/tools.ts";
import type { Folder } from "./folder.ts";

export interface Said {
  readonly out: string;
  readonly err: string;
  /** Undefined: it ended well. */
  readonly code: number | undefined;
}

/** @param home that of whoever runs them, and where their files are */
export function movingCommands(
  home: () => Folder,
  ...adds: readonly ((program: Command, publishing: Publishing) => void)[]
): (...argv: readonly string[]) => Promise<Said> {
  return async (...argv) => {
    let [out, err] = ["", ""];
    let code: number | undefined;
    const stdout = (text: string) => {
      out += text;
    };
    const stderr = (text: string) => {
      err += text;
    };
    const shared = { stdout, stderr, env: { HOME: home().path }, isTerminal: false };
    const publishing: Publishing = {
      context: { ...shared, askHidden: undefined, readFile: (path) => home().read(path), debug: false },
      client: {
        ...shared,
        program: "vidimus",
        stdin: async () => "",
        ask: undefined,
        columns: 120,
        now: Date.now,
      },
      finish: (ended) => {
        code = ended;
      },
    };
    const program = new Command("vidimus")
      .exitOverride()
      .configureOutput({ writeOut: stdout, writeErr: stderr });
    for (const add of adds) add(program, publishing);
    try {
      await program.parseAsync([...argv], { from: "user" });
    } catch (error) {
      const { code: known } = error as { code?: string };
      if (known === "commander.helpDisplayed") return { out, err, code };
      if (known !== "commander.error") throw error;
      code = exitCodes.usage.code;
    }
    return { out, err, code };
  };
}

/** The examples in the help of a command, without the name of the program. */
export async function examplesOf(
  vidimus: (...argv: readonly string[]) => Promise<Said>,
  command: string,
): Promise<readonly string[]> {
  const { out } = await vidimus(...command.split(" "), "--help");
  return [...out.matchAll(/^ {2}\$ vidimus (.+)$/gm)].map(([, line = ""]) => line);
}
