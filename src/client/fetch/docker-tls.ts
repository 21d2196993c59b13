/**
 * Docker's folder for a server, `tls/<host:port>/` beside `config.json`: `*.crt` are CAs that are trusted beside those
 * of Node, `NAME.cert` with `NAME.key` is the client certificate.
 *
 * Bounded in the number and size of files. Nothing is believed here: a fetcher checks what it is given.
 */
import { X509Certificate } from "node:crypto";
import { opendir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import * as tls from "node:tls";
import { TrustError } from "../errors.ts";
import { parseServer } from "./address.ts";
import type { ClientCertificate } from "./options.ts";

export interface DockerTls {
  /** PEM: Node's CAs with those of the folder. Absent if the folder holds none. */
  readonly ca?: string;
  readonly clientCertificate?: ClientCertificate;
}

const mostEntries = 64;
const largestPem = 1_048_576;

/**
 * `directory`: the folder of Docker's `config.json`. Nothing if there is no folder for the server. Throws
 * `OPTION_INVALID` for the server's address, `FILE_UNREADABLE`, `INPUT_INVALID`.
 */
export async function dockerTls(directory: string, server: string): Promise<DockerTls> {
  for (const name of foldersOf(server)) {
    const folder = join(directory, "tls", name);
    const names = await namesIn(folder);
    if (names !== undefined) return readFolder(folder, names);
  }
  return {};
}

/** A server on the usual port may have been written with it or without. */
function foldersOf(server: string): readonly string[] {
  const { host, port } = new URL(parseServer(server).origin);
  return port === "" ? [host, `${host}:443`] : [host];
}

async function readFolder(folder: string, names: readonly string[]): Promise<DockerTls> {
  const authorities: string[] = [];
  for (const name of names.filter((each) => each.endsWith(".crt"))) {
    authorities.push(await readCertificate(join(folder, name)));
  }
  const [certificate, ...others] = names.filter((each) => each.endsWith(".cert"));
  if (others.length > 0) {
    throw new TrustError("INPUT_INVALID", "There is more than one client certificate: leave one.", {
      file: folder,
    });
  }
  return {
    ...(authorities.length === 0 ? {} : { ca: [...nodeAuthorities(), ...authorities].join("\n") }),
    ...(certificate === undefined ? {} : { clientCertificate: await readPair(join(folder, certificate)) }),
  };
}

/** Node before 22.15 does not tell those of `NODE_EXTRA_CA_CERTS`: there they do not count beside a folder of Docker's. */
function nodeAuthorities(): readonly string[] {
  const { getCACertificates, rootCertificates }: Authorities = tls;
  return getCACertificates?.("default") ?? rootCertificates;
}

interface Authorities {
  readonly getCACertificates?: (kind: "default") => readonly string[];
  readonly rootCertificates: readonly string[];
}

async function readPair(file: string): Promise<ClientCertificate> {
  const certificate = await readCertificate(file);
  return { certificate, key: await readPem(`${file.slice(0, -".cert".length)}.key`) };
}

/** In order of their names; undefined if there is no such folder. */
async function namesIn(folder: string): Promise<readonly string[] | undefined> {
  const names: string[] = [];
  try {
    for await (const { name } of await opendir(folder)) {
      names.push(name);
      if (names.length > mostEntries) {
        throw new TrustError("INPUT_INVALID", `There are more than ${mostEntries} files.`, { file: folder });
      }
    }
  } catch (error) {
    if (error instanceof TrustError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw unreadable(folder, error);
  }
  return names.sort();
}

async function readCertificate(file: string): Promise<string> {
  const pem = await readPem(file);
  try {
    new X509Certificate(pem);
  } catch (error) {
    throw new TrustError("INPUT_INVALID", "It holds no certificate in PEM.", { file, cause: error });
  }
  return pem;
}

async function readPem(file: string): Promise<string> {
  try {
    const found = await stat(file);
    if (!found.isFile() || found.size > largestPem) {
      throw new TrustError("INPUT_INVALID", "It is not a file of at most 1 MiB.", { file });
    }
    return await readFile(file, "utf8");
  } catch (error) {
    throw error instanceof TrustError ? error : unreadable(file, error);
  }
}

function unreadable(file: string, error: unknown): TrustError {
  const { code } = error as NodeJS.ErrnoException;
  return new TrustError("FILE_UNREADABLE", `It cannot be read (${code}).`, { file, cause: error });
}
