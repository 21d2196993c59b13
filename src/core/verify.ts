/**
 * Whether one file may be believed: signatures, certificates, versions, expiry. Client and server share these
 * rules; what to ask for next, and in which order files come, is the business of `trusted-set.ts` (clients,
 * top down) and `publication.ts` (servers, bottom up).
 *
 * Everything here is pure: bytes and an instant in, a `Verified` or an `UnauthenticError` out.
 */
import { UnauthenticError } from "./errors.ts";
import type { FormatRules } from "./format/format.ts";
import type { UsableKey } from "./keys.ts";
import { maxVersionStep } from "./limits.ts";
import type { FileReference, Metadata, RoleKeys, Root, Signed, Targets } from "./model.ts";
import { countSignatures, isMet, type SignatureCount } from "./threshold.ts";

declare const verified: unique symbol;

/** A file whose signatures meet the threshold of its role. Only this module makes one. */
export type Verified<S extends Signed> = Metadata<S> & { readonly [verified]: true };

/** The instant of the operation, and whether expiry is looked at (stored files may have expired). */
export interface Moment {
  /** Milliseconds since 1970 UTC, read once per operation. */
  readonly at: number;
  readonly expiry: "enforced" | "ignored";
}

/** Which repository a root is for, and by whose rules. */
export interface RootScope {
  readonly format: Pick<FormatRules, "rootKeyFault">;
  readonly repository: string;
}

/**
 * A root (notary-protocol.md 2.2): signed by the previous root's keys to the previous threshold, if there is a
 * previous one, and by its own to its own. Keys in which the format finds a fault (certificates) do not count.
 * Throws `ROOT_CERTIFICATE`, `ROOT_NOT_SIGNED_BY_PREVIOUS`, `ROOT_NOT_SELF_SIGNED`, `EXPIRED`.
 */
export function verifyRoot(
  file: Metadata,
  { format, repository }: RootScope,
  previous: Verified<Root> | undefined,
  { at, expiry }: Moment,
): Verified<Root> {
  const root = expectRoot(file);
  const own = rootKeys(root);
  const faultOf = (key: UsableKey, instant: number | undefined) =>
    format.rootKeyFault(key, repository, instant);
  const instant = expiry === "enforced" ? at : undefined;

  if (previous !== undefined) {
    const count = countSignatures(
      file,
      rootKeys(previous.signed),
      (key) => faultOf(key, undefined) === undefined,
    );
    if (!isMet(count)) {
      throw new UnauthenticError(
        "ROOT_NOT_SIGNED_BY_PREVIOUS",
        "could not rotate trust to a new trusted root: failed to validate data with current trusted certificates",
        { role: "root", detail: counted(count) },
      );
    }
  }
  let fault: string | undefined;
  let usable = 0;
  const count = countSignatures(file, own, (key) => {
    const why = faultOf(key, instant);
    if (why === undefined) usable++;
    fault ??= why;
    return why === undefined;
  });
  if (!isMet(count)) {
    if (usable === 0 && fault !== undefined) {
      throw new UnauthenticError(
        "ROOT_CERTIFICATE",
        `could not validate the path to a trusted root: unable to retrieve valid leaf certificates: ${fault}`,
        { role: "root" },
      );
    }
    throw new UnauthenticError(
      "ROOT_NOT_SELF_SIGNED",
      "could not validate the path to a trusted root: failed to validate integrity of roots",
      { role: "root", detail: counted(count) },
    );
  }
  checkExpiry(file, { at, expiry });
  return file as Verified<Root>;
}

/** Any other role, by the keys that its root or parent gives it. Throws `THRESHOLD`, `EXPIRED`. */
export function verifyRole<S extends Signed>(file: Metadata<S>, keys: RoleKeys, moment: Moment): Verified<S> {
  const count = countSignatures(file, keys);
  if (!isMet(count)) {
    const what =
      file.signatures.length === 0
        ? "tuf: data has no signatures"
        : `valid signatures did not meet threshold for ${file.role}`;
    throw new UnauthenticError("THRESHOLD", what, { role: file.role, detail: counted(count) });
  }
  checkExpiry(file, moment);
  return file as Verified<S>;
}

