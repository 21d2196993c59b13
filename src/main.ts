/** The process: argv in, exit code out. Whatever is not caught elsewhere is one sentence and exit code 1, never 0. */
import { readFileSync } from "node:fs";
import { type CliContext, reportError } from "./cli/output.ts";
import { runCli } from "./cli/program.ts";
import { childCommand } from "./serve/child-command.ts";

const argv = process.argv.slice(2);

const context: CliContext = {
  stdout: (text) => void process.stdout.write(text),
  stderr: (text) => void process.stderr.write(text),
  isTerminal: process.stderr.isTTY === true,
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

// Who reads our output may go away at any time, and there is nobody left to tell. Whoever writes more than words listens
// too, and says what another failure means.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE" && stream.listenerCount("error") === 1) throw error;
  });
}
process.on("uncaughtException", fail);
process.on("unhandledRejection", fail);

const serve: Parameters<typeof runCli>[2]["serve"] = async (config, logger) =>
  (await import("./wire.ts")).serve(config, logger);

// Told so by node:cluster only: for anybody else it is no command.
if (argv[0] === childCommand && (await import("node:cluster")).default.isWorker) {
  (await import("./wire/child.ts")).runAsChild();
} else {
  process.exit(
    await runCli(
      argv.filter((word) => word !== "--debug"),
      context,
      { serve, process },
    ),
  );
}
