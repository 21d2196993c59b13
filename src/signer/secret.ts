/**
 * The key-encryption secret: where it comes from, and what it may look like.
 *
 * A source is one of `file:PATH`, `env:NAME`, `credential:NAME` (systemd) and `fd:N`. What it holds is either
 * `vidimus-kek-v1:` and 32 bytes in Base64 (a key), or anything else: a passphrase of at least 12 characters.
 * One line end at the very end does not count.
 *
 * - Secrets are concealed from `util.inspect`, `JSON.stringify` and spreading.
 * - A message never repeats a source or its content: a secret given in the place of a source stays a secret.
 * - A variable is removed from `process.env` once read; `/proc/<pid>/environ` keeps what the process was
 *   started with, for the same user.
 *
 * Everything here throws `BAD_SECRET`.
 */
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  linkSync,
  openSync,
  readSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { SignerError } from "../core/errors.ts";
import { sync } from "../durable.ts";

export type Secret =
  | { readonly kind: "key" /** 32 bytes. */; readonly bytes: Uint8Array }
  | { readonly kind: "passphrase"; readonly text: string };

const prefix = "vidimus-kek-v1:";
const keyLength = 32;
const minPassphrase = 12;
/** Bytes of a secret at most. */
const maxSecret = 4_096;

/** A random key, as `createKeyFile` writes it, or the caller's own 32 bytes. */
export function keySecret(bytes: Uint8Array): Secret {
  if (bytes.length !== keyLength) throw bad("A key-encryption key has 32 bytes.");
  return conceal({ kind: "key" }, "bytes", bytes);
}

export function passphraseSecret(text: string): Secret {
  if ([...text].length < minPassphrase) {
    throw bad(`The passphrase is too short: take at least ${minPassphrase} characters.`);
  }
  return conceal({ kind: "passphrase" }, "text", text);
}

/** Overwrites a key that is no longer needed. A passphrase is text, which nobody can overwrite. */
export function wipeSecret(secret: Secret): void {
  if (secret.kind === "key") secret.bytes.fill(0);
}

/** Reads a secret from its source, once: a variable or descriptor is used up by that. */
export function readSecret(source: string): Secret {
  const colon = source.indexOf(":");
  const place = source.slice(colon + 1);
  switch (source.slice(0, Math.max(colon, 0))) {
    case "file":
      return readFile(place, true);
    case "credential":
      return readCredential(place);
    case "env":
      return readVariable(place);
    case "fd":
      return readDescriptor(place);
    default:
      throw bad("The secret's source must begin with file:, env:, credential: or fd:.");
  }
}

/** As a file holds it; to be wiped after use. */
export function secretFileContent(secret: Secret): Buffer {
  const text =
    secret.kind === "key" ? `${prefix}${Buffer.from(secret.bytes).toString("base64")}` : secret.text;
  return Buffer.from(`${text}\n`);
}

/**
 * Writes a new random key to a file that does not exist yet, mode 0600, and syncs it and its directory. The
 * file appears with its whole content or not at all.
 */
export function createKeyFile(path: string): void {
  const unfinished = join(dirname(path), `.key-${randomBytes(8).toString("hex")}`);
  const content = Buffer.concat([
    Buffer.from(prefix),
    Buffer.from(randomBytes(keyLength).toString("base64")),
    newline,
  ]);
  try {
    const file = openSync(unfinished, "wx", 0o600);
    try {
      fchmodSync(file, 0o600);
      writeFileSync(file, content);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    linkSync(unfinished, path);
    sync(dirname(path));
  } catch (error) {
    const exists = (error as NodeJS.ErrnoException).code === "EEXIST";
    throw bad(
      exists
        ? "The key file exists already: it is never overwritten."
        : "The key file cannot be made: check the rights of its directory.",
      error,
    );
  } finally {
    content.fill(0);
    rmSync(unfinished, { force: true });
  }
}

const newline = Buffer.from("\n");
const carriageReturn = 0x0d;

/** `guarded`: only its owner may read the file. systemd guards credentials by their directory instead. */
function readFile(path: string, guarded: boolean): Secret {
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
    throw bad(
      isMissing
        ? "The secret's file is not there: put it back from where you keep it, or name another."
        : "The secret's file cannot be read: check its name and owner.",
      error,
    );
  }
  try {
    const { mode, uid, isFile } = describe(file);
    if (!isFile) throw bad("The secret's file is not a regular file.");
    if (guarded && (mode & 0o077) !== 0) {
      throw bad(
        "Others may read or write the secret's file: run chmod 600 on it, and consider it known to them.",
      );
    }
    if (guarded && uid !== 0 && uid !== process.geteuid?.()) {
      throw bad(
        "The secret's file belongs to another user: run chown on it, or start the server as that user.",
      );
    }
    return readAll(file);
  } finally {
    closeSync(file);
  }
}

