/**
 * What the process must not be when it serves, for it holds keys (threats O1, O2, O3).
 *
 * - `NODE_OPTIONS` may hold what cannot harm, and nothing else: other words of it load code, open an inspector, or write
 *   memory and TLS keys to files. The launcher removes the variable; who starts Node directly is told.
 * - SIGUSR1 opens no inspector, with or without `--disable-sigusr1`.
 * - A diagnostic report holds no environment.
 * - Core dumps are warned about: they would hold keys, and only who starts the process can switch them off.
 */
import { readFileSync } from "node:fs";
import { ConfigurationError } from "../config.ts";
import type { SignalSource } from "./shutdown.ts";

/** Options that neither load nor show nor write anything. */
const harmless =
  /^--(?:max-old-space-size|max-semi-space-size|stack-trace-limit|v8-pool-size)=\d+$|^--(?:no-)?(?:warnings|deprecation)$|^--enable-source-maps$|^--disable-sigusr1$|^--use-system-ca$/;

/** Throws `ConfigurationError` `NOT_SAFE`. The message names options and never their values. */
export function refuseNodeOptions(text: string | undefined): void {
  const words = (text ?? "").split(/\s+/).filter((word) => word !== "");
  const harmful = words.find((word) => !harmless.test(word));
  if (harmful === undefined) return;
  const name = /^--?[a-z0-9-]+/.exec(harmful)?.[0] ?? "what is no option";
  throw new ConfigurationError([
    {
      code: "NOT_SAFE",
      subject: "NODE_OPTIONS",
      sentence: `NODE_OPTIONS holds ${name}, and a process that holds keys takes only options that change memory or warnings: unset the variable, or start with bin/vidimus.js, which does.`,
    },
  ]);
}

/** `source`: the process. A listener takes the place of what Node does on SIGUSR1. */
export function hardenProcess(source: Pick<SignalSource, "on"> & { readonly report?: object }): void {
  source.on("SIGUSR1", () => undefined);
  if (source.report !== undefined) Object.assign(source.report, { excludeEnv: true, excludeNetwork: true });
}

/** True if a crash may leave memory in a file. `limits`: as in `/proc/self/limits`. */
export function dumpsCore(limits: string): boolean {
  const soft = /^Max core file size\s+(\S+)/m.exec(limits)?.[1];
  return soft !== undefined && soft !== "0";
}

/** The limits of this process; empty where the system does not tell. */
export function readLimits(): string {
  try {
    return readFileSync("/proc/self/limits", "utf8");
  } catch {
    return "";
  }
}
