/** What a caller is told about a name that is trusted: plain data, fit for JSON. Dates are RFC 3339, UTC. */
import { parentRole } from "../core/names.ts";
import type { SignatureCount } from "../core/threshold.ts";
import { signedAtOf } from "../policy/rules/ages.ts";
import type { Hit } from "./lookup.ts";
import type { RepositoryView } from "./repository-view.ts";

export interface Signer {
  /** As the metadata names the key. */
  readonly keyId: string;
  /** ID of the bare key, as the stock clients' command line names it; differs for certificates only. */
  readonly canonicalKeyId: string;
}

/** What is known of a signed name, image or not. */
export interface SignedTarget {
  readonly repository: string;
  readonly target: string;
  /** The origin of the trust server. */
  readonly server: string;
  readonly length: number;
  /** Lower-case hex by algorithm. */
  readonly hashes: Readonly<Partial<Record<"sha256" | "sha512", string>>>;
  readonly role: string;
  readonly signers: readonly Signer[];
  readonly threshold: { readonly needed: number; readonly signed: number };
  /** By role, with all above the one that signs; `earliest` of them. */
  readonly expires: Readonly<Record<string, string>> & { readonly earliest: string };
  readonly versions: Readonly<Record<string, number>>;
  /** Of the root in force, in lower-case hex. */
  readonly rootSha256: string;
  /** IDs of the keys that the root gives to the online roles; a change of them ends the memory of versions. */
  readonly onlineKeyIds: { readonly timestamp: readonly string[]; readonly snapshot: readonly string[] };
  /** The signing date inside the signed bytes, if there is one. */
  readonly signedAt?: string;
  /** True if the server was away; `checkedAt` says when it was last asked. */
  readonly offline: boolean;
  readonly checkedAt: string;
}

/** What `Trust.resolve` gives. */
export interface ResolvedImage extends SignedTarget {
  /** As a builder is given it: the name as written, with tag and digest. */
  readonly reference: string;
  /** `sha256:` and 64 hex digits. */
  readonly digest: string;
}

export function describe(view: RepositoryView, hit: Hit, count: SignatureCount): SignedTarget {
  const { set, scope } = view;
  const files = [
    set.root,
    set.timestamp,
    set.snapshot,
    ...lineOf(hit.role).map((role) => set.targets.get(role)),
  ];
  const known = files.filter((file) => file !== undefined);
  const expires = Object.fromEntries(known.map(({ role, signed }) => [role, iso(signed.expires)]));
  const earliest = iso(Math.min(...known.map(({ signed }) => signed.expires)));
  const signedAt = signedAtOf(hit.target);
  return {
    repository: scope.repository,
    target: hit.name,
    server: scope.fetcher.origin,
    length: hit.target.length,
    hashes: Object.fromEntries(hit.target.hashes),
    role: hit.role,
    signers: count.signed.map(({ id, canonicalId }) => ({ keyId: id, canonicalKeyId: canonicalId })),
    threshold: { needed: count.needed, signed: count.signed.length },
    expires: { ...expires, earliest },
    versions: Object.fromEntries(known.map(({ role, signed }) => [role, signed.version])),
    rootSha256: set.root?.sha256 ?? "",
    onlineKeyIds: {
      timestamp: [...set.keysOf("timestamp").keys.keys()].sort(),
      snapshot: [...set.keysOf("snapshot").keys.keys()].sort(),
    },
    ...(signedAt === undefined || Number.isNaN(signedAt) ? {} : { signedAt: iso(signedAt) }),
    offline: view.offline,
    checkedAt: iso(view.checkedAt),
  };
}

/** A role with all above it. */
export function lineOf(role: string): readonly string[] {
  const parent = parentRole(role);
  return parent === undefined ? [role] : [...lineOf(parent), role];
}

export function iso(at: number): string {
  return new Date(at).toISOString();
}
