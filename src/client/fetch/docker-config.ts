/**
 * Docker's `config.json`: where the credentials of a registry are.
 *
 * The first of these that applies, and no other: the helper under the registry's name in `credHelpers`; the helper in
 * `credsStore`; the entry in `auths`. What the file holds is in no message and no cause.
 */
import { open, stat } from "node:fs/promises";
import { join } from "node:path";
import { TrustError } from "../errors.ts";
import type { Credentials } from "./credentials.ts";

export interface DockerCredentialOptions {
  /** The folder of `config.json`: `DOCKER_CONFIG`, or `.docker` in the home directory. */
  readonly directory: string;
  /** What credential helpers are started with; its `PATH` says where they are. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Docker's own fixed name for its Hub. */
const hubKey = "https://index.docker.io/v1/";
const hubNames = ["docker.io", "index.docker.io"];
const largestConfig = 1_048_576;

type Json = Readonly<Record<string, unknown>>;

/** Throws `CREDENTIALS`. */
export async function findInDocker(
  { directory, environment }: DockerCredentialOptions,
  registry: string,
  signal: AbortSignal,
): Promise<Credentials | undefined> {
  const file = join(directory, "config.json");
  const text = await readConfig(file);
  if (text === undefined) return undefined;
  const config = parseConfig(text, file);
  const hub = hubNames.includes(registry);
  const keys = hub ? [hubKey, ...hubNames] : [registry];
  const helpers = section(config, "credHelpers", file);
  const named = keys.find((key) => Object.hasOwn(helpers, key));
  const helper = named === undefined ? config.credsStore : helpers[named];
  if (helper !== undefined && helper !== "") {
    if (typeof helper !== "string") throw unreadable(file, "A credential helper in it is not a name");
    const { askHelper } = await import("./credential-helper.ts");
    return askHelper({ helper, server: hub ? hubKey : registry, environment, file, signal });
  }
  const entry = entryOf(section(config, "auths", file), keys);
  return entry === undefined ? undefined : credentialsIn(entry, file);
}

async function readConfig(file: string): Promise<string | undefined> {
  try {
    const found = await stat(file);
    if (!found.isFile() || found.size > largestConfig) {
      throw unreadable(file, "Docker's configuration is not a file of at most 1 MiB");
    }
    const handle = await open(file, "r");
    try {
      const buffer = Buffer.alloc(found.size);
      const { bytesRead } = await handle.read(buffer, 0, found.size, 0);
      return buffer.toString("utf8", 0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof TrustError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw unreadable(file, `Docker's configuration cannot be read (${code})`);
  }
}

function parseConfig(text: string, file: string): Json {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's message quotes the text.
    throw unreadable(file, "Docker's configuration is not JSON");
  }
  if (!isJson(value)) throw unreadable(file, "Docker's configuration is not a JSON object");
  return value;
}

function section(config: Json, name: string, file: string): Json {
  const value = Object.hasOwn(config, name) ? (config[name] ?? {}) : {};
  if (!isJson(value)) throw unreadable(file, `\`${name}\` in it is not an object`);
  return value;
}

/** The entry under one of the names, else under one of them written as an address. */
function entryOf(auths: Json, keys: readonly string[]): unknown {
  const exact = keys.find((key) => Object.hasOwn(auths, key));
  const key = exact ?? Object.keys(auths).find((each) => keys.includes(hostOf(each)));
  return key === undefined ? undefined : auths[key];
}

function hostOf(key: string): string {
  return /^https:\/\/([^/]+)\/?(?:v[12]\/?)?$/.exec(key)?.[1] ?? "";
}

function credentialsIn(entry: unknown, file: string): Credentials | undefined {
  if (!isJson(entry)) throw unreadable(file, "An entry of `auths` in it is not an object");
  const text = (name: string): string => {
    const value = Object.hasOwn(entry, name) ? (entry[name] ?? "") : "";
    if (typeof value === "string") return value;
    throw unreadable(file, `\`${name}\` of an entry of \`auths\` in it is not text`);
  };
  const [registry, identity, auth] = [text("registrytoken"), text("identitytoken"), text("auth")];
  if (registry !== "") {
    if (!/^[\x21-\x7e]{1,16384}$/.test(registry)) throw unreadable(file, "`registrytoken` in it is no token");
    return { kind: "registry", token: registry };
  }
  if (identity !== "") return { kind: "identity", token: identity };
  if (auth !== "") return decoded(auth, file);
  const [username, password] = [text("username"), text("password")];
  return username === "" && password === "" ? undefined : { kind: "user", username, password };
}

/** Base64 of `user:password`; Docker pads the password with zero bytes. */
function decoded(auth: string, file: string): Credentials {
  const plain = Buffer.from(auth, "base64").toString("utf8");
  const colon = plain.indexOf(":");
  if (colon < 1) throw unreadable(file, "`auth` of an entry of `auths` in it is not user:password in base64");
  const password = plain.slice(colon + 1).replace(/\0+$/, "");
  return { kind: "user", username: plain.slice(0, colon), password };
}

function isJson(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function unreadable(file: string, what: string): TrustError {
  return new TrustError("CREDENTIALS", `${what}.`, { file });
}
