/**
 * What this organisation demands of what is published, beyond valid signatures.
 *
 * The switches are for the rules that a good Notary keeps by itself, for the organisation that has to take over
 * repositories made without them. All else stands in a policy file, if there is one.
 */
import type { RefusedCode } from "../core/errors.ts";
import type { OpenPins } from "./rules/pins.ts";
import type { TrustPolicy } from "./trust-policy.ts";

export interface Policy {
  /** Accept a root in which one key serves two of the four top roles. Default: no. */
  readonly allowKeyReuseAcrossRoles: boolean;
  /** Accept the published keys of keys-example/. Default: no. */
  readonly allowExampleKeys: boolean;
  /** IDs of bare keys whose signatures do not count. Absent: none. */
  readonly denied?: ReadonlySet<string>;
  /** What the policy file says. Undefined: there is none, and nothing more is demanded. */
  readonly file: OpenPolicy | undefined;
}

/** A policy file whose pins are open: everything that a rule needs is at hand. */
export interface OpenPolicy {
  readonly policy: TrustPolicy;
  /** By the place of the rule (`Rule.place`). Rules without pins have none. */
  readonly pins: ReadonlyMap<string, OpenPins>;
}

export const defaultPolicy: Policy = {
  allowKeyReuseAcrossRoles: false,
  allowExampleKeys: false,
  file: undefined,
};

/** One thing a rule has to say of a publication. */
export type Finding = {
  /** The role whose file has to be changed; undefined if it is none. */
  readonly role: string | undefined;
  /** What is wrong. */
  readonly sentence: string;
  /** Who must do what. */
  readonly fix: string;
  /** Small, public facts for machines. */
  readonly detail?: Readonly<Record<string, string | number | readonly string[]>>;
} & (
  | { readonly severity: "refuse"; readonly code: RefusedCode }
  | { readonly severity: "warn"; readonly code: RefusedCode | "UNREACHABLE_DELEGATION" | "SHARED_KEY" }
);
