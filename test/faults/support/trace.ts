/** What the shim wrote down: one record after the other, in the order in which things reached the system. */
import { readFileSync } from "node:fs";

const kinds = [
  "write",
  "truncate",
  "sync",
  "create",
  "rename",
  "unlink",
  "link",
  "answer",
  "directory",
  "failed sync",
] as const;

export interface TraceRecord {
  readonly kind: (typeof kinds)[number];
  /** Absolute; empty for an answer. */
  readonly path: string;
  /** Of a write; the length after a truncation; the client's port of an answer. */
  readonly offset: number;
  /** What was written; the other path of a renaming; the beginning of an answer. */
  readonly bytes: Buffer;
}

const headLength = 24;

export function readTrace(path: string): TraceRecord[] {
  const all = readFileSync(path);
  const records: TraceRecord[] = [];
  for (let at = 0; at < all.length; ) {
    const pathEnd = at + headLength + all.readUInt32LE(at + 4);
    const end = pathEnd + Number(all.readBigUInt64LE(at + 16));
    const kind = kinds[all.readUInt32LE(at) - 1];
    if (kind === undefined || end > all.length) throw new Error(`no record at ${at}`);
    records.push({
      kind,
      path: all.toString("utf8", at + headLength, pathEnd),
      offset: Number(all.readBigUInt64LE(at + 8)),
      bytes: all.subarray(pathEnd, end),
    });
    at = end;
  }
  return records;
}
