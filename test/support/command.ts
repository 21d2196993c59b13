/** The world of one of the server's commands, for tests that call it without a process of its own. */
import type { CliContext } from "../../src/cli/output.ts";
import type { ServeParts } from "../../src/cli/serve.ts";

/** What it has said since it was last cleared. */
export class Said {
  out = "";
  err = "";

  clear(): void {
    [this.out, this.err] = ["", ""];
  }
}

/** Nobody to ask, no variables, no files, no terminal, unless `changes` gives them. */
export function contextOf(said: Said, changes: Partial<CliContext> = {}): CliContext {
  return {
    stdout: (text) => {
      said.out += text;
    },
    stderr: (text) => {
      said.err += text;
    },
    isTerminal: false,
    env: {},
    readFile: () => "",
    askHidden: undefined,
    debug: false,
    ...changes,
  };
}

/** For commands that serve nothing. */
export const servesNothing: ServeParts = {
  serve: () => Promise.reject(new Error("nothing is served")),
  process,
};
