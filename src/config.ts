/**
 * The configuration: flags over environment over file over defaults, checked once, with the origin of every value.
 *
 * Invariants: an unknown key is an error wherever it stands, with the nearest known one named; all problems are
 * reported at once; a value is used only if all values are good; nothing here touches the file system but the
 * `readFile` that is passed in.
 */
import { type ConfigurationProblem, refuseProblems } from "./config/errors.ts";
import { toText } from "./config/fields.ts";
import { configurationKeys, findKey } from "./config/keys.ts";
import { checkRules } from "./config/rules.ts";
import { type Config, configSchema } from "./config/schema.ts";
import {
  type Assignment,
  type FlagValue,
  fromEnvironment,
  fromFile,
  fromFlags,
  type Source,
} from "./config/sources.ts";

export { ConfigurationError } from "./config/errors.ts";
export { isLoopback } from "./config/rules.ts";
export type { Config } from "./config/schema.ts";
export type { FlagValue } from "./config/sources.ts";

export interface ConfigurationSources {
  readonly flags: readonly FlagValue[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Path of the file; the variable VIDIMUS_CONFIG when absent; no file when that is absent too. */
  readonly file?: string;
  readonly readFile: (path: string) => string;
}

export interface LoadedConfig {
  readonly config: Config;
  /** One row for each key, in the schema's order. */
  readonly rows: readonly ConfigurationRow[];
  /** The configuration file, if there is one. */
  readonly file: string | undefined;
}

export interface ConfigurationRow {
  readonly key: string;
  /** As the file would say it; undefined if the key is absent. */
  readonly value: unknown;
  /** `default`, or the flag, variable or line that set it. */
  readonly origin: string;
}

/** Throws `ConfigurationError` with every problem found. */
export function loadConfig(sources: ConfigurationSources): LoadedConfig {
  const found = [readFrom(sources), fromEnvironment(sources.env), fromFlags(sources.flags)];
  const assigned = new Map<string, Assignment>();
  for (const assignment of found.flatMap((source) => source.assignments))
    assigned.set(assignment.key, assignment);

  const parsed = configSchema.safeParse(nest(assigned));
  const problems = found.flatMap((source) => source.problems);
  if (!parsed.success) {
    problems.push(...parsed.error.issues.map((issue) => badValue(issue.path, issue.message, assigned)));
  } else {
    problems.push(...checkRules(parsed.data, new Set(assigned.keys())));
  }
  refuseProblems(problems);
  if (!parsed.success) throw parsed.error;
  return { config: parsed.data, rows: describe(parsed.data, assigned), file: fileOf(sources) };
}

function fileOf({ file, env }: ConfigurationSources): string | undefined {
  return file ?? (env.VIDIMUS_CONFIG || undefined);
}

function readFrom(sources: ConfigurationSources): Source {
  const { readFile } = sources;
  const path = fileOf(sources);
  if (path === undefined) return { assignments: [], problems: [] };
  let text: string;
  try {
    text = readFile(path);
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? "unreadable";
    const sentence = `The configuration file ${path} cannot be read (${reason}): check the path and its permissions.`;
    return { assignments: [], problems: [{ code: "BAD_FILE", subject: path, sentence }] };
  }
  return fromFile(text, path);
}

/** Dotted keys, all known, as the nested object that the schema reads. */
function nest(assigned: ReadonlyMap<string, Assignment>): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const { key, value } of assigned.values()) {
    const levels = key.split(".");
    const last = levels.pop() ?? key;
    let group = result;
    for (const level of levels) {
      group[level] ??= {};
      group = group[level] as Record<string, unknown>;
    }
    group[last] = value;
  }
  return result;
}

function badValue(
  path: readonly PropertyKey[],
  message: string,
  assigned: ReadonlyMap<string, Assignment>,
): ConfigurationProblem {
  const levels = path.map(String);
  const key = levels
    .map((_, index) => levels.slice(0, index + 1).join("."))
    .find((name) => findKey(name) !== undefined);
  const subject = key ?? levels.join(".");
  const origin = assigned.get(subject)?.origin ?? "default";
  return { code: "BAD_VALUE", subject, sentence: `${subject} (${origin}): ${message}` };
}

function describe(config: Config, assigned: ReadonlyMap<string, Assignment>): ConfigurationRow[] {
  return configurationKeys.map(({ key, kind }) => {
    let value: unknown = config;
    for (const level of key.split(".")) value = (value as Record<string, unknown> | undefined)?.[level];
    return { key, value: toText(kind, value), origin: assigned.get(key)?.origin ?? "default" };
  });
}
