/** The columns of who may do what, for `columns.test.ts`. */
import type { Row } from "./proposal-columns.ts";

const any = "1 = 1";
const wrong = ["ACCESS_WRONG"] as const;
const noDigest = "replace(replace(digest, 'c', 'x'), 'd', 'x')";

export const accessRows: readonly Row[] = [
  ["access_user.name", "none", "''", any, wrong],
  ["access_user.password", "in clear", "'a password'", any, wrong],
  ["access_team.name", "another", "'ops'", any, wrong],
  ["access_member.team", "none that is there", "'ops'", any, wrong],
  ["access_member.member", "none", "''", any, wrong],
  ["access_permission.name", "of no team", "'ops'", any, wrong],
  ["access_permission.pattern", "none", "''", any, wrong],
  ["access_permission.actions", "none", "''", any, wrong],
  ["access_machine_token.name", "none", "''", any, wrong],
  ["access_machine_token.digest", "none", noDigest, any, wrong],
  ["access_machine_token.scopes", "no list", "'{}'", any, wrong],
  ["access_machine_token.created_at", "after it was revoked", "revoked_at + 1", any, wrong],
  ["access_machine_token.revoked_at", "before it was made", "created_at - 1", any, wrong],
  ["access_session.digest", "none", noDigest, any, wrong],
  ["access_session.name", "none", "''", any, wrong],
  ["access_session.created_at", "after its end", "expires_at + 1", any, wrong],
  ["access_session.expires_at", "before its beginning", "created_at - 1", any, wrong],
];

export const accessColumnsUnchecked: Readonly<Record<string, string>> = {
  "access_user.disabled": "what an administrator said last, and nothing but the audit trail says it, too",
  "access_user.created_at": "only told",
  "access_team.created_at": "only told",
  "access_permission.kind": "what an administrator said; a constraint holds it to the kinds there are",
  "access_machine_token.owner": "what an administrator said; whoever is known elsewhere has no record here",
  "access_machine_token.expires_at": "what an administrator said",
};
