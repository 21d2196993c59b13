/** The root that a server gives, as it is shown to a person who has to compare it with what the publisher says. */
import { TrustedSet } from "../../core/trusted-set.ts";
import { rootRole } from "../../core/verify.ts";
import { satisfiesPins } from "../../policy/rules/pins.ts";
import { iso } from "../result.ts";
import { get, noTrustData, type Scope } from "../scope.ts";
import { rootKeysOf } from "./root-keys.ts";

export interface RootKey {
  /** ID of the bare key: the same in every repository that the key signs. */
  readonly keyId: string;
  /** ID of its certificate form in this repository. */
  readonly certificateId: string;
  readonly algorithm: string;
  /** SHA-256 of the certificate, as browsers and OpenSSL show it; absent for a bare key. */
  readonly fingerprint?: string;
  readonly certificateEnds?: string;
}

export interface FoundRoot {
  readonly repository: string;
  readonly server: string;
  readonly version: number;
  readonly expires: string;
  readonly threshold: number;
  readonly keys: readonly RootKey[];
  /** Whether the policy's pins fit it; undefined if there are none. */
  readonly pinned?: boolean;
}

/** The newest root of the repository, signed as it says itself. Throws `NO_TRUST_DATA`, and what the core throws. */
export async function inspectRoot(scope: Scope): Promise<FoundRoot> {
  const { repository, fetcher, limits, at, pins, rule } = scope;
  const bytes = await get(scope, "root.json", limits.rootBytes);
  if (bytes === undefined) throw noTrustData(scope, "new");
  const set = new TrustedSet(scope);
  const root = set.addRoot(bytes, at);
  set.checkRootExpiry(at);
  return {
    repository,
    server: fetcher.origin,
    version: root.signed.version,
    expires: iso(root.signed.expires),
    threshold: rootRole(root.signed, "root").threshold,
    keys: rootKeysOf(root).map(({ id, canonicalId, kind, key, certificates }) => ({
      keyId: canonicalId,
      certificateId: id,
      algorithm: kind === "rsa" ? `rsa-${key.asymmetricKeyDetails?.modulusLength ?? 0}` : kind,
      ...(certificates && {
        fingerprint: certificates.leaf.fingerprint256,
        certificateEnds: iso(certificates.leaf.validToDate.getTime()),
      }),
    })),
    ...(pins && { pinned: satisfiesPins(root, { pins, rule, scope, at, validity: "now" }) }),
  };
}
