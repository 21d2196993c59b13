/** `vidimus key`, run in this process as somebody would who has nothing but a home. */
import { runCli } from "../../src/cli/program.ts";
import { testingOnlyCost } from "../../src/publisher/custody/key-file.ts";

export interface SaidOfKeys {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  readonly json: () => {
    readonly keys: readonly Record<string, unknown>[];
    readonly [name: string]: unknown;
  };
}

export interface Somebody {
  readonly home: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Undefined: nobody can be asked. */
  readonly ask?: ((question: string) => Promise<string>) | undefined;
}

export async function keyCommand(
  argv: readonly string[],
  { home, env = {}, ask }: Somebody,
): Promise<SaidOfKeys> {
  let [out, err] = ["", ""];
  const context = {
    stdout: (text: string) => {
      out += text;
    },
    stderr: (text: string) => {
      err += text;
    },
    isTerminal: false,
    askHidden: ask,
    env: { HOME: home, ...env },
    readFile: () => "",
    debug: false,
    testingOnlyScrypt: testingOnlyCost,
  };
  const nobody = { serve: async () => Promise.reject(new TypeError("not here")), process: process as never };
  const code = await runCli(["key", ...argv], context, nobody);
  return { code, out, err, json: () => JSON.parse(out) as ReturnType<SaidOfKeys["json"]> };
}
