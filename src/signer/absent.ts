/** The signer of a read-only server: it holds no keys, so it cannot leak one, and refuses to sign. */
import { SignerError } from "../core/errors.ts";
import type { Signer } from "./signer.ts";

function refuse(): Promise<never> {
  return Promise.reject(new SignerError("SIGNER_UNAVAILABLE", "This server is read-only and holds no keys."));
}

export const absentSigner: Signer = {
  generate: refuse,
  adopt: refuse,
  sign: refuse,
  check: () => Promise.resolve(),
  close: () => Promise.resolve(),
};
