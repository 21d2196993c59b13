/**
 * Whether a rule about claims says who it is about. Everybody in the world can have a token of a public CI system, with any
 * branch, event and environment in it: a rule that names none but those is a rule for everybody.
 *
 * - Some claims are the issuer's word about whose job it is (`identifying`). One of them must be named.
 * - Stars must leave a whole name standing before the first of them: `acme/*`, not `acme*`, which is `acme-evil`, too. What only
 *   says of which kind a name is (`repo:`) is none. Of an address of mail, the domain behind the stars is enough.
 */
import type { WantedClaim, WantedClaims } from "./claims.ts";

/** As docs/access.md lists them. */
export const identifying: ReadonlySet<string> = new Set([
  "sub",
  "email",
  "groups",
  "client_id",
  // GitHub
  "repository",
  "repository_id",
  "repository_owner",
  "repository_owner_id",
  "workflow_ref",
  // GitLab
  "project_path",
  "project_id",
  "namespace_path",
  "namespace_id",
  // Buildkite, Bitbucket, CircleCI
  "organization_id",
  "organization_slug",
  "pipeline_id",
  "repositoryUuid",
  "workspaceUuid",
  "oidc.circleci.com/project-id",
  "oidc.circleci.com/org-id",
]);

/** What subjects begin with before the first name in them. */
const kind =
  /^(?:(?:repo|repository|repository_id|repository_owner|repository_owner_id|project_path|project_id|namespace_path|namespace_id|organization|org|project|workspace|user):|system:serviceaccount:|org\/)/;

/** Whether a rule names somebody: one repository, one owner, one account, and not all that there are. */
export function saysWho(claims: WantedClaims): boolean {
  return Object.entries(claims).some(
    ([name, pattern]) => identifying.has(name) && namesSomebody(name, pattern),
  );
}

function namesSomebody(claim: string, pattern: WantedClaim): boolean {
  if (typeof pattern !== "string") return typeof pattern === "number";
  if (!pattern.includes("*")) return true;
  if (claim === "email") return /@[^*]*[A-Za-z0-9][^*]*$/.test(pattern);
  const before = pattern.slice(0, pattern.indexOf("*"));
  const fixed = claim === "sub" ? before.replace(kind, "") : before;
  return /[\p{L}\p{N}][^/:]*[/:]/u.test(fixed);
}
