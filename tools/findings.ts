/** How every check of this folder ends: one line for each finding on standard error, exit code 1 when there is one. */
import { resolve } from "node:path";

/** The root of the tree that the checks are about. */
export const root = resolve(import.meta.dirname, "..");

/** `seen`: what was looked at, with its number, so that a check which saw nothing shows. */
export function report(seen: string, findings: readonly string[]): void {
  for (const finding of findings) process.stderr.write(`${finding}\n`);
  process.stdout.write(
    `${seen}: ${findings.length === 0 ? "nothing found" : `${findings.length} findings`}\n`,
  );
  if (findings.length > 0) process.exitCode = 1;
}
