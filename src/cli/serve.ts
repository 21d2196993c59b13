/** `vidimus serve`: runs the server until a signal ends it. */

import { existsSync, rmSync } from "node:fs";
import { resolve } from "node:path";
import type { Command } from "commander";
import type { Logger } from "pino";
import { examples } from "../client/cli/examples.ts";
import type { Config } from "../config.ts";
import { createLogger, standardError } from "../serve/logger.ts";
import { configuredOutputs, refuseOwnFiles } from "../serve/own-files.ts";
import { dumpsCore, hardenProcess, readLimits, refuseNodeOptions } from "../serve/runtime.ts";
import type { RunningServer } from "../serve/server.ts";
import { handleSignals, type SignalSource } from "../serve/shutdown.ts";
import { addConfigurationFlags, loadFrom, placeFlags } from "./flags.ts";
import { type CliContext, printLine } from "./output.ts";
import { checkReadyFile, removeReadyFile, writeReadyFile } from "./ready-file.ts";
import { readyMessage } from "./serve-message.ts";

/** What `serve` needs beside the context; `main.ts` gives the real ones. */
export interface ServeParts {
  readonly serve: (config: Config, logger: Logger) => Promise<RunningServer>;
  /** `process`. */
  readonly process: SignalSource & { readonly pid: number; readonly report?: object };
}

function logFormat(config: Config, context: CliContext): "json" | "pretty" {
  return config.log.format === "auto" ? (context.isTerminal ? "pretty" : "json") : config.log.format;
}

/** `finish` is told the exit code when the server has ended. */
export function addServe(
  parent: Command,
  context: CliContext,
  parts: ServeParts,
  finish: (code: number) => void,
): void {
  const command = parent
    .command("serve")
    .addHelpText(
      "after",
      examples("vidimus serve --data /var/lib/vidimus", "vidimus serve --config /etc/vidimus/vidimus.yaml"),
    )
    .description("run the server")
    .option("--begin-anew", "make a new store where only keys or certificates of a lost one are left")
    .option("--ready-file <file>", "write url, port, pid, ca and more as JSON to this file when ready");
  addConfigurationFlags(command).action(async () => {
    hardenProcess(parts.process);
    refuseNodeOptions(context.env.NODE_OPTIONS);
    const { config, file } = loadFrom(command, context);
    const { readyFile, beginAnew } = command.opts<{ readyFile?: string; beginAnew?: true }>();
    const ready = readyFile === undefined ? undefined : resolve(readyFile);
    const written = ready === undefined ? [] : [{ name: "--ready-file", path: ready }];
    refuseOwnFiles(config, [...configuredOutputs(config), ...written], file);
    if (ready !== undefined) {
      checkReadyFile(ready, config.data);
      await removeStale(ready, config);
    }
    if (beginAnew) await (await import("../wire/lost-store.ts")).beginAnew(config);
    const logger = createLogger({
      level: config.log.level,
      format: logFormat(config, context),
      destination: standardError(),
    });
    if (dumpsCore(readLimits())) {
      logger.warn("a crash may leave keys in a core dump: start it after ulimit -c 0, or with LimitCORE=0");
    }
    const server = await parts.serve(config, logger);
    const ended = new Promise<number>((end) => {
      const removeHandlers = handleSignals({
        stop: async () => {
          if (ready !== undefined) rmSync(ready, { force: true });
          await server.stop();
        },
        reload: () => server.reload(),
        exit: (code) => {
          removeHandlers();
          end(code);
        },
        logger,
        source: parts.process,
        now: () => performance.now(),
      });
    });
    try {
      if (ready !== undefined) writeReadyFile(ready, server, parts.process.pid);
    } catch (error) {
      await server.stop();
      throw error;
    }
    printLine(context, readyMessage({ ...server, mode: config.auth.mode, place: placeFlags(command) }));
    logger.info({ url: server.url, data: server.directory }, "ready");
    finish(await ended);
  });
}

/** Of a server that was killed: until this one answers, nobody is told that it does. That of one that runs stays. */
async function removeStale(ready: string, config: Config): Promise<void> {
  if (!existsSync(ready)) return;
  const { refuseRunning } = await import("../wire/store.ts");
  await refuseRunning(config);
  removeReadyFile(ready);
}
