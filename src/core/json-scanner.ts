/**
 * The scanner behind `json.ts`: one walk over the bytes that builds nothing and refuses everything the opening comment
 * there names. Where a name or a value must be understood (duplicate names, order), it is read from the bytes then.
 * All in one file, because its methods are one grammar.
 */
import { compareCodePoints } from "./bytes.ts";
import { type MalformedCode, MalformedError } from "./errors.ts";
import { maxContainers, maxDepth, maxMembers } from "./limits.ts";

/** Where a top-level member's value lies in the bytes, and whether those bytes are its canonical form. */
export interface Span {
  readonly start: number;
  readonly end: number;
  readonly canonical: boolean;
}

export interface JsonRules {
  /** Whether `\n`, `\u0000` and their like may stand in strings (TUF 1.0: PEM; Notary: never). */
  readonly controlCharacters: boolean;
}

export interface Scanned {
  /** Members of the outermost object by name; empty if the value is not an object. */
  readonly spans: ReadonlyMap<string, Span>;
  /** Whether any member name, at any depth, is written with an escape. */
  readonly escapedNames: boolean;
}

/** Throws `MalformedError`. */
export function scanJson(bytes: Uint8Array, rules: JsonRules): Scanned {
  const scanner = new Scanner(bytes, rules);
  scanner.document();
  return scanner;
}

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const colon = 0x3a;

class Scanner implements Scanned {
  readonly spans = new Map<string, Span>();
  escapedNames = false;
  readonly #bytes: Uint8Array;
  readonly #rules: JsonRules;
  #at = 0;
  #depth = 0;
  #containers = 0;
  #members = 0;
  /** Grows whenever something is met that the canonical form would write differently. */
  #departures = 0;
  /** Start and end of the member names of all open objects, innermost last; no allocation per object. */
  readonly #names: number[] = [];

  constructor(bytes: Uint8Array, rules: JsonRules) {
    this.#bytes = bytes;
    this.#rules = rules;
  }

  document(): void {
    this.#space();
    this.#value();
    if (this.#at !== this.#bytes.length) {
      this.#fail("NOT_JSON", "holds more than one JSON value; send exactly one, with nothing after it");
    }
  }

