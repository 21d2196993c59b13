/**
 * The locked text: the source with its images replaced, what is removed left out and what is written out in its place,
 * everything else unchanged.
 */
import type { ImageUse, Input, Span, Written } from "./input.ts";

/**
 * Replaces every image of the input. Each must have a replacement: one left out would stay unlocked.
 *
 * Images that are named through one piece of text (an anchor) must get equal replacements. Throws `TypeError` for this
 * and every other mistake in calling it.
 */
export function lockedText(input: Input, replacements: ReadonlyMap<ImageUse, string>): string {
  const uses = new Set(input.images);
  for (const use of replacements.keys()) {
    if (!uses.has(use)) throw new TypeError(`${use.place} is no image of ${input.file}`);
  }
  const images = input.images.map((use) => replaced(use, replacements));
  const edits = [...images, ...input.removed.map(removed), ...input.written];
  edits.sort((left, right) => left.start - right.start || left.end - right.end);
  let text = "";
  let last: Written = { start: 0, end: 0, text: "" };
  for (const edit of edits) {
    if (same(edit, last)) continue;
    if (edit.start < last.end)
      throw new TypeError(`${input.file}: two replacements overlap at ${edit.start}`);
    text += input.text.slice(last.end, edit.start) + edit.text;
    last = edit;
  }
  return text + input.text.slice(last.end);
}

function replaced(use: ImageUse, replacements: ReadonlyMap<ImageUse, string>): Written {
  const reference = replacements.get(use);
  if (reference === undefined) throw new TypeError(`${use.place} has no replacement`);
  return { ...use.span, text: use.quote(reference) };
}

function removed(span: Span): Written {
  return { ...span, text: "" };
}

function same(left: Written, right: Written): boolean {
  return left.start === right.start && left.end === right.end && left.text === right.text;
}
