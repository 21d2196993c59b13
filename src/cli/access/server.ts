/**
 * The running server that a command about people and tokens speaks with, and how it says who asks.
 *
 * - Without `--server` it is the one of this configuration, known by the CA in its data directory; whoever may read that
 *   directory is its operator (`operator-token`). That token goes to no other server.
 * - Otherwise: a machine's token from a file, a name with a password, or what every command has (`docs/access.md`). Nothing
 *   secret is ever an argument.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { TrustError } from "../../client/errors.ts";
import type { CredentialSource } from "../../client/fetch/credentials.ts";
import type { CallAnswer, CallRequest, Fetcher } from "../../client/fetch/fetcher.ts";
import type { FetcherOptions } from "../../client/fetch/options.ts";
import type { Config } from "../../config.ts";
import { localUrl } from "../../serve/listener.ts";
import { tlsPaths } from "../../serve/tls-paths.ts";
import { addConfigurationFlags, loadFrom } from "../flags.ts";
import { type CliContext, printable } from "../output.ts";
import { AccessError } from "./errors.ts";
import { noPeople, operatorToken, readText, tokenIn } from "./files.ts";
import { readSecret } from "./secrets.ts";

const longest = 30_000;
const mostAnswer = 16 * 1024 * 1024;

export interface AccessFlags {
  readonly server?: string;
  readonly ca?: string;
  readonly tokenFile?: string;
  readonly login?: string;
  readonly loginPasswordFile?: string;
  readonly json?: true;
}

export function addAccessFlags(command: Command): Command {
  command
    .option("--server <url>", "another server than the one of this configuration")
    .option("--ca <file>", "the CA that the server's certificate rests on")
    .option("--token-file <file>", "say who asks by a machine's token, from a file")
    .option("--login <name>", "say who asks by a name and its password")
    .option("--login-password-file <file>", "where that password lies (default: asked for)")
    .option("--json", "print a document");
  return addConfigurationFlags(command);
}

export class AccessServer {
  readonly #fetcher: Fetcher;
  /** The name that was given for who asks. */
  readonly user: string | undefined;

  private constructor(fetcher: Fetcher, user: string | undefined) {
    this.#fetcher = fetcher;
    this.user = user;
  }

  /** For one command, which closes it. */
  static async open(command: Command, context: CliContext): Promise<AccessServer> {
    const flags = command.opts<AccessFlags>();
    const { config } = loadFrom(command, context);
    const place = placeOf(flags, config, context);
    const user = flags.login ?? (flags.tokenFile === undefined ? context.env.VIDIMUS_USER : undefined);
    return new AccessServer(await fetcherAt(place, await credentialsOf(flags, config, place, context)), user);
  }

  /** As a user with this password and nothing more: an administrator, too, has to give the present one for their own. */
  static async openAsUser(
    username: string,
    password: string,
    command: Command,
    context: CliContext,
  ): Promise<AccessServer> {
    const place = placeOf(command.opts<AccessFlags>(), loadFrom(command, context).config, context);
    const token = await tokenByPassword({ username, password }, place);
    return new AccessServer(await fetcherAt(place, ownToken(token)), username);
  }

  /** What the server answers, if that is no refusal. Throws `AccessError`. */
  async call(
    method: CallRequest["method"],
    path: string,
    body?: object,
    action: "admin" | "audit" = "admin",
  ): Promise<unknown> {
    const answer = await asked(this.#fetcher, {
      // Without that right it is a token all the same, for what is their own.
      right: { of: "server", action },
      method,
      path: `/api/v1/${path}`,
      ...(body && { body: { type: "application/json", bytes: Buffer.from(JSON.stringify(body), "utf8") } }),
    });
    if (answer.status >= 200 && answer.status < 300) return parsed(answer.body);
    throw refusalOf(answer);
  }

  /** All pages of a list. */
  async list<T extends { readonly name: string }>(kind: "users" | "teams" | "tokens"): Promise<readonly T[]> {
    const all: T[] = [];
    for (let next: string | undefined, pages = 0; pages < 1_000; pages++) {
      const query = new URLSearchParams({ limit: "1000", ...(next !== undefined && { after: next }) });
      const page = (await this.call("GET", `${kind}?${query}`)) as Record<string, unknown>;
      all.push(...(page[kind] as readonly T[]));
      next = page.next as string | undefined;
      if (next === undefined) break;
    }
    return all;
  }

  close(): void {
    this.#fetcher.close();
  }
}

/** Where the server is, and how to know it. */
interface Place extends Pick<FetcherOptions, "server" | "ca" | "local" | "environment"> {
  /** Where it was looked for, and what to give if it is elsewhere. */
  readonly elsewhere: string;
}

function placeOf(
  { server, ca }: AccessFlags,
  { data, server: own, tls, auth }: Config,
  { env }: CliContext,
): Place {
  if (server !== undefined)
    return {
      server,
      ca: ca === undefined ? undefined : readText(ca),
      environment: env,
      elsewhere: "See that it runs, and that --server and --ca are its own.",
    };
  // The server may run with more than this configuration says: then it left its operator's token.
  if (auth.mode !== "builtin" && !existsSync(join(data, operatorToken))) throw noPeople(auth.mode, data);
  // No proxy lies between this machine and itself.
  const here = { local: { socket: own.socket }, environment: {} };
  const scheme = own.plainHttp ? "http" : "https";
  if (own.socket === undefined && own.port === 0) {
    throw new AccessError("ACCESS_REFUSED", "The server chooses server.port itself: name it with --port.");
  }
  const url =
    own.socket === undefined ? localUrl(own.host, own.port, !own.plainHttp) : `${scheme}://localhost`;
  const authority = own.plainHttp ? undefined : readText(ca ?? tls.certificate ?? tlsPaths(data).authority);
  const elsewhere =
    "This is where its configuration puts it: if it runs, give the --config, --data, --port and --socket that it was started with; from another machine give --server URL.";
  return { ...here, server: url, ca: authority, elsewhere };
}