  #value(): void {
    const byte = this.#bytes[this.#at];
    if (byte === 0x7b) this.#object();
    else if (byte === 0x5b) this.#array();
    else if (byte === quote) this.#string();
    else if (byte === 0x74) this.#literal("true");
    else if (byte === 0x66) this.#literal("false");
    else if (byte === 0x6e) this.#literal("null");
    else if (byte === 0x2d || (byte !== undefined && byte >= 0x30 && byte <= 0x39)) this.#number();
    else this.#fail("NOT_JSON", byte === undefined ? "ends too early" : "is not JSON");
  }

  #object(): void {
    this.#enter();
    const outermost = this.#depth === 1;
    const base = this.#names.length;
    let sorted = true;
    this.#at++;
    this.#space();
    if (this.#bytes[this.#at] === 0x7d) {
      this.#at++;
      this.#depth--;
      return;
    }
    for (;;) {
      const nameStart = this.#at;
      if (this.#bytes[nameStart] !== quote) this.#fail("NOT_JSON", "has a member without a name in quotes");
      if (++this.#members > maxMembers) this.#fail("TOO_MANY", `holds more than ${maxMembers} members`);
      if (this.#string()) this.escapedNames = true;
      const nameEnd = this.#at;
      const top = this.#names.length;
      if (sorted && top > base) {
        sorted =
          this.#compareNames(
            this.#names[top - 2] as number,
            this.#names[top - 1] as number,
            nameStart,
            nameEnd,
          ) < 0;
      }
      this.#names.push(nameStart, nameEnd);
      this.#space();
      if (this.#bytes[this.#at] !== colon) this.#fail("NOT_JSON", "has a member without a value");
      this.#at++;
      this.#space();
      const start = this.#at;
      const departures = this.#departures;
      this.#value();
      if (outermost) {
        this.spans.set(this.#text(nameStart, nameEnd), {
          start,
          end: this.#at,
          canonical: departures === this.#departures,
        });
      }
      this.#space();
      const next = this.#bytes[this.#at];
      if (next === comma) {
        this.#at++;
        this.#space();
        continue;
      }
      if (next !== 0x7d) this.#fail("NOT_JSON", "has an object that is not closed");
      this.#at++;
      break;
    }
    if (!sorted) {
      this.#departures++;
      this.#refuseDuplicates(base);
    }
    this.#names.length = base;
    this.#depth--;
  }

  #array(): void {
    this.#enter();
    this.#at++;
    this.#space();
    if (this.#bytes[this.#at] === 0x5d) {
      this.#at++;
      this.#depth--;
      return;
    }
    for (;;) {
      this.#value();
      this.#space();
      const next = this.#bytes[this.#at];
      if (next === comma) {
        this.#at++;
        this.#space();
        continue;
      }
      if (next !== 0x5d) this.#fail("NOT_JSON", "has an array that is not closed");
      this.#at++;
      this.#depth--;
      return;
    }
  }

  /** Leaves `#at` after the closing quote. Says whether there was an escape. */
  #string(): boolean {
    const bytes = this.#bytes;
    let at = this.#at + 1;
    let escapes = false;
    for (;;) {
      const byte = bytes[at];
      if (byte === quote) break;
      if (byte === undefined) this.#fail("NOT_JSON", "has a string that is not closed");
      if (byte < 0x20) this.#fail("NOT_JSON", "has a raw control character in a string");
      if (byte !== backslash) {
        at++;
        continue;
      }
      escapes = true;
      const escaped = bytes[at + 1];
      if (escaped === quote || escaped === backslash) {
        at += 2;
        continue;
      }
      // Every other escape is legal JSON, and written raw in the canonical form.
      this.#departures++;
      if (escaped === 0x75) {
        at = this.#unicodeEscape(at);
      } else if (escaped === 0x2f) {
        at += 2;
      } else if (
        escaped === 0x62 ||
        escaped === 0x66 ||
        escaped === 0x6e ||
        escaped === 0x72 ||
        escaped === 0x74
      ) {
        this.#control();
        at += 2;
      } else {
        this.#fail("NOT_JSON", "has an unknown escape in a string");
      }
    }
    this.#at = at + 1;
    return escapes;
  }

  /** `at` stands on the backslash; returns the position after the escape (or after the pair). */
  #unicodeEscape(at: number): number {
    const unit = this.#hex4(at + 2);
    if (unit < 0x20) this.#control();
    if (unit >= 0xdc00 && unit <= 0xdfff) this.#loneSurrogate();
    if (unit < 0xd800 || unit > 0xdbff) return at + 6;
    if (this.#bytes[at + 6] !== backslash || this.#bytes[at + 7] !== 0x75) this.#loneSurrogate();
    const low = this.#hex4(at + 8);
    if (low < 0xdc00 || low > 0xdfff) this.#loneSurrogate();
    return at + 12;
  }

  #hex4(at: number): number {
    let value = 0;
    for (let i = at; i < at + 4; i++) {
      const byte = this.#bytes[i] ?? 0;
      const digit =
        byte >= 0x30 && byte <= 0x39
          ? byte - 0x30
          : byte >= 0x61 && byte <= 0x66
            ? byte - 0x57
            : byte >= 0x41 && byte <= 0x46
              ? byte - 0x37
              : this.#fail("NOT_JSON", "has a broken \\u escape");
      value = value * 16 + digit;
    }
    return value;
  }

  #number(): void {
    const bytes = this.#bytes;
    const start = this.#at;
    let at = start;
    if (bytes[at] === 0x2d) at++;
    const digits = at;
    for (let byte = bytes[at]; byte !== undefined && byte >= 0x30 && byte <= 0x39; byte = bytes[++at]);
    const count = at - digits;
    const next = bytes[at];
    if (next === 0x2e || next === 0x65 || next === 0x45) {
      this.#fail("BAD_NUMBER", "has a number with a fraction or an exponent; only integers can be signed");
    }
    if (count === 0 || (count > 1 && bytes[digits] === 0x30))
      this.#fail("NOT_JSON", "has a malformed number");
    // Fifteen digits are always safe; only sixteen have to be read.
    if (count > 16 || (count === 16 && !Number.isSafeInteger(Number(this.#text(start, at))))) {
      this.#fail("BAD_NUMBER", "has an integer beyond 2^53-1");
    }
    if (digits > start && bytes[digits] === 0x30) this.#fail("BAD_NUMBER", "has a negative zero");
    this.#at = at;
  }

  #literal(text: string): void {
    for (let i = 0; i < text.length; i++) {
      if (this.#bytes[this.#at + i] !== text.charCodeAt(i)) this.#fail("NOT_JSON", "is not JSON");
    }
    this.#at += text.length;
  }

  #space(): void {
    for (;;) {
      const byte = this.#bytes[this.#at];
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return;
      this.#departures++;
      this.#at++;
    }
  }

  #enter(): void {
    if (++this.#depth > maxDepth) this.#fail("TOO_DEEP", `nests deeper than ${maxDepth} levels`);
    if (++this.#containers > maxContainers) {
      this.#fail("TOO_MANY", `holds more than ${maxContainers} objects and arrays`);
    }
  }

  #compareNames(aStart: number, aEnd: number, bStart: number, bEnd: number): number {
    const bytes = this.#bytes;
    const length = Math.min(aEnd - aStart, bEnd - bStart) - 1;
    for (let i = 1; i < length; i++) {
      const a = bytes[aStart + i] as number;
      const b = bytes[bStart + i] as number;
      if (a === backslash || b === backslash) {
        return compareCodePoints(this.#text(aStart, aEnd), this.#text(bStart, bEnd));
      }
      if (a !== b) return a - b;
    }
    // One is a prefix of the other, up to the closing quotes.
    return aEnd - aStart - (bEnd - bStart);
  }

  #refuseDuplicates(base: number): void {
    const seen = new Set<string>();
    for (let i = base; i < this.#names.length; i += 2) {
      const name = this.#text(this.#names[i] as number, this.#names[i + 1] as number);
      if (seen.has(name)) this.#fail("DUPLICATE_MEMBER", "names a member twice in one object");
      seen.add(name);
    }
  }

  /** The value of the string or number between two positions. */
  #text(start: number, end: number): string {
    const raw = Buffer.from(this.#bytes.buffer, this.#bytes.byteOffset + start, end - start).toString("utf8");
    return raw.charCodeAt(0) === quote ? (JSON.parse(raw) as string) : raw;
  }

  #control(): void {
    if (!this.#rules.controlCharacters) {
      this.#fail("BAD_STRING", "has a control character in a string, which no canonical form can carry");
    }
  }

  #loneSurrogate(): never {
    this.#fail("BAD_STRING", "has half of a surrogate pair in a string");
  }

  #fail(code: MalformedCode, what: string): never {
    throw new MalformedError(code, `The file ${what} (at byte ${this.#at}).`, { detail: { at: this.#at } });
  }
}
