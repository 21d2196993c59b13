/**
 * What every reader of an input format gives, so that one procedure locks them all.
 *
 * A reader takes text and gives the places where images are named. It fetches nothing and decides nothing about trust.
 * What it cannot read as the tool that will build from the file reads it, it refuses (`INPUT_INVALID` with file and
 * line): an image that a reader overlooks would be pulled unverified.
 */
import type { TrustError } from "../errors.ts";

/** A piece of the source text: offsets in UTF-16 units, `end` exclusive. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** What stands in the place of a span. */
export interface Written extends Span {
  readonly text: string;
}

/** One place where an image is named. */
export interface ImageUse {
  /** Where it stands, for people: `kernel`, `services[sshd]`, `FROM`, `COPY --from`. */
  readonly place: string;
  /** The line (from 1) and the text as written there, variables resolved. */
  readonly line: number;
  readonly reference: string;
  /** What is replaced by the locked reference; `quote` puts it into the syntax of the place. */
  readonly span: Span;
  readonly quote: (reference: string) => string;
}

/** A template that is built from the local tree (`@pkg:dir`): never verified. */
export interface LocalUse {
  readonly place: string;
  readonly line: number;
  readonly text: string;
}

/** LinuxKit's `trust:` block, as written. */
export interface TrustBlock {
  readonly images: readonly TrustEntry[];
  readonly orgs: readonly TrustEntry[];
}

export interface TrustEntry {
  readonly text: string;
  readonly line: number;
}

export type InputFormat = "linuxkit" | "dockerfile" | "compose" | "list";

export interface Input {
  readonly format: InputFormat;
  /** As given on the command line, for messages. */
  readonly file: string;
  readonly text: string;
  readonly images: readonly ImageUse[];
  readonly local: readonly LocalUse[];
  readonly trust: TrustBlock | undefined;
  /** What the locked text lacks (the `trust` block, with its lines). */
  readonly removed: readonly Span[];
  /** What the locked text has written out: a name that is no image here, and could be one where a variable differs. */
  readonly written: readonly Written[];
  /** What is wrong with the `trust` block; the images are known all the same, and nothing may be locked. */
  readonly faults: readonly TrustError[];
  /** Sentences about what this reader cannot cover, to be shown to a person. */
  readonly notes: readonly string[];
}

/** An input of a format that has neither a `trust` block nor templates, nor anything else than images, unless said. */
export function plainInput(
  given: Pick<Input, "format" | "file" | "text" | "images"> & Partial<Pick<Input, "written" | "notes">>,
): Input {
  return { local: [], trust: undefined, removed: [], written: [], faults: [], notes: [], ...given };
}

export interface ReadOptions {
  /** Values of variables (`--arg`), by name. */
  readonly args: ReadonlyMap<string, string>;
}
