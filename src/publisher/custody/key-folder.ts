/**
 * Our own folder of keys: a file `<key ID>.json` for each (`key-file.ts`), 0600 in a folder 0700.
 *
 * Whatever else lies in the folder is left alone. A file that is damaged hides no other: it is a fault of the folder, and
 * opening it is refused with `KEY_FILE_DAMAGED`.
 */
import type { KeyObject } from "node:crypto";
import { join } from "node:path";
import { isHex } from "../../core/bytes.ts";
import type { KeyInfo, OpenKey, Secret, Unlocking } from "./custody.ts";
import { aboutKey, KeyError } from "./errors.ts";
import { type KeyFile, parseKeyFile, type ScryptCost, sealKey, unsealKey, writeKeyFile } from "./key-file.ts";
import { checkHint, checkName } from "./key-name.ts";
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
import { listedOf, openedKey } from "./private-key.ts";
import { unlock } from "./unlock.ts";

const fileName = /^[0-9a-f]{64}\.json$/;

export class KeyFolder implements KeyStore {
  readonly folder: string;
  readonly #cost: ScryptCost | undefined;

  /** @param testingOnly what new files cost to open, less than is right for real keys */
  constructor(folder: string, testingOnly?: ScryptCost) {
    this.folder = folder;
    this.#cost = testingOnly;
  }

  async list(): Promise<readonly KeyInfo[]> {
    return (await this.#read()).filter((each): each is KeyInfo => !(each instanceof KeyError));
  }

  async faults(): Promise<readonly KeyError[]> {
    return (await this.#read()).filter((each) => each instanceof KeyError);
  }

  async open(id: string, unlocking: Unlocking): Promise<OpenKey> {
    const { info, listed, key, secret } = await this.#unlock(id, unlocking);
    secret.fill(0);
    return openedKey({ ...info, listed, algorithm: listed.keytype }, key);
  }

  async take(id: string, unlocking: Unlocking): Promise<TakenKey> {
    const { info, key, secret } = await this.#unlock(id, unlocking);
    return { info, key, secret, name: info.name, role: info.role, repository: info.repository };
  }

  async add({ key, name, role, repository }: NewKey, secret: Secret): Promise<KeyInfo> {
    checkName(name);
    checkHint("role", role);
    checkHint("repository", repository);
    const listed = listedOf(key);
    const path = this.#pathOf(listed.id);
    await refuseExisting(path);
    const file = { listed, name, role, repository, seal: await sealKey(key, secret, this.#cost) };
    await writeKey(this.folder, path, writeKeyFile(file), "new");
    return infoOf(file, path);
  }

  async reseal(id: string, unlocking: Unlocking, secretOf: () => Promise<Secret>): Promise<KeyInfo> {
    const { file, path, key, secret: old } = await this.#unlock(id, unlocking);
    old.fill(0);
    const secret = await secretOf();
    try {
      await this.#replace(path, { ...file, seal: await sealKey(key, secret, this.#cost) });
    } finally {
      secret.fill(0);
    }
    return infoOf(file, path);
  }

  /** Nothing is opened for a name. Throws `KEY_UNKNOWN`, `KEY_FILE_DAMAGED`, `KEY_UNSUPPORTED`, `KEY_FILE_UNWRITABLE`. */
  async rename(id: string, name: string): Promise<KeyInfo> {
    checkName(name);
    const { file, path } = await this.#find(id);
    const renamed = { ...file, name };
    await this.#replace(path, renamed);
    return infoOf(renamed, path);
  }

  async close(): Promise<void> {}

  async #read(): Promise<readonly (KeyInfo | KeyError)[]> {
    const names = (await namesIn(this.folder, ".json")).filter((name) => fileName.test(name));
    const all: (KeyInfo | KeyError)[] = [];
    // One after the other: of ten thousand files not all can be open at once.
    for (const name of names) {
      try {
        const { file, path } = await this.#find(name.slice(0, 64));
        all.push(infoOf(file, path));
      } catch (error) {
        if (!(error instanceof KeyError)) throw error;
        all.push(aboutKey(error, name.slice(0, 64)));
      }
    }
    return all;
  }

  async #find(id: string): Promise<{ readonly file: KeyFile; readonly path: string }> {
    // Nothing else becomes part of a path.
    if (!isHex(id, 32)) throw unknownKey(id, this.folder);
    const path = this.#pathOf(id);
    const bytes = await readKeyFile(path);
    if (bytes === undefined) throw unknownKey(id, this.folder);
    const file = parseKeyFile(bytes, path);
    if (file.listed.id !== id) {
      throw new KeyError(
        "KEY_FILE_DAMAGED",
        `${path} is the file of the key ${file.listed.id}: rename it to that.`,
        undefined,
        [id, file.listed.id],
      );
    }
    return { file, path };
  }

  async #unlock(id: string, unlocking: Unlocking) {
    const { file, path } = await this.#find(id);
    const info = infoOf(file, path);
    const [key, secret] = await unlock(
      info,
      unlocking,
      async (tried): Promise<[KeyObject, Buffer] | undefined> => {
        const unsealed = await unsealKey(file, tried, path);
        return unsealed && [unsealed, Buffer.from(tried)];
      },
    );
    return { file, path, info, listed: file.listed, key, secret };
  }

  async #replace(path: string, file: KeyFile): Promise<void> {
    await writeKey(this.folder, path, writeKeyFile(file), "replace");
  }

  #pathOf(id: string): string {
    return join(this.folder, `${id}.json`);
  }
}

function infoOf({ listed, name, role, repository }: KeyFile, path: string): KeyInfo {
  const { id, keytype: algorithm } = listed;
  return { id, algorithm, listed, name, role, repository, place: path, locked: true, passphrase: true };
}
