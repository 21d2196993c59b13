/**
 * The policy that publications are held to, replaced as a whole while the server runs: a publication takes the one that is
 * in force when it is examined, and keeps it to its end.
 */
import type { Policy } from "../policy/policy.ts";

export class PolicyInForce {
  #current: Policy;
  #fault: string | undefined;

  constructor(policy: Policy) {
    this.#current = policy;
  }

  get current(): Policy {
    return this.#current;
  }

  /** Why the policy in force is not the one in the file; undefined if it is. Fit for strangers. */
  get fault(): string | undefined {
    return this.#fault;
  }

  replace(policy: Policy): void {
    this.#current = policy;
    this.#fault = undefined;
  }

  /** A newer one cannot be used: what is in force stays. */
  keep(why: string): void {
    this.#fault = why;
  }
}
