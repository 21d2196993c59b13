/**
 * Parser directives: the comments `# syntax=`, `# escape=` and `# check=` at the very top of a Dockerfile.
 *
 * They count in the first lines only, before any other comment, blank line or instruction. Versions of Docker differ
 * about an odd one (indented, after a shebang, after an unknown directive, twice), so that is refused.
 */
import type { Span } from "./input.ts";
import type { Source } from "./source.ts";
import { shown } from "./words.ts";

export interface Directives {
  readonly escapeChar: "\\" | "`";
  /** The image of the frontend, which the builder pulls and runs. */
  readonly syntax: { readonly text: string; readonly span: Span } | undefined;
}

const anyDirective = /^#\s*[a-zA-Z][a-zA-Z0-9]*\s*=/;
const canonical = /^(#[ \t]*([a-zA-Z]+)[ \t]*=[ \t]*)(\S+)[ \t]*$/;
/** Without a value it is a comment, and directives end there. */
const canonicalCheck = /^#[ \t]*check[ \t]*=[ \t]*\S/i;
const looksLikeOne = /^\s*(?:#|\/\/)\s*(syntax|escape|check)\s*=/i;

/** Throws `INPUT_INVALID`. */
export function readDirectives(source: Source): Directives {
  const found = new Map<string, { text: string; span: Span }>();
  let run = true;
  let others = false;
  for (let at = source.begin; run && at < source.text.length; at = source.lineAround(at).next) {
    const line = source.text.slice(at, source.lineAround(at).next).replace(/\r?\n$/, "");
    if (at === source.begin && line.startsWith("#!")) {
      throw source.invalid(at, "The file starts with a shebang, which some builders skip; remove the line.");
    }
    const name = looksLikeOne.exec(line)?.[1]?.toLowerCase();
    if (name === undefined) {
      run = anyDirective.test(line);
      others = true;
      continue;
    }
    const [, before = "", , text = ""] = canonical.exec(line) ?? [];
    const plain = name === "check" ? canonicalCheck.test(line) : text !== "";
    if (others || !plain || found.has(name)) {
      throw source.invalid(
        at,
        `The directive ${name} is written in a way that builders differ about; write # ${name}=VALUE once, at the top.`,
      );
    }
    found.set(name, { text, span: { start: at + before.length, end: at + before.length + text.length } });
  }
  const escapeChar = found.get("escape")?.text ?? "\\";
  if (escapeChar !== "\\" && escapeChar !== "`") {
    throw source.invalid(
      source.begin,
      `The escape character ${shown(escapeChar)} is neither a backslash nor a backtick.`,
    );
  }
  return { escapeChar, syntax: found.get("syntax") };
}
