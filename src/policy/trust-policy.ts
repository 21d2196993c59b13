/**
 * What an organisation demands of the repositories it installs from, beyond valid signatures: the shape that the rules
 * read. `schema.ts` makes it from a policy file and refuses a file that it does not fully understand.
 *
 * Durations are in milliseconds. Absent means: nothing is demanded.
 */
import type { Pattern } from "./pattern.ts";

export const algorithms = [
  "ed25519",
  "ecdsa-p256",
  "ecdsa-p384",
  "ecdsa-p521",
  "rsa-2048",
  "rsa-3072",
  "rsa-4096",
] as const;
/** `rsa-3072` means RSA with at least 3,072 bits. */
export type Algorithm = (typeof algorithms)[number];

export interface Pins {
  /** IDs of root keys: of the bare key, or of its certificate form. 64 hex digits. */
  readonly keys: readonly string[];
  /** IDs of the certificate form only. */
  readonly certificates: readonly string[];
  /** Path of a PEM file with authorities that certificates of root keys must lead to. */
  readonly ca: string | undefined;
}

export interface RoleDemands {
  /** Distinct keys that must have signed, whatever the metadata says. */
  readonly minThreshold: number;
  /** How far ahead the role's expiry may lie. */
  readonly maxLifetime: number | undefined;
  /** Prefixes of the names the role may sign, in addition to what its delegation says. */
  readonly paths: readonly string[] | undefined;
}

/** For how long files stay after they were superseded, by kind. Absent: for ever. */
export interface Retention {
  readonly timestamps: number | undefined;
  /** Those that the server made. */
  readonly snapshots: number | undefined;
  readonly targets: number | undefined;
  readonly delegations: number | undefined;
}

export interface Rule {
  readonly match: Pattern;
  /** Where it stands in the file: `repositories[2]`. */
  readonly place: string;
  readonly server: string | undefined;
  /** The name by which a mirror's repositories are signed. */
  readonly trustedAs: Pattern | undefined;
  /** Trust the first root that is met. */
  readonly tofu: boolean;
  readonly pins: Pins | undefined;
  readonly rootMinThreshold: number;
  /** How far ahead the root's expiry may lie. */
  readonly rootMaxLifetime: number | undefined;
  /** `repin`: the root in force must be signed by pinned keys. `anchor`: some root must, and the chain goes on from it. */
  readonly onRotation: "repin" | "anchor";
  /** By role, or by `targets/**` for a role and all below it: read with `demandsOf` (`demands.ts`). */
  readonly roles: ReadonlyMap<string, RoleDemands>;
  /** Roles whose word counts, in order; `targets/**` stands for a role and all below it, breadth first. */
  readonly lookup: readonly string[];
  /** Roles that must all name the same digest. */
  readonly require: readonly string[];
  readonly algorithms: ReadonlySet<Algorithm> | undefined;
  /** Largest age of the signing date, and what is done with a target that has none. */
  readonly maxAge: number | undefined;
  readonly unknownAge: "allow" | "refuse";
  /** How old data may be when the server is away. Absent: it may not be used. */
  readonly offlineMaxAge: number | undefined;
  /** By how much a version may rise in one publication. A server's matter: readers may have missed any number. */
  readonly maxVersionStep: number | undefined;
  /** How long superseded files stay. A server's matter. Undefined: for ever. */
  readonly retention: Retention | undefined;
  /** Which of its keys the file gives: in the rule itself, or in `defaults`. */
  readonly origins: ReadonlyMap<string, "rule" | "defaults">;
}

/** How one trust server is reached. Paths are as in the file. */
export interface ServerSettings {
  readonly ca: string | undefined;
  readonly clientCertificate: { readonly certificate: string; readonly key: string } | undefined;
  /** Origins of token services that credentials may be sent to, beside the server's own. */
  readonly tokenRealms: readonly string[];
}

/** Where a policy was read from, for messages. */
export interface PolicySource {
  readonly file: string;
  /** Lines (from 1), by place: `repositories[2]`, `repositories[2].root`, `defaults.root`, `repositories[2].root.pins.ca`, `servers.https://notary.example.test.ca`. */
  readonly lines: ReadonlyMap<string, number>;
}

export interface TrustPolicy {
  /** Undefined for a policy that was given as a value. */
  readonly source?: PolicySource;
  /** What becomes of a name that no rule matches. */
  readonly default: "refuse" | "unverified";
  /** The server of rules that name none. */
  readonly server: string | undefined;
  readonly servers: ReadonlyMap<string, ServerSettings>;
  readonly rules: readonly Rule[];
}

export const defaultLookup: readonly string[] = ["targets/releases", "targets"];

/** A rule that demands nothing but a pin or `tofu`, which it lacks as well. */
export function plainRule(match: Pattern, place: string): Rule {
  return {
    match,
    place,
    server: undefined,
    trustedAs: undefined,
    tofu: false,
    pins: undefined,
    rootMinThreshold: 1,
    rootMaxLifetime: undefined,
    onRotation: "repin",
    roles: new Map(),
    lookup: defaultLookup,
    require: [],
    algorithms: undefined,
    maxAge: undefined,
    unknownAge: "refuse",
    offlineMaxAge: undefined,
    maxVersionStep: undefined,
    retention: undefined,
    origins: new Map(),
  };
}

/** What is wrong with a policy. */
export interface PolicyProblem {
  /** Where: `["repositories", 2, "root", "pins"]`. */
  readonly path: readonly (string | number)[];
  readonly sentence: string;
}
