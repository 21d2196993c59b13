/**
 * Strict JSON, read once.
 *
 * What a document must be before anything else is asked of it:
 * - UTF-8 without a byte order mark, one value, nothing after it (white space included);
 * - no member name twice in one object, at any depth (readers disagree about which one counts);
 * - at most `maxDepth` levels, checked while scanning, so deep input costs nothing;
 * - numbers are integers in decimal digits within ±(2^53-1): no fraction, no exponent, no `-0`
 *   (JavaScript cannot tell `1.0` from `1`, signers can);
 * - no lone surrogates; control characters in strings only where the format allows them.
 *
 * The scanner walks the bytes and builds nothing; the values come from the platform's parser afterwards, or, where a
 * member name has an escape, from `json-builder.ts`, which says why.
 * While walking it learns which top-level members are already in canonical form (`canonical.ts`), so that a
 * signature can be checked over the received slice and nothing is serialised again.
 */

import { decodeUtf8 } from "./bytes.ts";
import { buildJson } from "./json-builder.ts";
import { type JsonRules, type Span, scanJson } from "./json-scanner.ts";

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
/** Own members only count: read through `member` and `Object.entries`, never by a name from outside. */
export interface JsonObject {
  readonly [name: string]: Json;
}

export interface ParsedJson {
  readonly value: Json;
  /** Members of the outermost object by name; empty if the value is not an object. */
  readonly spans: ReadonlyMap<string, Span>;
}

export function parseJson(bytes: Uint8Array, rules: JsonRules): ParsedJson {
  const text = decodeUtf8(bytes);
  const { spans, escapedNames } = scanJson(bytes, rules);
  // The scanner accepts a subset of what JSON.parse accepts, so neither can throw.
  return { value: (escapedNames ? buildJson(text) : JSON.parse(text)) as Json, spans };
}

/** A member of an object that came from outside; never an inherited one. */
export function member(object: JsonObject, name: string): Json | undefined {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
