/**
 * What the client library can refuse, as one data table: each code with how a program ends with it, who has to act, and
 * what that one does next.
 *
 * Codes are stable. Those of `core/errors.ts` (a file that is malformed or not authentic) pass through unchanged; the
 * ones here are about everything around the files. `refusals` does not compile while a code has no row.
 */
import type { MalformedCode, UnauthenticCode } from "../core/errors.ts";

export const clientCodes = [
  // The way to the trust server.
  "UNREACHABLE",
  "TIMEOUT",
  "TLS_UNTRUSTED",
  "SERVER_ERROR",
  "TOO_MANY_REQUESTS",
  "BAD_ANSWER",
  "ANSWER_TOO_LARGE",
  "UNAUTHORIZED",
  "FORBIDDEN",
  "TOKEN_REALM",
  "CREDENTIALS",
  // What a repository is and gives.
  "NO_TRUST_DATA",
  "FILE_WITHHELD",
  "TOO_MANY_ROOTS",
  "TOO_MANY_DELEGATIONS",
  "REPOSITORY_REPLACED",
  // Looking up a name.
  "NOT_SIGNED",
  "NOT_SIGNED_IN_ROLE",
  "ROLE_UNAVAILABLE",
  "ROLES_DISAGREE",
  "NO_SHA256",
  "DIGEST_MISMATCH",
  "FILE_MISMATCH",
  // What the policy demands beyond valid signatures.
  "NO_RULE",
  "NO_SERVER",
  "NO_PIN",
  "PIN_MISMATCH",
  "PIN_ROTATED",
  "POLICY_THRESHOLD",
  "LIFETIME",
  "SIGNATURE_TOO_OLD",
  "SIGNATURE_DATE",
  "OFFLINE_TOO_OLD",
  // What the caller gave.
  "OPTION_INVALID",
  "POLICY_INVALID",
  "REFERENCE_INVALID",
  "INPUT_INVALID",
  "TRUST_BLOCK",
  "LOCAL_TEMPLATE",
  "VARIABLE",
  // The lock file.
  "LOCK_INVALID",
  "LOCK_MISSING",
  "LOCK_DIFFERS",
  "LOCK_EXPIRED",
  "BELOW_LOCK",
  "MOVED",
  // This machine.
  "RUNTIME_TOO_OLD",
  "CACHE_UNUSABLE",
  "CACHE_DAMAGED",
  "FILE_UNREADABLE",
  "OUTPUT_UNWRITABLE",
  // A person.
  "DECLINED",
] as const;

export type ClientCode = (typeof clientCodes)[number];
export type TrustCode = ClientCode | MalformedCode | UnauthenticCode;

/** Who has to act. */
export type Actor = "publisher" | "server operator" | "policy owner" | "you";

/** Classes of refusals, from the worst down; the number is the exit code of a program that ends with one. */
export const endings = {
  unauthentic: {
    exit: 30,
    meaning: "something that was served does not verify: an attack, or a broken server",
  },
  policy: { exit: 31, meaning: "signed, but not as the policy demands" },
  stale: { exit: 32, meaning: "expired, too old, or older than what was seen before" },
  unsigned: { exit: 33, meaning: "nothing that counts signs this name" },
  moved: { exit: 34, meaning: "the lock says something else, or has expired" },
  unreachable: { exit: 35, meaning: "the trust server cannot be reached or does not answer as it should" },
  policyFile: { exit: 36, meaning: "the policy, or an option in its place, cannot be used" },
  lockFile: { exit: 37, meaning: "the lock file cannot be used" },
  input: { exit: 38, meaning: "a file or reference that was given cannot be used" },
  cache: { exit: 39, meaning: "the cache cannot be used" },
  output: { exit: 40, meaning: "a result cannot be written" },
  runtime: { exit: 41, meaning: "this Node is too old for the client" },
  declined: { exit: 42, meaning: "a person was asked and did not say yes; nothing was changed" },
  busy: { exit: 43, meaning: "a server was asked too often: wait as long as it says, then run it again" },
} as const satisfies Record<string, { exit: number; meaning: string }>;

