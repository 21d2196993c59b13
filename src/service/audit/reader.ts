/** The past of repositories, read from the store within bounds: rows page by page, files when a question wants them. */
import { LRUCache } from "lru-cache";
import { MalformedError, RefusedError } from "../../core/errors.ts";
import type { FormatRules } from "../../core/format/format.ts";
import type { Metadata } from "../../core/model.ts";
import { type Open, type Past, pastOf, type Row } from "../../history/past.ts";
import type { ChangeOfRepository } from "../../store/contract/history.ts";
import type { Store } from "../../store/contract/store.ts";
import type { Reading } from "../reading.ts";
import { altered, believingLater, bufferOf } from "../stored.ts";

const page = 1_000;
/** Rows of one repository that a question looks at. */
const mostRows = 200_000;
/** Bytes of files that one question keeps open; parsed they weigh several times as much. */
const openBytes = 32 * 1024 * 1024;

/** One repository as one question sees it. */
export interface PastReader {
  readonly past: Past;
  readonly open: Open;
  /** Whether a file was wanted whose bytes are gone. */
  readonly missed: () => boolean;
  /** How many files were read. */
  readonly opened: () => number;
}

export class HistoryReader {
  readonly #store: Store;
  readonly #format: FormatRules;
  readonly #reading: Reading;

  constructor(store: Store, format: FormatRules, reading: Reading) {
    this.#store = store;
    this.#format = format;
    this.#reading = reading;
  }

  /** Names that exist, after one. */
  names(after: string | undefined, limit: number): Promise<readonly string[]> {
    return this.#store.repositories({ ...(after !== undefined && { after }), limit });
  }

  /** Throws `NOT_FOUND` for a name that was never used. */
  async read(repository: string): Promise<PastReader> {
    const changes: ChangeOfRepository[] = [];
    for (let after = 0; ; ) {
      const found = await this.#store.history.changes(repository, after, page);
      changes.push(...found);
      if (found.length < page) break;
      refuseBeyond(changes.length);
      after = found.at(-1)?.revision ?? after;
    }
    if (changes.length === 0) {
      throw new RefusedError(
        "NOT_FOUND",
        "Ask about a repository that is or was here: this name was never used.",
      );
    }
    const rows = [
      ...(await this.#rows((after) => this.#store.retention.files(repository, after, page))),
      ...(await this.#rows((after) => this.#store.retention.removedFiles(repository, after, page))),
    ];
    return this.#reader(repository, pastOf(repository, this.#format, rows, changes));
  }

  async #rows(
    ask: (after: { role: string; version: number }) => Promise<readonly Row[]>,
  ): Promise<readonly Row[]> {
    const rows: Row[] = [];
    for (let after = { role: "", version: 0 }; ; ) {
      const found = await ask(after);
      rows.push(...found);
      const last = found.at(-1);
      if (found.length < page || last === undefined) return rows;
      refuseBeyond(rows.length);
      after = { role: last.role, version: last.version };
    }
  }

  #reader(repository: string, past: Past): PastReader {
    const files = new LRUCache<string, Metadata>({
      maxSize: openBytes,
      sizeCalculation: ({ bytes }) => bytes.length + 1,
    });
    let missed = false;
    let opened = 0;
    const open = async (row: Row): Promise<Metadata | undefined> => {
      const place = `${row.role}\n${row.sha256}`;
      const known = files.get(place);
      if (known !== undefined) return known;
      const stored =
        row.removedAt === undefined
          ? await this.#store.byDigest(repository, row.role, row.sha256)
          : undefined;
      if (stored === undefined) {
        // Taken away, also while this question was answered.
        missed = true;
        return undefined;
      }
      opened++;
      const file = await believingLater(row.role, () => this.#reading.stored(row.role, bufferOf(stored)));
      if (file.sha256 !== row.sha256) throw altered(row.role);
      files.set(place, file);
      return file;
    };
    return { past, open, missed: () => missed, opened: () => opened };
  }
}

function refuseBeyond(count: number): void {
  if (count < mostRows) return;
  throw new MalformedError(
    "TOO_MANY",
    `Look at this repository offline: it has more than ${mostRows} stored versions, and no question is answered over so many.`,
  );
}
