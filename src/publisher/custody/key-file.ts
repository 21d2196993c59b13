/**
 * Our own file of one key: JSON with the public part in the clear and the private part sealed.
 *
 *     { "format": "vidimus-key/1", "id": …, "keytype": …, "public": …, "name": …, "role": …, "repository": …,
 *       "scrypt": { "logN": 17, "r": 8, "p": 1, "salt": … }, "sealed": …, "sum": … }
 *
 * - The private part is PKCS#8 in a NaCl secretbox under a key that scrypt makes of the passphrase.
 * - `sum` is the SHA-256 of the rest in canonical form: what a disk did to the file is known before anybody is asked for a
 *   passphrase. It proves nothing about who wrote the file. What does is the box: it opens by the right passphrase alone,
 *   and the key in it must be the one that the file names.
 * - Name, role and repository are words for people, and whoever may write the file may change them.
 * - The parameters of scrypt are bounded before anything is derived: an edited file can neither weaken the derivation nor
 *   exhaust the memory.
 */
import { type KeyObject, randomBytes, scrypt } from "node:crypto";
import { promisify } from "node:util";
import { decodeBase64, isHex, sha256Hex } from "../../core/bytes.ts";
import { canonicalBytes } from "../../core/canonical.ts";
import { VidimusError } from "../../core/errors.ts";
import { isObject, type Json, type JsonObject, member, parseJson } from "../../core/json.ts";
import { notaryKeyId } from "../../core/keys.ts";
import { boxKeyLength, openBox, sealBox } from "../../signer/sealed/box.ts";
import type { Secret } from "./custody.ts";
import { KeyError } from "./errors.ts";
import { readPkcs8, writePkcs8 } from "./pkcs8.ts";
import { type ListedBareKey, listedOf } from "./private-key.ts";

/** What scrypt is given: 128 MiB and about half a second. */
const cost = { logN: 17, r: 8, p: 1 } as const;
/** 32 MiB to 256 MiB. */
const bounds = { logN: [15, 18], r: [8, 8], p: [1, 4] } as const;
/** The cheapest that is read, for tests, which derive often. */
export const testingOnlyCost = { logN: 15, r: 8, p: 1 } as const;

export interface ScryptCost {
  readonly logN: number;
  readonly r: number;
  readonly p: number;
}

export interface KeyFile {
  readonly listed: ListedBareKey;
  /** Empty without a name. */
  readonly name: string;
  readonly role: string | undefined;
  readonly repository: string | undefined;
  readonly seal: ScryptCost & { readonly salt: Buffer; readonly box: Buffer };
}

const format = "vidimus-key/1";
const header = Buffer.from("vidimus-key/1\n");
const saltLength = 16;
const longestText = 255;
const longestPublic = 8_192;
const longestBox = 16_384;

const derive = promisify<
  Uint8Array,
  Uint8Array,
  number,
  { N: number; r: number; p: number; maxmem: number },
  Buffer
>(scrypt);

/** Throws `KEY_FILE_DAMAGED`, with `place` in its sentence. */
export function parseKeyFile(bytes: Uint8Array, place: string): KeyFile {
  let value: Json;
  try {
    value = parseJson(bytes.at(-1) === 0x0a ? bytes.subarray(0, -1) : bytes, {
      controlCharacters: false,
    }).value;
  } catch (error) {
    if (error instanceof VidimusError) throw damaged(place);
    throw error;
  }
  const file = isObject(value) ? read(value) : undefined;
  if (file === undefined) throw damaged(place);
  return file;
}

