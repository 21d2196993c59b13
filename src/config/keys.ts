/** The table of configuration keys, read off the schema: one row for each leaf, in the schema's order. */
import { z } from "zod";
import { meant } from "../core/nearest.ts";
import type { FieldKind } from "./fields.ts";
import { configSchema } from "./schema.ts";

export interface ConfigurationKey {
  /** Dotted, as in `server.plainHttp`. */
  readonly key: string;
  readonly kind: FieldKind;
  readonly description: string;
  /** As the file would say it; undefined if the key has no default. */
  readonly fallback: unknown;
  /** The values a `choice` allows. */
  readonly choices: readonly string[] | undefined;
  /** The environment variable of the key. */
  readonly variable: string;
}

/** What `z.toJSONSchema` gives for a group or a leaf of ours. */
interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly kind?: FieldKind;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly string[];
}

/** The schema as JSON Schema, of what may be written (not of what comes out). */
export function jsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(configSchema, { io: "input" });
}

/** `server.plainHttp` → `VIDIMUS__SERVER__PLAIN_HTTP`. */
export function variableName(key: string): string {
  const levels = key
    .split(".")
    .map((level) => level.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase());
  return ["VIDIMUS", ...levels].join("__");
}

function leaves(node: SchemaNode, path: readonly string[]): ConfigurationKey[] {
  if (node.properties !== undefined) {
    return Object.entries(node.properties).flatMap(([name, child]) => leaves(child, [...path, name]));
  }
  const key = path.join(".");
  if (node.kind === undefined || node.description === undefined)
    throw new TypeError(`${key} is not described`);
  return [
    {
      key,
      kind: node.kind,
      description: node.description,
      fallback: node.default,
      choices: node.enum,
      variable: variableName(key),
    },
  ];
}

export const configurationKeys: readonly ConfigurationKey[] = leaves(jsonSchema() as SchemaNode, []);

const byKey: ReadonlyMap<string, ConfigurationKey> = new Map(configurationKeys.map((row) => [row.key, row]));
const byVariable: ReadonlyMap<string, ConfigurationKey> = new Map(
  configurationKeys.map((row) => [row.variable, row]),
);
const groups: ReadonlySet<string> = new Set(
  configurationKeys.flatMap(({ key }) => {
    const levels = key.split(".");
    return levels.slice(1).map((_, index) => levels.slice(0, index + 1).join("."));
  }),
);

export function findKey(key: string): ConfigurationKey | undefined {
  return byKey.get(key);
}

export function findVariable(name: string): ConfigurationKey | undefined {
  return byVariable.get(name);
}

/** True for `server` or `online.timestamp`: a key that only holds other keys. */
export function isGroup(key: string): boolean {
  return groups.has(key);
}

/** The end of a sentence about an unknown key: the known key or group that it resembles. */
export function meantKey(key: string): string {
  return meant(key, [...groups, ...byKey.keys()]);
}

/** The end of a sentence about an unknown variable: the known one that it resembles. */
export function meantVariable(name: string): string {
  return meant(name, [...byVariable.keys()]);
}
