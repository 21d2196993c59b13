/**
 * The file that says that a server is ready, and where it is: whole or absent, and there only while it answers.
 * Whether it can be written is tried before anything listens, and what a killed server left of it goes before that.
 */
import { randomBytes } from "node:crypto";
import { existsSync, rmSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { StartError, systemCode } from "../serve/errors.ts";
import { writeNew, writeWhole } from "../serve/files.ts";
import type { RunningServer } from "../serve/server.ts";

/**
 * Throws `READY_FILE_UNWRITABLE`. `path`: absolute. `data`: the data directory, which the start makes if it is
 * missing.
 */
export function checkReadyFile(path: string, data: string): void {
  const folder = dirname(path);
  if (folder === resolve(data) && !existsSync(folder)) return;
  const trial = join(folder, `.${randomBytes(8).toString("hex")}.trial`);
  let taken: boolean;
  try {
    taken = statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
    writeNew(trial, "", 0o600);
    rmSync(trial);
  } catch (error) {
    throw unwritable(path, systemCode(error), error);
  }
  if (taken) throw unwritable(path, "EISDIR");
}

/** Removes one that an earlier server left. Throws `READY_FILE_UNWRITABLE`. */
export function removeReadyFile(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch (error) {
    throw unwritable(path, systemCode(error), error);
  }
}

/** Throws `READY_FILE_UNWRITABLE`. */
export function writeReadyFile(path: string, server: RunningServer, pid: number): void {
  const { url, port, operations, authority, directory } = server;
  const facts = {
    url,
    port,
    pid,
    ca: authority?.file,
    fingerprint: authority?.fingerprint,
    operations,
    directory,
  };
  try {
    writeWhole(path, `${JSON.stringify(facts)}\n`, 0o644);
  } catch (error) {
    throw unwritable(path, systemCode(error), error);
  }
}

function unwritable(path: string, code: string, cause?: unknown): StartError {
  return new StartError(
    "READY_FILE_UNWRITABLE",
    `The ready file ${path} cannot be written (${code}): name a file in a folder that exists and that the user of this process may write to with --ready-file.`,
    cause,
  );
}