function read(object: JsonObject): KeyFile | undefined {
  const { sum, ...rest } = object;
  if (member(object, "format") !== format || sum !== sha256Hex(canonicalBytes(rest))) return undefined;
  const text = (name: string, most = longestText) => {
    const value = member(object, name);
    return typeof value === "string" && value.length <= most ? value : undefined;
  };
  const [id, keytype, publicText] = [text("id"), text("keytype"), text("public", longestPublic)];
  const scryptOf = member(object, "scrypt");
  const box = base64(member(object, "sealed"), longestBox);
  if (id === undefined || !isHex(id, 32) || publicText === undefined || box === undefined) return undefined;
  if (keytype !== "ecdsa" && keytype !== "ed25519" && keytype !== "rsa") return undefined;
  if (notaryKeyId(keytype, publicText) !== id || !isObject(scryptOf)) return undefined;
  const salt = base64(member(scryptOf, "salt"), 64);
  const [logN, r, p] = [member(scryptOf, "logN"), member(scryptOf, "r"), member(scryptOf, "p")];
  if (
    salt?.length !== saltLength ||
    !within(logN, bounds.logN) ||
    !within(r, bounds.r) ||
    !within(p, bounds.p)
  ) {
    return undefined;
  }
  return {
    listed: { id, keytype, public: publicText },
    name: text("name") ?? "",
    role: text("role"),
    repository: text("repository"),
    seal: { logN, r, p, salt, box },
  };
}

export function writeKeyFile({ listed, name, role, repository, seal }: KeyFile): Buffer {
  const { logN, r, p, salt, box } = seal;
  const object = {
    format,
    id: listed.id,
    keytype: listed.keytype,
    public: listed.public,
    ...(name === "" ? {} : { name }),
    ...(role === undefined ? {} : { role }),
    ...(repository === undefined ? {} : { repository }),
    scrypt: { logN, r, p, salt: salt.toString("base64") },
    sealed: box.toString("base64"),
  };
  const whole = { ...object, sum: sha256Hex(canonicalBytes(object)) };
  return Buffer.from(`${JSON.stringify(whole, null, 2)}\n`);
}

export async function sealKey(
  key: KeyObject,
  secret: Secret,
  at: ScryptCost = cost,
): Promise<KeyFile["seal"]> {
  const salt = randomBytes(saltLength);
  const boxKey = await boxKeyOf(secret, { ...at, salt });
  const pkcs8 = writePkcs8(key);
  try {
    return { ...at, salt, box: Buffer.from(sealBox(header, pkcs8, boxKey).subarray(header.length)) };
  } finally {
    pkcs8.fill(0);
    boxKey.fill(0);
  }
}

/** The key; undefined if the passphrase is wrong. Throws `KEY_FILE_DAMAGED` if the file names another key. */
export async function unsealKey(
  file: KeyFile,
  secret: Secret,
  place: string,
): Promise<KeyObject | undefined> {
  const boxKey = await boxKeyOf(secret, file.seal);
  const pkcs8 = openBox(header, Buffer.concat([header, file.seal.box]), boxKey);
  boxKey.fill(0);
  if (pkcs8 === undefined) return undefined;
  try {
    const key = readPkcs8(pkcs8);
    if (key === undefined || listedOf(key).id !== file.listed.id) throw damaged(place);
    return key;
  } finally {
    pkcs8.fill(0);
  }
}

async function boxKeyOf(
  secret: Secret,
  { logN, r, p, salt }: ScryptCost & { salt: Buffer },
): Promise<Buffer> {
  const N = 2 ** logN;
  return await derive(secret, salt, boxKeyLength, { N, r, p, maxmem: 128 * N * r * p + 1_048_576 });
}

function within(value: Json | undefined, [least, most]: readonly [number, number]): value is number {
  return typeof value === "number" && value >= least && value <= most;
}

function base64(value: Json | undefined, most: number): Buffer | undefined {
  if (typeof value !== "string" || value.length > most) return undefined;
  try {
    return decodeBase64(value, "member");
  } catch {
    return undefined;
  }
}

function damaged(place: string): KeyError {
  return new KeyError("KEY_FILE_DAMAGED", `The key file ${place} is damaged: restore a copy of it.`);
}
