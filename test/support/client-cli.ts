/** Commands of the client in the test's own process, with a world that remembers what was said. */
import { Command, CommanderError } from "commander";
import type { ClientContext } from "../../src/client/cli/context.ts";
import { addHelp, sayClientExitCodes } from "../../src/client/cli/help.ts";
import { addClientCommands, reportClientError } from "../../src/client/cli/program.ts";
import { addVersion } from "../../src/client/cli/version.ts";
import { simulatedNow } from "./simulator.ts";
import { emptyFolder } from "./trusting.ts";

export interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  /** Standard output as a document. */
  json(): unknown;
}

export interface World {
  readonly stdin?: string;
  /** What a person answers to every question; without it nobody can be asked. */
  readonly answer?: string | (() => string);
  readonly isTerminal?: boolean;
  readonly columns?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly now?: () => number;
  /** The executable that was called. */
  readonly program?: ClientContext["program"];
}

/** Runs one command as `main.ts` does. Whatever is no refusal of the client is thrown. */
export async function runClient(argv: readonly string[], world: World = {}): Promise<Said> {
  const { stdin = "", answer, isTerminal = false, columns = 400, env = {}, now = () => simulatedNow } = world;
  const { program = "vidimus-client" } = world;
  let [out, err, code] = ["", "", 0];
  const context: ClientContext = {
    program,
    stdout: (text) => {
      out += text;
    },
    stderr: (text) => {
      err += text;
    },
    stdin: async () => stdin,
    ask:
      answer === undefined
        ? undefined
        : async (question) => {
            err += question;
            return typeof answer === "function" ? answer() : answer;
          },
    isTerminal,
    columns,
    // Nothing of the machine that the tests run on.
    env: { HOME: emptyFolder(), ...env },
    now,
  };
  const json = argv.includes("--json");
  const commands = new Command(program)
    .exitOverride()
    .configureOutput({ writeOut: context.stdout, writeErr: json ? () => {} : context.stderr });
  addClientCommands(commands, context, (ended) => {
    code = ended;
  });
  addVersion(commands, context);
  addHelp(commands, context, () => sayClientExitCodes(context));
  try {
    await commands.parseAsync([...argv], { from: "user" });
  } catch (error) {
    const known =
      error instanceof CommanderError && error.exitCode === 0 ? 0 : reportClientError(context, error, json);
    if (known === undefined) throw error;
    code = known;
  }
  return { code, out, err, json: () => JSON.parse(out) as unknown };
}

/** The codes in a refusal's document. */
export function codesIn(document: unknown): readonly string[] {
  return (document as { refusals: { code: string }[] }).refusals.map(({ code }) => code);
}
