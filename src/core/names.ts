/**
 * Names from outside: repositories, roles, targets. Checked once, at the edge; never file names, never indices
 * into plain objects.
 *
 * Repository names (GUNs) follow the OCI reference form, a little widened so that every name a stock client
 * can make for an image passes: an optional `host[:port]` first segment, then segments of
 * `[A-Za-z0-9._-]` that begin with a letter or digit. `_trust` can never be a segment, nor `.` or `..`.
 * A server that takes over a store with older names may widen this to any printable text (`older`), never to
 * empty, dot or `_trust` segments, control characters or text that is not Unicode.
 */
import { MalformedError } from "./errors.ts";
import { maxRepositoryName, maxRoleDepth, maxRoleName } from "./limits.ts";

export const topRoles = ["root", "targets", "snapshot", "timestamp"] as const;
export type TopRole = (typeof topRoles)[number];

const segment = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;
const hostWithPort = /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}$/;
// Control characters, separators, bidirectional overrides, unassigned and private code points, `*`.
const neverPrintable = /[\p{C}\p{Zl}\p{Zp}*]/u;
const delegatedRole = /^targets(?:\/[-a-z0-9_]+)+$/;

export function isTopRole(role: string): role is TopRole {
  return role === "root" || role === "targets" || role === "snapshot" || role === "timestamp";
}

/** A delegated role: `targets/` and a path of `[-a-z0-9_]+` segments (notary-protocol.md 4.1). */
export function isDelegatedRole(role: string): boolean {
  return role.length <= maxRoleName && delegatedRole.test(role) && roleDepth(role) <= maxRoleDepth;
}

export function isRole(role: string): boolean {
  return isTopRole(role) || isDelegatedRole(role);
}

/** Whether the role's file has the shape of targets metadata. */
export function isTargetsRole(role: string): boolean {
  return role === "targets" || isDelegatedRole(role);
}

/** Number of segments: `targets` has one. */
export function roleDepth(role: string): number {
  let depth = 1;
  for (let i = role.indexOf("/"); i !== -1; i = role.indexOf("/", i + 1)) depth++;
  return depth;
}

/** The role that must declare `role`; undefined for the four top roles. */
export function parentRole(role: string): string | undefined {
  const slash = role.lastIndexOf("/");
  return slash === -1 ? undefined : role.slice(0, slash);
}

export interface NameRules {
  /** Accept names that an older Notary accepted and the OCI form does not have. */
  readonly older: boolean;
}

/** Whether a repository of this name may exist here. */
export function isRepositoryName(name: string, rules: NameRules = { older: false }): boolean {
  if (name.length === 0 || name.length > maxRepositoryName) return false;
  if (rules.older) return isOlderName(name);
  const segments = name.split("/");
  return segments.every((part, i) =>
    segment.test(part) ? true : i === 0 && segments.length > 1 && hostWithPort.test(part),
  );
}

function isOlderName(name: string): boolean {
  if (!name.isWellFormed() || Buffer.byteLength(name, "utf8") > maxRepositoryName) return false;
  if (neverPrintable.test(name) || name !== name.normalize("NFC")) return false;
  return name.split("/").every((part) => part !== "" && part !== "." && part !== ".." && part !== "_trust");
}

/** What a name has to be like, for whoever gave another one. */
export const badRepositoryName = `Use a repository name of at most ${maxRepositoryName} bytes made of letters, digits, '.', '_', '-' between slashes, with an optional host:port in front.`;

/** Throws `BAD_REPOSITORY_NAME` unless the name may be used. */
export function checkRepositoryName(name: string, rules?: NameRules): void {
  if (isRepositoryName(name, rules)) return;
  throw new MalformedError("BAD_REPOSITORY_NAME", badRepositoryName);
}

/** Throws `BAD_ROLE_NAME` unless the role may be published. */
export function checkRole(role: string): void {
  if (isRole(role)) return;
  throw new MalformedError(
    "BAD_ROLE_NAME",
    "Name the file after its role: root, targets, snapshot, timestamp or a delegation such as targets/releases.",
    { detail: { given: role.slice(0, 64) } },
  );
}