export type Ending = keyof typeof endings;

export interface Row {
  readonly ending: Ending;
  readonly who: Actor;
  /** What that one does next: an imperative sentence, which may end with a command. */
  readonly next: string;
}

const row = (ending: Ending, who: Actor, next: string): Row => ({ ending, who, next });
const broken = row(
  "unauthentic",
  "server operator",
  "Find out why the server gives files that do not verify; until then nothing from it may be used.",
);
const expired = row("stale", "publisher", "Sign the role again with a new expiry.");

const refusals: Readonly<Record<ClientCode, Row>> = {
  UNREACHABLE: row(
    "unreachable",
    "you",
    "Check the server's address, the network and the proxy: vidimus-client doctor --server URL",
  ),
  TIMEOUT: row("unreachable", "server operator", "Find out why the server is slow, or raise the time limit."),
  TLS_UNTRUSTED: row(
    "unreachable",
    "you",
    "Name the file of the server's authority: in the policy under `servers` as `ca`, or as --ca together with --server.",
  ),
  SERVER_ERROR: row("unreachable", "server operator", "Look into the server's log; then try again."),
  TOO_MANY_REQUESTS: row("busy", "you", "Wait a minute, then run the command again."),
  BAD_ANSWER: row("unreachable", "server operator", "Check that a trust server answers at this address."),
  ANSWER_TOO_LARGE: row("unauthentic", "server operator", "Find out why the server sends more than it may."),
  UNAUTHORIZED: row("unreachable", "you", "Log in to the registry with `docker login`."),
  FORBIDDEN: row("unreachable", "server operator", "Give this user the right to pull, or use another user."),
  TOKEN_REALM: row(
    "policyFile",
    "policy owner",
    "Name the realm in `tokenRealms` of the server if it is yours.",
  ),
  CREDENTIALS: row("input", "you", "Mend Docker's config.json or its credential helper."),

  NO_TRUST_DATA: row(
    "unsigned",
    "publisher",
    "Sign the image; or check the name, and `trustedAs` in the policy. Of what was served before, ask the server's operator.",
  ),
  FILE_WITHHELD: row("unauthentic", "server operator", "Find out why the server lacks a file that it lists."),
  TOO_MANY_ROOTS: row("unauthentic", "server operator", "Find out why the repository has so many roots."),
  TOO_MANY_DELEGATIONS: row(
    "policy",
    "publisher",
    "Delegate to fewer roles, or let the policy name the roles.",
  ),
  REPOSITORY_REPLACED: row(
    "unauthentic",
    "you",
    "Ask the publisher whether the repository was made anew; if so, compare the fingerprint: vidimus-client pin add NAME --replaced",
  ),

  NOT_SIGNED: row("unsigned", "publisher", "Sign this name; or check the name and its tag."),
  NOT_SIGNED_IN_ROLE: row("unsigned", "publisher", "Sign this name in a role that the policy counts."),
  ROLE_UNAVAILABLE: row(
    "stale",
    "publisher",
    "Sign the role again, remove its delegation, or leave it out of `lookup`.",
  ),
  ROLES_DISAGREE: row("policy", "publisher", "Have every role in `require` sign the same digest."),
  NO_SHA256: row("unsigned", "publisher", "Sign the image with its sha256."),
  DIGEST_MISMATCH: row("unauthentic", "you", "Take the signed digest, or have the publisher sign this one."),
  FILE_MISMATCH: row("unauthentic", "you", "Do not use the file; fetch it again from the publisher."),

  NO_RULE: row(
    "policy",
    "policy owner",
    "Check the name; if it is right, add a rule: vidimus-client pin add NAME",
  ),
  NO_SERVER: row(
    "policyFile",
    "policy owner",
    "Name the trust server with `server` in the policy or as an option.",
  ),
  NO_PIN: row(
    "policy",
    "policy owner",
    "Compare the fingerprint with the publisher's, then pin it: vidimus-client pin add NAME",
  ),
  PIN_MISMATCH: row(
    "policy",
    "policy owner",
    "Compare the root's key IDs with the publisher's; only if they are the same, pin them: vidimus-client pin add NAME",
  ),
  PIN_ROTATED: row(
    "policy",
    "policy owner",
    "Ask the publisher whether the root was rotated, then pin the new keys: vidimus-client pin add NAME",
  ),
  POLICY_THRESHOLD: row("policy", "publisher", "Have more of the role's holders sign, by keys that count."),
  LIFETIME: row("policy", "publisher", "Sign with an earlier expiry."),
  SIGNATURE_TOO_OLD: row("stale", "publisher", "Sign the name again, or remove it."),
  SIGNATURE_DATE: row(
    "policy",
    "publisher",
    'Write the date as {"vidimus":{"signedAt":"2026-11-24T12:00:00Z"}} into a file and sign with `notary add --custom FILE`; or the policy says `unknownAge: allow`, which lets names without a date through.',
  ),
  OFFLINE_TOO_OLD: row("stale", "you", "Reach the trust server once, or allow a greater age in the policy."),

  OPTION_INVALID: row("policyFile", "you", "Correct the option."),
  POLICY_INVALID: row("policyFile", "policy owner", "Correct the policy at the place named."),
  REFERENCE_INVALID: row("input", "you", "Write the reference as [host[:port]/]path[:tag][@sha256:digest]."),
  INPUT_INVALID: row("input", "you", "Correct what was given at the place named."),
  TRUST_BLOCK: row(
    "input",
    "you",
    "Correct the `trust` block at the place named; it has `image` and `org`, each with a list.",
  ),
  LOCAL_TEMPLATE: row("input", "you", "Build the package and name its image, or pass --allow-local."),
  VARIABLE: row("input", "you", "Give the variable's value with --arg NAME=VALUE, or write the image out."),

  LOCK_INVALID: row(
    "lockFile",
    "you",
    "Restore the lock file, or remove it and lock anew: vidimus-client lock FILE",
  ),
  LOCK_MISSING: row("moved", "you", "Lock the file that names it: vidimus-client lock FILE"),
  LOCK_DIFFERS: row("moved", "you", "Lock anew, or find out who changed the file."),
  LOCK_EXPIRED: row("moved", "you", "Lock anew: vidimus-client lock FILE"),
  BELOW_LOCK: row("stale", "server operator", "Find out why the server gives less than it gave before."),
  MOVED: row("moved", "you", "Look at what moved; to accept it: vidimus-client lock FILE --update"),

  RUNTIME_TOO_OLD: row("runtime", "you", "Run it with a newer Node."),
  CACHE_UNUSABLE: row("cache", "you", "Make the cache directory writable, or name another."),
  CACHE_DAMAGED: row("cache", "you", "Remove the file named; it is fetched and verified again."),
  FILE_UNREADABLE: row("input", "you", "Check that the file exists and may be read."),
  OUTPUT_UNWRITABLE: row("output", "you", "Make the folder writable, or name another file."),
  DECLINED: row(
    "declined",
    "you",
    "Compare the key IDs with the publisher's; if they are the same, run `pin add` again and say yes, or give them with --key.",
  ),
};

const ofCore: Readonly<Partial<Record<UnauthenticCode | MalformedCode, Row>>> = {
  BAD_REPOSITORY_NAME: row("input", "you", "Write the repository as host[:port]/path, in lower case."),
  EXPIRED: expired,
  ROLLBACK: row("stale", "server operator", "Find out why the server gives an older version than before."),
  ROOT_CERTIFICATE: row("policy", "publisher", "Sign the root with a certificate that names the repository."),
};

/** The row of any code. */
export function rowOf(code: TrustCode): Row {
  if (Object.hasOwn(refusals, code)) return refusals[code as ClientCode];
  return ofCore[code as UnauthenticCode | MalformedCode] ?? broken;
}
