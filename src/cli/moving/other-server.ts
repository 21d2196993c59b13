/**
 * The servers between which repositories move, as commands reach them. The other one is the old server in every command, and the
 * flags that are about it begin with `--old-`.
 */
import type { Command } from "commander";
import { UsageError } from "../../client/cli/report.ts";
import type { Fetcher } from "../../client/fetch/fetcher.ts";
import type { Trust } from "../../client/trust.ts";
import type { OldDatabase } from "../../moving/databases/source.ts";
import type { NotarySource } from "../../moving/notary-source.ts";
import type { Pace } from "../../moving/pace.ts";
import type { Patience } from "../../moving/patience.ts";
import type { Publishing } from "../publishing/tools.ts";

export interface OldServerFlags {
  readonly oldCa?: string;
  readonly oldRealm: readonly string[];
}

export function addOldServerFlags(command: Command): Command {
  return command
    .option("--old-ca <file>", "PEM of the authority of the old server's certificate")
    .option(
      "--old-realm <url>",
      "a token service elsewhere that the old server's credentials may be sent to; may be repeated",
      (value: string, all: readonly string[]) => [...all, value],
      [],
    );
}

export interface OtherServer extends Patience {
  readonly url: string;
  readonly flags: OldServerFlags & { readonly dockerConfig?: string };
  readonly inFlight: number;
  /** Requests a second. */
  readonly rate: number;
}

/** More than any try takes: how long one may is said where it is asked. */
const longestRequest = 120_000;

export interface Reached {
  readonly source: NotarySource;
  readonly fetcher: Fetcher;
  readonly pace: Pace;
}

/** A Notary that is not this server. Whoever asks closes the source. */
export async function otherServer(
  { context }: Publishing,
  { url, flags: { oldCa: ca, oldRealm, dockerConfig }, inFlight, rate, ...patience }: OtherServer,
): Promise<Reached> {
  const [
    { createFetcher },
    { dockerCredentials },
    { dockerTls },
    { notarySource },
    { paceOf },
    { dockerFolder },
  ] = await Promise.all([
    import("../../client/fetch/http-fetcher.ts"),
    import("../../client/fetch/docker-credentials.ts"),
    import("../../client/fetch/docker-tls.ts"),
    import("../../moving/notary-source.ts"),
    import("../../moving/pace.ts"),
    import("./take-over.ts"),
  ]);
  const directory = dockerFolder(dockerConfig, context.env);
  const identity =
    ca === undefined
      ? url.startsWith("https:")
        ? await dockerTls(directory, url)
        : {}
      : { ca: readGiven(context, ca, "--old-ca") };
  const fetcher = createFetcher({
    server: url,
    ...identity,
    tokenRealms: oldRealm,
    credentials: dockerCredentials({ directory, environment: context.env }),
    environment: context.env,
    limits: { connections: Math.min(256, inFlight * 2), tries: 1, requestTime: longestRequest },
  });
  const pace = paceOf(rate);
  return { source: notarySource(fetcher, pace, patience), fetcher, pace };
}

/** This server, by its public interface, as the flags or the policy name it. */
export async function thisServer(trust: Trust, rate: number, patience: Patience = {}): Promise<NotarySource> {
  const [{ notarySource }, { paceOf }] = await Promise.all([
    import("../../moving/notary-source.ts"),
    import("../../moving/pace.ts"),
  ]);
  const { fetcher } = await trust.sender("vidimus/export");
  const of = async (repository: string) => (await trust.sender(repository)).fetcher;
  const any: Fetcher = {
    origin: fetcher.origin,
    get: async (request) => (await of(request.repository)).get(request),
    call: async (request) => {
      const { right } = request;
      return await (right.of === "repository" ? await of(right.repository) : fetcher).call(request);
    },
    // The trust closes them.
    close: () => undefined,
  };
  return notarySource(any, paceOf(rate), { ...patience, authorityFlag: "--ca" });
}

/** A database that the old server left behind; undefined: none was named. */
export function oldDatabase(
  command: Command,
  of: "server" | "signer",
  { url, dump }: { readonly url: string | undefined; readonly dump: string | undefined },
  environment: Readonly<Record<string, string | undefined>>,
): OldDatabase | undefined {
  if (url !== undefined && dump !== undefined)
    return command.error(`error: give one of --${of}-db and --${of}-dump`);
  if (url !== undefined) return { url, environment };
  return dump === undefined ? undefined : { dump };
}

export function numberOf(command: Command, text: string, flag: string, most: number): number {
  if (/^[1-9][0-9]{0,5}$/.test(text) && Number(text) <= most) return Number(text);
  return command.error(`error: ${flag} takes a whole number, 1 to ${most}`);
}

/** A file that was given. Throws `UsageError`. */
function readGiven({ readFile }: Publishing["context"], path: string, what: string): string {
  try {
    return readFile(path);
  } catch (error) {
    const { code = "unknown error" } = error as NodeJS.ErrnoException;
    throw new UsageError(`${what}: ${path} cannot be read (${code}).`);
  }
}

const largestNames = 64 * 1_024 * 1_024;

/**
 * The repositories that were named, by arguments or a file, in the order in which reports are read; undefined: it was not said
 * which.
 */
export function namesOf(
  command: Command,
  context: Publishing["context"],
  repositories: readonly string[],
  file: string | undefined,
): ReadonlySet<string> | undefined {
  if (repositories.length > 0 && file !== undefined)
    command.error("error: name the repositories or give --names, not both");
  if (repositories.length > 0) return new Set([...repositories].sort());
  return file === undefined ? undefined : namesIn(command, readGiven(context, file, "--names"));
}

/** One name a line. */
function namesIn(command: Command, text: string): ReadonlySet<string> {
  if (text.length > largestNames) command.error("error: --names is a file of at most 64 MiB");
  return new Set(
    text
      .split("\n")
      .map((line) => line.trim())
      .filter((line) => line !== "" && !line.startsWith("#"))
      .sort(),
  );
}
