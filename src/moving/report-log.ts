/**
 * The reports of an import, pressed: whoever takes over a hundred thousand repositories need not hold a hundred thousand
 * objects until the last is done. Read in the order of their names, as often as is wanted.
 */
import { deflateRawSync, inflateRawSync } from "node:zlib";
import type { Report } from "./report.ts";

interface Place {
  readonly repository: string;
  readonly block: number;
  readonly line: number;
}

/** Reports of one block, and blocks that are held open: names are done nearly in the order in which they are read. */
const blockLength = 1_000;
const mostOpen = 4;
/** Bytes that most blocks have at most: such a one is unpacked into a single piece of memory. */
const chunkSize = 512 * 1_024;

export class ReportLog implements Iterable<Report> {
  readonly #places: Place[] = [];
  readonly #pressed: Buffer[] = [];
  #last: string[] = [];

  add(report: Report): void {
    this.#places.push({
      repository: report.repository,
      block: this.#pressed.length,
      line: this.#last.length,
    });
    this.#last.push(JSON.stringify(report));
    if (this.#last.length < blockLength) return;
    this.#pressed.push(deflateRawSync(this.#last.join("\n")));
    this.#last = [];
  }

  *[Symbol.iterator](): Generator<Report, undefined> {
    const open = new Map<number, readonly string[]>();
    for (const { block, line } of this.#places.sort((a, b) => (a.repository < b.repository ? -1 : 1))) {
      const lines = open.get(block) ?? this.#block(block);
      open.delete(block);
      open.set(block, lines);
      const [oldest] = open.keys();
      if (open.size > mostOpen && oldest !== undefined) open.delete(oldest);
      yield JSON.parse(lines[line] ?? "") as Report;
    }
    return undefined;
  }

  #block(block: number): readonly string[] {
    const pressed = this.#pressed[block];
    if (pressed === undefined) return this.#last;
    return inflateRawSync(pressed, { chunkSize }).toString("utf8").split("\n");
  }
}
