/**
 * What comes back from the process that holds store and signer (the writer), and what becomes of it here.
 *
 * - A refusal crosses by its code, with its sentence, role and detail; what lay underneath stays in the log of the
 *   process it happened in. Those with several reasons are the policy's, and none crosses: publications and proposals
 *   are examined where they arrive, and the writer is asked for commits and signatures alone.
 * - `unsent`: the request certainly never reached a writer. `lost`: it was sent, and nobody knows what became of it (the
 *   writer died, failed, or did not answer in time). Which error that is, depends on what was asked.
 */
import {
  type Code,
  type SignerCode,
  SignerError,
  type StoreCode,
  StoreError,
  signerCodes,
  storeCodes,
  VidimusError,
} from "../core/errors.ts";

export type Answer =
  | { readonly kind: "done"; readonly value: unknown }
  | ({ readonly kind: "refused" } & Refusal)
  | { readonly kind: "unsent" }
  | { readonly kind: "lost" };

export interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly role?: string;
  readonly detail?: VidimusError["detail"];
}

/** Sends a request to the writer. Never rejects. */
export type Ask = (operation: string, argument: unknown) => Promise<Answer>;

/** What stands for an error in an answer. One that is no refusal is told to nobody: `lost`. */
export function answerOf(error: unknown): Answer {
  if (!(error instanceof VidimusError)) return { kind: "lost" };
  const { code, message, role, detail } = error;
  return {
    kind: "refused",
    code,
    message,
    ...(role !== undefined && { role }),
    ...(detail !== undefined && { detail }),
  };
}

/** The refusal of a store or signer that crossed; undefined if it is neither's. */
export function rebuilt({ code, message, role, detail }: Refusal): StoreError | SignerError | undefined {
  const context = { ...(role !== undefined && { role }), ...(detail !== undefined && { detail }) };
  if (isOneOf(storeCodes, code)) return new StoreError(code as StoreCode, message, context);
  if (isOneOf(signerCodes, code)) return new SignerError(code as SignerCode, message, context);
  return undefined;
}

function isOneOf(codes: readonly Code[], code: string): boolean {
  return (codes as readonly string[]).includes(code);
}

/** The value of a store's answer. `changes`: whether the request may have changed something if it was lost. */
export function storeValue<T>(answer: Answer, changes: boolean): T {
  if (answer.kind === "done") return answer.value as T;
  const refusal = answer.kind === "refused" ? rebuilt(answer) : undefined;
  if (refusal !== undefined) throw refusal;
  if (answer.kind === "unsent" || !changes) {
    throw new StoreError(
      "STORE_UNAVAILABLE",
      "The process that writes cannot be reached now: try again; reading goes on.",
    );
  }
  throw new StoreError(
    "COMMIT_UNKNOWN",
    "The process that writes did not say whether the change happened: read again before repeating it.",
  );
}

export function signerValue<T>(answer: Answer): T {
  if (answer.kind === "done") return answer.value as T;
  const refusal = answer.kind === "refused" ? rebuilt(answer) : undefined;
  throw (
    refusal ??
    new SignerError(
      "SIGNER_UNAVAILABLE",
      "The process that signs cannot be reached now: try again; reading goes on.",
    )
  );
}
