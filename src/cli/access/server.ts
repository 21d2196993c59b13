/**
 * The running server that a command about people and tokens speaks with, and how it says who asks.
 *
 * - Without `--server` it is the one of this configuration, known by the CA in its data directory; whoever may read that
 *   directory is its operator (`operator-token`). That token goes to no other server.
 * - Otherwise: a machine's token from a file, a name with a password, or the session of whoever ran `vidimus login`. Nothing secret is ever an argument.
 * - Answers and time are bounded; what a server says reaches a terminal as printable text only.
 */
import { readFileSync } from "node:fs";
import { type ClientRequest, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { join } from "node:path";
import type { Command } from "commander";
import { parseServer } from "../../client/fetch/address.ts";
import { readSessions, sessionsFile } from "../../client/fetch/session-credentials.ts";
import type { Config } from "../../config.ts";
import { localUrl } from "../../serve/listener.ts";
import { tlsPaths } from "../../serve/tls-paths.ts";
import { addConfigurationFlags, loadFrom } from "../flags.ts";
import { type CliContext, printable } from "../output.ts";
import { AccessError } from "./errors.ts";
import { readSecret } from "./secrets.ts";

const longest = 30_000;
const mostAnswer = 4 * 1024 * 1024;

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

interface Place {
  readonly url: URL | { readonly socketPath: string };
  readonly ca: string | undefined;
  /** On this machine, whatever name its certificate has. */
  readonly isLocal: boolean;
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

export class AccessServer {
  readonly #place: Place;
  readonly #authorization: string;

  private constructor(place: Place, authorization: string) {
    this.#place = place;
    this.#authorization = authorization;
  }

  static async open(command: Command, context: CliContext): Promise<AccessServer> {
    const flags = command.opts<AccessFlags>();
    const { config } = loadFrom(command, context);
    const place = placeOf(flags, config);
    return new AccessServer(place, `Bearer ${await tokenOf(flags, config, place, context)}`);
  }

  /** What the server answers, if that is no refusal. Throws `AccessError`. */
  async call(method: string, path: string, body?: object): Promise<unknown> {
    const content = body && { type: "application/json", text: JSON.stringify(body) };
    const answer = await send(this.#place, {
      method,
      path: `/api/v1/${path}`,
      content,
      authorization: this.#authorization,
    });
    if (answer.status >= 200 && answer.status < 300) return answer.body;
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
}

function placeOf({ server, ca }: AccessFlags, { data, server: own, tls }: Config): Place {
  if (server !== undefined) {
    const url = URL.canParse(server) ? new URL(server) : undefined;
    const isLoopback = url !== undefined && ["127.0.0.1", "[::1]", "localhost"].includes(url.hostname);
    if (url?.protocol !== "https:" && !(url?.protocol === "http:" && isLoopback)) {
      throw new AccessError(
        "ACCESS_REFUSED",
        "Give --server as https://HOST:PORT: passwords and tokens go there.",
      );
    }
    return { url, ca: ca === undefined ? undefined : readText(ca), isLocal: false };
  }
  const authority = () => readText(ca ?? tls.certificate ?? tlsPaths(data).authority);
  if (own.socket !== undefined) {
    return { url: { socketPath: own.socket }, ca: own.plainHttp ? undefined : authority(), isLocal: true };
  }
  if (own.port === 0) {
    throw new AccessError("ACCESS_REFUSED", "The server chooses server.port itself: name it with --port.");
  }
  const url = new URL(localUrl(own.host, own.port, !own.plainHttp));
  return { url, ca: own.plainHttp ? undefined : authority(), isLocal: true };
}

async function tokenOf(
  flags: AccessFlags,
  { data }: Config,
  place: Place,
  context: CliContext,
): Promise<string> {
  const { login, tokenFile, server } = flags;
  if (tokenFile !== undefined) return readText(tokenFile).trim();
  if (login !== undefined) {
    const password = await readSecret(`Password of ${login}: `, { file: flags.loginPasswordFile }, context);
    return await tokenFor(place, { grant_type: "password", username: login, password });
  }
  if (server !== undefined) {
    const session = await sessionAt(server, context.env);
    if (session !== undefined)
      return await tokenFor(place, { grant_type: "refresh_token", refresh_token: session });
    throw new AccessError(
      "ACCESS_DENIED",
      "Say who asks: give --login NAME, or --token-file FILE, or run vidimus login first.",
    );
  }
  return readText(join(data, "operator-token")).trim();
}

async function tokenFor(place: Place, form: Readonly<Record<string, string>>): Promise<string> {
  const text = new URLSearchParams({ ...form, scope: "vidimus:server:admin" }).toString();
  const content = { type: "application/x-www-form-urlencoded", text };
  const answer = await send(place, { method: "POST", path: "/token", content, authorization: undefined });
  const { access_token } = Object(answer.body) as { access_token?: unknown };
  if (answer.status === 200 && typeof access_token === "string") return access_token;
  throw refusalOf(answer);
}

/** Throws `CREDENTIALS`. */
async function sessionAt(server: string, env: CliContext["env"]): Promise<string | undefined> {
  const file = sessionsFile(env);
  if (file === undefined) return undefined;
  return (await readSessions(file)).get(parseServer(server).base)?.session?.token;
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code ?? "unknown";
    throw new AccessError(
      "ACCESS_DENIED",
      `The file ${path} cannot be read (${why}): run this where the server's data lies, as its user, while it runs with auth.mode builtin; or give --server with --login or --token-file.`,
      cause,
    );
  }
}

interface Sent {
  readonly method: string;
  readonly path: string;
  readonly content: { readonly type: string; readonly text: string } | undefined;
  readonly authorization: string | undefined;
}

function send({ url, ca, isLocal }: Place, { method, path, content, authorization }: Sent): Promise<Answer> {
  const headers = {
    ...(authorization !== undefined && { authorization }),
    ...(content && { "content-type": content.type, "content-length": Buffer.byteLength(content.text) }),
  };
  const where = url instanceof URL ? { host: url.hostname.replace(/^\[(.*)\]$/, "$1"), port: url.port } : url;
  const options = { ...where, method, path, headers, agent: false };
  const isPlain = url instanceof URL ? url.protocol === "http:" : ca === undefined;
  const proof = isLocal ? { allowPartialTrustChain: true, checkServerIdentity: () => undefined } : {};
  return new Promise((resolve, reject) => {
    const sent: ClientRequest = isPlain
      ? requestHttp(options)
      : requestHttps({ ...options, ...proof, ...(ca !== undefined && { ca }) });
    const fail = (cause: unknown) => {
      clearTimeout(timer);
      const why = (cause as NodeJS.ErrnoException).code ?? "no answer in time";
      reject(
        new AccessError(
          "ACCESS_UNREACHABLE",
          `The server does not answer as it should (${why}): is it running?`,
          cause,
        ),
      );
      sent.destroy();
    };
    const timer = setTimeout(() => fail({}), longest);
    sent.on("error", fail);
    sent.on("response", (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
        if (text.length > mostAnswer) fail({ code: "its answer does not end" });
      });
      response.on("error", fail);
      response.on("end", () => {
        clearTimeout(timer);
        resolve({ status: response.statusCode ?? 0, body: parsed(text) });
      });
    });
    sent.end(content?.text);
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function refusalOf({ status, body }: Answer): AccessError {
  const [first] =
    (Object(body) as { errors?: readonly { message?: unknown; detail?: unknown }[] }).errors ?? [];
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
