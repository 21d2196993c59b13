/**
 * The stock clients' folder of keys (notary-protocol.md 7.1, 7.2): `private/<key ID>.key` in a trust directory such as
 * `~/.docker/trust` or `~/.notary`. Files that are written here are read by those clients, and the other way round.
 *
 * - An encrypted file says its role and ID, but neither its algorithm nor its public key before it is opened.
 * - What opens must be the key that the file's name says, `KEY_FILE_DAMAGED` otherwise.
 * - The format cannot tell a wrong passphrase from a damaged file: both are `PASSPHRASE_WRONG`.
 */
import { join } from "node:path";
import { isHex } from "../../core/bytes.ts";
import type { KeyInfo, OpenKey, Secret, Unlocking } from "./custody.ts";
import { aboutKey, inFile, KeyError } from "./errors.ts";
import {
  type KeyStore,
  type NewKey,
  namesIn,
  readKeyFile,
  refuseExisting,
  type TakenKey,
  unknownKey,
  writeKey,
} from "./key-store.ts";
import { type KeyText, readKeyTexts, writeKeyText } from "./key-text.ts";
import { listedOf, openedKey } from "./private-key.ts";
import { unlock } from "./unlock.ts";

const doubt = ", or its file is damaged, which this format does not tell";

interface Found {
  readonly path: string;
  readonly text: KeyText;
  readonly info: KeyInfo;
}

export class TrustFolder implements KeyStore {
  /** `private` in the trust directory. */
  readonly folder: string;
  readonly #iterations: number | undefined;

  /** @param testingOnlyIterations what new files cost to open, less than is right for real keys */
  constructor(trustDirectory: string, testingOnlyIterations?: number) {
    this.folder = join(trustDirectory, "private");
    this.#iterations = testingOnlyIterations;
  }

  async list(): Promise<readonly KeyInfo[]> {
    return (await this.#read()).filter((each): each is KeyInfo => !(each instanceof KeyError));
  }

  async faults(): Promise<readonly KeyError[]> {
    return (await this.#read()).filter((each) => each instanceof KeyError);
  }

  async open(id: string, unlocking: Unlocking): Promise<OpenKey> {
    const { info, key, secret } = await this.take(id, unlocking);
    secret?.fill(0);
    const listed = listedOf(key);
    return openedKey({ ...info, listed, algorithm: listed.keytype }, key);
  }

  async take(id: string, unlocking: Unlocking): Promise<TakenKey> {
    const found = await this.#find(id);
    const { key, secret } = await this.#unlock(found, unlocking);
    const listed = listedOf(key);
    const info = { ...found.info, listed, algorithm: listed.keytype };
    return { info, key, secret, name: "", role: info.role, repository: info.repository };
  }

  async add({ key, role, repository }: NewKey, secret: Secret): Promise<KeyInfo> {
    const { id } = listedOf(key);
    if (role === undefined) {
      throw new KeyError("KEY_UNSUPPORTED", "In the stock clients' folder each key has a role: say which.");
    }
    const path = this.#pathOf(id);
    await refuseExisting(path);
    const text = await writeKeyText(key, "notary", { role, repository }, secret, this.#iterations);
    await writeKey(this.folder, path, Buffer.from(text), "new");
    return (await this.#find(id)).info;
  }

  async reseal(id: string, unlocking: Unlocking, secretOf: () => Promise<Secret>): Promise<KeyInfo> {
    const found = await this.#find(id);
    const { key, secret: old } = await this.#unlock(found, unlocking);
    old?.fill(0);
    const secret = await secretOf();
    try {
      const hints = { role: found.info.role, repository: found.info.repository };
      const text = await writeKeyText(key, "notary", hints, secret, this.#iterations);
      await writeKey(this.folder, found.path, Buffer.from(text), "replace");
    } finally {
      secret.fill(0);
    }
    return (await this.#find(id)).info;
  }

  async close(): Promise<void> {}

  async #read(): Promise<readonly (KeyInfo | KeyError)[]> {
    const all: (KeyInfo | KeyError)[] = [];
    // One after the other: of ten thousand files not all can be open at once.
    for (const name of await namesIn(this.folder, ".key")) {
      try {
        all.push((await this.#find(name.slice(0, -".key".length))).info);
      } catch (error) {
        if (!(error instanceof KeyError)) throw error;
        const id = name.slice(0, -".key".length);
        all.push(error.code === "KEY_UNKNOWN" ? oldName(join(this.folder, name)) : aboutKey(error, id));
      }
    }
    return all;
  }

  async #find(id: string): Promise<Found> {
    // Nothing else becomes part of a path.
    if (!isHex(id, 32)) throw unknownKey(id, this.folder);
    const path = this.#pathOf(id);
    const bytes = await readKeyFile(path);
    if (bytes === undefined) throw unknownKey(id, this.folder);
    try {
      const [text, ...others] = inFile(path, () => readKeyTexts(bytes.toString("latin1")));
      if (text === undefined || others.length > 0) {
        throw new KeyError(
          "KEY_FILE_DAMAGED",
          `${path} holds more than one key: it must hold the one of its name.`,
        );
      }
      return { path, text, info: infoOf(id, text, path) };
    } finally {
      bytes.fill(0);
    }
  }

  async #unlock({ info, text, path }: Found, unlocking: Unlocking) {
    if (text.key !== undefined) return { key: text.key, secret: undefined };
    return await unlock(
      info,
      unlocking,
      async (tried) => {
        const key = await text.open(tried);
        if (key === undefined) return undefined;
        checkId(info.id, key, path);
        return { key, secret: Buffer.from(tried) };
      },
      doubt,
    );
  }

  #pathOf(id: string): string {
    return join(this.folder, `${id}.key`);
  }
}

function oldName(path: string): KeyError {
  return new KeyError(
    "KEY_UNSUPPORTED",
    `${path} is not named by a key ID, so nothing looks for a key in it: take it in with vidimus key import.`,
  );
}

function infoOf(id: string, { key, role, repository }: KeyText, path: string): KeyInfo {
  const listed = key === undefined ? undefined : checkId(id, key, path);
  const algorithm = listed?.keytype;
  const said = { id, algorithm, listed, name: "", role, repository, place: path };
  return key === undefined ? { ...said, locked: true, passphrase: true } : { ...said, locked: false };
}

function checkId(id: string, key: NonNullable<KeyText["key"]>, path: string) {
  const listed = inFile(path, () => listedOf(key));
  if (listed.id === id) return listed;
  throw new KeyError(
    "KEY_FILE_DAMAGED",
    `${path} holds the key ${listed.id}, and not the one of its name.`,
    undefined,
    [id, listed.id],
  );
}
