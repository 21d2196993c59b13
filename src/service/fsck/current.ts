/**
 * What is current in one repository: the pointers, and the chain behind them as a client would follow it, expiry aside
 * (time is no damage). A delegation that its parent no longer satisfies counts as unavailable, not as damage: stock
 * publishers leave such ones behind (docs/adr/0015-stock-clients-decide.md).
 */
import { type UnauthenticCode, VidimusError } from "../../core/errors.ts";
import { parentRole, roleDepth, topRoles } from "../../core/names.ts";
import type { TrustedSet } from "../../core/trusted-set.ts";
import type { PointerRow, RepositoryRows } from "../../store/contract/inspection.ts";
import { type Report, restore } from "./damage.ts";
import { bufferOf, type StoredFiles } from "./files.ts";

/** Why a delegation may lie there without being believed. */
const unavailable: readonly UnauthenticCode[] = ["THRESHOLD", "UNDECLARED_ROLE", "SNAPSHOT_INCOMPLETE"];

/** `trusted` has the roots already. */
export function checkCurrent(
  rows: RepositoryRows,
  { newest, rooted }: StoredFiles,
  trusted: TrustedSet,
  report: Report,
): void {
  const pointers = new Map(rows.pointers().map((pointer) => [pointer.role, pointer]));
  for (const role of new Set([...topRoles, ...newest.keys(), ...pointers.keys()])) {
    checkPointer(role, pointers.get(role), newest, report);
  }
  if (!rooted) return;
  const roles = ["timestamp", "snapshot", ...targetsRoles(pointers.keys())];
  for (const role of roles) {
    const pointer = pointers.get(role);
    const bytes = pointer?.own ? rows.bytes(pointer.id) : undefined;
    if (bytes === undefined || !isReached(trusted, role)) continue;
    follow(trusted, role, bufferOf(bytes), pointer?.version, report);
  }
  checkNamed(trusted, pointers, report);
}

function targetsRoles(roles: Iterable<string>): string[] {
  return [...roles]
    .filter((role) => role === "targets" || role.startsWith("targets/"))
    .sort((a, b) => roleDepth(a) - roleDepth(b));
}

/** Whether the file that vouches for the role is trusted; if it is not, that was told. */
function isReached(trusted: TrustedSet, role: string): boolean {
  if (role === "timestamp") return true;
  if (role === "snapshot") return trusted.timestamp !== undefined;
  const parent = parentRole(role);
  return trusted.snapshot !== undefined && (parent === undefined || trusted.targets.has(parent));
}

function follow(
  trusted: TrustedSet,
  role: string,
  bytes: Buffer,
  version: number | undefined,
  report: Report,
): void {
  try {
    if (role === "timestamp") trusted.addTimestamp(bytes, 0, "ignored");
    else if (role === "snapshot") trusted.addSnapshot(bytes, 0, "ignored");
    else trusted.addTargets(role, bytes, 0, "ignored");
  } catch (error) {
    if (!(error instanceof VidimusError)) throw error;
    const delegated = parentRole(role) !== undefined;
    if (delegated && (unavailable as readonly string[]).includes(error.code)) return;
    const why = `Clients refuse it under the files above it (${error.code}): ${restore}`;
    report("CHAIN_BROKEN", { role, ...(version === undefined ? {} : { version }) }, why);
  }
}

function checkPointer(
  role: string,
  pointer: PointerRow | undefined,
  newest: StoredFiles["newest"],
  report: Report,
): void {
  const file = newest.get(role);
  if (file === undefined && pointer === undefined) {
    report("FILE_MISSING", { role }, `The repository has no file of this role: ${restore}`);
    return;
  }
  if (file !== undefined && pointer?.own === true && pointer.id === file.id) return;
  const place = { role, ...(pointer?.version === undefined ? {} : { version: pointer.version }) };
  const why =
    pointer === undefined
      ? "No file of this role is current, although some are stored"
      : pointer.own
        ? `An older file is current than version ${file?.version ?? 0}, the newest`
        : "The current file is another repository's, another role's, or gone";
  report("POINTER_WRONG", place, `${why}: ${restore}`);
}

/** Every commit makes the files current that its snapshot names. */
function checkNamed(trusted: TrustedSet, pointers: ReadonlyMap<string, PointerRow>, report: Report): void {
  for (const [role, { hashes }] of trusted.snapshot?.signed.meta ?? []) {
    const pointer = pointers.get(role);
    if (pointer === undefined || pointer.sha256 === hashes.get("sha256")) continue;
    const place = { role, ...(pointer.version === undefined ? {} : { version: pointer.version }) };
    const why = `The current file is not the one that the snapshot names: ${restore}`;
    report("POINTER_WRONG", place, why);
  }
}
