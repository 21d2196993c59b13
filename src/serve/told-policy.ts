/**
 * The policy as it goes from the process that reads its files to those that hold publications to it, so that all of them
 * have the same one, whatever has become of the files meanwhile.
 */

export interface ToldPolicy {
  /** What was read and found good, as it can be sent; only whoever read it knows more. Undefined: there is no policy file. */
  readonly texts: object | undefined;
  /** Why this is not what the files say now (`TrustService.policyFault`). */
  readonly fault: string | undefined;
}

export interface PolicySource {
  /** Another object after every change. */
  told(): ToldPolicy;
  /** Reads the files again; what cannot be used leaves the policy as it is. Never rejects. */
  reload(): Promise<void>;
}