function describe(file: number): { readonly mode: number; readonly uid: number; readonly isFile: boolean } {
  const stats = fstatSync(file);
  return { mode: stats.mode, uid: stats.uid, isFile: stats.isFile() };
}

function readCredential(name: string): Secret {
  const directory = process.env.CREDENTIALS_DIRECTORY;
  if (directory === undefined || directory === "") {
    throw bad("There is no credentials directory: this source works in a systemd unit with LoadCredential=.");
  }
  if (!/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,254}$/.test(name)) {
    throw bad("A credential's name has letters, digits, dots, dashes and underscores only.");
  }
  return readFile(join(directory, name), false);
}

function readVariable(name: string): Secret {
  const value = process.env[name];
  if (name === "" || value === undefined) throw bad("The secret's environment variable is not set.");
  delete process.env[name];
  return parse(Buffer.from(value, "utf8"));
}

function readDescriptor(number: string): Secret {
  if (!/^[0-9]{1,4}$/.test(number)) throw bad("A descriptor is a number from 0 to 9999.");
  const file = Number(number);
  try {
    return readAll(file);
  } finally {
    closeQuietly(file);
  }
}

function closeQuietly(file: number): void {
  try {
    closeSync(file);
  } catch {
    // It was not open; reading it has said so.
  }
}

function readAll(file: number): Secret {
  const buffer = Buffer.alloc(maxSecret + 1);
  let length = 0;
  try {
    for (let count = -1; count !== 0 && length < buffer.length; length += count) {
      count = readSync(file, buffer, length, buffer.length - length, null);
    }
  } catch (error) {
    buffer.fill(0);
    throw bad("The secret cannot be read from where it should come from.", error);
  }
  return parse(buffer.subarray(0, length));
}

/** Wipes `content`. A key never becomes text, for nobody can overwrite that. */
function parse(content: Buffer): Secret {
  try {
    if (content.length > maxSecret) throw bad(`A secret has at most ${maxSecret} bytes.`);
    const line = withoutLineEnd(content);
    if (line.length === 0) throw bad("The secret is empty.");
    const isKey = line.subarray(0, prefix.length).equals(Buffer.from(prefix));
    return isKey ? parseKey(line.subarray(prefix.length)) : passphraseSecret(decode(line));
  } finally {
    content.fill(0);
  }
}

function withoutLineEnd(content: Buffer): Buffer {
  const [last, before] = [content.at(-1), content.at(-2)];
  if (last !== newline[0]) return content;
  return content.subarray(0, before === carriageReturn ? -2 : -1);
}

function decode(content: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(content);
  } catch {
    throw bad("The secret is not text in UTF-8.");
  }
}

const alphabet = Buffer.from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
/** 32 bytes are 42 characters of six bits, one of four bits, and a filler. */
const keyCharacters = 43;

function parseKey(base64: Buffer): Secret {
  // A buffer of its own stays where it is; the engine moves small arrays about, and leaves copies behind.
  const bytes = new Uint8Array(new ArrayBuffer(keyLength));
  let [value, bits] = [0, 0];
  let isGood = base64.length === keyCharacters + 1 && base64[keyCharacters] === 0x3d;
  for (const [index, character] of base64.subarray(0, keyCharacters).entries()) {
    const six = alphabet.indexOf(character);
    if (six < 0) isGood = false;
    value = ((value << 6) | six) & 0xfff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes[Math.floor((index * 6) / 8)] = value >> bits;
  }
  // What is left over must be nothing, or two texts would be one key.
  if (isGood && (value & ((1 << bits) - 1)) === 0) return keySecret(bytes);
  bytes.fill(0);
  throw bad(`After ${prefix} the secret needs 32 bytes in Base64.`);
}

function conceal(
  shape: { readonly kind: Secret["kind"] },
  member: string,
  value: Uint8Array | string,
): Secret {
  return Object.freeze(Object.defineProperty({ ...shape }, member, { value, enumerable: false })) as Secret;
}

function bad(message: string, cause?: unknown): SignerError {
  return new SignerError("BAD_SECRET", message, cause === undefined ? {} : { cause });
}
