/** The signer of a reader: it holds nothing, every operation is a request to the writer. */
import { SignerError } from "../core/errors.ts";
import type { Signer } from "../signer/signer.ts";
import { type Ask, signerValue } from "./answer.ts";

export function remoteSigner(ask: Ask): Signer {
  let open = true;

  async function request<T>(operation: string, argument: unknown): Promise<T> {
    if (!open) throw new SignerError("SIGNER_UNAVAILABLE", "The signer is closed.");
    return signerValue<T>(await ask(`signer.${operation}`, argument));
  }

  return {
    generate: (algorithm, binding) => request("generate", { algorithm, binding }),
    adopt: (privateKey, binding) => request("adopt", { privateKey, binding }),
    sign({ repository, role, keytype, publicKey, reference }, message) {
      // Keys come with more members than a signer needs; those stay here.
      return request("sign", { key: { repository, role, keytype, publicKey, reference }, message });
    },
    check: () => request("check", undefined),
    async close() {
      open = false;
    },
  };
}
