/**
 * The exchange of the key-encryption secret: the data key is sealed anew, the online keys stay what they are.
 *
 * Whenever it is cut off, either the old secret opens the record or the new one does, and that one can be had:
 *
 *   1. `made`      the new secret is at hand, durable, beside the old one
 *   2. `resealed`  the new record exists, in memory only
 *   3. `replaced`  the store holds the new record, durable: the old secret opens nothing any more
 *   4. `adopted`   the new key file has taken the old one's place
 *
 * Up to 3 the old secret is the one, from 3 on the new one. Between 3 and 4 a key file's successor is tried too, by
 * `unlock`, which then takes step 4.
 */
import { SignerError } from "../../core/errors.ts";
import {
  adoptSuccessor,
  createSuccessor,
  dropSuccessor,
  hasSuccessor,
  readSuccessor,
} from "../secret/successor.ts";
import { readSecret, type Secret, wipeSecret } from "../secret.ts";
import { openRecord, opensRecord, resealRecord } from "./record.ts";

export type ExchangeStep = "made" | "resealed" | "replaced" | "adopted";

export interface ExchangeOptions {
  /** Where the present secret lies. */
  readonly source: string;
  /** Where the new one lies. Without: a random key in the place of the present one, which must be a file. */
  readonly newSource: string | undefined;
  readonly record: Uint8Array;
  /**
   * Puts the new record in the place of `record`, durable when it resolves. When it rejects nothing happened, unless
   * its code is `COMMIT_UNKNOWN`.
   */
  readonly replace: (record: Uint8Array) => Promise<void>;
  /** Told each step when it is done. */
  readonly testingOnlyStep?: (step: ExchangeStep) => void;
}

/**
 * The secret that opens the record, read from its source or, after an exchange that was cut off, from the successor
 * beside it: to be wiped after use. `settle`: that successor takes the old one's place, which is the step that was cut
 * off. Throws `BAD_SECRET`, or `SEALED_KEY_DAMAGED`; whether the secret is the right one is for `openSealed` to say.
 */
export async function unlock(
  source: string,
  record: Uint8Array,
  { settle }: { readonly settle: boolean },
): Promise<Secret> {
  const secret = readSecret(source);
  let [kept, left]: [Secret, Secret | undefined] = [secret, undefined];
  try {
    const path = fileOf(source);
    if (path === undefined || !hasSuccessor(path) || (await opensRecord(secret, record))) return kept;
    left = readSuccessor(path);
    if (!(await opensRecord(left, record))) return kept;
    [kept, left] = [left, secret];
    if (settle) adoptSuccessor(path);
    return kept;
  } catch (error) {
    wipeSecret(kept);
    throw error;
  } finally {
    if (left !== undefined) wipeSecret(left);
  }
}

/** Throws `BAD_SECRET`, `WRONG_SECRET`, `SEALED_KEY_DAMAGED`, and what `replace` rejects with. */
export async function exchangeSecret(options: ExchangeOptions): Promise<void> {
  const from = await unlock(options.source, options.record, { settle: true });
  try {
    await exchangeFrom(from, options);
  } finally {
    wipeSecret(from);
  }
}

async function exchangeFrom(from: Secret, options: ExchangeOptions): Promise<void> {
  const { source, newSource, record, replace, testingOnlyStep: tell = () => {} } = options;
  const path = newSource === undefined ? placeOfNew(source) : undefined;
  // Nothing is made for a secret that is not the record's.
  (await openRecord(from, record)).fill(0);
  const to = path === undefined ? readSecret(newSource ?? "") : createSuccessor(path);
  tell("made");
  try {
    if (await opensRecord(to, record)) throw same();
    const resealed = await resealRecord({ record, from, to });
    tell("resealed");
    await replace(resealed);
  } catch (error) {
    if (path !== undefined && !isUnknown(error)) dropSuccessor(path);
    throw error;
  } finally {
    wipeSecret(to);
  }
  tell("replaced");
  if (path !== undefined) adoptSuccessor(path);
  tell("adopted");
}

function fileOf(source: string): string | undefined {
  return source.startsWith("file:") ? source.slice("file:".length) : undefined;
}

function placeOfNew(source: string): string {
  const path = fileOf(source);
  if (path !== undefined) return path;
  throw new SignerError(
    "BAD_SECRET",
    "The secret does not come from a file that could be replaced: say with --new-secret where the new one lies.",
  );
}

function same(): SignerError {
  return new SignerError("BAD_SECRET", "The new secret is the present one: give another.");
}

function isUnknown(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "COMMIT_UNKNOWN";
}
