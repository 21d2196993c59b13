/** Reading JSON that programs wrote, this one or another: strictly, and with the line where something is wrong. */
import { VidimusError } from "../../core/errors.ts";
import { isObject, type Json, type JsonObject, member, parseJson } from "../../core/json.ts";
import { meant } from "../../core/nearest.ts";
import { type ClientCode, TrustError } from "../errors.ts";

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
      throw this.#error(`The ${this.#what} is not well-formed JSON.`, this.#brokenLine(cause), cause);
    }
    throw this.#error(`The ${this.#what} is no JSON object.`, 1);
  }

  /**
   * A member, as `as` reads it; undefined from `as` is a fault.
   * @param demand what it must be, for the message: `must be "vidimus-request/1"`
   */
  read<T>(
    object: JsonObject,
    name: string,
    as: (value: Json | undefined) => T | undefined,
    demand?: string,
  ): T {
    const value = as(member(object, name));
    if (value === undefined) throw this.fault(object, name, demand);
    return value;
  }

  /** That an object has no members but these: what is not understood may matter. */
  only(object: JsonObject, names: readonly string[]): void {
    const odd = Object.keys(object).find((name) => !names.includes(name));
    if (odd === undefined) return;
    const quoted = (name: string) => JSON.stringify(shown(name));
    const what = `The ${this.#what} has the unknown key ${quoted(odd)}${meant(quoted(odd), names.map(quoted))}`;
    throw this.#error(what, this.#lineOf(object, odd));
  }

  /** A fault in a member, at its line; at that of its object if there is no such member. */
  fault(object: JsonObject, name: string, demand?: string): TrustError {
    const what =
      demand === undefined
        ? `The ${this.#what} has no good "${shown(name)}".`
        : `"${shown(name)}" of the ${this.#what} ${demand}.`;
    return this.#error(what, this.#lineOf(object, name));
  }

  #lineOf(object: JsonObject, name: string): number {
    return this.#lineAt(positionOf(this.#text, objectsIn(this.#value).indexOf(object), name));
  }

  #error(message: string, line: number, cause?: unknown): TrustError {
    return new TrustError(this.#code, message, { file: this.#file, line, cause });
  }

  /** The line where the scanner stopped, as far as it tells; else the last. */
  #brokenLine({ detail }: VidimusError): number {
    const bytes = Buffer.from(this.#text.trimEnd(), "utf8");
    const at = typeof detail?.at === "number" ? detail.at : bytes.length;
    return bytes.toString("utf8", 0, at).split("\n").length;
  }

  #lineAt(offset: number): number {
    return this.#text.slice(0, offset).split("\n").length;
  }
}

function shown(name: string): string {
  return name.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, 64);
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
