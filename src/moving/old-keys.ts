/**
 * Keys of an old signer, out of the rows of its database (notary-protocol.md 5.4).
 *
 * - A row is believed in nothing: what opens must be a private key of the public half beside it, and that half must have the ID
 *   of the row.
 * - Algorithms are those that the signer wrote, and the number of iterations is bounded: a row cannot choose what is computed.
 * - Rows that were deleted stay in the table; they are no keys any more.
 */
import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { compactDecrypt } from "jose";
import { notaryKeyId } from "../core/keys.ts";
import type { Row } from "./databases/dump.ts";
import { DatabaseError, OldKeyError } from "./databases/errors.ts";
import type { PrivateKeyColumn } from "./databases/tables.ts";
import { type OldPassphrases, shown } from "./old-passphrases.ts";

/** A row that may hold a key. */
export interface LockedKey {
  readonly keyId: string;
  /** Empty in a table of before Notary 0.3. */
  readonly repository: string;
  readonly role: string;
  readonly algorithm: string;
  readonly alias: string;
  readonly publicKey: Buffer;
  /** A compact JWE. */
  readonly sealed: string;
}

export interface OldKey {
  readonly keyId: string;
  readonly keytype: "ecdsa" | "ed25519";
  /** As metadata has it. */
  readonly publicKey: string;
  /** DER, to be wiped. */
  readonly pkcs8: Buffer;
}

/** Rows of a table, deleted ones included, and bytes of all of them. */
const mostKeys = 500_000;
const mostBytes = 512 * 1_024 * 1_024;
const longestSealed = 16_384;
/** Iterations: the signer writes 8,192. */
const mostIterations = 10_000;
/** Keys of an alias, from all over the table, that do not open before its passphrase is taken to be the wrong one. */
const patience = 200;

/** All keys that were not deleted. Throws `DatabaseError`. */
export async function readLockedKeys(
  rows: AsyncIterable<Row<PrivateKeyColumn>>,
): Promise<readonly LockedKey[]> {
  const keys: LockedKey[] = [];
  let [count, bytes] = [0, 0];
  for await (const row of rows) {
    for (const value of row.values()) bytes += value?.length ?? 0;
    if (++count > mostKeys || bytes > mostBytes) {
      throw new DatabaseError(
        "DATABASE_FOREIGN",
        `The table private_keys is larger than ${mostKeys} rows or ${mostBytes} bytes, which no signer needs.`,
      );
    }
    if (row.get("deleted_at") === null) keys.push(lockedKey(row));
  }
  return keys;
}

function lockedKey(row: Row<PrivateKeyColumn>): LockedKey {
  const text = (column: PrivateKeyColumn) => row.get(column)?.toString("utf8") ?? "";
  return {
    keyId: text("key_id"),
    repository: text("gun"),
    role: text("role"),
    algorithm: text("algorithm"),
    alias: text("passphrase_alias"),
    publicKey: row.get("public") ?? Buffer.alloc(0),
    sealed: text("private"),
  };
}

export interface Opened {
  readonly keys: readonly OldKey[];
  /** Keys that are damaged, although their passphrase is right. */
  readonly damaged: ReadonlyMap<string, OldKeyError>;
}

/**
 * Opens keys. Throws `OLD_PASSPHRASE_MISSING`, `OLD_PASSPHRASE_UNREADABLE`, and `OLD_PASSPHRASE_WRONG` for an alias of which nothing
 * opens; then nothing stays open.
 */
export async function openKeys(locked: readonly LockedKey[], passphrases: OldPassphrases): Promise<Opened> {
  const keys: OldKey[] = [];
  const damaged = new Map<string, OldKeyError>();
  try {
    for (const [alias, own] of Map.groupBy(locked, (key) => key.alias)) {
      const shut: LockedKey[] = [];
      let isProven = false;
      for (const key of spread(own)) {
        const plain = await decrypt(key, passphrases.of(alias));
        if (plain === undefined) shut.push(key);
        else keep(key, plain, keys, damaged);
        isProven ||= plain !== undefined;
        if (!isProven && shut.length >= Math.min(patience, own.length)) throw wrongPassphrase(alias);
      }
      for (const key of shut) damaged.set(key.keyId, otherPassphrase(key));
    }
    return { keys, damaged };
  } catch (error) {
    for (const { pkcs8 } of keys) pkcs8.fill(0);
    throw error;
  }
}

/** Some from all over the table first: a passphrase that was changed on the way opens those of before or of after it. */
function spread(keys: readonly LockedKey[]): readonly LockedKey[] {
  if (keys.length <= patience) return keys;
  const first = new Set(Array.from({ length: patience }, (_, i) => Math.floor((i * keys.length) / patience)));
  return [...keys.filter((_, index) => first.has(index)), ...keys.filter((_, index) => !first.has(index))];
}

