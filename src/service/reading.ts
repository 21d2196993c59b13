/**
 * Reading files: from bytes to what they say, with the signatures tried that can be tried. It is what costs most in a large
 * publication, so it may be done elsewhere; what is made of it is decided here, by `core/publication.ts`.
 */
import { setImmediate } from "node:timers/promises";
import type { FormatRules } from "../core/format/format.ts";
import type { ListedKey } from "../core/keys.ts";
import type { Metadata } from "../core/model.ts";
import { type NamedBytes, readUpload } from "../core/upload.ts";

/** Keys by ID. */
export type KnownKeys = ReadonlyMap<string, ListedKey>;

/**
 * Whoever implements it gives what `readingHere` gives: the same files to all who ask, and the same refusals. A reading
 * that ends otherwise, because who does it died or took too long, rejects with `EXAMINATION_FAILED`, one for which there is no
 * room with `OVERLOADED`; both are told to come again.
 */
export interface Reading {
  /**
   * The files of an upload, timestamps left out. Throws what `readUpload` throws. The bytes are given away: they are not
   * to be used afterwards except through what comes back.
   * @param known gives keys that may have signed them, where asking for those is worth it: signatures by them, and by keys that the files
   * themselves name, need not be verified again. Never rejects
   */
  upload(files: readonly NamedBytes[], known: () => Promise<KnownKeys>): Promise<Metadata[]>;
  /** One file of the store, whose bytes stay as they are. Throws what `FormatRules.parse` throws. */
  stored(role: string, bytes: Buffer): Promise<Metadata>;
  /** Ends what is under way with `EXAMINATION_FAILED`. Idempotent. */
  close(): Promise<void>;
}

/** On this thread; between the files of an upload others get their turn. */
export function readingHere(format: Pick<FormatRules, "parse">): Reading {
  return {
    async upload(files) {
      const read: Metadata[] = [];
      for (const file of readUpload(format, files)) {
        read.push(file);
        if (read.length < files.length) await setImmediate();
      }
      return read;
    },
    async stored(role, bytes) {
      return format.parse(role, bytes);
    },
    async close() {},
  };
}
