/** Keys as a person names them on the command line: their own by name or ID, anybody's by the PEM file of the public part. */
import { createPublicKey, type KeyObject, X509Certificate } from "node:crypto";
import { existsSync } from "node:fs";
import { notary } from "../../core/format/notary.ts";
import { type ListedKey, notaryKeyId, openKey } from "../../core/keys.ts";
import type { OpenKey } from "../../publisher/custody/custody.ts";
import { EditError } from "../../publisher/errors.ts";
import { printable } from "../output.ts";
import type { Desk } from "./tools.ts";

const tenYears = 3_650 * 86_400_000;

/**
 * @param repository for its root, which lists keys in certificates that are made out to it (notary-protocol.md 7.4)
 * Throws `EDIT_IMPOSSIBLE`, and what the keyring throws.
 */
export async function listedKeys(
  words: readonly string[],
  desk: Desk,
  repository?: string,
): Promise<readonly ListedKey[]> {
  const listed: ListedKey[] = [];
  for (const word of words) {
    const isFile = existsSync(word) && /[./]/.test(word);
    listed.push(isFile ? inFile(word, desk, repository) : await ownKey(word, desk, repository));
  }
  return listed;
}

async function ownKey(
  word: string,
  { ring, passphrases, tools }: Desk,
  repository: string | undefined,
): Promise<ListedKey> {
  const { info } = await ring.find(word);
  if (repository === undefined && info.listed !== undefined) return info.listed;
  const key = await ring.open(info.id, passphrases);
  try {
    return repository === undefined ? key.info.listed : await certified(key, repository, tools.now());
  } finally {
    key.close();
  }
}

async function certified(key: OpenKey, repository: string, now: number): Promise<ListedKey> {
  // What makes certificates takes long to load, and is seldom wanted.
  const { makeRootCertificate } = await import("../../publisher/custody/certificates.ts");
  const { listed } = await makeRootCertificate(
    key,
    repository,
    new Date(now - 60_000),
    new Date(now + tenYears),
  );
  return listed;
}

function inCertificate(pem: string, keytype: string): ListedKey {
  const text = Buffer.from(pem, "latin1").toString("base64");
  const type = `${keytype}-x509`;
  return { id: notaryKeyId(type, text), keytype: type, public: text };
}

function inFile(path: string, { tools, readFile }: Desk, repository: string | undefined): ListedKey {
  const text = readFile(path);
  const isCertificate = text.includes("-----BEGIN CERTIFICATE-----");
  if (repository !== undefined) {
    if (!isCertificate) {
      throw new EditError(
        "EDIT_IMPOSSIBLE",
        `${printable(path)} holds no certificate, which a root of Notary lists its keys in: its owner makes one with vidimus key certificate KEY ${printable(repository)}.`,
      );
    }
    return rootCertificateIn(path, text, repository, tools.now());
  }
  try {
    const key = isCertificate ? new X509Certificate(text).publicKey : createPublicKey(publicBlock(text));
    return bare(key);
  } catch {
    throw new EditError("EDIT_IMPOSSIBLE", `${printable(path)} holds no public key or certificate in PEM.`);
  }
}

function rootCertificateIn(path: string, text: string, repository: string, now: number): ListedKey {
  let listed: ListedKey;
  try {
    const { publicKey } = new X509Certificate(text);
    listed = inCertificate(text, bare(publicKey).keytype);
    const key = openKey(listed);
    const fault = key === undefined ? "of an unknown kind" : notary.rootKeyFault(key, repository, now);
    if (fault === undefined) return listed;
    throw new EditError(
      "EDIT_IMPOSSIBLE",
      `The certificate in ${printable(path)} cannot sign the root of ${printable(repository)}: ${fault}`,
    );
  } catch (error) {
    if (error instanceof EditError) throw error;
    throw new EditError(
      "EDIT_IMPOSSIBLE",
      `${printable(path)} holds no certificate in PEM that can be read.`,
    );
  }
}

/** A private key has a public part, too, but belongs in no command like this. */
function publicBlock(text: string): string {
  const block = /-----BEGIN PUBLIC KEY-----[^-]+-----END PUBLIC KEY-----/.exec(text)?.[0];
  if (block === undefined) throw new Error("no public key");
  return block;
}

function bare(key: KeyObject): ListedKey {
  const isEd25519 = key.asymmetricKeyType === "ed25519";
  const keytype = isEd25519 ? "ed25519" : key.asymmetricKeyType === "rsa" ? "rsa" : "ecdsa";
  const bytes = isEd25519
    ? Buffer.from(key.export({ format: "jwk" }).x as string, "base64url")
    : key.export({ format: "der", type: "spki" });
  const text = bytes.toString("base64");
  const listed = { id: notaryKeyId(keytype, text), keytype, public: text };
  openKey(listed);
  return listed;
}
