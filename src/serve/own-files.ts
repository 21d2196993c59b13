/**
 * The files that a server lives by, so that nothing that Vidimus is told to write lands on one of them.
 *
 * Two names are the same file if they lead to one place, links in them followed, or to one file on the disk, as hard links
 * do. A name of the data directory counts before there is such a file.
 */
import { lstatSync, readdirSync, readlinkSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import type { Config } from "../config.ts";
import { StartError } from "./errors.ts";

/** What is to be written, and the flag or key that says where. */
export interface Output {
  readonly name: string;
  readonly path: string;
}

interface OwnFile extends Output {
  /** The end of a sentence that says what the file is. */
  readonly what: string;
}

const ofDirectory = [
  "vidimus.sqlite",
  "vidimus.sqlite-wal",
  "vidimus.sqlite-shm",
  "vidimus.sqlite-journal",
  "lock.db",
  "server.pid",
  "kek",
  "kek.new",
  "operator-token",
  "token-key.pem",
  "tls/ca.crt",
  "tls/ca.key",
  "tls/server.pem",
];
/** Copies that migrations make and remove. */
const copy = /^vidimus\.sqlite/;

/** Links that lead to one another. */
const mostLinks = 40;

/** What a running server writes beside its store, as it is configured. */
export function configuredOutputs({ store, audit, server }: Config): Output[] {
  return [
    ...output("store.highWaterMark", store.highWaterMark),
    ...output("audit.headFile", audit.headFile),
    ...output("server.socket", server.socket),
  ];
}

/**
 * Throws `StartError` (`OWN_FILE`) if one of `outputs` is a file that the server of this configuration lives by, or is
 * another one of them. `file`: the configuration file. Nothing is written or opened.
 */
export function refuseOwnFiles(config: Config, outputs: readonly Output[], file: string | undefined): void {
  const own = ownFiles(config, file);
  for (const each of outputs) {
    const found =
      own.find((one) => one.name !== each.name && isSame(one.path, each.path)) ??
      copyOf(config.data, each) ??
      outputs.find((other) => other.name < each.name && isSame(other.path, each.path));
    if (found === undefined) continue;
    const what = "what" in found ? found.what : `what ${found.name} names`;
    throw new StartError(
      "OWN_FILE",
      `${each.name} names ${resolve(each.path)}, which is ${what}: nothing was written; name a file that is for nothing else.`,
    );
  }
}

function ownFiles(config: Config, file: string | undefined): OwnFile[] {
  const { data, store, audit, tls, policy, signer, auth, webhooks } = config;
  const secret = /^file:(.+)$/s.exec(signer.secret ?? "")?.[1];
  const named = [
    ...output("--config", file),
    ...output("store.highWaterMark", store.highWaterMark ?? join(data, "high-water-mark")),
    ...output("audit.headFile", audit.headFile),
    ...output("tls.certificate", tls.certificate),
    ...output("tls.key", tls.key),
    ...output("policy.file", policy.file),
    ...output("signer.secret", secret),
    ...output("signer.secret", secret === undefined ? undefined : `${secret}.new`),
    ...output("auth.builtin.key", auth.builtin.key),
    ...output("auth.builtin.passwordFile", auth.builtin.passwordFile),
    ...output("auth.builtin.registryAuthority", auth.builtin.registryAuthority),
    ...output("auth.token.certificates", auth.token.certificates),
    ...output("auth.token.jwks", auth.token.jwks),
    ...output("webhooks.ca", webhooks.ca),
    ...webhooks.secrets.flatMap((uri) => output("webhooks.secrets", /^file:(.+)$/s.exec(uri)?.[1])),
  ].map((each) => ({ ...each, what: `what ${each.name} names` }));
  return [
    ...ofDirectory.map((name) => ({
      name: "",
      path: join(data, name),
      what: `${name} of the data directory`,
    })),
    ...named,
  ];
}

function output(name: string, path: string | undefined): Output[] {
  return path === undefined ? [] : [{ name, path }];
}

/** A copy that a migration made, or the name of one. */
function copyOf(data: string, { path }: Output): OwnFile | undefined {
  const what = "a copy of the store in the data directory";
  const place = placeOf(path);
  if (copy.test(basename(place)) && dirname(place) === placeOf(data)) return { name: "", path, what };
  const there = namesIn(data).find((name) => copy.test(name) && isSame(join(data, name), path));
  return there === undefined ? undefined : { name: "", path, what };
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function isSame(one: string, other: string): boolean {
  if (placeOf(one) === placeOf(other)) return true;
  const [a, b] = [fileAt(one), fileAt(other)];
  return a !== undefined && b !== undefined && a.dev === b.dev && a.ino === b.ino;
}

function fileAt(path: string): { readonly dev: bigint; readonly ino: bigint } | undefined {
  try {
    return statSync(path, { bigint: true });
  } catch {
    return undefined;
  }
}

/** Where a file of this name is or would be made. */
function placeOf(path: string): string {
  let place = resolve(path);
  for (let links = 0; links < mostLinks; links++) {
    const target = linkAt(place);
    if (target === undefined) break;
    place = resolve(dirname(place), target);
  }
  return realPlace(place);
}

function linkAt(path: string): string | undefined {
  try {
    return lstatSync(path).isSymbolicLink() ? readlinkSync(path) : undefined;
  } catch {
    return undefined;
  }
}

/** The real path of as much of it as there is. */
function realPlace(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const above = dirname(path);
    return above === path ? path : join(realPlace(above), basename(path));
  }
}
