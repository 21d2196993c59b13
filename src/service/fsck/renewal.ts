/**
 * Whether what this server does by itself would happen: the refresher looks at a repository when its row says so, and the
 * warning of shared keys knows the keys that are remembered.
 *
 * A look that comes too early finds nothing to do and sets itself right, so only one that comes too late is damage.
 */
import { keyUses } from "../../core/key-uses.ts";
import type { Root } from "../../core/model.ts";
import { enoughKeys } from "../../core/threshold.ts";
import { isExpired, rootRole } from "../../core/verify.ts";
import type { FileRow, RepositoryRows } from "../../store/contract/inspection.ts";
import { type Report, restore } from "./damage.ts";

/** `newest`: the current timestamp. `root`: the one in force. */
export function checkRenewal(
  rows: RepositoryRows,
  newest: FileRow | undefined,
  root: Root,
  at: number,
  report: Report,
): void {
  const renewAt = rows.repository?.renewAt;
  if (newest === undefined || (renewAt !== undefined && renewAt <= newest.expires)) return;
  // Set aside because nothing could be renewed before there is another root.
  if (renewAt === undefined && (isExpired(root, at) || !isHeld(rows, root))) return;
  const when = renewAt === undefined ? "never" : "only after it has expired";
  const why = `It is to be renewed ${when}: have its owner publish again, which sets that right, or ${restore}`;
  report("RENEWAL_WRONG", { role: "timestamp" }, why);
}

/** Of a repository that was removed nothing is renewed, and no key is remembered. */
export function checkAtRest(rows: RepositoryRows, report: Report): void {
  if (rows.repository?.renewAt !== undefined) {
    report("RENEWAL_WRONG", {}, `It was removed and is still to be renewed: ${restore}`);
  }
  const [use] = rows.keyUses(1);
  if (use === undefined) return;
  const why = `Keys of a repository that was removed are remembered as used: ${restore}`;
  report("LEFTOVER", { role: use.role }, why);
}

function isHeld(rows: RepositoryRows, root: Root): boolean {
  return (
    enoughKeys(rootRole(root, "timestamp"), new Set(rows.keys().map(({ keyId }) => keyId))) !== undefined
  );
}

export function checkKeyUses(rows: RepositoryRows, root: Root, report: Report): void {
  const expected = new Set(keyUses(root).map(nameOf));
  const found = rows.keyUses(expected.size + 1).map(nameOf);
  if (found.length === expected.size && found.every((use) => expected.has(use))) return;
  const why =
    "What is remembered of who uses which key is not what its root says, so that a key that other repositories share goes unnoticed: have its owner publish a new root, which sets that right, or " +
    restore;
  report("KEY_USE_WRONG", { role: "root" }, why);
}

function nameOf({ material, role }: { readonly material: string; readonly role: string }): string {
  return `${role} ${material}`;
}
