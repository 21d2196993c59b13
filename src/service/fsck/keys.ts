/**
 * The online keys of one name: every one has the ID of its public half, opens, and signs what that half verifies; and
 * those that the root in force needs are held.
 *
 * A snapshot's key may be its owner's, so it is only missed where this server renewed the present snapshot itself.
 */
import { SignerError, VidimusError } from "../../core/errors.ts";
import { type FormatRules, methodOf } from "../../core/format/format.ts";
import { openKey } from "../../core/keys.ts";
import type { Root } from "../../core/model.ts";
import { verifySignature } from "../../core/schemes.ts";
import { enoughKeys } from "../../core/threshold.ts";
import { rootRole } from "../../core/verify.ts";
import type { Signer } from "../../signer/signer.ts";
import type { KeyRow, RepositoryRows } from "../../store/contract/inspection.ts";
import { type Examined, type Report, restore } from "./damage.ts";
import type { StoredFiles } from "./files.ts";
import { isImported } from "./record.ts";

/** What is signed to try a key. It is no metadata, whatever becomes of it. */
const trial = Buffer.from("vidimus fsck");

const wayOut = "restore the store from a backup, or have the owner rotate the key and publish a new root.";

/** `signer`: undefined if the sealed keys are not to be opened, or cannot be. */
interface KeyExamination {
  readonly format: FormatRules;
  readonly signer: Signer | undefined;
  /** Now. */
  readonly at: number;
  readonly examined: Examined;
}

/** How far ahead of the clock a key may be dated, in milliseconds: clocks differ. */
const ahead = 24 * 60 * 60_000;

export async function checkKeys(
  rows: RepositoryRows,
  { format, signer, at, examined }: KeyExamination,
  report: Report,
): Promise<void> {
  for (const key of rows.keys()) {
    examined.keys++;
    const { role } = key;
    if (!key.pending && rows.repository?.alive !== true) {
      report(
        "LEFTOVER",
        { role },
        `The key ${key.keyId} is active in a repository that is not there: ${restore}`,
      );
    }
    if (key.pending && (key.createdAt < 0 || key.createdAt > at + ahead)) {
      const why = `The waiting key ${key.keyId} is dated ${key.createdAt < 0 ? "before any clock" : "ahead of this clock"}, so its time is not up when it should be: if the clock is right, ${restore}`;
      report("DATE_WRONG", { role }, why);
    }
    if (format.keyId(key.keytype, key.publicKey) !== key.keyId) {
      report(
        "KEY_MISMATCH",
        { role },
        `The key ${key.keyId} does not have the ID of its public half: ${wayOut}`,
      );
    } else if (signer !== undefined) {
      await tryKey(key, signer, report);
    }
  }
}

async function tryKey(key: KeyRow, signer: Signer, report: Report): Promise<void> {
  const { keyId, role, keytype, publicKey } = key;
  try {
    const signature = await signer.sign({ ...key, publicKey: Buffer.from(publicKey, "base64") }, trial);
    const usable = openKey({ id: keyId, keytype, public: publicKey });
    if (usable !== undefined && verifySignature(usable.kind, usable.key, methodOf(key), trial, signature))
      return;
  } catch (error) {
    if (error instanceof SignerError && error.code === "SEALED_KEY_DAMAGED") {
      const why = `The key ${keyId} cannot be opened: it was altered, belongs elsewhere, or was sealed under another secret: ${wayOut}`;
      report("KEY_DAMAGED", { role }, why);
      return;
    }
    if (!(error instanceof VidimusError) || error.code !== "BAD_KEY") throw error;
  }
  report("KEY_MISMATCH", { role }, `The key ${keyId} does not sign what its public half verifies: ${wayOut}`);
}

/** Whether keys wait, or are in use, as the roots have it. */
export function checkStates(
  rows: RepositoryRows,
  root: Root,
  { onlineKeys }: StoredFiles,
  report: Report,
): void {
  for (const { keyId, role, pending } of rows.keys()) {
    if (pending && rootRole(root, role).keys.has(keyId)) {
      const why = `The key ${keyId} is marked as waiting although the root lists it, so it would be dropped when its time is up: have the owner publish a new root soon, or ${restore}`;
      report("KEY_STATE_WRONG", { role }, why);
    } else if (!pending && !onlineKeys.has(keyId)) {
      const why = `The key ${keyId} is marked as in use, and no root ever listed it: ${restore}`;
      report("KEY_STATE_WRONG", { role }, why);
    }
  }
}

/** `root`: the one in force. */
export function checkHeld(rows: RepositoryRows, root: Root, { newest }: StoredFiles, report: Report): void {
  // It is served as it is, until it is adopted.
  const timestamp = newest.get("timestamp");
  if (timestamp !== undefined && isImported(rows, timestamp)) return;
  const held = new Set(rows.keys().map(({ keyId }) => keyId));
  const snapshot = newest.get("snapshot");
  const isOurs = snapshot !== undefined && rows.recorded(snapshot.revision)?.kind === "refresh";
  const sinceRoot = (newest.get("root")?.revision ?? 0) <= (snapshot?.revision ?? 0);
  for (const role of isOurs && sinceRoot ? (["timestamp", "snapshot"] as const) : (["timestamp"] as const)) {
    const { keys, threshold } = rootRole(root, role);
    if (enoughKeys({ keys, threshold }, held) !== undefined) continue;
    const missing = [...keys.keys()].filter((id) => !held.has(id));
    report(
      "KEY_MISSING",
      { role },
      `The root lists ${missing.join(", ")}, which is not held, so the role cannot be renewed: ${wayOut}`,
    );
  }
}
