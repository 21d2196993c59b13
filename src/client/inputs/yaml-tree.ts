/**
 * Walking a checked YAML document by meaning: aliases are followed, merge keys are spread out, texts know their place.
 *
 * Every refusal names the place. The number of steps is bounded, so that aliases of aliases end.
 */
import { isAlias, isMap, isScalar, isSeq, type ParsedNode, type YAMLMap } from "yaml";
import type { Span } from "./input.ts";
import { doubleQuoted, plainScalar, singleQuoted } from "./quote.ts";
import { shown } from "./words.ts";
import { isBlock, pairsOf, type Yaml, type YamlNode } from "./yaml.ts";

/** A value where it is used: `node` is behind the alias, `at` is the alias itself if there is one. */
export interface Value {
  readonly node: YamlNode | undefined;
  readonly at: ParsedNode | undefined;
  /** Offset to name in a refusal. */
  readonly offset: number;
  /** Offset of its key in a map; of the list, for an item of one. */
  readonly key: number;
}

/** A text that can be replaced. */
export interface Text {
  readonly text: string;
  readonly span: Span;
  readonly quote: (reference: string) => string;
  readonly line: number;
}

const mostSteps = 200_000;

export class YamlTree {
  readonly yaml: Yaml;
  #steps = 0;

  constructor(yaml: Yaml) {
    this.yaml = yaml;
  }

  root(): Value {
    const { root } = this.yaml;
    const [offset] = root.range;
    return { node: root, at: root as ParsedNode, offset, key: offset };
  }

  isNull({ node }: Value): boolean {
    return node === undefined || (isScalar(node) && node.value === null);
  }

  isMap({ node }: Value): boolean {
    return isMap(node);
  }

  isList({ node }: Value): boolean {
    return isSeq(node);
  }

  isText({ node }: Value): boolean {
    return isScalar(node) && typeof node.value === "string";
  }

  /**
   * The entries of a map by key: its own, then what merge keys add, the earlier before the later. A merge that would add
   * the key `once` where it is already is refused: parsers differ about which of the two counts.
   */
  entries(value: Value, place: string, once?: string): ReadonlyMap<string, Value> {
    if (!isMap(value.node)) throw this.#invalid(value, `${place} must be a mapping.`);
    return this.#spread(value.node, once);
  }

  #spread(map: YAMLMap.Parsed, once: string | undefined): Map<string, Value> {
    const entries = new Map<string, Value>();
    const merges: Value[] = [];
    for (const { key, value } of pairsOf(map)) {
      this.#step(key.range[0]);
      const used = this.#value(value, key.range[0]);
      if (key.value === "<<") merges.push(...(isSeq(used.node) ? this.#items(used) : [used]));
      else if (typeof key.value === "string") entries.set(key.value, used);
      else
        throw this.yaml.source.invalid(
          key.range[0],
          `The key ${shown(String(key.value))} is no text; quote it.`,
        );
    }
    for (const merge of merges) {
      for (const [key, entry] of this.#spread(merge.node as YAMLMap.Parsed, once)) {
        this.#step(merge.offset);
        if (!entries.has(key)) entries.set(key, entry);
        else if (key === once)
          throw this.#invalid(merge, `A merge key adds another ${key}; keep one of the two.`);
      }
    }
    return entries;
  }

  items(value: Value, place: string): readonly Value[] {
    if (!isSeq(value.node)) throw this.#invalid(value, `${place} must be a list.`);
    return this.#items(value);
  }

  #items({ node, offset }: Value): readonly Value[] {
    if (!isSeq(node)) return [];
    return (node.items as readonly (ParsedNode | null)[]).map((item) => {
      this.#step(offset);
      return this.#value(item, offset);
    });
  }

  /** A text that stays where it is. */
  text(value: Value, place: string): string {
    const { node } = value;
    if (!isScalar(node) || typeof node.value !== "string")
      throw this.#invalid(value, `${place} must be a text.`);
    return node.value;
  }

  /** A text that can be replaced: on one line, without a tag. An alias is replaced where it stands. */
  place(value: Value, place: string): Text {
    const text = this.text(value, place);
    const { node, at } = value;
    if (node === undefined || at === undefined || !isScalar(node))
      throw this.#invalid(value, `${place} must be a text.`);
    if (node.tag !== undefined) throw this.#invalid(value, `${place} has a tag; remove it.`);
    if (isBlock(node))
      throw this.#invalid(value, `${place} is a block of text; write it on the line of its key.`);
    const span = { start: at.range[0], end: at.range[1] };
    const written = this.yaml.source.text.slice(span.start, span.end);
    if (written.includes("\n"))
      throw this.#invalid(value, `${place} goes over several lines; write it on one.`);
    const quote = written.startsWith('"')
      ? doubleQuoted
      : written.startsWith("'")
        ? singleQuoted
        : plainScalar;
    return { text, span, quote, line: this.yaml.source.lineOf(span.start) };
  }

  #value(node: ParsedNode | null, key: number): Value {
    if (node === null) return { node: undefined, at: undefined, offset: key, key };
    const behind = isAlias(node) ? this.yaml.aliases.get(node) : (node as YamlNode);
    return { node: behind, at: node, offset: node.range[0], key };
  }

  #step(offset: number): void {
    this.#steps += 1;
    if (this.#steps > mostSteps) {
      throw this.yaml.source.invalid(offset, "The file's aliases stand for too much; write the values out.");
    }
  }

  #invalid({ offset }: Value, sentence: string): Error {
    return this.yaml.source.invalid(offset, sentence);
  }
}
