/**
 * The words of an SQL dump, chunk by chunk: what mysqldump and mariadb-dump write, as bytes. Blobs stand between quotes as they
 * are, so nothing here is text before it is known to be.
 *
 * - No more than one value is held, and that is bounded. Where nobody wants what follows, nothing is held at all.
 * - Comments are skipped, those that some servers would carry out included: data never stands in one.
 * - Backslashes escape, as in every dump of these programs.
 */
import { DatabaseError } from "./errors.ts";

export type Token =
  /** Bare: a word of the language, a number, NULL. */
  | { readonly kind: "word"; readonly text: string }
  | { readonly kind: "name"; readonly text: string }
  /** `bytes` is empty where nobody wanted it. */
  | { readonly kind: "string"; readonly bytes: Buffer }
  | { readonly kind: "mark"; readonly text: string }
  /** After two dashes, to the end of the line; cut to what is worth knowing. */
  | { readonly kind: "comment"; readonly text: string };

export interface LexerBounds {
  /** Bytes of one value. */
  readonly value: number;
}

const longestWord = 256;
const longestComment = 200;

type State =
  | "between"
  | "word"
  | "hex"
  | "string"
  | "string escape"
  | "string quote"
  | "name"
  | "name quote"
  | "dash"
  | "slash"
  | "line comment"
  | "block comment"
  | "block comment star";

const quote = 0x27;
const backslash = 0x5c;
const newline = 0x0a;

const escapes = new Map([
  [0x30, 0x00],
  [0x62, 0x08],
  [0x74, 0x09],
  [0x6e, 0x0a],
  [0x72, 0x0d],
  [0x5a, 0x1a],
]);

export class Lexer {
  /** Whether strings are kept. Set by whoever takes the tokens, and heeded from the next one on. */
  wanted = false;
  readonly #take: (token: Token) => void;
  readonly #bounds: LexerBounds;
  #state: State = "between";
  #held = Buffer.allocUnsafe(1_024);
  #length = 0;
  /** The quote of the name that is being read. */
  #nameQuote = 0;
  /** First digit of a hexadecimal pair, or -1. */
  #nibble = -1;
  #offset = 0;

  constructor(bounds: LexerBounds, take: (token: Token) => void) {
    this.#bounds = bounds;
    this.#take = take;
  }

  /** Throws `DUMP_MALFORMED`, and what `take` throws. */
  push(chunk: Uint8Array): void {
    let index = 0;
    while (index < chunk.length) index = this.#step(chunk, index);
    this.#offset += chunk.length;
  }

