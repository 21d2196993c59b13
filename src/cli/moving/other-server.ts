/** The servers between which repositories move, as commands reach them. */
import type { Command } from "commander";
import { UsageError } from "../../client/cli/report.ts";
import type { Fetcher } from "../../client/fetch/fetcher.ts";
import type { Trust } from "../../client/trust.ts";
import type { NotarySource } from "../../moving/notary-source.ts";
import type { Pace } from "../../moving/pace.ts";
import type { Publishing } from "../publishing/tools.ts";

export interface OtherServer {
  readonly url: string;
  /** A file with the PEM of its authority; what Docker keeps for it, or the system's, without it. */
  readonly ca: string | undefined;
  readonly dockerConfig: string | undefined;
  readonly inFlight: number;
  /** Requests a second. */
  readonly rate: number;
  /** Token services elsewhere that credentials may be sent to. */
  readonly realms?: readonly string[];
}

export interface Reached {
  readonly source: NotarySource;
  readonly fetcher: Fetcher;
  readonly pace: Pace;
}

/** A Notary that is not this server. Whoever asks closes the source. */
export async function otherServer(
  { context }: Publishing,
  { url, ca, dockerConfig, inFlight, rate, realms = [] }: OtherServer,
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
      : { ca: readGiven(context, ca, "the file of its authority") };
  const fetcher = createFetcher({
    server: url,
    ...identity,
    tokenRealms: realms,
    credentials: dockerCredentials({ directory, environment: context.env }),
    environment: context.env,
    limits: { connections: Math.min(256, inFlight * 2), tries: 4 },
  });
  const pace = paceOf(rate);
  return { source: notarySource(fetcher, pace), fetcher, pace };
}

/** This server, by its public interface, as the flags or the policy name it. */
export async function thisServer(trust: Trust, rate: number): Promise<NotarySource> {
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
  return notarySource(any, paceOf(rate));
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

/** The repositories that were named, by arguments or a file; undefined: none was. */
export function namesOf(
  command: Command,
  context: Publishing["context"],
  repositories: readonly string[],
  file: string | undefined,
): ReadonlySet<string> | undefined {
  if (repositories.length > 0 && file !== undefined)
    command.error("error: name the repositories or give --names, not both");
  if (repositories.length > 0) return new Set(repositories);
  return file === undefined ? undefined : namesIn(command, readGiven(context, file, "--names"));
}

/** One name a line. */
function namesIn(command: Command, text: string): ReadonlySet<string> {
  if (text.length > largestNames) command.error("error: --names is a file of at most 64 MiB");
  return new Set(
    text
      .split("\n")
      .map((line) => line.trim())
      .filter((line) => line !== "" && !line.startsWith("#")),
  );
}
