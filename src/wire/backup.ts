/** Backups of this configuration's store: brings together what `backup/` does with the store and the secret. */
import { resolve } from "node:path";
import type { CreateOptions } from "../backup/create.ts";
import { BackupError } from "../backup/errors.ts";
import type { Manifest } from "../backup/manifest.ts";
import type { RestoreOptions } from "../backup/restore.ts";
import type { StoreAccess } from "../backup/store-access.ts";
import type { VerifyOptions } from "../backup/verify.ts";
import type { Config } from "../config.ts";
import { SignerError } from "../core/errors.ts";
import { systemClock } from "../service/clock.ts";
import type { Secret } from "../signer/secret.ts";
import { namingSecret, secretSource } from "./signer.ts";
import { openStore } from "./store.ts";

export interface CreateRequest extends Pick<CreateOptions, "sealing" | "settings" | "version" | "write"> {
  /** Where the copy of the store lies meanwhile. Default: the data directory. */
  readonly place: string | undefined;
  readonly includeSecret: boolean;
}

/** Throws `BackupError`, `StoreError`, and with the secret `SignerError`. */
export async function createBackup(config: Config, request: CreateRequest): Promise<Manifest> {
  const { createBackup: create } = await import("../backup/create.ts");
  const { place, includeSecret, ...rest } = request;
  const directory = resolve(config.data);
  const secret = includeSecret ? await readSecretOf(config, directory) : undefined;
  try {
    const store = await storeAccess();
    return await create({
      ...rest,
      directory,
      store,
      place: place ?? directory,
      secret,
      now: systemClock.now,
    });
  } finally {
    secret?.fill(0);
  }
}

/** Throws `BackupError` and `StoreError`. */
export async function verifyBackup(request: Omit<VerifyOptions, "store">): Promise<Manifest> {
  const { verifyBackup: verify } = await import("../backup/verify.ts");
  return await verify({ ...request, store: await storeAccess() });
}

/** Throws `BackupError` and `StoreError`. */
export async function restoreBackup(request: Omit<RestoreOptions, "store">): Promise<Manifest> {
  const { restoreBackup: restore } = await import("../backup/restore.ts");
  return await restore({ ...request, store: await storeAccess() });
}

/** From a source as `signer.secret` has it. Throws `BACKUP_KEY_UNUSABLE`. */
export async function readPassphrase(source: string): Promise<string> {
  const { readSecret } = await import("../signer/secret.ts");
  return passphraseOf(() => readSecret(source));
}

/** What a person typed. Throws `BACKUP_KEY_UNUSABLE` if it is too short. */
export async function checkPassphrase(text: string): Promise<string> {
  const { passphraseSecret } = await import("../signer/secret.ts");
  return passphraseOf(() => passphraseSecret(text));
}

async function passphraseOf(read: () => Secret): Promise<string> {
  try {
    const secret = read();
    if (secret.kind === "passphrase") return secret.text;
  } catch (error) {
    if (!(error instanceof SignerError)) throw error;
    throw new BackupError("BACKUP_KEY_UNUSABLE", error.message, error);
  }
  throw new BackupError(
    "BACKUP_KEY_UNUSABLE",
    "The passphrase of the backup is a key-encryption key: take another, or whoever holds the backup's holds the server's.",
  );
}

/** The key-encryption secret as its file holds it, proven to be the store's. */
async function readSecretOf(config: Config, directory: string): Promise<Uint8Array> {
  const { secretFileContent, wipeSecret } = await import("../signer/secret.ts");
  const { openSealed, unlock } = await import("../signer/sealed.ts");
  const store = await openStore({ ...config, server: { ...config.server, readOnly: true } }, directory);
  try {
    const record = await store.keyring();
    if (record === undefined)
      throw new SignerError("BAD_SECRET", "This store has no key-encryption secret yet.");
    return await namingSecret(config, directory, async () => {
      const secret = await unlock(secretSource(config, directory), record, { settle: false });
      try {
        await (await openSealed({ secret, record })).close();
        return secretFileContent(secret);
      } finally {
        wipeSecret(secret);
      }
    });
  } finally {
    await store.close();
  }
}

async function storeAccess(): Promise<StoreAccess> {
  const { copyStore, hashCopy, inspectCopy } = await import("../store/sqlite/backup.ts");
  const { takeLock } = await import("../store/sqlite/lock.ts");
  return { copy: copyStore, inspect: inspectCopy, hash: hashCopy, takeLock };
}
