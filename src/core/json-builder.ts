/**
 * Values out of a document that the scanner has passed, without the platform's parser reading member names.
 *
 * Needed for documents with an escape in a member name: V8 13.6 (Node 24) takes `"a\""` for the name `a\` of an object
 * it met earlier, in this text or another, because it compares the raw letters
 * (docs/adr/0014-member-names-with-escapes.md). Single strings it reads rightly. Everything here leans on the scanner:
 * the grammar holds, and the depth is bounded.
 */
/** The value that the platform's parser should give. */
export function buildJson(text: string): unknown {
  return new Builder(text).value();
}

const space = /[ \t\r\n]*/y;
const scalar = /[^,\]}\s]+/y;

class Builder {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(): unknown {
    this.#take(space);
    const first = this.#text[this.#at];
    if (first === "{") return this.#object();
    if (first === "[") return this.#array();
    return first === '"' ? this.#string() : (JSON.parse(this.#take(scalar)) as unknown);
  }

  #object(): unknown {
    const members: [string, unknown][] = [];
    this.#elements("}", () => {
      const name = this.#string();
      this.#take(space);
      this.#at++; // the colon
      members.push([name, this.value()]);
    });
    return Object.fromEntries(members);
  }

  #array(): unknown {
    const values: unknown[] = [];
    this.#elements("]", () => values.push(this.value()));
    return values;
  }

  /** What lies between the bracket here and its partner, separated by commas. */
  #elements(end: "]" | "}", element: () => void): void {
    this.#at++;
    this.#take(space);
    while (this.#text[this.#at] !== end) {
      element();
      this.#take(space);
      if (this.#text[this.#at] === ",") this.#at++;
      this.#take(space);
    }
    this.#at++;
  }

  /** Up to the first quote that an even number of backslashes precedes. */
  #string(): string {
    const start = this.#at;
    let end = start;
    let backslashes: number;
    do {
      end = this.#text.indexOf('"', end + 1);
      for (backslashes = 0; this.#text[end - 1 - backslashes] === "\\"; ) backslashes++;
    } while (backslashes % 2 === 1);
    this.#at = end + 1;
    return JSON.parse(this.#text.slice(start, this.#at)) as string;
  }

  #take(form: RegExp): string {
    form.lastIndex = this.#at;
    const found = form.exec(this.#text)?.[0] ?? "";
    this.#at += found.length;
    return found;
  }
}
