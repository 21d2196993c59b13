/**
 * Reading in threads: what is large goes over to one, and comes back as what it says; what is small is read here.
 *
 * The bytes of an upload are given away and given back, not copied. Stored files belong to others, and are copied.
 */
import type { Logger } from "pino";
import { type Code, type MalformedCode, MalformedError, malformedCodes } from "../core/errors.ts";
import type { FormatRules } from "../core/format/format.ts";
import type { Metadata } from "../core/model.ts";
import { unpack } from "../core/portable.ts";
import type { NamedBytes } from "../core/upload.ts";
import { type KnownKeys, type Reading, readingHere } from "../service/reading.ts";
import { ThreadPool } from "./pool.ts";
import type { ReadingAnswer, ReadingJob } from "./thread.ts";

/**
 * From so many bytes on an upload, or a stored file, is read in a thread: some 1,200 targets. Reading those here holds up
 * everybody else for 10 ms on a busy machine, a quarter of what readers may wait; handing over takes half a millisecond,
 * and the answer comes later by the way there and back. Nearly all uploads are smaller.
 */
export const largeFrom = 256 * 1024;

/** Time for a job, in milliseconds: several times what the worst document takes on a busy machine, the thread's start included. */
const baseTime = 15_000;
const timePerMebibyte = 2_000;
/**
 * Heap of a thread in MiB, and for each MiB of the largest upload. It is more than a document of that size can fill, whatever
 * is in it (two brackets make an object of 56 bytes): the platform ends a thread that grows slowly, but one that runs out
 * within `JSON.parse` takes the process with it. What bounds memory are the bytes of uploads.
 */
const baseHeap = 128;
const heapPerMebibyte = 64;

const mebibyte = 1024 * 1024;

export interface ThreadedOptions {
  readonly format: Pick<FormatRules, "parse">;
  /** A program that calls `serveReading` with the same format. */
  readonly program: URL;
  readonly threads: number;
  readonly waiting: number;
  /** Bytes of the largest upload. */
  readonly uploadBytes: number;
  readonly logger: Pick<Logger, "error">;
  /** Instead of what `uploadBytes` and the size of a job give. */
  readonly testingOnly?: { readonly heap?: number; readonly time?: number; readonly largeFrom?: number };
}

export function readingInThreads(options: ThreadedOptions): Reading {
  const { format, uploadBytes, testingOnly = {} } = options;
  const large = testingOnly.largeFrom ?? largeFrom;
  const heap = testingOnly.heap ?? baseHeap + Math.ceil((uploadBytes / mebibyte) * heapPerMebibyte);
  const pool = new ThreadPool({ ...options, heap });
  const here = readingHere(format);

  async function inThread(files: readonly NamedBytes[], known: KnownKeys): Promise<Metadata[]> {
    const message: ReadingJob = { files, known };
    const answer = (await pool.run({
      message,
      transfer: buffersOf(files),
      time: testingOnly.time ?? baseTime + Math.ceil((sizeOf(files) / mebibyte) * timePerMebibyte),
    })) as ReadingAnswer;
    switch (answer.kind) {
      case "read":
        return answer.files.map((file) => unpack(file, format));
      case "refused":
        throw new MalformedError(codeOf(answer.code), answer.message, {
          ...(answer.role !== undefined && { role: answer.role }),
          ...(answer.detail !== undefined && { detail: answer.detail }),
        });
      case "broken":
        // As it would be here: a fault of ours, and opaque to callers.
        throw new Error(`reading failed in a thread: ${answer.what}`);
    }
  }

  return {
    async upload(files, known) {
      if (sizeOf(files) < large) return await here.upload(files, known);
      const keys = await known();
      return await inThread(files.map(own), keys);
    },
    async stored(role, bytes) {
      if (bytes.length < large) return await here.stored(role, bytes);
      const [file] = await inThread([{ role, bytes: Buffer.from(copy(bytes)) }], new Map());
      // A timestamp is left out of uploads; none is as large as this.
      return file ?? (await here.stored(role, bytes));
    },
    close: () => pool.close(),
  };
}

function sizeOf(files: readonly NamedBytes[]): number {
  return files.reduce((sum, { bytes }) => sum + bytes.length, 0);
}

/** In memory that nothing else shares, so that it can be given away. */
function own({ role, bytes }: NamedBytes): NamedBytes {
  return bytes.byteLength === bytes.buffer.byteLength
    ? { role, bytes }
    : { role, bytes: Buffer.from(copy(bytes)) };
}

function copy(bytes: Buffer): ArrayBuffer {
  return Uint8Array.from(bytes).buffer;
}

/** Each once, as a transfer wants it. */
export function buffersOf(files: readonly { readonly bytes: Uint8Array }[]): ArrayBuffer[] {
  return [...new Set(files.map(({ bytes }) => bytes.buffer as ArrayBuffer))];
}

function codeOf(code: Code): MalformedCode {
  const found = malformedCodes.find((each) => each === code);
  if (found === undefined) throw new TypeError(`reading refused with ${code}`);
  return found;
}
