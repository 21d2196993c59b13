/** How long this disk takes to sync, asked in the same run as what waits for it. */
import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from "node:fs";

const times = 200;

/** Milliseconds of each of 200 appends of 4 KiB with their sync, in order of length. */
export function syncTimes(path: string): readonly number[] {
  const block = Buffer.alloc(4_096, 1);
  const file = openSync(path, "w");
  try {
    return Array.from({ length: times }, () => {
      const begun = performance.now();
      writeSync(file, block);
      fdatasyncSync(file);
      return performance.now() - begun;
    }).toSorted((a, b) => a - b);
  } finally {
    closeSync(file);
    rmSync(path);
  }
}

/** What so large a part of the values does not exceed. `sorted`: at least one. */
export function percentile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}
