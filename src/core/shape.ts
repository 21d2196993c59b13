/**
 * Reading objects of known shape. Every refusal names the member, so that whoever made the file can mend it.
 *
 * An object of known shape may carry further members: they are covered by the signature and ignored. What it may
 * not carry is a member whose name differs from a known one only in case: Go decoders take it for the known one,
 * so two readers would see two documents.
 */
import { MalformedError } from "./errors.ts";
import { isObject, type Json, type JsonObject, member } from "./json.ts";
import { maxLength, maxVersion } from "./limits.ts";

/** A description of an object: the names it may have, known in advance. */
export class Shape {
  readonly #what: string;
  readonly #known: ReadonlySet<string>;
  readonly #folded: ReadonlySet<string>;
  readonly #others: "ignored" | "refused";

  constructor(what: string, known: readonly string[], others: "ignored" | "refused" = "ignored") {
    this.#what = what;
    this.#known = new Set(known);
    this.#folded = new Set(known.map(fold));
    this.#others = others;
  }

  read(value: Json | undefined): JsonObject {
    if (!isObject(value)) throw new MalformedError("BAD_SHAPE", `Make ${this.#what} an object.`);
    for (const name of Object.keys(value)) {
      if (this.#known.has(name)) continue;
      if (this.#folded.has(fold(name))) {
        throw new MalformedError(
          "DUPLICATE_MEMBER",
          `Write the members of ${this.#what} in lower case, each once.`,
        );
      }
      if (this.#others === "refused") {
        throw new MalformedError(
          "UNSIGNED_MEMBER",
          `Remove every member of ${this.#what} that no signature covers.`,
        );
      }
    }
    return value;
  }
}

/** Simple case folding as Go does it: the two letters beyond ASCII that fold into it, and ASCII. */
function fold(name: string): string {
  return name.toLowerCase().replaceAll("\u017f", "s").replaceAll("\u212a", "k");
}

export function text(object: JsonObject, name: string, most: number): string {
  const value = member(object, name);
  if (typeof value !== "string") throw new MalformedError("BAD_SHAPE", `Make "${name}" a string.`);
  if (value.length > most)
    throw new MalformedError("TOO_LARGE", `Make "${name}" at most ${most} characters long.`);
  return value;
}

/** An array, or nothing (absent or null): Go writes empty lists as null. */
export function list(object: JsonObject, name: string, most: number): readonly Json[] {
  const value = member(object, name);
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new MalformedError("BAD_SHAPE", `Make "${name}" an array.`);
  if (value.length > most)
    throw new MalformedError("TOO_MANY", `Put at most ${most} entries into "${name}".`);
  return value as readonly Json[];
}

/** The members of an object used as a map, or none (absent or null). */
export function entries(object: JsonObject, name: string, most: number): readonly [string, Json][] {
  const all: [string, Json][] = [];
  eachEntry(object, name, most, (key, value) => all.push([key, value]));
  return all;
}

/** The same, one by one, without a copy of all. Returns how many there are, which is checked before the first. */
export function eachEntry(
  object: JsonObject,
  name: string,
  most: number,
  use: (key: string, value: Json) => void,
): number {
  const map = member(object, name);
  if (map === undefined || map === null) return 0;
  if (!isObject(map)) throw new MalformedError("BAD_SHAPE", `Make "${name}" an object.`);
  const keys = Object.keys(map);
  if (keys.length > most) throw new MalformedError("TOO_MANY", `Put at most ${most} entries into "${name}".`);
  // Own names, so that none of them finds an inherited member.
  for (const key of keys) use(key, map[key] as Json);
  return keys.length;
}

export function version(object: JsonObject): number {
  const value = member(object, "version");
  if (typeof value !== "number") throw new MalformedError("BAD_SHAPE", 'Make "version" an integer.');
  if (value < 1) throw new MalformedError("BAD_VERSION", "version cannot be less than one");
  if (value > maxVersion)
    throw new MalformedError("BAD_VERSION", `version cannot be more than ${maxVersion}`);
  return value;
}

export function threshold(object: JsonObject, role: string): number {
  const value = member(object, "threshold");
  if (typeof value !== "number" || value < 1 || value > maxVersion) {
    const given = typeof value === "number" ? `: ${value}` : "";
    throw new MalformedError("BAD_THRESHOLD", `invalid threshold specified for ${role}${given}`);
  }
  return value;
}

export function length(object: JsonObject): number {
  const value = member(object, "length");
  if (typeof value !== "number" || value < 0 || value > maxLength) {
    throw new MalformedError("BAD_SHAPE", 'Make "length" an integer of at least 0.');
  }
  return value;
}
