/** Asking until a secret opens what is locked. */
import type { KeyInfo, Secret, Unlocking } from "./custody.ts";
import { KeyError } from "./errors.ts";

/** Whoever asks on and on is stopped: the stock clients try ten times too. */
const mostAttempts = 10;

/**
 * What `tryOpen` makes of a secret. Every secret is wiped.
 *
 * Throws `PASSPHRASE_MISSING`, `PASSPHRASE_WRONG`, and what `tryOpen` throws.
 * @param tryOpen gives undefined for a wrong one
 * @param doubt what else may be the matter, as the end of a sentence
 */
export async function unlock<T>(
  key: KeyInfo,
  unlocking: Unlocking,
  tryOpen: (secret: Secret) => Promise<T | undefined>,
  doubt = "",
): Promise<T> {
  for (let attempt = 1; attempt <= mostAttempts; attempt++) {
    const secret = await unlocking.secret(key, attempt);
    if (secret === undefined && attempt === 1) {
      throw new KeyError(
        "PASSPHRASE_MISSING",
        `The key ${key.id} (${key.place}) is locked, and there is no passphrase and nobody to ask for it: give one in a file or a variable.`,
      );
    }
    if (secret === undefined) break;
    try {
      const opened = await tryOpen(secret);
      if (opened !== undefined) return opened;
    } finally {
      secret.fill(0);
    }
  }
  throw new KeyError(
    "PASSPHRASE_WRONG",
    `The passphrase does not open the key ${key.id} (${key.place})${doubt}: give the right one.`,
  );
}
