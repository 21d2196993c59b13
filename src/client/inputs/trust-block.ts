/**
 * LinuxKit's `trust:` block: what it says, and the lines that are removed with it.
 *
 * The block is whole lines, from its key to the last line of its value, with comments behind that which are indented
 * deeper than the key. Comments at the key's own depth belong to what follows and stay.
 */
import { isAlias, isMap, isScalar, isSeq, type ParsedNode } from "yaml";
import { meant } from "../../core/nearest.ts";
import type { TrustError } from "../errors.ts";
import type { Span, TrustBlock, TrustEntry } from "./input.ts";
import { shown } from "./words.ts";
import { pairsOf } from "./yaml.ts";
import type { Value, YamlTree } from "./yaml-tree.ts";

const known = ["image", "org"];

export interface Block {
  readonly block: TrustBlock | undefined;
  readonly removed: readonly Span[];
  /** `TRUST_BLOCK`, for each thing that the block says and that cannot be obeyed. */
  readonly faults: readonly TrustError[];
}

/** Throws `INPUT_INVALID` if the block cannot be cut out of the file. */
export function trustBlock(tree: YamlTree, value: Value | undefined): Block {
  if (value === undefined) return { block: undefined, removed: [], faults: [] };
  const removed = [blockSpan(tree)];
  const faults: TrustError[] = [];
  const refuse = (offset: number, sentence: string) =>
    void faults.push(tree.yaml.source.refusal("TRUST_BLOCK", offset, sentence));
  if (tree.isNull(value)) return { block: { images: [], orgs: [] }, removed, faults };
  if (!tree.isMap(value)) {
    refuse(value.offset, "The trust block must be a mapping with image and org.");
    return { block: undefined, removed, faults };
  }
  const entries = tree.entries(value, "The trust block");
  for (const [key, { offset }] of entries) {
    if (!known.includes(key)) refuse(offset, `The trust block has no key ${shown(key)}${meant(key, known)}`);
  }
  const block = {
    images: texts(tree, "image", entries.get("image"), refuse),
    orgs: texts(tree, "org", entries.get("org"), refuse),
  };
  return { block, removed, faults: faults.sort((a, b) => (a.line ?? 0) - (b.line ?? 0)) };
}

function texts(
  tree: YamlTree,
  name: string,
  value: Value | undefined,
  refuse: (offset: number, sentence: string) => void,
): readonly TrustEntry[] {
  if (value === undefined || tree.isNull(value)) return [];
  if (!tree.isList(value)) {
    refuse(value.offset, `trust.${name} must be a list of texts.`);
    return [];
  }
  return tree.items(value, name).flatMap((item): TrustEntry[] => {
    if (!tree.isText(item)) {
      refuse(item.offset, `An entry of trust.${name} is no text; quote it.`);
      return [];
    }
    const text = tree.text(item, name);
    if (text !== "" && !/\s/.test(text)) return [{ text, line: tree.yaml.source.lineOf(item.offset) }];
    refuse(item.offset, `The entry ${shown(text)} of trust.${name} covers nothing.`);
    return [];
  });
}

function blockSpan(tree: YamlTree): Span {
  const { source, root, aliases } = tree.yaml;
  const pair = pairsOf(root).find(({ key }) => key.value === "trust");
  if (pair === undefined) throw new TypeError("there is no trust block");
  const at = pair.key.range[0];
  if (root.flow)
    throw source.invalid(
      at,
      "The trust block is in braces with all the rest; write each key on a line of its own.",
    );
  const start = Math.max(source.lineAround(at).start, source.begin);
  const indent = source.text.slice(start, at);
  const last = contentEnd(pair.value) ?? pair.key.range[1];
  const end = source.lineAround(Math.max(last - 1, at)).next;
  if (/[^ ]/.test(indent) || !/^[ \t]*:?[ \t]*(?:#.*)?\r?\n?$/.test(source.text.slice(last, end))) {
    throw source.invalid(
      at,
      "The trust block shares a line with something else; write it on lines of its own.",
    );
  }
  const span = { start, end: withDeeperComments(source.text, end, indent.length) };
  for (const [alias, target] of aliases) {
    if (inside(target.range[0], span) && !inside(alias.range[0], span)) {
      throw source.invalid(
        alias.range[0],
        "An anchor of the trust block is used outside of it; write the value out.",
      );
    }
  }
  return span;
}

function inside(offset: number, { start, end }: Span): boolean {
  return offset >= start && offset < end;
}

/** Where the last thing written in a value ends; undefined if nothing is written. */
function contentEnd(node: ParsedNode | null): number | undefined {
  if (node === null) return undefined;
  if (isAlias(node) || isScalar(node) || node.flow)
    return node.range[1] > node.range[0] ? node.range[1] : undefined;
  const last = node.items.at(-1) as unknown;
  if (isSeq(node)) return contentEnd((last ?? null) as ParsedNode | null) ?? node.range[1];
  const pair = isMap(node) ? pairsOf(node).at(-1) : undefined;
  return contentEnd(pair?.value ?? null) ?? pair?.key.range[1];
}

function withDeeperComments(text: string, from: number, indent: number): number {
  const line = /([ \t]*)(#[^\n]*)?\r?(?:\n|$)/y;
  let end = from;
  line.lastIndex = from;
  for (let found = line.exec(text); found?.[0]; found = line.exec(text)) {
    const [, space = "", comment] = found;
    if (comment !== undefined && space.length <= indent) break;
    if (comment !== undefined) end = line.lastIndex;
  }
  return end;
}
