/** JSON values with something wrong in one place, whatever stood there. */
import type { Json } from "../../src/core/json.ts";

/** What nobody expects in the place of something else. */
export const shapes: readonly [string, Json][] = [
  ["null", null],
  ["true", true],
  ["0", 0],
  ["an empty string", ""],
  ["an empty list", []],
  ["an empty object", {}],
  ["a megabyte", "x".repeat(1_000_000)],
  ["deep nesting", JSON.parse("[".repeat(20) + "]".repeat(20)) as Json],
];

/** Every place in a value, as a path of names and numbers. */
export function* places(
  value: Json,
  path: readonly (string | number)[] = [],
): Generator<readonly (string | number)[]> {
  if (path.length > 0) yield path;
  if (typeof value !== "object" || value === null) return;
  for (const [name, inner] of Object.entries(value)) yield* places(inner, [...path, name]);
}

/** The value with another in one place. */
export function replaced(value: Json, [first, ...rest]: readonly (string | number)[], by: Json): Json {
  if (first === undefined) return by;
  const copy = (Array.isArray(value) ? [...value] : { ...(value as object) }) as Record<string, Json>;
  copy[first] = replaced(copy[first] as Json, rest, by);
  return copy as unknown as Json;
}
