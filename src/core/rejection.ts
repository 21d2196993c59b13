/**
 * Rejections: what somebody who could sign a proposal signs instead.
 *
 * The statement names repository, proposal and the very bytes that are rejected, so it says nothing of any other. Its
 * `_type` is that of no metadata: no file can be made of its signature.
 */
import { hash } from "node:crypto";
import { decodeUtf8 } from "./bytes.ts";
import { canonicalBytes } from "./canonical.ts";
import { UnauthenticError } from "./errors.ts";
import { isObject, member, parseJson } from "./json.ts";
import type { SignatureEntry } from "./model.ts";
import { isPlainText } from "./plain-text.ts";
import type { Requirement } from "./proposal.ts";
import { countSignatures } from "./threshold.ts";

/** Characters of a reason. */
export const maxReason = 1_000;

/** Lower-case hex SHA-256 over the signed bytes of all files, one after the other, by the names of their roles. */
export function proposalDigest(
  files: Iterable<{ readonly role: string; readonly signed: Uint8Array }>,
): string {
  const ordered = [...files].sort((a, b) => (a.role < b.role ? -1 : 1));
  return hash("sha256", Buffer.concat(ordered.map(({ signed }) => signed)), "hex");
}

export interface Rejection {
  readonly repository: string;
  readonly proposal: string;
  /** `proposalDigest` of its files. */
  readonly digest: string;
  readonly reason: string;
}

/** The bytes that are signed. */
export function rejectionStatement({ repository, proposal, digest, reason }: Rejection): Buffer {
  return canonicalBytes({ _type: "Rejection", digest, proposal, reason, repository });
}

/**
 * The reason in a statement about this proposal, signed by a key that could sign the file of one of its roles. Throws
 * `BAD_REJECTION`, and what `parseJson` throws.
 */
export function verifyRejection(
  statement: Uint8Array,
  entry: SignatureEntry,
  about: Omit<Rejection, "reason">,
  requirements: readonly Requirement[],
): string {
  const { value } = parseJson(statement, { controlCharacters: false });
  const reason = isObject(value) ? member(value, "reason") : undefined;
  const isAbout =
    typeof reason === "string" &&
    reason.length <= maxReason &&
    decodeUtf8(rejectionStatement({ ...about, reason })) === decodeUtf8(statement);
  if (!isAbout) {
    throw new UnauthenticError(
      "BAD_REJECTION",
      "The statement is not about this proposal as it stands here, in canonical form: make it anew from the proposal.",
    );
  }
  if (!isPlainText(reason, "one line")) {
    throw new UnauthenticError(
      "BAD_REJECTION",
      "The reason breaks lines or turns the direction of text: write it on one line, in characters that can be seen.",
    );
  }
  const file = { message: statement, signatures: [entry] };
  const isSigned = requirements.some(
    ({ keys, accept }) => countSignatures(file, keys, accept).signed.length > 0,
  );
  if (!isSigned) {
    throw new UnauthenticError(
      "BAD_REJECTION",
      "The rejection is not signed by a key of that role: sign it with a key that could sign the proposal.",
      { detail: { key: entry.keyId } },
    );
  }
  return reason;
}
