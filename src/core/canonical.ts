/**
 * Canonical JSON (OLPC): the bytes that are signed and that key IDs hash.
 *
 * No white space; members sorted by the UTF-8 bytes of their names; in strings only `"` and `\` are escaped,
 * everything else is raw; numbers are decimal integers. Sources: notary-protocol.md 3.2, TUF specification 4.1.
 */
import { compareCodePoints } from "./bytes.ts";
import type { Json, JsonObject } from "./json.ts";

/** The canonical form as text. Numbers must be safe integers: `json.ts` lets no others in. */
export function canonicalText(value: Json): string {
  if (value === null) return "null";
  switch (typeof value) {
    case "string":
      return quoted(value);
    case "boolean":
      return value ? "true" : "false";
    case "number":
      if (!Number.isSafeInteger(value)) throw new TypeError(`${value} has no canonical form`);
      return String(value);
    default:
      return Array.isArray(value) ? list(value as readonly Json[]) : object(value as JsonObject);
  }
}

/** The canonical form as UTF-8. */
export function canonicalBytes(value: Json): Buffer {
  return Buffer.from(canonicalText(value), "utf8");
}

function quoted(text: string): string {
  return /["\\]/.test(text) ? `"${text.replace(/["\\]/g, "\\$&")}"` : `"${text}"`;
}

function list(values: readonly Json[]): string {
  let out = "[";
  for (let i = 0; i < values.length; i++) {
    if (i > 0) out += ",";
    out += canonicalText(values[i] as Json);
  }
  return `${out}]`;
}

function object(value: JsonObject): string {
  const names = Object.keys(value).sort(compareCodePoints);
  let out = "{";
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as string;
    if (i > 0) out += ",";
    out += `${quoted(name)}:${canonicalText(value[name] as Json)}`;
  }
  return `${out}}`;
}