/** One that opens and is not what its row says is damaged. */
function keep(key: LockedKey, plain: Uint8Array, keys: OldKey[], damaged: Map<string, OldKeyError>): void {
  try {
    keys.push(checked(key, plain));
  } catch (error) {
    if (!(error instanceof OldKeyError)) throw error;
    damaged.set(key.keyId, error);
  } finally {
    plain.fill(0);
  }
}

/** Undefined: none of the passphrases is the one, or the row is damaged. */
async function decrypt(
  { sealed }: LockedKey,
  passphrases: readonly Uint8Array[],
): Promise<Uint8Array | undefined> {
  if (sealed.length > longestSealed) return undefined;
  for (const passphrase of passphrases) {
    try {
      const { plaintext } = await compactDecrypt(sealed, passphrase, {
        keyManagementAlgorithms: ["PBES2-HS256+A128KW"],
        contentEncryptionAlgorithms: ["A256GCM"],
        maxPBES2Count: mostIterations,
      });
      return plaintext;
    } catch {
      // Another may open it.
    }
  }
  return undefined;
}

function checked(key: LockedKey, plain: Uint8Array): OldKey {
  const { keyId, algorithm, publicKey } = key;
  if (algorithm !== "ecdsa" && algorithm !== "ed25519")
    throw damage(key, "its algorithm is none of a signer's");
  const text = publicKey.toString("base64");
  if (notaryKeyId(algorithm, text) !== keyId) throw damage(key, "its public half has another ID");
  const [privateKey, half] = algorithm === "ecdsa" ? openEcdsa(key, plain) : openEd25519(key, plain);
  if (!half.equals(publicKey)) throw damage(key, "its private half is of another key");
  return {
    keyId,
    keytype: algorithm,
    publicKey: text,
    pkcs8: privateKey.export({ format: "der", type: "pkcs8" }),
  };
}

/** SEC 1 (`ECPrivateKey`), always on P-256. */
function openEcdsa(key: LockedKey, plain: Uint8Array): readonly [KeyObject, Buffer] {
  const privateKey = opened(key, () =>
    createPrivateKey({
      key: Buffer.from(plain.buffer, plain.byteOffset, plain.length),
      format: "der",
      type: "sec1",
    }),
  );
  if (privateKey.asymmetricKeyDetails?.namedCurve !== "prime256v1") throw damage(key, "it is not on P-256");
  return [privateKey, createPublicKey(privateKey).export({ format: "der", type: "spki" })];
}

const ed25519Length = 96;

/** Public half, seed, and the public half again. */
function openEd25519(key: LockedKey, plain: Uint8Array): readonly [KeyObject, Buffer] {
  if (plain.length !== ed25519Length)
    throw damage(key, `an ed25519 key of a signer has ${ed25519Length} bytes`);
  const [half, seed, again] = [plain.subarray(0, 32), plain.subarray(32, 64), plain.subarray(64)];
  if (Buffer.compare(half, again) !== 0) throw damage(key, "its two public halves differ");
  const encoded = Buffer.concat([ed25519Prefix, seed]);
  try {
    const privateKey = opened(key, () => createPrivateKey({ key: encoded, format: "der", type: "pkcs8" }));
    return [privateKey, createPublicKey(privateKey).export({ format: "der", type: "spki" }).subarray(-32)];
  } finally {
    encoded.fill(0);
  }
}

/** What stands before the seed in PKCS#8 (RFC 8410, section 7). */
const ed25519Prefix = Buffer.from("302e020100300506032b657004220420", "hex");

function opened(key: LockedKey, open: () => KeyObject): KeyObject {
  try {
    return open();
  } catch (cause) {
    throw damage(key, "its private half is no such key", cause);
  }
}

function damage(key: LockedKey, what: string, cause?: unknown): OldKeyError {
  return new OldKeyError(
    "OLD_KEY_DAMAGED",
    `The old signer's key ${idOf(key)} cannot be used (${what}): adopt its repository with a new root, vidimus adopt.`,
    cause,
  );
}

/** Damage and a passphrase of another time look the same. */
function otherPassphrase(key: LockedKey): OldKeyError {
  return new OldKeyError(
    "OLD_KEY_DAMAGED",
    `The old signer's key ${idOf(key)} does not open with the passphrase that opens others of alias ${shown(key.alias)}: give the one of its time as well (--old-passphrase may be repeated), or adopt its repository with a new root, vidimus adopt.`,
  );
}

function wrongPassphrase(alias: string): OldKeyError {
  return new OldKeyError(
    "OLD_PASSPHRASE_WRONG",
    `The passphrase of alias ${shown(alias)} opens none of the old signer's keys: give the one that the old signer was started with.`,
  );
}

function idOf({ keyId }: LockedKey): string {
  return /^[0-9a-f]{64}$/.test(keyId) ? keyId : "without an ID";
}
