/**
 * The high-water mark as a file that grows at its end and is made anew once it has doubled.
 *
 * - An append is one write and one sync, whatever the file's size.
 * - Making it anew reads what is there while appends go on; then what they added is copied behind it, and the new file
 *   takes the old one's place by renaming. A crash leaves one of the two.
 * - Who opens it for writing holds the store's lock; nobody else writes it.
 */
import { randomBytes } from "node:crypto";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { StoreError } from "../core/errors.ts";
import type { HighWaterMark, MarkEntry, Position } from "./mark.ts";
import { entryLines, firstLine, positionLine } from "./mark-file/lines.ts";
import { mergedEntries, type NewestPosition, newestPosition, sizeWhenMade } from "./mark-file/reading.ts";

/** Beyond twice what it was, the file may grow by this before it is made anew, in bytes. */
const slack = 4 * 1024 * 1024;
/** What is gathered before it is written, in characters. */
const batch = 1024 * 1024;

export interface MarkFileOptions {
  readonly path: string;
  readonly readOnly: boolean;
  /** Another slack, in bytes. */
  readonly testingOnlySlack?: number;
}

/** Makes the file if it is missing, unless it is only read: then a missing one is a mark without a position. */
export async function openMarkFile({
  path,
  readOnly,
  testingOnlySlack,
}: MarkFileOptions): Promise<HighWaterMark> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, readOnly ? "r" : "a+", 0o600);
    const { size } = await file.stat();
    return new MarkFile(path, file, size, testingOnlySlack ?? slack, {
      ...(await newestPosition(file, size)),
      made: await sizeWhenMade(file, size),
      whole: await endsWhole(file, size),
    });
  } catch (error) {
    await file?.close();
    if (readOnly && (error as NodeJS.ErrnoException).code === "ENOENT") return noMark;
    throw new StoreError(
      "STORE_UNWRITABLE",
      `The high-water mark ${path} cannot be ${readOnly ? "read" : "written"}: mount its volume, give this user the right to do so, or name another place with store.highWaterMark.`,
      { cause: error },
    );
  }
}

const noMark: HighWaterMark = {
  position: () => undefined,
  isDoubtful: () => false,
  async *entries() {},
  append: () => Promise.reject(new TypeError("there is no mark to write")),
  replace: () => Promise.reject(new TypeError("there is no mark to write")),
  close: () => Promise.resolve(),
};

async function endsWhole(file: FileHandle, size: number): Promise<boolean> {
  if (size === 0) return true;
  const last = Buffer.alloc(1);
  await file.read(last, 0, 1, size - 1);
  return last[0] === 0x0a;
}

interface Found extends NewestPosition {
  /** Its size when it was last made anew. */
  readonly made: number;
  /** False if its last line was cut off. */
  readonly whole: boolean;
}

class MarkFile implements HighWaterMark {
  readonly #path: string;
  readonly #slack: number;
  #file: FileHandle;
  #size: number;
  #made: number;
  #whole: boolean;
  #position: Position | undefined;
  #doubtful: boolean;
  /** Writes, one after the other. */
  #turn: Promise<unknown> = Promise.resolve();
  #renewal: Promise<void> | undefined;
  #closing = false;

  constructor(path: string, file: FileHandle, size: number, slackBytes: number, found: Found) {
    this.#path = path;
    this.#file = file;
    this.#size = size;
    this.#slack = slackBytes;
    this.#made = found.made;
    this.#whole = found.whole;
    this.#position = found.position;
    this.#doubtful = found.doubtful;
  }

  position(): Position | undefined {
    return this.#position;
  }

  isDoubtful(): boolean {
    return this.#doubtful;
  }

