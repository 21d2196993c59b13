/** How long a signer is waited for. */
import { SignerError } from "../core/errors.ts";

/** How long a signature may take, in milliseconds. */
const patience = 10_000;

/** The answer, or `SIGNER_UNAVAILABLE`. */
export async function inTime<T>(answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new SignerError("SIGNER_UNAVAILABLE", "The signer did not answer in time."));
    }, patience);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
