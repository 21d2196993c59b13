/**
 * What `lock` writes: a locked text beside each file, and the lock file. All of it or nothing, and nothing if another run
 * has written the lock since this one has read it: what comes of two runs is what one of them gives.
 */
import { basename, dirname, extname, join } from "node:path";
import { whileWriting } from "../cache/lock.ts";
import { TrustError } from "../errors.ts";
import { HalfReplaced, replaceFiles } from "../files/replace-file.ts";
import { lockAtHand } from "./lock-at-hand.ts";
import { unwritable } from "./unwritable.ts";

/** `X.yml` → `X.locked.yml`, `Dockerfile` → `Dockerfile.locked`. */
export function lockedName(file: string): string {
  const extension =
    /^\.[A-Za-z]+$/.test(extname(file)) && !/^dockerfile\./i.test(basename(file)) ? extname(file) : "";
  const stem = basename(file, extension);
  return join(dirname(file), `${stem}.locked${extension}`);
}

/** The file that `lock` was given where this is what it wrote; any other name comes back as it is. */
export function sourceName(file: string): string {
  return join(dirname(file), basename(file).replace(/\.locked(?=\.|$)/, ""));
}

/** Whether a file is called like what `lock` writes. */
export function isLockedName(file: string): boolean {
  return /\.locked(?:\.|$)/.test(basename(file));
}

export interface Outputs {
  /** The name of the lock file, and its text when this run has read it. */
  readonly lockName: string;
  readonly before: string | undefined;
  readonly files: readonly (readonly [name: string, text: string])[];
}

/** Throws `OUTPUT_UNWRITABLE`; `LOCK_DIFFERS` if another run was there. A crash in between shows as a lock that differs. */
export async function writeOutputs({ lockName, before, files }: Outputs): Promise<void> {
  if (files.length === 0) return;
  const names = files.map(([name]) => name);
  try {
    await whileWriting(lockName, async (held) => {
      if ((await lockAtHand(lockName))?.text !== before) {
        const message = `${lockName} was changed by another run while this one was under way.`;
        const remedy = { next: "Run `lock` again; one run may take many files." };
        throw new TrustError("LOCK_DIFFERS", message, { file: lockName, remedy });
      }
      const all = files.map(([name, text]) => [name, Buffer.from(text, "utf8")] as const);
      await replaceFiles(all, 0o644, "sync", held);
    });
  } catch (error) {
    throw error instanceof TrustError ? error : unwritten(error, names, lockName);
  }
}

function unwritten(cause: unknown, names: readonly string[], lockName: string): TrustError {
  const { target: file } = cause as { target?: string };
  const what = file === undefined ? `Of ${names.join(", ")}, one` : "It";
  if (!(cause instanceof HalfReplaced)) return unwritable(cause, { what, file, locked: lockName });
  const fresh = cause.files.map(({ path, kept }) =>
    kept === undefined ? `${path} (there was none)` : `${path} (the old one is ${kept})`,
  );
  const more = `These are new, and cannot be put back: ${fresh.join(", ")}.`;
  return unwritable(cause, { what, file, locked: lockName, more });
}
