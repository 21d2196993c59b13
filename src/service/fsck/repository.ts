/** One repository, or a name of which nothing but keys is there. */
import type { FormatRules } from "../../core/format/format.ts";
import { TrustedSet } from "../../core/trusted-set.ts";
import type { Signer } from "../../signer/signer.ts";
import type { RepositoryRows } from "../../store/inspection.ts";
import { checkCurrent } from "./current.ts";
import type { Examined, Report } from "./damage.ts";
import { checkFiles } from "./files.ts";
import { checkHistory } from "./history.ts";
import { checkHeld, checkKeys } from "./keys.ts";

/** Throws `STORE_CORRUPT` where the rows cannot be read. */
export async function checkRepository(
  rows: RepositoryRows,
  format: FormatRules,
  signer: Signer | undefined,
  examined: Examined,
  report: Report,
): Promise<void> {
  await checkKeys(rows, format, signer, examined, report);
  if (rows.repository === undefined) return;
  examined.repositories++;
  if (!rows.repository.alive) {
    checkRemoved(rows, report);
    checkHistory(rows, undefined, report);
    return;
  }
  const trusted = new TrustedSet({ format, repository: rows.name });
  const files = checkFiles(rows, format, trusted, examined, report);
  checkCurrent(rows, files, trusted, report);
  checkHistory(rows, files.newest.get("timestamp"), report);
  if (files.rooted && trusted.root !== undefined) checkHeld(rows, trusted.root.signed, files, report);
}

function checkRemoved(rows: RepositoryRows, report: Report): void {
  const [file] = rows.files({ role: "", version: 0 }, 1);
  const [pointer] = rows.pointers();
  const place = file ?? pointer;
  if (place === undefined) return;
  const why = "Files are left of a repository that was removed: restore the store from a backup.";
  report(
    "LEFTOVER",
    { role: place.role, ...(place.version !== undefined && { version: place.version }) },
    why,
  );
}
