/** Where the service reads files: large ones in threads, so that whoever only reads does not wait for them. */
import { availableParallelism } from "node:os";
import { extname } from "node:path";
import type { Logger } from "pino";
import type { Config } from "../config.ts";
import type { FormatRules } from "../core/format/format.ts";
import type { Reading } from "../service/reading.ts";
import { readingInThreads } from "../threads/reading.ts";

/** One processor is left for answering, and no process needs many: several processes have threads each. */
const threads = Math.min(4, Math.max(1, availableParallelism() - 1));

/** The built package has the same file with another ending. */
export const readingProgram = new URL(`./reading-thread${extname(import.meta.filename)}`, import.meta.url);

export function openReading({ limits }: Config, format: FormatRules, logger: Logger): Reading {
  const { uploadsExamined: waiting, uploadBytes } = limits;
  return readingInThreads({ format, program: readingProgram, threads, waiting, uploadBytes, logger });
}
