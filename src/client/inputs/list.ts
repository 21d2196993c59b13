/** Plain lists: one reference a line. `#` begins a comment at the start of a line or behind white space. */
import { type ImageUse, type Input, plainInput } from "./input.ts";
import { bare } from "./quote.ts";
import { mostImages, type Source } from "./source.ts";
import { shown } from "./words.ts";

const form = /^([^\s#]\S*)(?:[ \t]+(?:#.*)?)?$/u;

/** Throws `INPUT_INVALID`. */
export function readList(source: Source): Input {
  const images: ImageUse[] = [];
  for (let at = source.begin; at < source.text.length; at = source.lineAround(at).next) {
    const line = source.text.slice(at, source.lineAround(at).next).replace(/\r?\n$/, "");
    const start = at + (/^[ \t]*/.exec(line)?.[0].length ?? 0);
    const content = line.slice(start - at);
    if (content === "" || content.startsWith("#")) continue;
    const reference = form.exec(content)?.[1];
    if (reference === undefined) {
      throw source.invalid(at, `${shown(content)} is no image reference; write one on each line.`);
    }
    if (images.length === mostImages) {
      throw source.invalid(at, `The file names more than ${mostImages} images.`);
    }
    const span = { start, end: start + reference.length };
    images.push({ place: "list", line: source.lineOf(at), reference, span, quote: bare });
  }
  const { file, text } = source;
  return plainInput({ format: "list", file, text, images });
}
