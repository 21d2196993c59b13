/**
 * PEM files that a policy or an option names. What is wrong with one is the fault of what names it, so it is told as that:
 * `POLICY_INVALID` at the line of the policy, or `OPTION_INVALID`.
 */

import { TrustError } from "../errors.ts";
import { readText } from "./read-file.ts";

/** The line of a policy that names a file; without a file if the policy was given as a value. */
export interface PolicyPlace {
  readonly file: string | undefined;
  readonly line: number | undefined;
}

/** Who names a file, and how: `ca` of a server in the policy, or the option `ca`. */
export type NamedBy = { readonly option: string } | ({ readonly key: string } & PolicyPlace);

const largest = 4 * 1_048_576;

/**
 * The text of a file, as `read` reads it.
 * @param what the file, for messages: `certificate authority`
 * @param read throws what it likes for a text that will not do
 */
export async function readPem<T>(
  path: string,
  what: string,
  by: NamedBy,
  read: (text: string) => T,
): Promise<T> {
  let why: string;
  let cause: unknown;
  try {
    const text = await readText(path, what, largest);
    try {
      return read(text);
    } catch (error) {
      [why, cause] = [`The ${what} is not the PEM that is wanted here.`, error];
      if (error instanceof TrustError) why = error.message;
    }
  } catch (error) {
    if (!(error instanceof TrustError)) throw error;
    [why, cause] = [error.message, error.cause];
  }
  if ("option" in by)
    throw new TrustError("OPTION_INVALID", `The option ${by.option}: ${why}`, { file: path, cause });
  if (by.file === undefined) throw new TrustError("POLICY_INVALID", why, { file: path, cause });
  const { file, line, key } = by;
  throw new TrustError("POLICY_INVALID", `\`${key}\` names ${path}. ${why}`, { file, line, cause });
}
