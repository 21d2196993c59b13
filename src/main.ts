/** The process: argv in, exit code out. Whatever is not caught elsewhere is one sentence and exit code 1, never 0. */
// Alone, so that it is there before the rest is loaded.
import "./serve/hold-reload.ts";
import { readFileSync } from "node:fs";
import type { CliContext } from "./cli/output.ts";
import type { runCli as RunCli } from "./cli/program.ts";

const [{ unwritableExit }, { reportError }, { runCli }, { childCommand }] = await Promise.all([
  import("./cli/exit-codes.ts"),
  import("./cli/output.ts"),
  import("./cli/program.ts"),
  import("./serve/child-command.ts"),
]);

const argv = process.argv.slice(2);

const context: CliContext = {
  stdout: (text) => void process.stdout.write(text),
  stderr: (text) => void process.stderr.write(text),
  isTerminal: process.stderr.isTTY === true,
  isOutputTerminal: process.stdout.isTTY === true,
  env: process.env,
  readFile: (path) => readFileSync(path, "utf8"),
  askHidden: process.stdin.isTTY && process.stderr.isTTY ? askHidden : undefined,
  debug: argv.includes("--debug"),
};

/** Rejects when the person gives up. */
async function askHidden(question: string): Promise<string> {
  const { read } = await import("read");
  try {
    return await read({ prompt: question, silent: true, output: process.stderr });
  } finally {
    process.stderr.write("\n");
  }
}

function fail(error: unknown): void {
  reportError(context, error);
  process.exit(1);
}

// Who reads our output may go away at any time, and there is nobody left to tell. A result that cannot be written for
// another reason never ends well; whoever writes more than words listens too, and says what the failure means.
process.stderr.on("error", () => {});
process.stdout.on("error", ({ code }: NodeJS.ErrnoException) => {
  if (code === "EPIPE" || process.stdout.listenerCount("error") > 1) return;
  context.stderr(`The result cannot be written (${code}).\n`);
  process.exit(unwritableExit);
});
process.on("uncaughtException", fail);
process.on("unhandledRejection", fail);

const serve: Parameters<typeof RunCli>[2]["serve"] = async (config, logger) =>
  (await import("./wire.ts")).serve(config, logger);

// Told so by node:cluster only: for anybody else it is no command.
if (argv[0] === childCommand && (await import("node:cluster")).default.isWorker) {
  (await import("./wire/child.ts")).runAsChild();
} else {
  const code = await runCli(
    argv.filter((word) => word !== "--debug"),
    context,
    { serve, process },
  );
  // What fails to be written is told after the writing.
  process.stdout.write("", () => setImmediate(() => process.exit(code)));
}
