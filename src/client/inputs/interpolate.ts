/**
 * Variables in a text: `$X`, `${X}`, and `${X` with `:-` `-` `:+` `+` `:?` `?` and a word `}`, words nested.
 *
 * Dockerfiles and Compose read these alike. What only one of them knows (`${X#…}`, `$1`, a lone `$`) is refused, so that
 * no text gets another value here than in the tool that builds.
 */

/** Values by name: undefined if the variable is not set. May throw `Unresolved` for a value that nobody can know. */
export type Lookup = (name: string) => string | undefined;

/** Why a text has no value; a sentence. */
export class Unresolved extends Error {}

export interface Dialect {
  /** `$$` is `$`, as in Compose. */
  readonly doubledDollar?: boolean;
}

const longest = 4_096;
const deepest = 8;
const start = /[A-Za-z_]/;
const nameForm = /[A-Za-z_][A-Za-z0-9_]*/y;
const operatorForm = /:?[-+?]/y;

/** Throws `Unresolved`. */
export function interpolate(text: string, lookup: Lookup, dialect: Dialect = {}): string {
  if (text.length > longest)
    throw new Unresolved(`A text with variables is longer than ${longest} characters.`);
  const reader = new Reader(text, lookup, dialect);
  return reader.read(false, 0);
}

class Reader {
  readonly #text: string;
  readonly #lookup: Lookup;
  readonly #dialect: Dialect;
  #at = 0;

  constructor(text: string, lookup: Lookup, dialect: Dialect) {
    this.#text = text;
    this.#lookup = lookup;
    this.#dialect = dialect;
  }

  /** Up to the end of the text, or up to and with the closing brace of a word. */
  read(inWord: boolean, depth: number): string {
    if (depth > deepest) throw new Unresolved(`Variables are nested more than ${deepest} deep.`);
    let value = "";
    while (this.#at < this.#text.length) {
      const character = this.#text[this.#at] as string;
      this.#at += 1;
      if (inWord && character === "}") return value;
      if (inWord && /[{'"\\`]/.test(character)) throw this.#odd();
      value += character === "$" ? this.#variable(depth) : character;
      if (value.length > longest) throw new Unresolved(`A value is longer than ${longest} characters.`);
    }
    if (inWord) throw this.#odd();
    return value;
  }

  #variable(depth: number): string {
    const next = this.#text[this.#at] ?? "";
    if (next === "$" && this.#dialect.doubledDollar) {
      this.#at += 1;
      return "$";
    }
    if (next !== "{") return this.#value(this.#name());
    this.#at += 1;
    const name = this.#name();
    const operator = this.#match(operatorForm);
    if (operator === undefined) {
      if (this.#text[this.#at] !== "}") throw this.#odd();
      this.#at += 1;
      return this.#value(name);
    }
    return this.#withWord(name, operator, depth);
  }

  #withWord(name: string, operator: string, depth: number): string {
    const value = this.#lookup(name);
    const absent = value === undefined || (operator.startsWith(":") && value === "");
    const wordCounts = operator.endsWith("+") ? !absent : operator.endsWith("-") && absent;
    if (!wordCounts) {
      this.#skipWord();
      if (operator.endsWith("+")) return "";
      if (absent) throw new Unresolved(`The variable ${name} has no value, which the file demands.`);
      return value;
    }
    return this.read(true, depth + 1);
  }

  /** A word that does not count has no value to ask for; only its end is looked for. */
  #skipWord(): void {
    const inner = new Reader(this.#text.slice(this.#at), () => "", this.#dialect);
    inner.read(true, 1);
    this.#at += inner.#at;
  }

  #value(name: string): string {
    const value = this.#lookup(name);
    if (value === undefined) throw new Unresolved(`The variable ${name} has no value.`);
    return value;
  }

  #name(): string {
    if (!start.test(this.#text[this.#at] ?? "")) throw this.#odd();
    return this.#match(nameForm) as string;
  }

  #match(form: RegExp): string | undefined {
    form.lastIndex = this.#at;
    const found = form.exec(this.#text)?.[0];
    this.#at += found?.length ?? 0;
    return found;
  }

  #odd(): Unresolved {
    return new Unresolved(
      "A variable is written in a way that is not read here; use a name alone, or one with a default.",
    );
  }
}
