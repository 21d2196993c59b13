/** Plain lists: one reference a line. `#` begins a comment at the start of a line or behind white space. */
import type { ImageUse, Input } from "./input.ts";
import { bare } from "./quote.ts";
import { mostImages, type Source } from "./source.ts";
import { shown } from "./words.ts";

const form = /^([ \t]*)([^\s#]\S*)?[ \t]*(?:(?<=^|[ \t])#.*)?$/u;

/** Throws `INPUT_INVALID`. */
export function readList(source: Source): Input {
  const images: ImageUse[] = [];
  for (let at = source.begin; at < source.text.length; at = source.lineAround(at).next) {
    const line = source.text.slice(at, source.lineAround(at).next).replace(/\r?\n$/, "");
    const [whole, space = "", reference] = form.exec(line) ?? [];
    if (whole === undefined)
      throw source.invalid(at, `The line ${shown(line.trim())} is no image reference; write one a line.`);
    if (reference === undefined) continue;
    if (images.length === mostImages)
      throw source.invalid(at, `The file names more than ${mostImages} images.`);
    const start = at + space.length;
    const span = { start, end: start + reference.length };
    images.push({ place: "list", line: source.lineOf(at), reference, span, quote: bare });
  }
  const { file, text } = source;
  return { format: "list", file, text, images, local: [], trust: undefined, removed: [], notes: [] };
}
