/** Flags that every command has which opens a trust, and what they mean. */
import { existsSync } from "node:fs";
import type { Command } from "commander";
import { parseServer } from "../fetch/address.ts";
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
    .option(
      "--time-limit <seconds>",
      "longest time for one repository, all its requests and repeats together; then it is refused as TIMEOUT (default: 120)",
    );
}

/** Throws `UsageError` where a policy is named by nothing: what was meant to be demanded would not be. */
export function policyPath(flags: TrustFlags, { env }: ClientContext): string | undefined {
  if (flags.policy === "") throw new UsageError("--policy is empty: name a file, or leave it out.");
  if (flags.policy === undefined && env.VIDIMUS_POLICY === "")
    throw new UsageError("VIDIMUS_POLICY is empty: name a file, or unset it.");
  return flags.policy ?? env.VIDIMUS_POLICY ?? (existsSync(usualPolicy) ? usualPolicy : undefined);
}

export function trustOptions(flags: TrustFlags, context: ClientContext): TrustOptions {
  const { env } = context;
  for (const [name, value] of Object.entries(flags)) {
    if (value === "") throw new UsageError(`--${kebab(name)} is empty: give it a value, or leave it out.`);
  }
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

/**
 * Whoever names a server means that it is asked. One that comes from the environment is a default, and may be of no use.
 * @param asked the servers that the policy leads to
 */
export function refuseUnusedServer({ server, ca }: TrustFlags, asked: readonly string[]): void {
  if (server === undefined || !leadsElsewhere(server, asked)) return;
  const [lost, them] = ca === undefined ? ["--server", "it"] : ["--server and --ca", "them"];
  throw new UsageError(
    `${lost} would be of no use: the policy leads to ${asked.slice(0, 5).join(", ")}. Leave ${them} out, or correct the policy; a file for such a server's authority is named there, under \`servers\`.`,
  );
}

/** For what is sent, a server of the environment counts as one that is named: it must not go to another one unsaid. */
export function refuseOtherServer(flags: TrustFlags, { env }: ClientContext, asked: string): void {
  refuseUnusedServer(flags, [asked]);
  const { VIDIMUS_SERVER: server } = env;
  if (flags.server !== undefined || !server || !leadsElsewhere(server, [asked])) return;
  throw new UsageError(
    `VIDIMUS_SERVER would be of no use: it is ${server}, and the policy leads to ${asked}. If that is the server you mean, say --server ${asked}; if not, correct the policy, or name another one by --policy.`,
  );
}

function leadsElsewhere(server: string, asked: readonly string[]): boolean {
  return asked.length > 0 && !asked.some((each) => originOf(each) === originOf(server));
}

function originOf(address: string): string {
  return parseServer(address).origin;
}

/** In milliseconds. */
export function seconds(text: string, flag: string): number {
  if (!/^[1-9][0-9]{0,4}$/.test(text)) throw new UsageError(`${flag} takes whole seconds, 1 to 99999.`);
  return Number(text) * 1_000;
}

/** `notaryConfig` as it is typed: `notary-config`. */
function kebab(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