  /** Whether the text ended between two words. */
  end(): boolean {
    if (this.#state === "line comment") this.push(Buffer.from("\n"));
    return this.#state === "between";
  }

  /** A refusal that says where, of the chunk that is being read. */
  malformed(what: string): DatabaseError {
    return new DatabaseError(
      "DUMP_MALFORMED",
      `The dump is not what mysqldump or mariadb-dump writes (${what}, near byte ${this.#offset}): make it anew with the database's own program, and its default options.`,
    );
  }

  /** Reads on from `index`; returns where the next step begins. */
  #step(chunk: Uint8Array, index: number): number {
    const byte = chunk[index] as number;
    switch (this.#state) {
      case "between":
        return this.#begin(byte, index);
      case "word":
        if (isWordByte(byte)) {
          this.#holdWord(byte);
          return index + 1;
        }
        this.#state = "between";
        this.#take({ kind: "word", text: this.#text() });
        return index;
      case "hex":
        return this.#hex(byte, index);
      case "string":
        return this.#string(chunk, index);
      case "string escape":
        this.#state = "string";
        this.#hold(escapes.get(byte) ?? byte);
        return index + 1;
      case "string quote":
        if (byte === quote) {
          this.#state = "string";
          this.#hold(byte);
          return index + 1;
        }
        this.#endString();
        return index;
      case "name":
        if (byte === this.#nameQuote) this.#state = "name quote";
        else this.#holdWord(byte);
        return index + 1;
      case "name quote":
        if (byte === this.#nameQuote) {
          this.#state = "name";
          this.#holdWord(byte);
          return index + 1;
        }
        this.#state = "between";
        this.#take({ kind: "name", text: this.#text() });
        return index;
      case "dash":
        if (byte === 0x2d) {
          this.#state = "line comment";
          this.#length = 0;
          return index + 1;
        }
        this.#state = "word";
        this.#length = 0;
        this.#holdWord(0x2d);
        return index;
      case "slash":
        this.#state = byte === 0x2a ? "block comment" : "between";
        if (byte === 0x2a) return index + 1;
        this.#take({ kind: "mark", text: "/" });
        return index;
      case "line comment":
        if (byte === newline) {
          this.#state = "between";
          this.#take({ kind: "comment", text: this.#text().trim() });
        } else if (this.#length < longestComment) this.#holdWord(byte);
        return index + 1;
      case "block comment":
        if (byte === 0x2a) this.#state = "block comment star";
        return index + 1;
      case "block comment star":
        if (byte === 0x2f) this.#state = "between";
        else if (byte !== 0x2a) this.#state = "block comment";
        return index + 1;
    }
  }

  #begin(byte: number, index: number): number {
    if (byte === 0x20 || (byte >= 0x09 && byte <= 0x0d)) return index + 1;
    this.#length = 0;
    if (byte === quote) this.#state = "string";
    else if (byte === 0x60 || byte === 0x22) {
      this.#state = "name";
      this.#nameQuote = byte;
    } else if (byte === 0x2d) this.#state = "dash";
    else if (byte === 0x2f) this.#state = "slash";
    else if (byte === 0x23) this.#state = "line comment";
    else if (isWordByte(byte)) {
      this.#state = "word";
      return index;
    } else this.#take({ kind: "mark", text: String.fromCharCode(byte) });
    return index + 1;
  }

  /** As many bytes at once as stand for themselves. */
  #string(chunk: Uint8Array, index: number): number {
    let end = index;
    while (end < chunk.length && chunk[end] !== quote && chunk[end] !== backslash) end++;
    if (end > index) this.#holdAll(chunk.subarray(index, end));
    if (end === chunk.length) return end;
    this.#state = chunk[end] === quote ? "string quote" : "string escape";
    return end + 1;
  }

  #endString(): void {
    this.#state = "between";
    this.#take({ kind: "string", bytes: Buffer.from(this.#held.subarray(0, this.#length)) });
  }

  #hex(byte: number, index: number): number {
    const digit = hexDigit(byte);
    if (digit >= 0) {
      if (this.#nibble < 0) this.#nibble = digit;
      else {
        this.#hold((this.#nibble << 4) | digit);
        this.#nibble = -1;
      }
      return index + 1;
    }
    if (isWordByte(byte) || this.#nibble >= 0) throw this.malformed("a hexadecimal value is none");
    this.#endString();
    return index;
  }

  #holdWord(byte: number): void {
    if (this.#length >= longestWord) {
      if (this.wanted) throw this.malformed("a word has no end");
      return;
    }
    this.#room(1);
    this.#held[this.#length++] = byte;
    // 0x begins a value of any length.
    if (this.#state === "word" && this.#length === 2 && this.#held[0] === 0x30 && (byte | 0x20) === 0x78) {
      this.#state = "hex";
      this.#length = 0;
      this.#nibble = -1;
    }
  }

  #hold(byte: number): void {
    if (!this.wanted) return;
    this.#room(1);
    this.#held[this.#length++] = byte;
  }

  #holdAll(bytes: Uint8Array): void {
    if (!this.wanted) return;
    this.#room(bytes.length);
    this.#held.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #room(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#held.length) return;
    if (needed > this.#bounds.value) throw this.malformed(`a value of more than ${this.#bounds.value} bytes`);
    const larger = Buffer.allocUnsafe(Math.min(Math.max(needed, 2 * this.#held.length), this.#bounds.value));
    this.#held.copy(larger, 0, 0, this.#length);
    this.#held.fill(0);
    this.#held = larger;
  }

  #text(): string {
    return this.#held.toString("utf8", 0, this.#length);
  }
}

/** Letters, digits, what is beyond ASCII, and what stands in names and numbers. */
const wordBytes = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x80 || /[\w$.+@:-]/.test(String.fromCharCode(byte)) ? 1 : 0,
);

function isWordByte(byte: number): boolean {
  return wordBytes[byte] === 1;
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}
