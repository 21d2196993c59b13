/**
 * Files of keys from elsewhere, to be taken in: our own format, the stock clients' exports, PKCS#8 and what OpenSSL wrote
 * before it. A file may hold several keys.
 */
import type { KeyObject } from "node:crypto";
import { basename } from "node:path";
import type { KeyInfo, Unlocking } from "./custody.ts";
import { inFile, KeyError } from "./errors.ts";
import { parseKeyFile, unsealKey } from "./key-file.ts";
import type { SaidOfKey } from "./key-files.ts";
import { readKeyFile, type TakenKey } from "./key-store.ts";
import { type KeyText, readKeyTexts } from "./key-text.ts";
import { listedOf } from "./private-key.ts";
import { unlock } from "./unlock.ts";

const largest = 1_048_576;
const doubt = ", or the file is damaged, which its format does not tell";

/**
 * Every key of a file, opened.
 * @param said by the file's name and folder: what the file says itself goes before, and another ID is refused
 * Throws `KEY_FILE_UNREADABLE`, `KEY_FILE_DAMAGED`, `KEY_UNSUPPORTED`, `PASSPHRASE_MISSING`, `PASSPHRASE_WRONG`.
 */
export async function takeFile(
  path: string,
  unlocking: Unlocking,
  said: SaidOfKey = {},
): Promise<readonly TakenKey[]> {
  return await reading(path, async (bytes) =>
    isOurs(bytes) ? [await takeOurs(bytes, path, unlocking)] : await takeTexts(bytes, path, unlocking, said),
  );
}

/**
 * What a file says of its keys, of which nothing is opened. An `id` that nothing says is words for a person.
 * Throws as `takeFile`, but for passphrases.
 */
export async function listFile(path: string, said: SaidOfKey = {}): Promise<readonly KeyInfo[]> {
  return await reading(path, async (bytes) => {
    if (!isOurs(bytes)) {
      const texts = readTexts(bytes, path);
      return texts.map((text, index) => textInfo(text, path, numberOf(index, texts.length), said));
    }
    const { listed, name, role, repository } = parseKeyFile(bytes, path);
    return [{ ...infoOf(listed.id, path), algorithm: listed.keytype, listed, name, role, repository }];
  });
}

async function reading<T>(path: string, read: (bytes: Buffer) => Promise<T>): Promise<T> {
  const bytes = await readKeyFile(path, largest);
  if (bytes === undefined) {
    throw new KeyError("KEY_FILE_UNREADABLE", `There is no file ${path}: name one with a key in it.`);
  }
  try {
    return await read(bytes);
  } finally {
    bytes.fill(0);
  }
}

function isOurs(bytes: Buffer): boolean {
  return bytes[0] === 0x7b;
}

async function takeOurs(bytes: Buffer, path: string, unlocking: Unlocking): Promise<TakenKey> {
  const file = parseKeyFile(bytes, path);
  const { listed, name, role, repository } = file;
  const info = { ...infoOf(listed.id, path), algorithm: listed.keytype, listed, name, role, repository };
  return await unlock(info, unlocking, async (secret) => {
    const key = await unsealKey(file, secret, path);
    return key && { info, key, name, role, repository, secret: Buffer.from(secret) };
  });
}

async function takeTexts(
  bytes: Buffer,
  path: string,
  unlocking: Unlocking,
  said: SaidOfKey,
): Promise<readonly TakenKey[]> {
  const taken: TakenKey[] = [];
  const texts = readTexts(bytes, path);
  try {
    for (const [index, text] of texts.entries()) {
      const locked = textInfo(text, path, numberOf(index, texts.length), said);
      taken.push(await takeText(text, locked, text.id ?? said.id, unlocking));
    }
  } catch (error) {
    for (const { secret } of taken) secret?.fill(0);
    throw error;
  }
  return taken;
}

/** @param expected the ID that it must turn out to have */
async function takeText(
  text: KeyText,
  locked: KeyInfo,
  expected: string | undefined,
  unlocking: Unlocking,
): Promise<TakenKey> {
  const { place, role, repository } = locked;
  const taken = (key: KeyObject): TakenKey => {
    const listed = inFile(place, () => listedOf(key));
    if (expected !== undefined && expected !== listed.id) {
      throw new KeyError(
        "KEY_FILE_DAMAGED",
        `${place} says ${expected} of the key ${listed.id}: restore a copy of it.`,
      );
    }
    const info = { ...locked, id: listed.id, algorithm: listed.keytype, listed };
    return { info, key, name: "", role, repository, secret: undefined };
  };
  if (text.key !== undefined) return taken(text.key);
  return await unlock(
    locked,
    unlocking,
    async (tried) => {
      const opened = await text.open(tried);
      return opened && { ...taken(opened), secret: Buffer.from(tried) };
    },
    doubt,
  );
}

function numberOf(index: number, count: number): string {
  return count > 1 ? ` (key ${index + 1})` : "";
}

function textInfo(text: KeyText, path: string, number: string, said: SaidOfKey): KeyInfo {
  const { key } = text;
  const listed = key && inFile(path, () => listedOf(key));
  const known = listed?.id ?? text.id ?? said.id;
  return {
    ...infoOf(known ?? `of ${basename(path)}${number}`, path),
    algorithm: listed?.keytype,
    listed,
    role: text.role ?? said.role,
    repository: text.repository ?? said.repository,
    ...(listed !== undefined && { locked: false }),
  };
}

function readTexts(bytes: Buffer, path: string): readonly KeyText[] {
  return inFile(path, () => readKeyTexts(bytes.toString("latin1")));
}

function infoOf(id: string, place: string): KeyInfo {
  const unknown = {
    algorithm: undefined,
    listed: undefined,
    name: "",
    role: undefined,
    repository: undefined,
  };
  return { id, ...unknown, place, locked: true, passphrase: true };
}