  /** By a descriptor of its own: the file may be made anew in the meantime. */
  async *entries(): AsyncGenerator<MarkEntry> {
    const file = await open(this.#path, "r");
    try {
      yield* mergedEntries(file, (await file.stat()).size);
    } finally {
      await file.close();
    }
  }

  async append(entries: Iterable<MarkEntry>, position: Position | undefined): Promise<void> {
    await this.#inTurn(async () => {
      let text = this.#size === 0 ? firstLine(0) : this.#whole ? "" : "\n";
      for (const entry of entries) text += [...entryLines(entry)].join("");
      if (position !== undefined) text += positionLine(position);
      // Until the whole is written, it is not known where the file ends.
      this.#whole = false;
      await this.#file.appendFile(text);
      await this.#file.datasync();
      this.#whole = true;
      this.#size = (await this.#file.stat()).size;
      this.#position = position ?? this.#position;
    });
    if (this.#size > 2 * this.#made + this.#slack) this.#renewal ??= this.#renew();
  }

  async replace(entries: AsyncIterable<MarkEntry>, position: Position | undefined): Promise<void> {
    await this.#renewal;
    await this.#inTurn(() => this.#makeAnew(entries, position, undefined));
  }

  async close(): Promise<void> {
    this.#closing = true;
    await this.#renewal;
    await this.#turn;
    await this.#file.close();
  }

  /** Never rejects: a file that could not be made anew goes on growing, and is tried again at the next append. */
  async #renew(): Promise<void> {
    try {
      await this.#makeAnew(this.#untilClosing(mergedEntries(this.#file, this.#size)), undefined, this.#size);
    } catch {
      // The old file is as it was.
    } finally {
      this.#renewal = undefined;
    }
  }

  /** Nobody waits for the file to be made anew. */
  async *#untilClosing(entries: AsyncIterable<MarkEntry>): AsyncGenerator<MarkEntry> {
    for await (const entry of entries) {
      if (this.#closing) throw new Error("the mark is being closed");
      yield entry;
    }
  }

  /** `from`: what was appended behind this place meanwhile is copied, in its turn. */
  async #makeAnew(
    entries: AsyncIterable<MarkEntry>,
    position: Position | undefined,
    from: number | undefined,
  ): Promise<void> {
    const draft = join(dirname(this.#path), `.${randomBytes(8).toString("hex")}.mark`);
    const file = await open(draft, "wx+", 0o600);
    try {
      await writeEntries(file, entries);
      const finish = async () => {
        if (from !== undefined) await this.#copyFrom(from, file);
        const last = position ?? (from === undefined ? undefined : this.#position);
        if (last !== undefined) await file.appendFile(positionLine(last));
        const { size } = await file.stat();
        await file.write(firstLine(size), 0);
        await file.sync();
        await this.#takePlace(draft, size);
        this.#position = last;
        if (from === undefined) this.#doubtful = false;
      };
      await (from === undefined ? finish() : this.#inTurn(finish));
    } finally {
      await file.close();
      await rm(draft, { force: true });
    }
  }

  async #copyFrom(from: number, file: FileHandle): Promise<void> {
    const buffer = Buffer.alloc(65_536);
    for (let at = from; at < this.#size; ) {
      const { bytesRead } = await this.#file.read(buffer, 0, Math.min(buffer.length, this.#size - at), at);
      if (bytesRead === 0) return;
      await file.appendFile(buffer.subarray(0, bytesRead));
      at += bytesRead;
    }
  }

  async #takePlace(draft: string, size: number): Promise<void> {
    await rename(draft, this.#path);
    const directory = await open(dirname(this.#path), "r");
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
    const old = this.#file;
    this.#file = await open(this.#path, "a+");
    this.#size = size;
    this.#made = size;
    this.#whole = true;
    await old.close();
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => {});
    return done;
  }
}

async function writeEntries(file: FileHandle, entries: AsyncIterable<MarkEntry>): Promise<void> {
  let text = firstLine(0);
  for await (const entry of entries) {
    text += [...entryLines(entry)].join("");
    if (text.length < batch) continue;
    await file.appendFile(text);
    text = "";
  }
  await file.appendFile(text);
}
