/** What one file says of time: when it ends, when the certificates in it end, when its targets were signed. Pure. */
import type { X509Certificate } from "node:crypto";
import { MalformedError } from "../../core/errors.ts";
import { openKey } from "../../core/keys.ts";
import type { Metadata, Signed } from "../../core/model.ts";
import { usedKeys } from "../../core/model.ts";
import { signedAtOf } from "../../policy/rules/ages.ts";
import type { Expiry } from "./expiry-service.ts";

export interface CertificateFacts {
  readonly keyId: string;
  readonly subject: string;
  /** The earliest end of the certificate and those beside it. */
  readonly expires: number;
}

export interface FileTimes {
  readonly expires: number;
  readonly certificates: readonly CertificateFacts[];
  /** The earliest signing date of its targets; undefined if none has one. */
  readonly oldestSigned: number | undefined;
  readonly dated: number;
  /** Targets without a date that can be read. */
  readonly undated: number;
}

/** Characters of a subject that are kept. */
const mostSubject = 200;

export function timesOf({ signed }: Metadata): FileTimes {
  let [dated, undated, oldestSigned] = [0, 0, undefined as number | undefined];
  if (signed.kind === "targets") {
    for (const name of signed.targetNames()) {
      const at = dateOf(signed.target(name));
      if (at === undefined) undated++;
      else {
        dated++;
        oldestSigned = Math.min(oldestSigned ?? at, at);
      }
    }
  }
  return { expires: signed.expires, certificates: certificatesIn(signed), oldestSigned, dated, undated };
}

/** The signing date, if there is one that can be read. */
export function dateOf(target: { readonly custom: unknown } | undefined): number | undefined {
  const at = target === undefined ? undefined : signedAtOf(target);
  return at === undefined || Number.isNaN(at) ? undefined : at;
}

/**
 * What ends of one file, whenever: itself, and the certificates that it lists. The one list of both the watch, which looks at what is
 * current now, and the auditors' question, which is of any instant.
 */
export function endingsOf(
  {
    repository,
    role,
    version,
  }: { readonly repository: string; readonly role: string; readonly version: number },
  { expires, certificates }: Pick<FileTimes, "expires" | "certificates">,
): (Omit<Expiry, "kind"> & { readonly kind: Expiry["kind"] | "timestamp" })[] {
  const ofCertificates = role === "root" ? "root_certificate" : "delegation_certificate";
  return [
    { kind: kindOfRole(role), repository, role, name: String(version), keyId: "", expires },
    ...certificates.map(
      ({ keyId, subject, expires: end }) =>
        ({
          kind: ofCertificates,
          repository,
          role,
          name: subject,
          keyId,
          expires: end,
        }) as const,
    ),
  ];
}

function kindOfRole(role: string): "root" | "targets" | "snapshot" | "timestamp" | "delegation" {
  if (role === "root" || role === "targets" || role === "snapshot" || role === "timestamp") return role;
  return "delegation";
}

/** Whether it ends, or has ended, by an instant. */
export function endsBy(instant: number): (each: { readonly expires: number }) => boolean {
  return ({ expires }) => expires <= instant;
}

export function certificatesIn(signed: Signed): CertificateFacts[] {
  return [...usedKeys(signed).values()].flatMap((listed): CertificateFacts[] => {
    try {
      const { certificates } = openKey(listed) ?? {};
      if (certificates === undefined) return [];
      const { leaf } = certificates;
      const ends = [leaf, ...certificates.intermediates()].map((each) => each.validToDate.getTime());
      return [{ keyId: listed.id, subject: subjectOf(leaf), expires: Math.min(...ends) }];
    } catch (error) {
      // A key that cannot be opened counts for nothing, and its end is nobody's concern.
      if (error instanceof MalformedError) return [];
      throw error;
    }
  });
}

/** In one line. */
export function subjectOf({ subject }: X509Certificate): string {
  return (subject ?? "").replaceAll("\n", ", ").slice(0, mostSubject);
}
