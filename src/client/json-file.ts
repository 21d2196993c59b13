/** Reading JSON files that this program wrote: strictly, and with the line where something is wrong. */
import { VidimusError } from "../core/errors.ts";
import { isObject, type Json, type JsonObject, member, parseJson } from "../core/json.ts";
import { type ClientCode, TrustError } from "./errors.ts";

export class JsonFile {
  readonly #text: string;
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
      if (isObject(value)) return value;
    } catch (cause) {
      if (!(cause instanceof VidimusError)) throw cause;
      throw this.#error(
        `The ${this.#what} is not the JSON that was written there.`,
        this.#brokenLine(cause),
        cause,
      );
    }
    throw this.#error(`The ${this.#what} is no JSON object.`, 1);
  }

  /** A member, as `as` reads it; undefined from `as` is a fault. */
  read<T>(object: JsonObject, name: string, as: (value: Json | undefined) => T | undefined): T {
    const value = as(member(object, name));
    if (value === undefined) throw this.fault(name);
    return value;
  }

  /** A fault in a member; its line is that of the first member of this name. */
  fault(name: string): TrustError {
    const at = this.#text.indexOf(`"${name}"`);
    return this.#error(`The ${this.#what} has no good "${name}".`, at === -1 ? 1 : this.#lineAt(at));
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
