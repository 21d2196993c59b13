/**
 * Reading the mark's file within bounds: its end alone, where the newest position stands, or all of it in as many passes
 * as keep what is merged at one time small.
 */
import type { FileHandle } from "node:fs/promises";
import { type MarkEntry, mergeEntries, type Position } from "../mark.ts";
import { maxLine, readLine, subjectOf } from "./lines.ts";

const chunk = 65_536;
/** Where the newest position is looked for first. It is the last line, unless that was cut off. */
const endLength = 262_144;
/** Bytes of the file that are merged in one pass. */
const passBytes = 32 * 1024 * 1024;

/**
 * Whole lines without their ends, every byte one character, so that a chunk may end anywhere and lines that nobody wants
 * cost little. Longer ones than any of ours are left out.
 */
async function* linesOf(file: FileHandle, start: number, end: number): AsyncGenerator<string> {
  const buffer = Buffer.alloc(chunk);
  let rest = "";
  let tooLong = false;
  for (let at = start; at < end; ) {
    const { bytesRead } = await file.read(buffer, 0, Math.min(chunk, end - at), at);
    if (bytesRead === 0) return;
    at += bytesRead;
    const parts = (rest + buffer.toString("latin1", 0, bytesRead)).split("\n");
    rest = parts.pop() ?? "";
    for (const part of parts) {
      if (!tooLong) yield part;
      tooLong = false;
    }
    if (rest.length > maxLine) {
      rest = "";
      tooLong = true;
    }
  }
}

function decoded(line: string): string {
  return Buffer.from(line, "latin1").toString("utf8");
}

export interface NewestPosition {
  readonly position: Position | undefined;
  /** Whether something that cannot be read lies behind it, or nothing can be read at all. */
  readonly doubtful: boolean;
}

export async function newestPosition(file: FileHandle, size: number): Promise<NewestPosition> {
  for (const start of [Math.max(0, size - endLength), 0]) {
    let position: Position | undefined;
    let isRead = false;
    let isBroken = false;
    for await (const text of linesOf(file, start, size)) {
      const line = readLine(decoded(text));
      isRead ||= line !== undefined;
      isBroken ||= line === undefined;
      if (line?.kind !== "position") continue;
      ({ position } = line);
      isBroken = false;
    }
    if (position !== undefined || start === 0) {
      return { position, doubtful: isBroken || (size > 0 && !isRead) };
    }
  }
  return { position: undefined, doubtful: size > 0 };
}

/** The size that the file had when it was last made anew; 0 if it does not say. */
export async function sizeWhenMade(file: FileHandle, size: number): Promise<number> {
  for await (const text of linesOf(file, 0, Math.min(size, chunk))) {
    const line = readLine(decoded(text));
    return line?.kind === "mark" ? line.bytes : 0;
  }
  return 0;
}

/** Each repository of the first `size` bytes once, merged. Memory is bounded by one pass. */
export async function* mergedEntries(file: FileHandle, size: number): AsyncGenerator<MarkEntry> {
  const passes = Math.max(1, Math.ceil(size / passBytes));
  for (let pass = 0; pass < passes; pass++) {
    const merged = new Map<string, MarkEntry>();
    for await (const text of linesOf(file, 0, size)) {
      const subject = subjectOf(text);
      if (subject === undefined || bucketOf(subject, passes) !== pass) continue;
      const line = readLine(decoded(text));
      if (line?.kind !== "entry") continue;
      const { entry } = line;
      merged.set(entry.repository, mergeEntries(merged.get(entry.repository), entry));
    }
    yield* merged.values();
  }
}

/** Spreads names; nothing depends on how well. */
function bucketOf(subject: string, buckets: number): number {
  let hash = 0;
  for (let i = 0; buckets > 1 && i < subject.length; i++) hash = (hash * 31 + subject.charCodeAt(i)) >>> 0;
  return hash % buckets;
}
