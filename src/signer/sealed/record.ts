/**
 * The signer's own record: a random data key, sealed under the key-encryption secret.
 *
 * Layout: "VIDR" · version 1 · kind (1 key, 2 passphrase) · for a passphrase: log2 N, r, p, salt (16 bytes) ·
 * nonce · box. The parameters of scrypt are bounded below and above before anything is derived, so that an
 * edited record can neither weaken the derivation nor exhaust the memory.
 */
import { Buffer } from "node:buffer";
import { randomBytes, scrypt } from "node:crypto";
import { promisify } from "node:util";
import { SignerError } from "../../core/errors.ts";
import type { Secret } from "../secret.ts";
import { boxKeyLength, boxOverhead, openBox, sealBox } from "./box.ts";

/** 128 MiB and about two thirds of a second, once at the start. */
const cost = { logN: 17, r: 8, p: 1 } as const;
/** 32 MiB to 256 MiB. */
const bounds = { logN: [15, 18], r: [8, 8], p: [1, 4] } as const;

const magic = Buffer.from("VIDR");
const version = 1;
const kinds = { key: 1, passphrase: 2 } as const;
const saltLength = 16;
const keyHeaderLength = magic.length + 2;
const passphraseHeaderLength = keyHeaderLength + 3 + saltLength;
/** What follows the header. */
const rest = boxOverhead + boxKeyLength;

const derive = promisify<
  string,
  Uint8Array,
  number,
  { N: number; r: number; p: number; maxmem: number },
  Buffer
>(scrypt);

/** A new record with a new data key: every key sealed under an earlier one is lost without that one. */
export async function createSealedRecord(secret: Secret): Promise<Uint8Array> {
  const dataKey = randomBytes(boxKeyLength);
  try {
    return await sealRecord(secret, dataKey);
  } finally {
    dataKey.fill(0);
  }
}

/**
 * The data key, to be wiped after use.
 *
 * `SEALED_KEY_DAMAGED`: not a record, or one outside the bounds. `WRONG_SECRET`: another secret (or a change
 * that cannot be told from one).
 */
export async function openRecord(secret: Secret, record: Uint8Array): Promise<Buffer> {
  const header = readHeader(record);
  if (header[5] !== kinds[secret.kind]) {
    const wanted = secret.kind === "key" ? "a passphrase" : "a key";
    throw wrong(`The online keys are sealed under ${wanted}, not under what was given: give that secret.`);
  }
  const wrappingKey = await wrappingKeyOf(secret, header);
  const dataKey = openBox(header, record, wrappingKey);
  wrappingKey.fill(0);
  if (dataKey !== undefined) return dataKey;
  throw wrong(
    "The secret is not the one that the online keys were sealed under: give that one, or restore its file.",
  );
}

/** Whether this secret is the record's. Throws `SEALED_KEY_DAMAGED` as `openRecord` does. */
export async function opensRecord(secret: Secret, record: Uint8Array): Promise<boolean> {
  try {
    (await openRecord(secret, record)).fill(0);
    return true;
  } catch (error) {
    if (error instanceof SignerError && error.code === "WRONG_SECRET") return false;
    throw error;
  }
}

/**
 * The same data key under another secret: what was sealed stays open to whoever has that one. Throws as `openRecord`
 * does for `from`, and what it gives was opened with `to`.
 */
export async function resealRecord(change: {
  readonly record: Uint8Array;
  readonly from: Secret;
  readonly to: Secret;
}): Promise<Uint8Array> {
  const dataKey = await openRecord(change.from, change.record);
  try {
    const resealed = await sealRecord(change.to, dataKey);
    (await openRecord(change.to, resealed)).fill(0);
    return resealed;
  } finally {
    dataKey.fill(0);
  }
}

async function sealRecord(secret: Secret, dataKey: Uint8Array): Promise<Uint8Array> {
  const header = makeHeader(secret.kind);
  const wrappingKey = await wrappingKeyOf(secret, header);
  try {
    return sealBox(header, dataKey, wrappingKey);
  } finally {
    wrappingKey.fill(0);
  }
}

function makeHeader(kind: Secret["kind"]): Buffer {
  const start = Buffer.from([...magic, version, kinds[kind]]);
  if (kind === "key") return start;
  return Buffer.concat([start, Buffer.from([cost.logN, cost.r, cost.p]), randomBytes(saltLength)]);
}

function readHeader(record: Uint8Array): Buffer {
  const bytes = Buffer.from(record);
  if (!bytes.subarray(0, magic.length).equals(magic)) throw damaged();
  if (bytes[4] !== version) throw damaged();
  const length = bytes[5] === kinds.key ? keyHeaderLength : passphraseHeaderLength;
  if (bytes[5] !== kinds.key && bytes[5] !== kinds.passphrase) throw damaged();
  if (bytes.length !== length + rest) throw damaged();
  return bytes.subarray(0, length);
}

/** In a buffer of its own, for the engine moves small arrays about and leaves copies behind. */
function copyOf(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(new ArrayBuffer(bytes.length));
  copy.set(bytes);
  return copy;
}

/** A fresh copy in every case: the caller wipes it. */
async function wrappingKeyOf(secret: Secret, header: Buffer): Promise<Uint8Array> {
  if (secret.kind === "key") return copyOf(secret.bytes);
  const [logN, r, p] = header.subarray(keyHeaderLength);
  const within = (value: number | undefined, [least, most]: readonly [number, number]): value is number =>
    value !== undefined && value >= least && value <= most;
  if (!within(logN, bounds.logN) || !within(r, bounds.r) || !within(p, bounds.p)) throw damaged();
  const N = 2 ** logN;
  const salt = header.subarray(keyHeaderLength + 3);
  try {
    return await derive(secret.text, salt, boxKeyLength, { N, r, p, maxmem: 128 * N * r * p + 1024 * 1024 });
  } catch (cause) {
    throw new SignerError(
      "SIGNER_UNAVAILABLE",
      "The passphrase could not be turned into a key: is there memory enough?",
      { cause },
    );
  }
}

function wrong(message: string): SignerError {
  return new SignerError("WRONG_SECRET", message);
}

function damaged(): SignerError {
  return new SignerError(
    "SEALED_KEY_DAMAGED",
    "The signer's record in the store is damaged or of another version: restore a backup of the store.",
  );
}
