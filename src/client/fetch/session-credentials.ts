/**
 * Sessions of people who logged in by an identity provider: one for each trust server, kept in a file that nobody else can read.
 *
 * A session goes to the server that it is of, by its address with the path, and to no other. Nothing that the file holds is in a
 * message or a cause.
 */
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { TrustError } from "../errors.ts";
import type { CredentialSource } from "./credentials.ts";

export interface KnownServer {
  /** Whose word lets people in there, as somebody agreed to it: kept when a session ends. */
  readonly issuer: string;
  readonly clientId: string;
  readonly session?: Session | undefined;
}

export interface Session {
  /** The refresh token. */
  readonly token: string;
  /** What the person is called there. */
  readonly name: string;
}

/** By the address of the server: `https://host:port`, or with a path. */
export type KnownServers = ReadonlyMap<string, KnownServer>;

type Environment = Readonly<Record<string, string | undefined>>;

export const sessionsFormat = "vidimus-kept-sessions/1";
const largest = 1_048_576;
const mostServers = 1_000;

/** `home`: where there is no `HOME`. */
export function sessionsFile({ VIDIMUS_SESSIONS, HOME }: Environment, home = ""): string | undefined {
  if (VIDIMUS_SESSIONS) return VIDIMUS_SESSIONS;
  const folder = HOME || home;
  return folder === "" ? undefined : join(folder, ".vidimus", "sessions.json");
}

/** @param server address of the server, with its path */
export function sessionCredentials(environment: Environment, server: string): CredentialSource {
  return {
    async find() {
      const file = sessionsFile(environment);
      const known = file === undefined ? undefined : (await readSessions(file)).get(server);
      return known?.session && { kind: "identity", token: known.session.token };
    },
  };
}

/** None where there is no file. Throws `CREDENTIALS`. */
export async function readSessions(file: string): Promise<KnownServers> {
  let text: string;
  try {
    const found = await stat(file);
    if (!found.isFile() || found.size > largest) throw bad(file, "it is no file of at most 1 MiB");
    // Where the system knows no such rights, the mode says nothing.
    if (process.platform !== "win32" && (found.mode & 0o077) !== 0)
      throw bad(
        file,
        "others than its owner may read or write it",
        `Run chmod 600 ${file}, and log in again if it may have been read.`,
      );
    text = await readFile(file, "utf8");
  } catch (error) {
    if (error instanceof TrustError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return new Map();
    throw bad(file, `it cannot be read (${code})`);
  }
  const known = parse(text);
  if (known === undefined) throw bad(file, "it holds something else");
  return known;
}

function parse(text: string): KnownServers | undefined {
  try {
    const { format, servers } = JSON.parse(text) as { format?: unknown; servers?: unknown };
    if (format !== sessionsFormat || typeof servers !== "object" || servers === null) return undefined;
    const entries = Object.entries(servers as Record<string, unknown>);
    const isGood = entries.length <= mostServers && entries.every(([, value]) => isKnownServer(value));
    return isGood ? new Map(entries as [string, KnownServer][]) : undefined;
  } catch {
    // The parser's message quotes the text.
    return undefined;
  }
}

function isKnownServer(value: unknown): value is KnownServer {
  const { issuer, clientId, session } = Object(value) as { [name in keyof KnownServer]: unknown };
  if (typeof issuer !== "string" || typeof clientId !== "string") return false;
  if (session === undefined) return true;
  const { token, name } = Object(session) as { [name in keyof Session]: unknown };
  return typeof token === "string" && /^[\x21-\x7e]{1,200}$/.test(token) && typeof name === "string";
}

function bad(file: string, why: string, next = "Move it away, then run vidimus login."): TrustError {
  return new TrustError("CREDENTIALS", `The sessions of vidimus login cannot be used: ${why}.`, {
    file,
    remedy: { who: "you", next },
  });
}
