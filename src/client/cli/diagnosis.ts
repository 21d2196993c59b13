/** One finding of `doctor`, with a next step of its own: what helps whoever runs it, here and now. */
import { type Ending, explain, type TrustCode, TrustError } from "../errors.ts";

export interface Diagnosis {
  readonly subject: string;
  readonly state: "ok" | "warning" | "fault";
  readonly what: string;
  /** What to do about it. */
  readonly next?: string;
  readonly ending?: Ending;
}

/** Where the step of a refusal would lead back to `doctor`, or is known better here. */
const steps: Readonly<Partial<Record<TrustCode, string>>> = {
  UNREACHABLE:
    "See that the address is right and the server runs, that its name resolves, and that the network and HTTPS_PROXY or NO_PROXY let you through.",
  TIMEOUT: "See whether the server is busy or something on the way drops connections; try again.",
  TLS_UNTRUSTED:
    "Get the PEM of the authority from the server's operator and name it with `ca` under `servers` in the policy, or with --ca.",
  BAD_ANSWER: "See that the address is the trust server's, and not that of the registry or of a proxy.",
  SERVER_ERROR: "Ask the server's operator what its log says.",
  UNAUTHORIZED: "Log in to the registry with `docker login`, or name the right folder with --docker-config.",
  CREDENTIALS: "Mend the file named, or write it anew with `docker login`.",
  CACHE_DAMAGED: "Remove the file named; everything is fetched and verified again.",
  POLICY_INVALID: "Correct the policy at the place named; docs/policy.md has every key.",
};

export function faultOf(subject: string, error: unknown): Diagnosis {
  const explanation = explain(error);
  if (explanation === undefined) throw error;
  const { what, who, next, ending, code } = explanation;
  const own = error instanceof TrustError && code !== "UNREACHABLE" ? error.remedy?.next : undefined;
  return { subject, state: "fault", what, next: own ?? steps[code] ?? `${who}: ${next}`, ending };
}
