/**
 * YAML as the builders read it: one document, checked as a whole before anything in it is believed.
 *
 * Builders use other parsers than this one, so what parsers differ about is refused: duplicate keys, keys that are no
 * plain scalars, tags (but the core ones on values), directives, odd names of anchors, aliases inside of what they name,
 * a quoted `<<`, plain scalars that begin with `?` or `:` (in braces some take that for an indicator). After `readYaml` the graph has no cycle, no unknown alias and no depth beyond the bound.
 */

import type { Alias, Pair, ParsedNode, Scalar, YAMLMap, YAMLSeq } from "yaml";
import { type Document, isAlias, isMap, isScalar, isSeq, parseDocument } from "yaml";
import type { Source } from "./source.ts";
import { shown } from "./words.ts";

/** A node after its alias, if it was one, was followed. */
export type YamlNode = Scalar.Parsed | YAMLMap.Parsed | YAMLSeq.Parsed;
type Value = ParsedNode | null;

export interface Yaml {
  readonly source: Source;
  readonly root: YAMLMap.Parsed;
  /** What each alias stands for. */
  readonly aliases: ReadonlyMap<Alias.Parsed, YamlNode>;
}

const deepest = 100;
const anchorForm = /^[A-Za-z0-9_-]+$/;
const coreTags = new Set(["str", "int", "float", "bool", "null"].map((name) => `tag:yaml.org,2002:${name}`));

/** Throws `INPUT_INVALID`. */
export function readYaml(source: Source): Yaml {
  const directive = /^%/m.exec(source.text);
  if (directive) throw source.invalid(directive.index, "The file has a YAML directive; remove it.");
  const root = parsed(source).contents;
  if (!isMap(root)) throw source.invalid(source.begin, "The file is no YAML mapping.");
  const check = new Check(source);
  check.node(root as ParsedNode, 0);
  return { source, root: root as YAMLMap.Parsed, aliases: check.aliases };
}

function parsed(source: Source): Document.Parsed {
  // Keys are compared in `Check`: the parser's own comparison takes time by the square of their number.
  const document = parseDocument(source.text, {
    version: "1.2",
    schema: "core",
    strict: true,
    uniqueKeys: false,
    merge: false,
    keepSourceTokens: true,
    prettyErrors: false,
    logLevel: "error",
  });
  const wrong = document.errors[0] ?? document.warnings[0];
  if (wrong === undefined) return document;
  if (wrong.code === "MULTIPLE_DOCS") {
    throw source.invalid(wrong.pos[0], "The file has more than one YAML document; write one file for each.");
  }
  throw source.invalid(
    wrong.pos[0],
    `The file is not well-formed YAML: ${wrong.message.replace(/[.:]?$/, ".")}`,
  );
}

class Check {
  readonly aliases = new Map<Alias.Parsed, YamlNode>();
  readonly #source: Source;
  readonly #anchors = new Map<string, YamlNode>();
  readonly #open = new Set<ParsedNode>();

  constructor(source: Source) {
    this.#source = source;
  }

  node(node: Value, depth: number): void {
    if (node === null) return;
    const at = node.range[0];
    if (depth > deepest) throw this.#source.invalid(at, `The file is nested more than ${deepest} deep.`);
    if (isAlias(node)) this.#alias(node);
    else this.#content(node, depth);
  }

  #content(node: YamlNode, depth: number): void {
    const at = node.range[0];
    this.#anchor(node);
    if (node.tag !== undefined && !(isScalar(node) && coreTags.has(node.tag))) {
      throw this.#source.invalid(at, `The tag ${shown(node.tag)} is not read here; remove it.`);
    }
    if (isScalar(node)) {
      this.#plain(node);
      return;
    }
    this.#open.add(node);
    if (isMap(node)) this.#map(node, depth);
    else for (const item of node.items) this.node(item as Value, depth + 1);
    this.#open.delete(node);
  }

  #map(map: YAMLMap.Parsed, depth: number): void {
    const keys = new Set<string>();
    for (const { key, value } of map.items) {
      const at = key.range[0];
      if (!isScalar(key) || key.tag !== undefined || isBlock(key)) {
        throw this.#source.invalid(at, "A key is no plain or quoted scalar; write it out.");
      }
      this.#anchor(key);
      this.#plain(key);
      const name = String(key.value);
      if (keys.has(name))
        throw this.#source.invalid(at, `The key ${shown(name)} is there twice; remove one.`);
      keys.add(name);
      this.node(value, depth + 1);
      if (name === "<<") this.#merge(key, value);
    }
  }

  #plain(scalar: Scalar.Parsed): void {
    const at = scalar.range[0];
    if (scalar.type === "PLAIN" && /^[?:]/.test(scalar.source)) {
      throw this.#source.invalid(at, `The text ${shown(scalar.source)} must be in quotes.`);
    }
  }

  #merge(key: Scalar.Parsed, value: Value): void {
    const sources = isSeq(value) ? (value.items as readonly Value[]) : [value];
    const each = sources.map((source) => (isAlias(source) ? this.aliases.get(source) : source));
    if (key.type !== "PLAIN" || !each.every((source) => isMap(source))) {
      throw this.#source.invalid(
        key.range[0],
        "A merge key names no mapping or mappings; write it as <<: *name.",
      );
    }
  }

  #anchor(node: YamlNode): void {
    if (node.anchor === undefined) return;
    if (!anchorForm.test(node.anchor)) {
      throw this.#source.invalid(
        node.range[0],
        `The anchor ${shown(node.anchor)} may only have letters, digits, - and _.`,
      );
    }
    this.#anchors.set(node.anchor, node);
  }

  #alias(alias: Alias.Parsed): void {
    const target = this.#anchors.get(alias.source);
    const at = alias.range[0];
    if (target === undefined)
      throw this.#source.invalid(at, `The alias ${shown(alias.source)} names no anchor before it.`);
    if (this.#open.has(target))
      throw this.#source.invalid(at, `The alias ${shown(alias.source)} is inside of what it names.`);
    this.aliases.set(alias, target);
  }
}

export function isBlock(scalar: Scalar.Parsed): boolean {
  return scalar.type === "BLOCK_LITERAL" || scalar.type === "BLOCK_FOLDED";
}

/** The pairs of a map as they are written, merge keys among them. */
export function pairsOf(map: YAMLMap.Parsed): readonly Pair<Scalar.Parsed, Value>[] {
  return map.items as Pair<Scalar.Parsed, Value>[];
}
