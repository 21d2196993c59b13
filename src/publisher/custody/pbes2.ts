/**
 * EncryptedPrivateKeyInfo by PBES2 with PBKDF2 (RFC 8018): what the stock clients, OpenSSL and ssh-keygen write.
 *
 * The platform opens most of it, but runs as many iterations as the file says, and gives nothing for the stock clients'
 * own form of Ed25519 inside. So the parameters are read here, and bounded before anything is derived.
 *
 * There is no MAC: a wrong passphrase and a damaged file both end in bytes that are no key.
 */
import { createCipheriv, createDecipheriv, pbkdf2, randomBytes } from "node:crypto";
import { promisify } from "node:util";
import * as asn1 from "asn1js";
import { KeyError } from "./errors.ts";

const pbes2 = "1.2.840.113549.1.5.13";
const pbkdf2Id = "1.2.840.113549.1.5.12";
const aes256 = "2.16.840.1.101.3.4.1.42";
const hmacSha1 = "1.2.840.113549.2.7";

const ciphers = new Map<string, { readonly name: string; readonly key: number; readonly iv: number }>([
  ["2.16.840.1.101.3.4.1.2", { name: "aes-128-cbc", key: 16, iv: 16 }],
  ["2.16.840.1.101.3.4.1.22", { name: "aes-192-cbc", key: 24, iv: 16 }],
  [aes256, { name: "aes-256-cbc", key: 32, iv: 16 }],
  ["1.2.840.113549.3.7", { name: "des-ede3-cbc", key: 24, iv: 8 }],
]);

const hashes = new Map([
  [hmacSha1, "sha1"],
  ["1.2.840.113549.2.9", "sha256"],
  ["1.2.840.113549.2.10", "sha384"],
  ["1.2.840.113549.2.11", "sha512"],
]);

/** Some seconds of work. */
const mostIterations = 10_000_000;
const longestSalt = 1_024;

/**
 * What is written here. The stock clients write 2048 iterations, and read any number: this one costs them, and whoever
 * guesses, two tenths of a second.
 */
const writtenIterations = 600_000;
/** What the stock clients write, for tests, which derive often. */
export const testingOnlyIterations = 2_048;

const derive = promisify(pbkdf2);

/** How some bytes are encrypted. */
interface Sealed {
  readonly cipher: { readonly name: string; readonly key: number };
  readonly iv: Buffer;
  readonly hash: string;
  readonly salt: Buffer;
  readonly iterations: number;
  readonly content: Buffer;
}

/** Throws `KEY_FILE_DAMAGED` for what is no such structure, `KEY_UNSUPPORTED` for another encryption. */
export function readSealed(der: Buffer): Sealed {
  const [algorithm, content] = sequence(asn1.fromBER(Uint8Array.from(der).buffer).result, 2);
  const [scheme, parameters] = sequence(algorithm, 2);
  if (identifier(scheme) !== pbes2) throw unsupported();
  const [derivation, encryption] = sequence(parameters, 2);
  const [derivationId, derivationParameters] = sequence(derivation, 2);
  if (identifier(derivationId) !== pbkdf2Id) throw unsupported();
  const [salt, count, ...others] = sequence(derivationParameters, 2);
  const [cipherId, iv] = sequence(encryption, 2);
  const cipher = ciphers.get(identifier(cipherId));
  const hash = hashes.get(hashIdOf(others));
  if (cipher === undefined || hash === undefined) throw unsupported();
  const iterations = count instanceof asn1.Integer ? Number(count.toBigInt()) : 0;
  if (!(iterations >= 1)) throw damaged();
  if (iterations > mostIterations) {
    throw new KeyError(
      "KEY_UNSUPPORTED",
      `The key file asks for ${iterations} iterations, more than ${mostIterations}: encrypt it anew with openssl pkcs8.`,
    );
  }
  const sealed = { cipher, iv: octets(iv), hash, salt: octets(salt), iterations, content: octets(content) };
  if (sealed.iv.length !== cipher.iv || sealed.salt.length > longestSalt || sealed.content.length === 0) {
    throw damaged();
  }
  return sealed;
}

/** What was encrypted, to be wiped after use; undefined where the passphrase does not even give the right padding. */
export async function openSealed(sealed: Sealed, passphrase: Uint8Array): Promise<Buffer | undefined> {
  const { cipher, iv, hash, salt, iterations, content } = sealed;
  const key = await derive(passphrase, salt, iterations, cipher.key, hash);
  const parts: Buffer[] = [];
  try {
    const decipher = createDecipheriv(cipher.name, key, iv);
    parts.push(decipher.update(content));
    parts.push(decipher.final());
    return Buffer.concat(parts);
  } catch {
    return undefined;
  } finally {
    for (const each of [key, ...parts]) each.fill(0);
  }
}

/** As the stock clients read it: PBKDF2 with HMAC-SHA-1, AES-256-CBC. */
export async function seal(
  content: Uint8Array,
  passphrase: Uint8Array,
  iterations = writtenIterations,
): Promise<Buffer> {
  const [salt, iv] = [randomBytes(16), randomBytes(16)];
  const key = await derive(passphrase, salt, iterations, 32, "sha1");
  try {
    const cipher = createCipheriv("aes-256-cbc", key, iv);
    const encrypted = Buffer.concat([cipher.update(content), cipher.final()]);
    const derivation = [bytes(salt), new asn1.Integer({ value: iterations })];
    const parameters = [algorithm(pbkdf2Id, group(derivation)), algorithm(aes256, bytes(iv))];
    return Buffer.from(group([algorithm(pbes2, group(parameters)), bytes(encrypted)]).toBER());
  } finally {
    key.fill(0);
  }
}

function hashIdOf(others: readonly unknown[]): string {
  // Key length and hash are optional, in this order.
  const last = others.at(-1);
  return last instanceof asn1.Sequence ? identifier(last.valueBlock.value[0]) : hmacSha1;
}

function sequence(block: unknown, least: number): readonly unknown[] {
  if (!(block instanceof asn1.Sequence) || block.valueBlock.value.length < least) throw damaged();
  return block.valueBlock.value;
}

function identifier(block: unknown): string {
  if (!(block instanceof asn1.ObjectIdentifier)) throw damaged();
  return block.valueBlock.toString();
}

function octets(block: unknown): Buffer {
  if (!(block instanceof asn1.OctetString)) throw damaged();
  return Buffer.from(block.getValue());
}

function bytes(content: Uint8Array): asn1.OctetString {
  return new asn1.OctetString({ valueHex: Uint8Array.from(content).buffer });
}

function group(value: readonly asn1.AsnType[]): asn1.Sequence {
  return new asn1.Sequence({ value: [...value] });
}

function algorithm(id: string, parameters: asn1.AsnType): asn1.Sequence {
  return group([new asn1.ObjectIdentifier({ value: id }), parameters]);
}

function damaged(): KeyError {
  return new KeyError("KEY_FILE_DAMAGED", "The encrypted key is damaged: restore a copy of its file.");
}

function unsupported(): KeyError {
  return new KeyError(
    "KEY_UNSUPPORTED",
    "The key is encrypted in a way that is not read here: encrypt it anew with openssl pkcs8 -topk8 -v2 aes-256-cbc.",
  );
}
