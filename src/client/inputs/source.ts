/**
 * The text of a file that is read: its bounds, its lines, and how it is refused.
 *
 * What two programs could read as two different texts is refused here, before any format: control characters, a line
 * feed that is only one for some (a lone CR, NEL, LS, PS), a byte order mark in the middle, half a surrogate pair.
 */
import { type ClientCode, TrustError } from "../errors.ts";

/** UTF-16 units of one file. */
export const longestText = 1_048_576;
/** Places that name an image, in one file. */
export const mostImages = 10_000;

const lineBreaks = "\u0085\u2028\u2029";
const strange = new RegExp(
  `[\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f\\u007f-\\u009f${lineBreaks}\\ufffe\\uffff]`,
);

export class Source {
  readonly file: string;
  readonly text: string;
  /** Offset of the first unit that is content: behind a byte order mark. */
  readonly begin: number;
  readonly #starts: readonly number[];

  /** Throws `INPUT_INVALID`. */
  constructor(file: string, text: string) {
    this.file = file;
    this.text = text;
    this.begin = text.startsWith("\uFEFF") ? 1 : 0;
    this.#starts = text.length > longestText ? [0] : lineStarts(text);
    if (text.length > longestText)
      throw this.invalid(0, `The file is longer than ${longestText} characters.`);
    const control = strange.exec(text);
    if (control)
      throw this.invalid(control.index, `The file has the control character ${code(control[0])}; remove it.`);
    const lone = /\r(?!\n)/.exec(text);
    if (lone)
      throw this.invalid(
        lone.index,
        "The file has a carriage return without a line feed; end lines with LF or CRLF.",
      );
    const mark = text.indexOf("\uFEFF", 1);
    if (mark !== -1)
      throw this.invalid(mark, "The file has a byte order mark that is not at its start; remove it.");
    if (!text.isWellFormed()) throw this.invalid(0, "The file is not well-formed Unicode.");
  }

  /** The line (from 1) of an offset. */
  lineOf(offset: number): number {
    let low = 0;
    let high = this.#starts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((this.#starts[middle] as number) <= offset) low = middle;
      else high = middle;
    }
    return low + 1;
  }

  /** Where a line (from 1) starts. */
  offsetOf(line: number): number {
    return this.#starts[line - 1] ?? this.text.length;
  }

  /** Where the line of an offset starts, and where the next one does. */
  lineAround(offset: number): { readonly start: number; readonly next: number } {
    const line = this.lineOf(offset);
    return { start: this.#starts[line - 1] as number, next: this.#starts[line] ?? this.text.length };
  }

  refusal(refused: ClientCode, offset: number, sentence: string): TrustError {
    return new TrustError(refused, sentence, { file: this.file, line: this.lineOf(offset) });
  }

  invalid(offset: number, sentence: string): TrustError {
    return this.refusal("INPUT_INVALID", offset, sentence);
  }
}

function lineStarts(text: string): readonly number[] {
  const starts = [0];
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return starts;
}

function code(character: string): string {
  return `U+${(character.codePointAt(0) as number).toString(16).toUpperCase().padStart(4, "0")}`;
}
