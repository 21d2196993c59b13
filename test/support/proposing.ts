/** What proposals are made of, for tests: the signed part of a file as text, and single signatures. */
import { notary } from "../../src/core/format/notary.ts";
import type { Metadata } from "../../src/core/model.ts";
import { rejectionStatement } from "../../src/core/rejection.ts";
import type {
  OpenRequest,
  ProposalView,
  RejectionRequest,
  SignedRole,
} from "../../src/service/proposals/proposal-service.ts";
import type { PublisherKey } from "./bare/keys.ts";
import type { Files } from "./publisher.ts";

/** The bytes that are signed, as they stand in a sealed file. */
export function signedBytes(role: string, file: Buffer): Buffer {
  return Buffer.from(notary.parse(role, file).message);
}

/** The same as it goes over the wire. */
export function wireSignature(key: PublisherKey, message: Uint8Array) {
  const { keyId, method, signature } = key.sign(message);
  return { keyid: keyId, method, sig: Buffer.from(signature).toString("base64") };
}

/** The body that proposes some files, each with the signatures of these keys. */
export function proposalBody(
  files: Files,
  signers: ReadonlyMap<string, readonly PublisherKey[]> = new Map(),
) {
  return {
    files: [...files].map(([role, bytes]) => {
      const signed = signedBytes(role, bytes);
      const signatures = (signers.get(role) ?? []).map((key) => wireSignature(key, signed));
      return { role, signed: signed.toString("utf8"), signatures };
    }),
  };
}

/** Parsed, without signatures. */
export function unsigned(files: Files): ReadonlyMap<string, Metadata> {
  return new Map([...files].map(([role, bytes]) => [role, { ...notary.parse(role, bytes), signatures: [] }]));
}

/** The files as the service takes them, each with the signatures of these keys. */
export function openRequest(
  files: Files,
  signers: ReadonlyMap<string, readonly PublisherKey[]> = new Map(),
  changes: Partial<OpenRequest> = {},
): OpenRequest {
  return {
    files: [...files].map(([role, bytes]) => {
      const signed = signedBytes(role, bytes);
      return { role, signed, signatures: (signers.get(role) ?? []).map((key) => key.sign(signed)) };
    }),
    note: "",
    release: "",
    lifetime: undefined,
    ...changes,
  };
}

/** One person's signatures for the named roles. */
export function signaturesBy(key: PublisherKey, files: Files, ...roles: readonly string[]): SignedRole[] {
  return roles.map((role) => ({
    role,
    signatures: [key.sign(signedBytes(role, files.get(role) as Buffer))],
  }));
}

/** A rejection of a proposal, signed by a key. */
export function rejectionBy(
  key: PublisherKey,
  role: string,
  { repository, id, digest }: Pick<ProposalView, "repository" | "id" | "digest">,
  reason = "no",
): RejectionRequest {
  const statement = rejectionStatement({ repository, proposal: id, digest, reason });
  return { role, statement, signature: key.sign(statement) };
}
