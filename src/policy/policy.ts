/**
 * What this organisation demands beyond valid signatures.
 *
 * Only what a server needs without a policy file is here: the rules that a good Notary keeps by itself, each with a
 * switch for the organisation that has to take over repositories made without it.
 */
import type { RefusedCode } from "../core/errors.ts";

export interface Policy {
  /** Accept a root in which one key serves two of the four top roles. Default: no. */
  readonly allowKeyReuseAcrossRoles: boolean;
  /** Accept the published keys of keys-example/. Default: no. */
  readonly allowExampleKeys: boolean;
}

export const defaultPolicy: Policy = { allowKeyReuseAcrossRoles: false, allowExampleKeys: false };

/** One thing a rule has to say. The sentence says what is wrong, and who must do what. */
export type Finding = { readonly role: string; readonly sentence: string } & (
  | { readonly severity: "refuse"; readonly code: RefusedCode }
  | { readonly severity: "warn"; readonly code: RefusedCode | "UNREACHABLE_DELEGATION" }
);
