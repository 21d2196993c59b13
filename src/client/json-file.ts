/** Reading JSON files that this program wrote: strictly, and with the line where something is wrong. */
import { VidimusError } from "../core/errors.ts";
import { isObject, type Json, type JsonObject, member, parseJson } from "../core/json.ts";
import { type ClientCode, TrustError } from "./errors.ts";

export class JsonFile {
  readonly #text: string;
  #value: JsonObject = {};
  readonly #file: string;
  readonly #code: ClientCode;
  readonly #what: string;

  /**
   * @param file how the file is called in messages
   * @param code what a fault is thrown as
   * @param what the content, for messages: `cached state`
   */
  constructor(text: string, file: string, code: ClientCode, what: string) {
    this.#text = text;
    this.#file = file;
    this.#code = code;
    this.#what = what;
  }

  /** The outermost object. */
  object(): JsonObject {
    try {
      const { value } = parseJson(Buffer.from(this.#text.trimEnd(), "utf8"), { controlCharacters: true });
      if (isObject(value)) {
        this.#value = value;
        return value;
      }
    } catch (cause) {
      if (!(cause instanceof VidimusError)) throw cause;
      throw this.#error(
        `The ${this.#what} is not the JSON that was written there.`,
        this.#brokenLine(),
        cause,
      );
    }
    throw this.#error(`The ${this.#what} is no JSON object.`, 1);
  }

  /** A member, as `as` reads it; undefined from `as` is a fault. */
  read<T>(object: JsonObject, name: string, as: (value: Json | undefined) => T | undefined): T {
    const value = as(member(object, name));
    if (value === undefined) throw this.fault(object, name);
    return value;
  }

  /** That an object has no members but these: what is not understood may matter. */
  only(object: JsonObject, names: readonly string[]): void {
    const odd = Object.keys(object).find((name) => !names.includes(name));
    if (odd !== undefined) throw this.fault(object, odd);
  }

  /** A fault in a member, at its line; at that of its object if there is no such member. */
  fault(object: JsonObject, name: string): TrustError {
    const shown = name.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, 64);
    const at = positionOf(this.#text, objectsIn(this.#value).indexOf(object), name);
    return this.#error(`The ${this.#what} has no good "${shown}".`, this.#lineAt(at));
  }

  #error(message: string, line: number, cause?: unknown): TrustError {
    return new TrustError(this.#code, message, { file: this.#file, line, cause });
  }

  /** The line where the platform's parser stops, as far as it tells; else the last. */
  #brokenLine(): number {
    try {
      JSON.parse(this.#text.trimEnd());
    } catch (error) {
      const position = /position (\d+)/.exec(error instanceof Error ? error.message : "")?.[1];
      if (position !== undefined) return this.#lineAt(Number(position));
    }
    return this.#lineAt(this.#text.trimEnd().length);
  }

  #lineAt(offset: number): number {
    return this.#text.slice(0, offset).split("\n").length;
  }
}

/** A value's objects in the order of the text. */
function objectsIn(value: Json): readonly JsonObject[] {
  if (typeof value !== "object" || value === null) return [];
  const inner = Object.values(value).flatMap(objectsIn);
  return isObject(value) ? [value, ...inner] : inner;
}

/** Where a member of the object with this number begins in a JSON text, or else the object. */
function positionOf(text: string, index: number, name: string): number {
  let objects = -1;
  let depth = 0;
  let start = -1;
  for (let at = 0; at < text.length; at++) {
    const letter = text[at];
    if (letter === '"') {
      const end = stringEnd(text, at);
      if (start !== -1 && depth === 1 && /\s*:/y.test(text.slice(end, end + 64))) {
        if (JSON.parse(text.slice(at, end)) === name) return at;
      }
      at = end - 1;
    } else if (letter === "{" || letter === "[") {
      if (letter === "{" && ++objects === index) start = at;
      if (start !== -1) depth++;
    } else if ((letter === "}" || letter === "]") && start !== -1 && --depth === 0) break;
  }
  return Math.max(start, 0);
}

/** Behind the quote that ends the string that begins here. */
function stringEnd(text: string, start: number): number {
  let at = start + 1;
  while (text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
  return at + 1;
}

export function whole(value: Json | undefined): number | undefined {
  return typeof value === "number" && value >= 0 ? value : undefined;
}

export function string(value: Json | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** A list of at most `most` things that `as` can read. */
export function listOf<T>(
  value: Json | undefined,
  most: number,
  as: (value: Json) => T | undefined,
): readonly T[] | undefined {
  if (!Array.isArray(value) || value.length > most) return undefined;
  const items = (value as readonly Json[]).map(as);
  return items.every((item) => item !== undefined) ? (items as readonly T[]) : undefined;
}