/** An instant at which `expires` has come is too late (TUF specification 5.3.10; Notary allows the instant itself). */
export function isExpired(signed: Signed, at: number): boolean {
  return at >= signed.expires;
}

function checkExpiry(file: Metadata, { at, expiry }: Moment): void {
  if (expiry === "enforced") refuseExpired(file, at);
}

/** Throws `EXPIRED` if the file may not be used at the instant. */
export function refuseExpired(file: Metadata, at: number): void {
  if (!isExpired(file.signed, at)) return;
  const message = `${file.role} expired at ${new Date(file.signed.expires).toUTCString()}`;
  throw new UnauthenticError("EXPIRED", message, { role: file.role });
}

/**
 * A new version must be above the newest known, and by no more than a bounded step. 0: none is known.
 * Throws `ROLLBACK`, `VERSION_STEP`.
 */
export function checkVersionStep(role: string, current: number, next: number): void {
  if (next <= current) {
    throw new UnauthenticError(
      "ROLLBACK",
      `${role}: version ${next} is not above the current version ${current}`,
      { role },
    );
  }
  if (next - current > maxVersionStep) {
    throw new UnauthenticError(
      "VERSION_STEP",
      `${role}: version ${next} is more than ${maxVersionStep} above the current version ${current}`,
      { role },
    );
  }
}

/** Whether a file is the one that a reference names: every digest and the length. Throws `HASH_MISMATCH`, `LENGTH_MISMATCH`. */
export function checkReference(file: Metadata, reference: FileReference, sha512: () => string): void {
  const expected = reference.hashes.get("sha256");
  const stronger = reference.hashes.get("sha512");
  if (expected !== file.sha256 || (stronger !== undefined && stronger !== sha512())) {
    throw new UnauthenticError("HASH_MISMATCH", `${file.role}: the listed digest is not that of the file`, {
      role: file.role,
    });
  }
  if (reference.length !== undefined && reference.length !== file.bytes.length) {
    throw new UnauthenticError("LENGTH_MISMATCH", `${file.role}: the listed length is not that of the file`, {
      role: file.role,
    });
  }
}

/** The keys a root gives to one of the four roles. The format made sure that all four are there. */
export function rootRole(root: Root, role: "root" | "targets" | "snapshot" | "timestamp"): RoleKeys {
  return root.roles.get(role) as RoleKeys;
}

/** The keys a parent gives to a delegated role. Throws `UNDECLARED_ROLE`. */
export function delegatedKeys(parent: Targets, role: string): RoleKeys {
  const delegation = parent.delegations.find((each) => each.role === role);
  if (delegation === undefined) {
    throw new UnauthenticError("UNDECLARED_ROLE", `tuf: invalid role ${role}. delegation does not exist`, {
      role,
    });
  }
  return delegation;
}

/** Whether two roles have the same keys and threshold, by key ID. */
export function sameKeys(a: RoleKeys, b: RoleKeys): boolean {
  return (
    a.threshold === b.threshold &&
    a.keys.size === b.keys.size &&
    [...a.keys.keys()].every((id) => b.keys.has(id))
  );
}

function rootKeys(root: Root): RoleKeys {
  return rootRole(root, "root");
}

function expectRoot(file: Metadata): Root {
  if (file.signed.kind !== "root") throw new TypeError(`${file.role} is not a root`);
  return file.signed;
}

/** Signers that a refusal names at most. */
const mostNamed = 100;

function counted({ needed, signed, missing }: SignatureCount): NonNullable<UnauthenticError["detail"]> {
  return { needed, signed: signed.length, missing: missing.slice(0, mostNamed) };
}
