/** One repository, or a name of which nothing but keys is there. */
import type { FormatRules } from "../../core/format/format.ts";
import type { Root } from "../../core/model.ts";
import { TrustedSet } from "../../core/trusted-set.ts";
import type { Signer } from "../../signer/signer.ts";
import type { RepositoryRows } from "../../store/contract/inspection.ts";
import { checkCurrent } from "./current.ts";
import { type Examined, type Report, restore } from "./damage.ts";
import { checkFiles, type StoredFiles } from "./files.ts";
import { checkHistory } from "./history.ts";
import { checkHeld, checkKeys, checkStates } from "./keys.ts";
import { checkProposals, type Published } from "./proposals.ts";
import { checkRemovedFiles } from "./removed.ts";
import { checkAtRest, checkKeyUses, checkRenewal } from "./renewal.ts";

/** What every repository is examined with. */
export interface Examination {
  readonly format: FormatRules;
  /** Undefined if the sealed keys are not to be opened, or cannot be. */
  readonly signer: Signer | undefined;
  /** Now. An expired file is no damage; what should have been done about it is. */
  readonly at: number;
  /** Counted on. */
  readonly examined: Examined;
}

/** Throws `STORE_CORRUPT` where the rows cannot be read. */
export async function checkRepository(
  rows: RepositoryRows,
  examination: Examination,
  report: Report,
): Promise<void> {
  const { format, examined } = examination;
  await checkKeys(rows, examination, report);
  if (rows.repository === undefined) {
    checkProposals(rows, examination, nothing, report);
    return;
  }
  examined.repositories++;
  if (rows.repository.format !== format.name) {
    report(
      "FORMAT_WRONG",
      {},
      `Its row says format ${rows.repository.format}, which is not here: ${restore}`,
    );
  }
  if (!rows.repository.alive) {
    checkRemoved(rows, report);
    checkAtRest(rows, report);
    checkHistory(rows, undefined, report);
    checkProposals(rows, examination, nothing, report);
    return;
  }
  const trusted = new TrustedSet({ format, repository: rows.name });
  const files = checkFiles(rows, format, trusted, examined, report);
  checkCurrent(rows, files, trusted, report);
  checkHistory(rows, files.newest.get("timestamp"), report);
  checkRemovedFiles(rows, files.newest, report);
  const { root, targets } = trusted;
  if (files.rooted && root !== undefined) checkUnder(rows, root.signed, files, examination.at, report);
  checkProposals(rows, examination, files.rooted ? { root, targets } : undefined, report);
}

/** What is published of a repository that is not there: it may be proposed. */
const nothing: Published = { root: undefined, targets: new Map() };

/** What depends on the root in force. */
function checkUnder(rows: RepositoryRows, root: Root, files: StoredFiles, at: number, report: Report): void {
  checkHeld(rows, root, files, report);
  checkStates(rows, root, files, report);
  checkRenewal(rows, files.newest.get("timestamp"), root, at, report);
  checkKeyUses(rows, root, report);
}

function checkRemoved(rows: RepositoryRows, report: Report): void {
  const [file] = rows.files({ role: "", version: 0 }, 1);
  const [pointer] = rows.pointers();
  const [takenAway] = rows.removedFiles({ role: "", version: 0 }, 1);
  const place = file ?? pointer ?? takenAway;
  if (place === undefined) return;
  const why = `Files are left of a repository that was removed: ${restore}`;
  report(
    "LEFTOVER",
    { role: place.role, ...(place.version !== undefined && { version: place.version }) },
    why,
  );
}
