/** Opens the sealed keys of this configuration's store. Whatever secret was read on the way is wiped. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "../config.ts";
import { SignerError } from "../core/errors.ts";
import type { Signer } from "../signer/signer.ts";
import type { Store } from "../store/contract/store.ts";

/** In the data directory: the secret that is made where none is configured. */
export const secretFile = "kek";

/** Where the key-encryption secret lies. */
export function secretSource(config: Config, directory: string): string {
  return config.signer.secret ?? `file:${join(directory, secretFile)}`;
}

/**
 * Sentences about a secret name no place, for somebody may have put the secret itself there. The key file of the data
 * directory is named here, and of what is configured its key.
 */
export async function namingSecret<T>(config: Config, directory: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof SignerError) || !["BAD_SECRET", "WRONG_SECRET"].includes(error.code)) throw error;
    const place =
      config.signer.secret === undefined ? join(directory, secretFile) : "what signer.secret names";
    throw new SignerError(error.code, `The key-encryption secret, ${place}: ${error.message}`, {
      cause: error,
    });
  }
}

/**
 * For whoever signs. On the first start of a store its keyring and, by default, the secret are made; after a `rekey` that
 * was cut off the new key file takes its place. Throws `SignerError`, and what the store throws.
 */
export async function openSigner(
  config: Config,
  directory: string,
  store: Store,
  readOnly: boolean,
): Promise<Signer> {
  if (readOnly) {
    const { absentSigner } = await import("../signer/absent.ts");
    return absentSigner;
  }
  const stored = await store.keyring();
  if (stored !== undefined) return await openKeyring(config, directory, stored, { settle: true });
  const { createKeyFile, readSecret, wipeSecret } = await import("../signer/secret.ts");
  const { createSealedRecord, openSealed } = await import("../signer/sealed.ts");
  const file = join(directory, secretFile);
  // With a keyring in the store a lost secret is restored from the back-up: a new one would open nothing.
  if (config.signer.secret === undefined && !existsSync(file)) createKeyFile(file);
  const secret = await namingSecret(config, directory, async () =>
    readSecret(secretSource(config, directory)),
  );
  try {
    const record = await store.createKeyring(await createSealedRecord(secret));
    return await openSealed({ secret, record });
  } finally {
    wipeSecret(secret);
  }
}

/**
 * The keys under a record that the store has, with the secret that opens it wherever a `rekey` that was cut off has left
 * that. `settle`: the key file is then put in its place; without, nothing is changed. Throws `SignerError`.
 */
export async function openKeyring(
  config: Config,
  directory: string,
  record: Uint8Array,
  { settle }: { readonly settle: boolean },
): Promise<Signer> {
  const { wipeSecret } = await import("../signer/secret.ts");
  const { openSealed, unlock } = await import("../signer/sealed.ts");
  return await namingSecret(config, directory, async () => {
    const secret = await unlock(secretSource(config, directory), record, { settle });
    try {
      return await openSealed({ secret, record });
    } finally {
      wipeSecret(secret);
    }
  });
}