async function fetcherAt(place: Place, credentials: CredentialSource): Promise<Fetcher> {
  const { createFetcher } = await import("../../client/fetch/http-fetcher.ts");
  const { elsewhere, ...way } = place;
  const made = await told(elsewhere, async () =>
    createFetcher({ ...way, credentials, limits: { requestTime: longest } }),
  );
  return {
    ...made,
    call: (request) => told(elsewhere, () => made.call(request)),
  };
}

async function credentialsOf(
  flags: AccessFlags,
  { data }: Config,
  place: Place,
  context: CliContext,
): Promise<CredentialSource> {
  const { login, tokenFile, server } = flags;
  if (tokenFile !== undefined) return ownToken(tokenIn(tokenFile));
  if (login !== undefined) {
    const file = flags.loginPasswordFile;
    const password = await readSecret(`Password of ${login}: `, { file }, context);
    return ownToken(
      await tokenByPassword({ username: login, password, scope: "vidimus:server:admin,audit" }, place),
    );
  }
  if (server === undefined) return ownToken(tokenIn(join(data, operatorToken)));
  const [{ usualCredentials }, { checkOptions }] = await Promise.all([
    import("../../client/fetch/sources.ts"),
    import("../../client/options.ts"),
  ]);
  return await told(place.elsewhere, async () => {
    const { dockerConfig, environment } = checkOptions({ server, environment: context.env });
    return usualCredentials({ server, named: server, dockerConfig, environment });
  });
}

function ownToken(token: string | undefined): CredentialSource {
  return { find: async () => undefined, own: async () => token };
}

/** Of this very server's token endpoint: the realm may be a name that is not known here. */
async function tokenByPassword(
  who: { readonly username: string; readonly password: string; readonly scope?: string },
  place: Place,
): Promise<string> {
  const fetcher = await fetcherAt(place, ownToken(undefined));
  const form = { grant_type: "password", ...who };
  try {
    const answer = await asked(fetcher, {
      right: { of: "server", action: "known" },
      method: "POST",
      path: "/token",
      body: {
        type: "application/x-www-form-urlencoded",
        bytes: Buffer.from(new URLSearchParams(form).toString(), "utf8"),
      },
    });
    const { access_token } = Object(parsed(answer.body)) as { access_token?: unknown };
    if (answer.status === 200 && typeof access_token === "string") return access_token;
    throw refusalOf(answer);
  } catch (error) {
    if (!(error instanceof AccessError) || error.code !== "ACCESS_DENIED") throw error;
    const what = `The server does not let ${who.username} in with this password: try again, or ask its administrator.`;
    throw new AccessError("ACCESS_DENIED", what, error);
  } finally {
    fetcher.close();
  }
}

async function asked(
  fetcher: Fetcher,
  request: Omit<CallRequest, "maxBytes" | "signal">,
): Promise<CallAnswer> {
  const signal = AbortSignal.timeout(longest);
  return await fetcher.call({ ...request, maxBytes: mostAnswer, signal });
}

const denied: ReadonlySet<string> = new Set(["UNAUTHORIZED", "FORBIDDEN", "CREDENTIALS", "TOKEN_REALM"]);

/** Runs it, and says what a fetcher refuses in this family's codes; `TOO_MANY_REQUESTS` is thrown as it is. */
async function told<T>(elsewhere: string, task: () => Promise<T>): Promise<T> {
  try {
    return await task();
  } catch (error) {
    if (!(error instanceof TrustError)) throw error;
    const { code, message, remedy } = error;
    // The same of every command.
    if (code === "TOO_MANY_REQUESTS") throw error;
    if (code === "OPTION_INVALID") throw new AccessError("ACCESS_REFUSED", message, error);
    if (denied.has(code)) {
      const next = remedy?.next ?? "Say who asks: give --login NAME, or --token-file FILE.";
      throw new AccessError("ACCESS_DENIED", `${message} ${next}`, error);
    }
    throw new AccessError("ACCESS_UNREACHABLE", `${message} ${elsewhere}`, error);
  }
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    return undefined;
  }
}

function refusalOf({ status, body }: CallAnswer): AccessError {
  const [first] = (Object(parsed(body)) as { errors?: readonly { message?: unknown }[] }).errors ?? [];
  const said = printable(typeof first?.message === "string" ? first.message : `It answered ${status}.`).slice(
    0,
    600,
  );
  if (status === 401 || status === 403)
    return new AccessError("ACCESS_DENIED", `The server refuses that: ${said}`);
  if (status === 404) return new AccessError("ACCESS_UNKNOWN", said);
  if (status === 409) return new AccessError("ACCESS_TAKEN", said);
  return new AccessError("ACCESS_REFUSED", said);
}
