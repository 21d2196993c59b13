/** Metadata as a client cached it or as a server hands it out, read without verifying. */

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fetchFrom } from "./https.ts";
import type { NotaryPerson } from "./notary.ts";
import type { TrustServerAddress } from "./trust-server.ts";

/** The members the scenarios look at; hashes are base64, as on the wire. */
export interface Metadata {
  readonly signatures: readonly { readonly keyid: string; readonly method: string }[];
  readonly signed: {
    readonly version: number;
    readonly keys?: Readonly<
      Record<string, { readonly keytype: string; readonly keyval: { readonly public: string } }>
    >;
    readonly roles?: Readonly<
      Record<string, { readonly keyids: readonly string[]; readonly threshold: number }>
    >;
    readonly meta?: Readonly<Record<string, { readonly hashes: { readonly sha256: string } }>>;
    readonly targets?: Readonly<
      Record<string, { readonly hashes: Readonly<Record<string, string>>; readonly custom?: unknown }>
    >;
  };
}

/** The person's cached file of a role. @throws when there is none. */
export function cachedMetadata(person: NotaryPerson, repository: string, role: string): Metadata {
  return JSON.parse(readFileSync(cachedFile(person, repository, role), "utf8")) as Metadata;
}

/** The path of a file of the repository, for instance `root.json` or `3.root.json`; `""` for the repository. */
export function metadataPath(repository: string, file: string): string {
  return `/v2/${repository}/_trust/tuf/${file}`;
}

/** The exact bytes of a file that must be there. @throws on any answer but 200. */
export async function served(server: TrustServerAddress, repository: string, file: string): Promise<Buffer> {
  const { status, body } = await fetchFrom(server, metadataPath(repository, file));
  if (status !== 200) throw new Error(`${file}: ${status}`);
  return body;
}

/** The current file of a role, parsed. */
export async function servedMetadata(
  server: TrustServerAddress,
  repository: string,
  role: string,
): Promise<Metadata> {
  return JSON.parse((await served(server, repository, `${role}.json`)).toString("utf8")) as Metadata;
}

export function sha256Hex(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function cachedFile(person: NotaryPerson, repository: string, role: string): string {
  return join(person.trustDirectory, "tuf", repository, "metadata", `${role}.json`);
}
