/**
 * A disk that keeps its word and no more: what was synced is there after the power is gone, and of the rest whatever the
 * disk likes.
 *
 * - A sync of a file makes its content safe, a sync of a directory the names in it. Neither does the other's work.
 * - After a sync of a file that failed, what was written before it may be lost for ever, whatever syncs succeed later: the
 *   system has forgotten that it was not on the disk.
 * - Writes that were not synced survive in any choice, each in any number of its sectors. Names that were not synced
 *   survive in the order in which they were made, up to any point (all file systems of today keep that order).
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import type { Chance } from "./chance.ts";
import type { TraceRecord } from "./trace.ts";

/** What a power cut leaves of what was not synced. */
export type Mercy = "nothing" | "everything" | "some";

const sector = 512;

interface Change {
  readonly offset: number;
  /** Undefined: a truncation to `offset`. */
  readonly bytes: Buffer | undefined;
  /** `doubtful`: a sync of it failed. */
  fate: "open" | "doubtful" | "safe";
}

class Content {
  #safe: Buffer = Buffer.alloc(0);
  #changes: Change[] = [];

  change(offset: number, bytes: Buffer | undefined): void {
    this.#changes.push({ offset, bytes, fate: "open" });
  }

  failToSync(): void {
    for (const change of this.#changes) if (change.fate === "open") change.fate = "doubtful";
  }

  sync(): void {
    for (const change of this.#changes) if (change.fate === "open") change.fate = "safe";
    while (this.#changes[0]?.fate === "safe") this.#fold(this.#changes.shift() as Change);
  }

  after(mercy: Mercy, chance: Chance): Buffer {
    const kept = this.#changes.flatMap((each) => {
      if (each.fate === "safe" || mercy === "everything") return [each];
      return mercy === "nothing" ? [] : part(each, chance);
    });
    return replayed(this.#safe, kept);
  }

  #fold(change: Change): void {
    const { offset, bytes } = change;
    if (bytes !== undefined && offset + bytes.length <= this.#safe.length) bytes.copy(this.#safe, offset);
    else this.#safe = replayed(this.#safe, [change]);
  }
}

/** The content with all changes made, in one buffer. */
function replayed(before: Buffer, changes: readonly Change[]): Buffer {
  const most = changes.reduce(
    (size, { offset, bytes }) => Math.max(size, offset + (bytes?.length ?? 0)),
    before.length,
  );
  const content = Buffer.alloc(most);
  before.copy(content);
  let length = before.length;
  for (const { offset, bytes } of changes) {
    if (bytes === undefined) {
      // What a file grows over again is zero.
      content.fill(0, offset);
      length = offset;
    } else {
      bytes.copy(content, offset);
      length = Math.max(length, offset + bytes.length);
    }
  }
  return content.subarray(0, length);
}

function part(change: Change, chance: Chance): Change[] {
  if (chance.happens(0.4)) return [];
  if (change.bytes === undefined || chance.happens(0.5)) return [change];
  const sectors = chance.between(0, Math.ceil(change.bytes.length / sector));
  return [{ ...change, bytes: change.bytes.subarray(0, sectors * sector) }];
}

type Name = readonly [path: string, content: Content | "directory" | undefined];

interface NameChange {
  /** In whose directory it is. */
  readonly path: string;
  /** What is under which name after it; undefined: nothing. */
  readonly moves: readonly Name[];
}

export class Disk {
  readonly #root: string;
  /** Names as they are for who lives. */
  readonly #names = new Map<string, Content | "directory">();
  readonly #safeNames = new Map<string, Content | "directory">();
  #nameChanges: NameChange[] = [];

  /** @param root an existing directory, safe from the start */
  constructor(root: string) {
    this.#root = root;
  }

  apply({ kind, path, offset, bytes }: TraceRecord): void {
    switch (kind) {
      case "create":
        this.#name(path, new Content());
        break;
      case "directory":
        this.#name(path, "directory");
        break;
      case "unlink":
        this.#name(path, undefined);
        break;
      case "link":
        this.#name(bytes.toString("utf8"), this.#content(path));
        break;
      case "rename":
        this.#rename(path, bytes.toString("utf8"));
        break;
      case "write":
        this.#content(path).change(offset, bytes);
        break;
      case "truncate":
        this.#content(path).change(offset, undefined);
        break;
      case "sync":
        this.#sync(path);
        break;
      case "failed sync":
        if (this.#names.get(path) instanceof Content) this.#content(path).failToSync();
        break;
      case "answer":
    }
  }

  /** Writes what is there after a power cut now below another directory. */
  writeTo(directory: string, mercy: Mercy, chance: Chance): void {
    const names = new Map(this.#safeNames);
    const all = this.#nameChanges.length;
    const kept = { nothing: 0, everything: all, some: chance.between(0, all) }[mercy];
    for (const { moves } of this.#nameChanges.slice(0, kept)) apply(names, moves);
    // A name below a directory that is not there is not there either.
    for (const [path, content] of [...names].sort(([a], [b]) => a.length - b.length)) {
      const above = dirname(path);
      if (above !== this.#root && names.get(above) !== "directory") names.delete(path);
      else if (content === "directory") mkdirSync(this.#moved(directory, path), { mode: 0o700 });
      else writeFileSync(this.#moved(directory, path), content.after(mercy, chance), { mode: 0o600 });
    }
  }

  #moved(directory: string, path: string): string {
    return join(directory, relative(this.#root, path));
  }

  #content(path: string): Content {
    const content = this.#names.get(path);
    if (content === undefined || content === "directory") throw new Error(`${path} was never made`);
    return content;
  }

  #name(path: string, content: Content | "directory" | undefined): void {
    put(this.#names, path, content);
    this.#nameChanges.push({ path, moves: [[path, content]] });
  }

  /** One change, although it takes a name away and gives another: no file system tears it. A directory takes its files along. */
  #rename(from: string, to: string): void {
    const content = this.#names.get(from);
    if (content === undefined) throw new Error(`${from} was never made`);
    const moves: Name[] = [
      [from, undefined],
      [to, content],
    ];
    for (const [name, below] of this.#names) {
      if (!name.startsWith(`${from}/`)) continue;
      moves.push([name, undefined], [`${to}${name.slice(from.length)}`, below]);
    }
    apply(this.#names, moves);
    this.#nameChanges.push({ path: to, moves });
  }

  #sync(path: string): void {
    if (path !== this.#root && this.#names.get(path) !== "directory") {
      this.#content(path).sync();
      return;
    }
    const here = (change: NameChange) => dirname(change.path) === path;
    for (const { moves } of this.#nameChanges.filter(here)) apply(this.#safeNames, moves);
    this.#nameChanges = this.#nameChanges.filter((change) => !here(change));
  }
}

function apply(names: Map<string, Content | "directory">, moves: readonly Name[]): void {
  for (const [path, content] of moves) put(names, path, content);
}

function put<T>(names: Map<string, T>, path: string, content: T | undefined): void {
  if (content === undefined) names.delete(path);
  else names.set(path, content);
}
