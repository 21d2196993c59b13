/** What `lock` says when it has come to an end: a document, or lines for a person. */
import type { Input } from "../inputs/input.ts";
import type { LockFile } from "../locking/lockfile.ts";
import type { Locked } from "../locking/locking.ts";
import type { ClientContext } from "./context.ts";
import { lockedName } from "./lock-output.ts";
import { printJson } from "./report.ts";
import { count, formatTable, forTerminal } from "./table.ts";

export interface Reporting {
  readonly context: ClientContext;
  /** One document instead of lines. */
  readonly json: boolean;
}

/** Before anything is written. A document has it at the end. */
export function sayMoved({ context, json }: Reporting, { moved }: Locked): void {
  if (moved.length === 0 || json) return;
  const rows = moved.map(({ reference, from, to }) => [reference, from, to]);
  context.stderr(`${formatTable([["moved", "from", "to"], ...rows], context.columns)}\n`);
}

export interface LockedReport {
  readonly inputs: readonly Input[];
  readonly locked: Locked;
  /** The lock file that was written, if one was. */
  readonly lock: string | undefined;
}

export function sayLocked({ context, json }: Reporting, { inputs, locked, lock }: LockedReport): void {
  const notes = inputs.flatMap(({ file, notes: own }) => own.map((note) => `${file}: ${note}`));
  const files = inputs
    .filter(({ file }) => file !== "-")
    .map(({ file }) => ({ file, locked: lockedName(file) }));
  const { images, moved, texts } = locked;
  if (json) {
    const unverified = locked.unverified.map(({ text: reference, why, file, line }) => {
      return { reference, why, file, line };
    });
    const filtered = [...texts].find(([{ file }]) => file === "-")?.[1];
    printJson(context, {
      format: "vidimus-locked/1",
      lock: lock ?? null,
      files,
      images,
      moved,
      unverified,
      notes,
      ...(filtered === undefined ? {} : { text: filtered }),
    });
    return;
  }
  const say = (line: string) => context.stderr(`${forTerminal(line)}\n`);
  for (const { text, why, file, line } of locked.unverified) {
    const how = why === "local" ? "built from the local tree" : "outside of the policy";
    say(`unverified: ${text} (${file}:${line}), ${how}`);
  }
  for (const note of notes) say(note);
  const written = [...files.map((each) => each.locked), ...(lock === undefined ? [] : [lock])].join(", ");
  const verified = count(new Set(images.map(({ reference }) => reference)).size, "image", "images");
  say(`${verified} verified${written === "" ? "" : `; written: ${written}`}`);
}

export interface CheckReport {
  readonly inputs: readonly Input[];
  readonly lock: LockFile;
  /** References that passed although nobody verified them. */
  readonly unverified: readonly string[];
}

export function sayChecked({ context, json }: Reporting, { inputs, lock, unverified }: CheckReport): void {
  const { lockedAt } = lock;
  const open = new Set(unverified);
  const images = inputs
    .flatMap((input) => input.images)
    .filter(({ reference }) => !open.has(reference)).length;
  if (json) {
    printJson(context, { format: "vidimus-lock-check/1", images, unverified, lockedAt });
    return;
  }
  const all = count(images, "image is as it was", "images are as they were");
  context.stdout(`${all} locked at ${lockedAt}.\n`);
  if (unverified.length === 0) return;
  const names = count(unverified.length, "image was never verified", "images were never verified");
  context.stderr(`${forTerminal(`${names}: ${unverified.join(", ")}.`)}\n`);
}
