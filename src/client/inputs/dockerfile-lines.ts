/**
 * A Dockerfile as BuildKit cuts it up: lines joined to instructions, heredocs skipped, and for every character of an
 * instruction the place in the source.
 *
 * Between continued lines, comments and blank lines do not count. A backslash before the last one means that a line is
 * not continued. A line inside of a heredoc is content, whatever it looks like.
 */

import { meant } from "../../core/nearest.ts";
import { type Flag, readFlags } from "./dockerfile-flags.ts";
import { heredocNames } from "./dockerfile-heredoc.ts";
import type { Span } from "./input.ts";
import type { Source } from "./source.ts";
import { shown } from "./words.ts";

export interface Instruction {
  /** In capitals. */
  readonly keyword: string;
  /** Of its first character, which is in the keyword. */
  readonly offset: number;
  readonly flags: readonly Flag[];
  /** What stands behind the flags. */
  readonly args: string;
  /** The place in the source of a part of `args` or of a flag, in offsets of the joined text; undefined if it is in pieces. */
  readonly place: (start: number, end: number) => Span | undefined;
  /** Where `args` begins in the joined text. */
  readonly argsStart: number;
  /** The instruction that `ONBUILD` carries. */
  readonly trigger: Instruction | undefined;
}

interface Line {
  readonly start: number;
  /** Without its end. */
  readonly text: string;
}

interface Joined {
  readonly text: string;
  readonly offset: (index: number) => number;
}

const longestLine = 65_535;
const longestInstruction = 131_072;
const mostInstructions = 10_000;
const known: readonly string[] =
  "ADD ARG CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL MAINTAINER ONBUILD RUN SHELL STOPSIGNAL USER VOLUME WORKDIR".split(
    " ",
  );
const withFlags = new Set(["ADD", "COPY", "FROM", "RUN"]);
const withHeredocs = new Set(["ADD", "COPY", "RUN"]);

/** Throws `INPUT_INVALID`. */
export function readInstructions(source: Source, escapeChar: "\\" | "`"): readonly Instruction[] {
  const lines = new Lines(source);
  const instructions: Instruction[] = [];
  for (let line = lines.next(); line !== undefined; line = lines.next()) {
    if (isComment(line) || isBlank(line)) continue;
    const joined = join(source, lines, line, escapeChar);
    const instruction = readOne(source, joined, 0, escapeChar);
    skipHeredocs(source, lines, instruction, joined.text);
    instructions.push(instruction);
    if (instructions.length > mostInstructions) {
      throw source.invalid(line.start, `The file has more than ${mostInstructions} instructions.`);
    }
  }
  return instructions;
}

class Lines {
  readonly #source: Source;
  #at: number;

  constructor(source: Source) {
    this.#source = source;
    this.#at = source.begin;
  }

  /** Undefined at the end. A line of code must not begin with white space that only some take for white space. */
  next(raw = false): Line | undefined {
    const { text } = this.#source;
    if (this.#at >= text.length) return undefined;
    const start = this.#at;
    const feed = text.indexOf("\n", start);
    this.#at = feed === -1 ? text.length : feed + 1;
    const line = { start, text: text.slice(start, this.#at).replace(/\r?\n$/, "") };
    if (line.text.length > longestLine)
      throw this.#source.invalid(start, `The line is longer than ${longestLine} characters.`);
    if (!raw && /^[ \t]*(?![ \t])\s/u.test(line.text)) {
      throw this.#source.invalid(
        start,
        "The line begins with white space that is neither a space nor a tab.",
      );
    }
    return line;
  }
}

function isComment({ text }: Line): boolean {
  return /^[ \t]*#/.test(text);
}

function isBlank({ text }: Line): boolean {
  return /^[ \t]*$/.test(text);
}

/** Without spaces and tabs at the end; a regular expression would take time by the square of their number. */
function withoutEnd(text: string): string {
  let end = text.length;
  while (text[end - 1] === " " || text[end - 1] === "\t") end -= 1;
  return text.slice(0, end);
}

/** The line without its continuation; undefined if it is not continued. */
function continued(text: string, escapeChar: "\\" | "`"): string | undefined {
  const body = withoutEnd(text);
  return body.endsWith(escapeChar) && body.at(-2) !== escapeChar ? body.slice(0, -1) : undefined;
}

function join(source: Source, lines: Lines, first: Line, escapeChar: "\\" | "`"): Joined {
  const pieces: { readonly at: number; readonly start: number }[] = [];
  let text = "";
  let line: Line | undefined = first;
  for (;;) {
    const body = continued(line.text, escapeChar);
    pieces.push({ at: text.length, start: line.start });
    text += body ?? line.text;
    if (text.length > longestInstruction) {
      throw source.invalid(first.start, `The instruction is longer than ${longestInstruction} characters.`);
    }
    if (body === undefined) break;
    do line = lines.next();
    while (line !== undefined && (isComment(line) || isBlank(line)));
    if (line === undefined)
      throw source.invalid(first.start, "The last instruction is continued, but the file ends.");
  }
  const offset = (index: number) => {
    let low = 0;
    let high = pieces.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((pieces[middle] as { at: number }).at <= index) low = middle;
      else high = middle;
    }
    const piece = pieces[low] as { at: number; start: number };
    return piece.start + index - piece.at;
  };
  return { text, offset };
}

function readOne(source: Source, joined: Joined, from: number, escapeChar: "\\" | "`"): Instruction {
  const { text } = joined;
  const [, space = "", word = ""] = /^([ \t]*)([^ \t]*)/.exec(text.slice(from)) ?? [];
  const start = from + space.length;
  const offset = joined.offset(start);
  const keyword = word.toUpperCase();
  if (!known.includes(keyword)) {
    throw source.invalid(offset, `There is no instruction ${shown(word)}${meant(word, known)}`);
  }
  const behind = start + word.length;
  const { flags, end } = withFlags.has(keyword)
    ? readFlags(text, behind, escapeChar, (index, sentence) => source.invalid(joined.offset(index), sentence))
    : { flags: [], end: behind };
  const argsStart = end + (/^[ \t]*/.exec(text.slice(end))?.[0].length ?? 0);
  const place = (low: number, high: number) => {
    const span = { start: joined.offset(low), end: joined.offset(high - 1) + 1 };
    return span.end - span.start === high - low ? span : undefined;
  };
  if (from > 0 && /^(?:ONBUILD|FROM|MAINTAINER)$/.test(keyword)) {
    throw source.invalid(offset, `ONBUILD cannot carry ${keyword}.`);
  }
  const trigger = keyword === "ONBUILD" ? readOne(source, joined, behind, escapeChar) : undefined;
  return {
    keyword,
    offset,
    flags,
    args: withoutEnd(text.slice(argsStart)),
    place,
    argsStart,
    trigger,
  };
}

function skipHeredocs(source: Source, lines: Lines, instruction: Instruction, text: string): void {
  const { keyword, args, offset } = instruction.trigger ?? instruction;
  if (!withHeredocs.has(keyword) || !text.includes("<<")) return;
  for (const { name, tabs } of heredocNames(text, args, (sentence) => source.invalid(offset, sentence))) {
    let line = lines.next(true);
    while (line !== undefined && (tabs ? line.text.replace(/^\t+/, "") : line.text) !== name)
      line = lines.next(true);
    if (line === undefined) throw source.invalid(offset, `The heredoc ${name} does not end.`);
  }
}
