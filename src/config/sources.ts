/**
 * Where values come from: the file, the environment, the flags. Each source gives assignments (key, raw value, origin)
 * and problems; none decides what a value means. Bounded: a file has at most 1 MiB, no aliases, and its depth is the
 * schema's; a variable or flag has at most 64 KiB.
 */
import { LineCounter, parseDocument } from "yaml";
import type { ConfigurationProblem } from "./errors.ts";
import { type ConfigurationKey, findKey, findVariable, isGroup, meantKey, meantVariable } from "./keys.ts";

export interface Assignment {
  readonly key: string;
  /** As the schema expects it, or something it will refuse. */
  readonly value: unknown;
  /** `--port`, `VIDIMUS__SERVER__PORT`, `vidimus.yaml:3`. */
  readonly origin: string;
}

export interface Source {
  readonly assignments: readonly Assignment[];
  readonly problems: readonly ConfigurationProblem[];
}

/** A value given on the command line: `flag` as the person wrote it, such as `--port`. */
export interface FlagValue {
  readonly flag: string;
  readonly key: string;
  readonly text: string;
}

const largestFile = 1_048_576;
const longestText = 65_536;

/** Text from a flag or a variable in the type that the key wants. What does not fit is left for the schema to refuse. */
function fromText(row: ConfigurationKey, text: string): unknown {
  switch (row.kind) {
    case "boolean":
      return text === "true" ? true : text === "false" ? false : text;
    case "integer":
      return /^-?[0-9]{1,15}$/.test(text) ? Number(text) : text;
    case "fraction":
      return /^[0-9]{1,3}(?:\.[0-9]{1,9})?$/.test(text) ? Number(text) : text;
    case "list":
      return text.trim() === "" ? [] : text.split(",").map((part) => part.trim());
    case "structure":
      return fromJson(text);
    default:
      return text;
  }
}

function fromJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function unknownKey(key: string, origin: string): ConfigurationProblem {
  const subject = key.slice(0, 200);
  const shown = JSON.stringify(subject);
  const sentence =
    findKey(key) === undefined
      ? `${origin}: there is no key ${shown}${meantKey(key)}`
      : `${origin}: write ${shown} level by level: a file has no dots in its keys.`;
  return { code: "UNKNOWN_KEY", subject, sentence };
}

export function fromFlags(flags: readonly FlagValue[]): Source {
  const assignments: Assignment[] = [];
  const problems: ConfigurationProblem[] = [];
  for (const { flag, key, text } of flags) {
    const row = findKey(key);
    if (row === undefined) problems.push(unknownKey(key, flag));
    else assignments.push({ key, value: fromText(row, text.slice(0, longestText)), origin: flag });
  }
  return { assignments, problems };
}

/** Variables that begin with `VIDIMUS__`. For a secret, `…_FILE=PATH` stands for `file:PATH`. */
export function fromEnvironment(env: Readonly<Record<string, string | undefined>>): Source {
  const assignments: Assignment[] = [];
  const problems: ConfigurationProblem[] = [];
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith("VIDIMUS__") || text === undefined) continue;
    const row = findVariable(name);
    const secret = name.endsWith("_FILE") ? findVariable(name.slice(0, -"_FILE".length)) : undefined;
    if (row !== undefined) {
      assignments.push({ key: row.key, value: fromText(row, text.slice(0, longestText)), origin: name });
    } else if (secret?.kind === "secret") {
      if (env[secret.variable] === undefined) {
        assignments.push({ key: secret.key, value: `file:${text}`, origin: name });
      } else {
        problems.push({
          code: "CONTRADICTION",
          subject: secret.key,
          sentence: `${name} and ${secret.variable} are both set: keep one of them.`,
        });
      }
    } else {
      problems.push({
        code: "UNKNOWN_KEY",
        subject: name,
        sentence: `${JSON.stringify(name.slice(0, 200))} names no key${meantVariable(name)}`,
      });
    }
  }
  return { assignments, problems };
}

/** The configuration file's text; `name` is how it is called in messages. */
export function fromFile(text: string, name: string): Source {
  const refuse = (sentence: string): Source => ({
    assignments: [],
    problems: [{ code: "BAD_FILE", subject: name, sentence }],
  });
  if (text.length > largestFile)
    return refuse(`${name} is larger than 1 MiB: it is not a configuration file.`);
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, prettyErrors: false, stringKeys: true });
  const [error] = document.errors;
  if (error !== undefined) {
    const { line, col } = lineCounter.linePos(error.pos[0]);
    return refuse(`${name}:${line}:${col}: this is not YAML: ${error.message}`);
  }
  let content: unknown;
  try {
    content = document.toJS({ maxAliasCount: 0 });
  } catch {
    return refuse(`${name}: aliases are not allowed in the configuration.`);
  }

  const assignments: Assignment[] = [];
  const problems: ConfigurationProblem[] = [];
  const originOf = (path: readonly string[]): string => {
    const node: unknown = document.getIn(path, true);
    const range = (node as { range?: readonly number[] | null } | undefined)?.range;
    return range?.[0] === undefined ? name : `${name}:${lineCounter.linePos(range[0]).line}`;
  };
  const walk = (value: unknown, path: readonly string[]): void => {
    const key = path.join(".");
    const known = !path.some((level) => level.includes("."));
    if (known && findKey(key) !== undefined) {
      if (value !== null) assignments.push({ key, value, origin: originOf(path) });
    } else if (!known || (path.length > 0 && !isGroup(key))) {
      problems.push(unknownKey(key, originOf(path)));
    } else if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      for (const [level, child] of Object.entries(value)) walk(child, [...path, level]);
    } else if (value !== null && value !== undefined) {
      const what = path.length === 0 ? "the file" : key;
      const sentence = `${originOf(path)}: ${what} must hold keys, each with its value.`;
      problems.push({ code: "BAD_VALUE", subject: what, sentence });
    }
  };
  walk(content, []);
  return { assignments, problems };
}
