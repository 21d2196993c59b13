/**
 * Files of keys from elsewhere, to be taken in: our own format, the stock clients' exports, PKCS#8 and what OpenSSL wrote
 * before it. A file may hold several keys.
 */
import { basename } from "node:path";
import type { KeyInfo, Unlocking } from "./custody.ts";
import { KeyError } from "./errors.ts";
import { parseKeyFile, unsealKey } from "./key-file.ts";
import { readKeyFile, type TakenKey } from "./key-store.ts";
import { readKeyTexts } from "./key-text.ts";
import { listedOf } from "./private-key.ts";
import { unlock } from "./unlock.ts";

const largest = 1_048_576;
const doubt = ", or the file is damaged, which its format does not tell";

/**
 * Every key of a file, opened.
 * Throws `KEY_FILE_UNREADABLE`, `KEY_FILE_DAMAGED`, `KEY_UNSUPPORTED`, `PASSPHRASE_MISSING`, `PASSPHRASE_WRONG`.
 */
export async function takeFile(path: string, unlocking: Unlocking): Promise<readonly TakenKey[]> {
  const bytes = await readKeyFile(path, largest);
  if (bytes === undefined) {
    throw new KeyError("KEY_FILE_UNREADABLE", `There is no file ${path}: name one with a key in it.`);
  }
  try {
    return bytes[0] === 0x7b
      ? [await takeOurs(bytes, path, unlocking)]
      : await takeTexts(bytes, path, unlocking);
  } finally {
    bytes.fill(0);
  }
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

async function takeTexts(bytes: Buffer, path: string, unlocking: Unlocking): Promise<readonly TakenKey[]> {
  const taken: TakenKey[] = [];
  const texts = readTexts(bytes, path);
  for (const [index, text] of texts.entries()) {
    const { role, repository } = text;
    const number = texts.length > 1 ? ` (key ${index + 1})` : "";
    const locked = { ...infoOf(text.id ?? `of ${basename(path)}${number}`, path), role, repository };
    const [key, secret] =
      text.key === undefined
        ? await unlock(
            locked,
            unlocking,
            async (tried) => {
              const opened = await text.open(tried);
              return opened && ([opened, Buffer.from(tried)] as const);
            },
            doubt,
          )
        : [text.key, undefined];
    const listed = listedOf(key);
    if (text.id !== undefined && text.id !== listed.id) {
      throw new KeyError(
        "KEY_FILE_DAMAGED",
        `${path} says ${text.id} of the key ${listed.id}: restore a copy of it.`,
      );
    }
    const info = {
      ...locked,
      id: listed.id,
      algorithm: listed.keytype,
      listed,
      locked: secret !== undefined,
    };
    taken.push({ info, key, name: "", role, repository, secret });
  }
  return taken;
}

function readTexts(bytes: Buffer, path: string) {
  try {
    return readKeyTexts(bytes.toString("latin1"));
  } catch (error) {
    if (!(error instanceof KeyError)) throw error;
    throw new KeyError(error.code, `${path}: ${error.message}`, error.cause);
  }
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
