/**
 * Flags of an instruction, `--name` or `--name=value`, up to the first word that is none.
 *
 * Quotes and escapes inside of a flag are undone as BuildKit does; a flag that has any is not `plain`, and nothing in it
 * is replaced.
 */

export interface Flag {
  /** Without the dashes. */
  readonly name: string;
  readonly value: string | undefined;
  /** Where the value begins, in the joined text of the instruction. */
  readonly valueStart: number;
  readonly plain: boolean;
}

export interface Flags {
  readonly flags: readonly Flag[];
  /** Where the rest begins. */
  readonly end: number;
}

const isSpace = (character: string | undefined) => character === " " || character === "\t";

/** `refuse` makes the error for a place in the text. */
export function readFlags(
  text: string,
  from: number,
  escapeChar: "\\" | "`",
  refuse: (index: number, sentence: string) => Error,
): Flags {
  const flags: Flag[] = [];
  for (let at = from; ; ) {
    while (isSpace(text[at])) at += 1;
    if (!text.startsWith("--", at)) return { flags, end: at };
    const word = readWord(text, at, escapeChar);
    if (word.open) throw refuse(at, "A flag has a quote that does not end.");
    if (/[^\x20-\x7e\t]/.test(word.value)) throw refuse(at, "A flag has characters other than ASCII.");
    if (word.value === "--") return { flags, end: word.end };
    flags.push(flagOf(word.value, at, word.plain));
    at = word.end;
  }
}

function flagOf(word: string, at: number, plain: boolean): Flag {
  const equals = word.indexOf("=");
  const name = word.slice(2, equals === -1 ? undefined : equals);
  const value = equals === -1 ? undefined : word.slice(equals + 1);
  return { name, value, valueStart: at + equals + 1, plain };
}

function readWord(text: string, from: number, escapeChar: "\\" | "`") {
  let value = "";
  let quote = "";
  let plain = true;
  let at = from;
  for (; at < text.length; at += 1) {
    const character = text[at] as string;
    if (quote === "" && isSpace(character)) break;
    if (character === quote) quote = "";
    else if (quote === "" && (character === "'" || character === '"')) quote = character;
    else if (character !== escapeChar) {
      value += character;
      continue;
    } else {
      at += 1;
      value += text[at] ?? "";
    }
    plain = false;
  }
  return { value, plain, end: Math.min(at, text.length), open: quote !== "" };
}
