/** What each code means, in a phrase: for `help CODE` and the table in docs/client.md. */
import type { MalformedCode, UnauthenticCode } from "../core/errors.ts";
import type { ClientCode, TrustCode } from "./refusals.ts";

const meanings: Readonly<Record<ClientCode, string>> = {
  UNREACHABLE: "the trust server cannot be reached, or breaks off",
  TIMEOUT: "the trust server takes longer than it may",
  TLS_UNTRUSTED: "the trust server cannot be authenticated",
  SERVER_ERROR: "the trust server answers that it has failed, or is busy",
  TOO_MANY_REQUESTS: "the server was asked too often, and says when to come again",
  BAD_ANSWER: "what answers is no trust server",
  ANSWER_TOO_LARGE: "a file is larger than it may be",
  UNAUTHORIZED: "the server wants credentials, and got none or refuses those that it got",
  FORBIDDEN: "the server knows the user and does not let it read",
  TOKEN_REALM: "the server sends clients to a token service that the policy does not name",
  CREDENTIALS: "Docker's configuration or its helper does not give credentials that can be used",
  NO_TRUST_DATA: "the server has nothing for this repository",
  FILE_WITHHELD: "the server lists a file and does not give it",
  TOO_MANY_ROOTS: "more roots lead to the newest than may be followed",
  TOO_MANY_DELEGATIONS: "more roles are delegated than may be asked",
  REPOSITORY_REPLACED: "the roots do not follow from those known: made anew, or somebody else's",
  NOT_SIGNED: "no role that counts signs this name",
  NOT_SIGNED_IN_ROLE: "only roles that the policy does not count sign this name",
  ROLE_UNAVAILABLE: "a role that counts has expired, is not signed by enough, or is not to be had",
  ROLES_DISAGREE: "roles that the policy requires do not name the same digest",
  NO_SHA256: "the name is signed without a sha256",
  DIGEST_MISMATCH: "the digest in the reference is not the signed one",
  FILE_MISMATCH: "the file is not the one that is signed",
  NO_RULE: "no rule of the policy speaks for this name",
  NO_SERVER: "nobody names a trust server for this name",
  NO_PIN: "the rule pins no root, and does not trust a first use",
  PIN_MISMATCH: "the root is signed by none of the pinned keys, or by too few",
  PIN_ROTATED: "the root was rotated to keys of which none is pinned",
  POLICY_THRESHOLD: "fewer signatures count than the policy demands",
  LIFETIME: "a role expires later than the policy allows",
  SIGNATURE_TOO_OLD: "the name was signed longer ago than the policy allows",
  SIGNATURE_DATE: "the signing date that the policy demands is missing or makes no sense",
  OFFLINE_TOO_OLD: "the server is away, and the last check is older than the policy allows",
  OPTION_INVALID: "an option, or a file that it names, cannot be used",
  POLICY_INVALID: "the policy, or a file that it names, cannot be used",
  REFERENCE_INVALID: "a reference to an image is not written as one",
  INPUT_INVALID: "a build file or a request cannot be read as what it is",
  TRUST_BLOCK: "a LinuxKit trust block cannot be obeyed",
  LOCAL_TEMPLATE: "an image is built from the local tree, so nobody signs it",
  VARIABLE: "a variable that an image hangs on has no value",
  LOCK_INVALID: "the lock file cannot be read",
  LOCK_MISSING: "the lock says nothing of this reference, or is not there",
  LOCK_DIFFERS: "a file is not what the lock gives",
  LOCK_EXPIRED: "what stood behind a locked image has expired",
  BELOW_LOCK: "the server gives an older version than the lock has seen",
  MOVED: "the reference means another digest than in the lock",
  RUNTIME_TOO_OLD: "this Node lacks what the client needs",
  CACHE_UNUSABLE: "the cache cannot be read or written",
  CACHE_DAMAGED: "a file of the cache is not what was written there",
  FILE_UNREADABLE: "a file that was given cannot be read",
  OUTPUT_UNWRITABLE: "a result cannot be written",
  DECLINED: "who was asked whether to pin a key did not say yes",
};

const ofCore: Readonly<Partial<Record<UnauthenticCode | MalformedCode, string>>> = {
  BAD_REPOSITORY_NAME: "no repository can be called so",
  EXPIRED: "a role has expired",
  ROLLBACK: "the server gives an older version than was seen before",
  ROOT_CERTIFICATE: "the root's certificate names another repository, or has expired",
};

/** The phrase of any code. */
export function meaningOf(code: TrustCode): string {
  if (Object.hasOwn(meanings, code)) return meanings[code as ClientCode];
  return (
    ofCore[code as UnauthenticCode | MalformedCode] ??
    "a file that was served is malformed or does not verify"
  );
}
