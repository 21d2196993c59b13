/** The public part of a key as PEM, which every program reads. */

import type { ListedKey } from "../../core/keys.ts";
import { openKey } from "../../core/keys.ts";
import { KeyError } from "./errors.ts";

/** SubjectPublicKeyInfo in PEM, with its final newline. Throws `KEY_UNSUPPORTED`. */
export function publicPem(listed: ListedKey): string {
  const key = openKey(listed);
  if (key === undefined)
    throw new KeyError("KEY_UNSUPPORTED", `A key of the kind ${listed.keytype} has no PEM.`);
  return key.key.export({ format: "pem", type: "spki" }).toString();
}
