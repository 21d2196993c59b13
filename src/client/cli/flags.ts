/** Flags that every command has which opens a trust, and what they mean. */
import { existsSync } from "node:fs";
import type { Command } from "commander";
import type { TrustOptions } from "../options.ts";
import type { ClientContext } from "./context.ts";
import { UsageError } from "./report.ts";

/** The lock that is written, and used as a floor, when none is named. */
export const usualLock = "vidimus.lock";

/** The policy that is used when none is named and it is there. */
export const usualPolicy = "trust.yaml";

export interface TrustFlags {
  readonly policy?: string;
  readonly server?: string;
  readonly ca?: string;
  readonly cache?: string;
  readonly notaryConfig?: string;
  readonly dockerConfig?: string;
  readonly timeLimit?: string;
}

export function addTrustFlags(command: Command): Command {
  return command
    .option("--policy <file>", `what is demanded (default: VIDIMUS_POLICY, or ${usualPolicy} if it is there)`)
    .option("--server <url>", "the trust server of rules that name none (default: VIDIMUS_SERVER)")
    .option("--ca <file>", "PEM of the authority of that server's certificate, instead of the system's")
    .option(
      "--cache <dir>",
      "where verified files are kept (default: VIDIMUS_CACHE, or the user's cache folder)",
    )
    .option("--notary-config <file>", "a Notary config.json whose trust_pinning gives further pins")
    .option(
      "--docker-config <dir>",
      "Docker's configuration, for credentials (default: DOCKER_CONFIG, or ~/.docker)",
    )
    .option("--time-limit <seconds>", "for one repository with all its requests (default: 120)");
}

export function policyPath(flags: TrustFlags, { env }: ClientContext): string | undefined {
  return flags.policy ?? env.VIDIMUS_POLICY ?? (existsSync(usualPolicy) ? usualPolicy : undefined);
}

export function trustOptions(flags: TrustFlags, context: ClientContext): TrustOptions {
  const { env } = context;
  const policy = policyPath(flags, context);
  const server = flags.server ?? env.VIDIMUS_SERVER;
  const cacheDir = flags.cache ?? env.VIDIMUS_CACHE;
  return {
    environment: env,
    now: context.now,
    ...(policy && { policy }),
    ...(server && { server }),
    ...(flags.ca && { ca: flags.ca }),
    ...(cacheDir && { cacheDir }),
    ...(flags.notaryConfig && { notaryConfig: flags.notaryConfig }),
    ...(flags.dockerConfig && { dockerConfig: flags.dockerConfig }),
    ...(flags.timeLimit && { limits: { updateTime: seconds(flags.timeLimit, "--time-limit") } }),
  };
}

/** In milliseconds. */
export function seconds(text: string, flag: string): number {
  if (!/^[1-9][0-9]{0,4}$/.test(text)) throw new UsageError(`${flag} takes whole seconds, 1 to 99999.`);
  return Number(text) * 1_000;
}
