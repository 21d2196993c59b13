/**
 * What happened, as those saw it who asked: the only thing that the checker is given.
 *
 * Time is a counter that grows with every beginning and every end, all of them in the test's own process. So "it
 * ended before that one began" is known exactly, and nothing else about their order is.
 */

export interface FileFact {
  readonly version: number;
  /** Lower-case hex. */
  readonly sha256: string;
}

export interface Span {
  readonly began: number;
  /** Infinity while nobody has been told. */
  readonly ended: number;
}

/**
 * `refused`: the server said that nothing happened. `unknown`: it may have happened or not: nobody was told, or it was
 * said that nobody knows.
 */
export type Outcome = "acknowledged" | "refused" | "unknown";

/** `life`: the owner's own count of the lives of a name, from 1. */
export interface Publishing extends Span {
  readonly kind: "publish";
  readonly repository: string;
  readonly life: number;
  /** What was uploaded, by role. */
  readonly files: ReadonlyMap<string, FileFact>;
  readonly outcome: Outcome;
}

export interface Removing extends Span {
  readonly kind: "remove";
  readonly repository: string;
  readonly life: number;
  readonly outcome: Outcome;
}

/** A reader followed a repository from its timestamp down. */
export interface Viewing extends Span {
  readonly kind: "view";
  readonly repository: string;
  /** Empty: there was no such repository. */
  readonly files: ReadonlyMap<string, FileFact>;
  /** Digest of version 1 of the root: which life it is. */
  readonly firstRoot: string | undefined;
  /** What was wrong; `missing`: a file that another one names was not served. */
  readonly flaw?: { readonly kind: "missing" | "unverified"; readonly sentence: string };
}

/** A file was asked for by its version. */
export interface Recalling extends Span {
  readonly kind: "recall";
  readonly repository: string;
  readonly life: number;
  readonly role: string;
  readonly version: number;
  /** Undefined: it was not there. */
  readonly sha256: string | undefined;
}

export interface FeedRow {
  readonly id: number;
  readonly repository: string;
  readonly version: number;
  readonly sha256: string;
  readonly category: "update" | "deletion";
}

/** The whole changefeed was read, page by page. */
export interface Feeding extends Span {
  readonly kind: "feed";
  readonly rows: readonly FeedRow[];
}

/** A key of the server was asked for, to be signed into a root. */
export interface Keying extends Span {
  readonly kind: "key";
  readonly repository: string;
  /** Undefined: nobody was told. */
  readonly keyId: string | undefined;
  readonly outcome: Outcome;
}

export interface TrailEntry {
  readonly number: number;
  readonly kind: string;
  readonly repository: string;
  readonly hash: string;
  /** What its record makes of the hash before it. */
  readonly made: string;
  /** Of a publication: versions by role. */
  readonly files: ReadonlyMap<string, number> | undefined;
  /** Of a key that was made. */
  readonly keyId: string | undefined;
}

/** The audit trail was read, from after an entry to its end. */
export interface Trailing extends Span {
  readonly kind: "trail";
  readonly after: number;
  readonly entries: readonly TrailEntry[];
}

export type Happening = Publishing | Removing | Viewing | Recalling | Feeding | Keying | Trailing;
export type Kind = Happening["kind"];
export type Of<K extends Kind> = Extract<Happening, { kind: K }>;

export class History {
  readonly happenings: Happening[] = [];
  #now = 0;

  /** A new instant. */
  tick(): number {
    return ++this.#now;
  }

  add(happening: Happening): void {
    this.happenings.push(happening);
  }
}

export function of<K extends Kind>(happenings: readonly Happening[], kind: K): Of<K>[] {
  return happenings.filter((each): each is Of<K> => each.kind === kind);
}

/** Happenings by the name of their repository. */
export function byRepository<T extends { readonly repository: string }>(all: readonly T[]): Map<string, T[]> {
  return Map.groupBy(all, ({ repository }) => repository);
}
