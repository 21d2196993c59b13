/** A Compose file under way: its tree, its variables, and what was found in it. */

import { meant } from "../../core/nearest.ts";
import type { ImageUse, ReadOptions } from "./input.ts";
import { interpolate, Unresolved } from "./interpolate.ts";
import { mostImages, type Source } from "./source.ts";
import { shown } from "./words.ts";
import { readYaml } from "./yaml.ts";
import { type Value, YamlTree } from "./yaml-tree.ts";

const mostNotes = 100;

export class ComposeFile {
  readonly tree: YamlTree;
  readonly images: ImageUse[] = [];
  readonly notes: string[] = [];
  readonly #source: Source;
  readonly #args: ReadonlyMap<string, string>;

  constructor(source: Source, { args }: ReadOptions) {
    this.#source = source;
    this.#args = args;
    this.tree = new YamlTree(readYaml(source));
  }

  /** A value that is there and not null. */
  given(value: Value | undefined): Value | undefined {
    return value === undefined || this.tree.isNull(value) ? undefined : value;
  }

  /** The entries of a map that has no keys but `known` and extensions. */
  entries(value: Value, place: string, known: readonly string[]): ReadonlyMap<string, Value> {
    const entries = this.tree.entries(value, place);
    for (const [key, { offset }] of entries) {
      if (known.includes(key) || key.startsWith("x-")) continue;
      throw this.#source.invalid(
        offset,
        `${place} has the key ${shown(key)}, which is not known${meant(key, known)}`,
      );
    }
    return entries;
  }

  /** A text with its variables resolved. */
  textOf(value: Value, place: string): string {
    return this.resolved(value, this.tree.text(value, place));
  }

  resolved({ offset }: Value, text: string): string {
    try {
      return interpolate(text, (name) => this.#args.get(name), { doubledDollar: true });
    } catch (error) {
      if (!(error instanceof Unresolved)) throw error;
      throw this.#source.refusal("VARIABLE", offset, error.message);
    }
  }

  /** Adds the image that a text names; `prefix` is what stands before it and stays. */
  use(value: Value, place: string, prefix = ""): void {
    const { text, span, quote, line } = this.tree.place(value, `The image of ${place}`);
    const reference = this.resolved(value, text).slice(prefix.length);
    if (reference === "" || /\s/.test(reference)) {
      throw this.#source.invalid(value.offset, `The image of ${place} is no image reference.`);
    }
    if (this.images.length === mostImages) {
      throw this.#source.invalid(value.offset, `The file names more than ${mostImages} images.`);
    }
    this.images.push({
      place,
      line,
      reference,
      span,
      quote: prefix === "" ? quote : prefixed(prefix, quote),
    });
  }

  note(sentence: string): void {
    if (this.notes.length < mostNotes && !this.notes.includes(sentence)) this.notes.push(sentence);
  }

  invalid({ offset }: Value, sentence: string): Error {
    return this.#source.invalid(offset, sentence);
  }

  /** At the key of a value. */
  invalidKey({ key }: Value, sentence: string): Error {
    return this.#source.invalid(key, sentence);
  }
}

/** Checks the reference, then quotes it together with what stands before it. */
function prefixed(prefix: string, quote: ImageUse["quote"]): ImageUse["quote"] {
  return (reference) => {
    const quoted = quote(reference);
    const mark = /^["']/.exec(quoted)?.[0] ?? "";
    return `${mark}${prefix}${quoted.slice(mark.length)}`;
  };
}
