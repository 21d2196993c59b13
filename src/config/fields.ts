/**
 * The kinds of value a configuration key can have. Each carries its kind in the schema's metadata, so that text from
 * flags and the environment can be read without knowing the key, and the page of keys can show it.
 */
import { z } from "zod";
import { formatDuration, formatSize, parseDuration, parseSize } from "./units.ts";

export type FieldKind =
  | "text"
  | "secret"
  | "boolean"
  | "integer"
  | "fraction"
  | "duration"
  | "size"
  | "list"
  | "choice"
  | "structure";

/** A text key without a default is simply absent from the result. */
export function text(description: string) {
  return z.string().min(1).max(4096).optional().meta({ kind: "text", description });
}

export function textWithDefault(value: string, description: string) {
  return z.string().min(1).max(4096).default(value).meta({ kind: "text", description });
}

/** Says where a secret lies. Its value is never repeated in an error. */
export function secret(description: string, pattern: RegExp, message: string) {
  return z.string().max(4096).regex(pattern, message).optional().meta({ kind: "secret", description });
}

export function toggle(value: boolean, description: string) {
  return z.boolean().default(value).meta({ kind: "boolean", description });
}

export function integer(range: { least: number; most: number; value: number }, description: string) {
  return z
    .int()
    .min(range.least)
    .max(range.most)
    .default(range.value)
    .meta({ kind: "integer", description: `${description} ${range.least} … ${range.most}.` });
}

export function fraction(range: { least: number; most: number; value: number }, description: string) {
  return z
    .number()
    .min(range.least)
    .max(range.most)
    .default(range.value)
    .meta({ kind: "fraction", description: `${description} ${range.least} … ${range.most}.` });
}

export function choice<const T extends readonly [string, ...string[]]>(
  values: T,
  value: NoInfer<T[number]>,
  description: string,
) {
  return z.enum(values).prefault(value).meta({ kind: "choice", description });
}

export function list(values: readonly string[], description: string) {
  return z
    .array(z.string().min(1).max(1024))
    .max(1000)
    .default([...values])
    .meta({ kind: "list", description });
}

/** Something with parts, written as YAML in the file and as JSON in flags and variables. */
export function structure<S extends z.ZodType>(schema: S, description: string) {
  return schema.meta({ kind: "structure", description });
}

interface UnitRange {
  readonly least: string;
  readonly most: string;
  readonly value: string;
}

function withUnit(
  range: UnitRange,
  parse: (value: string) => number | undefined,
  example: string,
): z.ZodPrefault<z.ZodPipe<z.ZodString, z.ZodTransform<number, string>>> {
  const least = parse(range.least);
  const most = parse(range.most);
  if (least === undefined || most === undefined) throw new TypeError("range without unit");
  return z
    .string()
    .transform((value, context) => {
      const parsed = parse(value);
      if (parsed !== undefined && parsed >= least && parsed <= most) return parsed;
      context.addIssue({
        code: "custom",
        message: `write a whole number with its unit, such as ${example}, between ${range.least} and ${range.most}`,
      });
      return z.NEVER;
    })
    .prefault(range.value);
}

/** Milliseconds. */
export function duration(range: UnitRange, description: string) {
  return withUnit(range, parseDuration, "90s, 12h or 14d").meta({
    kind: "duration",
    description: `${description} ${range.least} … ${range.most}.`,
  });
}

/** Bytes. */
export function size(range: UnitRange, description: string) {
  return withUnit(range, parseSize, "512KiB or 32MiB").meta({
    kind: "size",
    description: `${description} ${range.least} … ${range.most}.`,
  });
}

/** A parsed value as the configuration file would say it. */
export function toText(kind: FieldKind, value: unknown): unknown {
  if (kind === "duration" && typeof value === "number") return formatDuration(value);
  if (kind === "size" && typeof value === "number") return formatSize(value);
  return value;
}
