/**
 * Edits that wait to be published, one file a repository and server, in a folder of the publisher's own.
 *
 * Invariants: a file is replaced whole, by one process at a time, and is on disk before a command ends well; publishing takes
 * away only what it has published, so that what was staged meanwhile stays; a file that is damaged is named and never
 * taken for an empty one.
 */
import { createHash } from "node:crypto";
import { readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { whileWriting } from "../client/cache/lock.ts";
import { makeFolder } from "../client/files/make-folder.ts";
import { replaceFile } from "../client/files/replace-file.ts";
import type { Edit, Staged, StagedFor } from "./edits.ts";
import { PublishError } from "./errors.ts";

/** Bytes of one file of staged edits. */
export const largestStaged = 16 * 1_024 * 1_024;
export const mostEdits = 20_000;

export class Staging {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** What is staged; no edits if nothing is. Throws `STAGING_DAMAGED`. */
  async read(wanted: StagedFor): Promise<Staged> {
    return (await this.#load(this.#fileOf(wanted))) ?? { ...wanted, edits: [] };
  }

  /** Everything that is staged, by name of repository. Throws `STAGING_DAMAGED`. */
  async all(): Promise<readonly Staged[]> {
    const names = await readdir(this.#folder).catch(ifMissing([] as string[]));
    const files = names.filter((name) => /^[0-9a-f]{64}\.json$/.test(name));
    const all = await Promise.all(files.map((name) => this.#load(join(this.#folder, name))));
    return all.filter((each) => each !== undefined).sort((a, b) => (a.repository < b.repository ? -1 : 1));
  }

  /**
   * Puts edits behind those that are there; of two about one name in one role only the later is kept. Throws `STAGING_DAMAGED`,
   * `STAGING_UNWRITABLE`.
   */
  async add(wanted: StagedFor, edits: readonly Edit[]): Promise<Staged> {
    return await this.#change(wanted, (present) => together(present, edits));
  }

  /** Takes away edits, and puts back what was there before them, if they have taken its place. */
  async exchange(wanted: StagedFor, gone: readonly Edit[], before: readonly Edit[]): Promise<Staged> {
    return await this.#change(wanted, (present) => {
      const left = present.filter((edit) => !gone.some((each) => isDeepStrictEqual(edit, each)));
      const lost = before.filter((edit) => !left.some((each) => isDeepStrictEqual(edit, each)));
      return [...lost, ...left];
    });
  }

  /** Takes away edits that are done, or all of them. */
  async remove(wanted: StagedFor, done: readonly Edit[] | "all"): Promise<Staged> {
    if (done === "all") return await this.#change(wanted, nothing);
    return await this.#change(wanted, (present) => {
      const left = [...present];
      for (const each of done) {
        const at = left.findIndex((edit) => isDeepStrictEqual(edit, each));
        if (at !== -1) left.splice(at, 1);
      }
      return left;
    });
  }

  async #change(wanted: StagedFor, change: (edits: readonly Edit[]) => readonly Edit[]): Promise<Staged> {
    const file = this.#fileOf(wanted);
    try {
      await makeFolder(this.#folder, 0o700);
      return await whileWriting(file, async (held) => {
        // What is dropped whole need not be understood.
        const present = change === nothing ? undefined : await this.#load(file);
        const before = present ?? { ...wanted, edits: [] };
        const edits = change(before.edits);
        if (edits.length > mostEdits)
          throw new PublishError(
            "STAGING_UNWRITABLE",
            `More than ${mostEdits} edits would be staged: publish first.`,
          );
        if (edits.length === 0) {
          await held();
          await rm(file, { force: true });
        } else if (edits !== before.edits) {
          const text = `${JSON.stringify({ format: "vidimus-staged/1", ...wanted, edits }, null, 1)}\n`;
          const bytes = Buffer.from(text, "utf8");
          if (bytes.length > largestStaged)
            throw new PublishError(
              "STAGING_UNWRITABLE",
              "More would be staged than one publication may hold: publish first.",
            );
          // Nothing is written that could not be read again.
          const { readStaged } = await import("./staged-schema.ts");
          const reason = readStaged(text);
          if (typeof reason === "string")
            throw new PublishError("STAGING_UNWRITABLE", `This cannot be staged: ${reason}.`);
          await replaceFile(file, bytes, 0o600, held);
        }
        return { ...wanted, edits };
      });
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      if (cause instanceof PublishError || code === undefined) throw cause;
      throw new PublishError("STAGING_UNWRITABLE", `${this.#folder} cannot be written (${code}).`, { cause });
    }
  }

  async #load(file: string): Promise<Staged | undefined> {
    let text: string;
    try {
      if ((await stat(file)).size > largestStaged) throw damaged(file, "it is too large");
      text = await readFile(file, "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      if (error instanceof PublishError) throw error;
      throw damaged(file, String((error as NodeJS.ErrnoException).code), error);
    }
    const { readStaged } = await import("./staged-schema.ts");
    const staged = readStaged(text);
    if (typeof staged === "string") throw damaged(file, staged);
    if (this.#fileOf(staged) !== file) throw damaged(file, "it is of another repository");
    return staged;
  }

  #fileOf({ server, repository }: StagedFor): string {
    const digest = createHash("sha256").update(`${server}\n${repository}`).digest("hex");
    return join(this.#folder, `${digest}.json`);
  }
}

function nothing(): readonly Edit[] {
  return [];
}

/** Edits, and others after them. What is said of a name later is what is meant. */
export function together(first: readonly Edit[], then: readonly Edit[]): readonly Edit[] {
  const later = new Set(then.map(subjectOf));
  return [...first.filter((each) => !later.has(subjectOf(each))), ...then];
}

/** What an edit is about, where a later one takes its place; the edit itself where none does. */
function subjectOf(edit: Edit): unknown {
  return edit.edit === "add" || edit.edit === "remove" ? `${edit.role} ${edit.name}` : edit;
}

function ifMissing<T>(otherwise: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code === "ENOENT") return otherwise;
    throw error;
  };
}

function damaged(file: string, why: string, cause?: unknown): PublishError {
  return new PublishError(
    "STAGING_DAMAGED",
    `${file} holds staged edits and cannot be used: ${why}. Mend it, or remove it and stage anew.`,
    { cause },
  );
}
