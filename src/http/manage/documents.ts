/** From requests to the service's terms, and from its views to documents. */

import type { z } from "zod";
import { decodeBase64 } from "../../core/bytes.ts";
import type {
  OpenRequest,
  ProposalSummary,
  ProposalView,
  RejectionRequest,
  SignatureEntry,
  SignedRole,
} from "../../service/proposals/proposal-service.ts";
import type {
  openBody,
  proposal,
  proposalList,
  rejectionBody,
  signature,
  signaturesBody,
} from "./schemas.ts";

type WireSignature = z.output<typeof signature>;

export function openRequestOf({ files, note, release, lifetime }: z.output<typeof openBody>): OpenRequest {
  return {
    files: files.map(({ role, signed, signatures }) => ({
      role,
      signed: Buffer.from(signed, "utf8"),
      signatures: (signatures ?? []).map(entryOf),
    })),
    note: note ?? "",
    release: release ?? "",
    lifetime: lifetime === undefined ? undefined : lifetime * 1_000,
  };
}

export function signedRolesOf({ files }: z.output<typeof signaturesBody>): SignedRole[] {
  return files.map(({ role, signatures }) => ({ role, signatures: signatures.map(entryOf) }));
}

export function rejectionOf(body: z.output<typeof rejectionBody>): RejectionRequest {
  const { role, statement, signature: given } = body;
  return { role, statement: Buffer.from(statement, "utf8"), signature: entryOf(given) };
}

function entryOf({ keyid, method, sig }: WireSignature): SignatureEntry {
  return { keyId: keyid, method, signature: decodeBase64(sig, "signature") };
}

function wireOf({ keyId, method, signature: bytes }: SignatureEntry): WireSignature {
  return { keyid: keyId, method, sig: Buffer.from(bytes).toString("base64") };
}

export function proposalDocument(view: ProposalView): z.input<typeof proposal> {
  return {
    format: "vidimus-proposal/1",
    ...headOf(view),
    files: view.files.map(({ role, version, signed, signatures, denied, needs }) => ({
      role,
      version,
      signed: signed.toString("utf8"),
      signatures: signatures.map(wireOf),
      denied: [...denied],
      needs: needs.map(({ by, threshold, signed: done, missing, met }) => ({
        by,
        threshold,
        signed: [...done],
        missing: [...missing],
        met,
      })),
    })),
    events: view.events.map(({ at, kind, principal, detail }) => ({
      at: instant(at),
      kind,
      by: principal,
      detail,
    })),
  };
}

/** `limit`: of the page. */
export function listDocument(found: readonly ProposalSummary[], limit: number): z.input<typeof proposalList> {
  const last = found.length === limit ? found.at(-1) : undefined;
  return {
    format: "vidimus-proposals/1",
    proposals: found.map((each) => ({
      ...headOf(each),
      files: each.files.map(({ role, version, signedBy }) => ({ role, version, signedBy: [...signedBy] })),
    })),
    ...(last !== undefined && { next: last.id }),
  };
}

function headOf(summary: Omit<ProposalSummary, "files">) {
  const { id, repository, state, revision, note, release, digest, complete, reason } = summary;
  const { openedAt, openedBy, expiresAt, settledAt, base } = summary;
  return {
    id,
    repository,
    state,
    revision,
    opened: { at: instant(openedAt), by: openedBy },
    expires: instant(expiresAt),
    ...(settledAt !== undefined && { settled: instant(settledAt) }),
    note,
    release,
    digest,
    complete,
    reason,
    base: Object.fromEntries(base),
  };
}

function instant(at: number): string {
  return new Date(at).toISOString();
}
