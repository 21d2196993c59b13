/** The executable of the client's package: argv in, exit code out. */
import { Command, CommanderError } from "commander";
import { endings } from "../errors.ts";
import { checkRuntime } from "../runtime.ts";
import { addHelp, sayClientExitCodes } from "./help.ts";
import { processContext } from "./process-context.ts";
import { addClientCommands, reportClientError } from "./program.ts";
import { unexpectedExit } from "./report.ts";
import { addVersion, clientVersion } from "./version.ts";

const context = processContext("vidimus-client");

async function run(argv: readonly string[]): Promise<number> {
  let code = 0;
  const json = argv.includes("--json");
  const program = new Command("vidimus-client")
    .description("Verifies container images and files against signed metadata before anything is pulled.")
    .version(clientVersion)
    .exitOverride()
    .configureOutput({ writeOut: context.stdout, writeErr: json ? () => {} : context.stderr })
    .showSuggestionAfterError();
  addClientCommands(program, context, (ended) => {
    code = ended;
  });
  addVersion(program, context);
  addHelp(program, context, () => sayClientExitCodes(context));
  try {
    checkRuntime(process.versions.node);
    await program.parseAsync([...argv], { from: "user" });
    return code;
  } catch (error) {
    // Asking for help is no error.
    if (error instanceof CommanderError && error.exitCode === 0) return code;
    const known = reportClientError(context, error, json);
    if (known !== undefined) return known;
    context.stderr(
      `Unexpected error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
    );
    return unexpectedExit;
  }
}

// Who reads our output may go away at any time, and there is nobody left to tell. Whatever else keeps a result from being
// written is told, and never ends well.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", ({ code }: NodeJS.ErrnoException) => {
    if (code === "EPIPE") return;
    if (stream === process.stdout) context.stderr(`The result cannot be written (${code}).\n`);
    process.exit(endings.output.exit);
  });
}
// Not awaited here: in the bundle, parts that are loaded later import this file, and would wait for themselves.
void run(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
