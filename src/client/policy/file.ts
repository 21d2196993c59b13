/** Reading a policy file: YAML (or JSON) in, a policy with its problems at their lines out. */
import { readPolicy, trimmed } from "../../policy/schema.ts";
import type { PolicyProblem, TrustPolicy } from "../../policy/trust-policy.ts";
import { commandOf } from "../command.ts";
import { TrustError } from "../errors.ts";
import { readText } from "../files/read-file.ts";

export const largestPolicy = 4 * 1_048_576;
const mostShown = 10;

/** Throws `FILE_UNREADABLE`, or `POLICY_INVALID` with every problem of the file (`line` is that of the first). */
export async function readPolicyFile(path: string): Promise<TrustPolicy> {
  const next = `Name the policy that there is, or have this one made: ${commandOf("pin", "add", "NAME", "--policy", path)}`;
  return await parsePolicy(await readText(path, "policy", largestPolicy, "POLICY_INVALID", next), path);
}

/** A policy given as a value instead of a file. Throws `POLICY_INVALID`. */
export async function parsePolicyValue(value: object): Promise<TrustPolicy> {
  const policy = readPolicy(value);
  if (!("length" in policy)) return policy;
  const sentences = policy.slice(0, mostShown).map(sentenceOf);
  throw new TrustError("POLICY_INVALID", sentences.join(" "));
}

/**
 * @param file how the policy is called in messages
 * @param more what else may be wrong with a policy, for who reads this one
 */
export async function parsePolicy(
  text: string,
  file: string,
  more: (policy: TrustPolicy) => readonly PolicyProblem[] = () => [],
): Promise<TrustPolicy> {
  const { isMap, LineCounter, parseDocument } = await import("yaml");
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, prettyErrors: false, stringKeys: true });
  const lineOf = (offset: number) => lineCounter.linePos(offset).line;
  // A directive can change what the words below it mean: `yes` is true in YAML 1.1.
  const directive = /^%/m.exec(text);
  if (directive !== null) {
    throw new TrustError("POLICY_INVALID", "Write the policy without YAML directives (lines with %).", {
      file,
      line: lineOf(directive.index),
    });
  }
  const [broken] = [...document.errors, ...document.warnings];
  if (broken !== undefined) {
    throw new TrustError(
      "POLICY_INVALID",
      `This is not the YAML of a policy: ${broken.message.replace(/[.:]$/, "")}.`,
      {
        file,
        line: lineOf(broken.pos[0]),
        cause: broken,
      },
    );
  }
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 0 });
  } catch (cause) {
    throw new TrustError("POLICY_INVALID", "Write the policy without aliases.", { file, cause });
  }
  const policy = readPolicy(value);
  const problems = "length" in policy ? policy : more(policy);
  if (!("length" in policy) && problems.length === 0)
    return { ...policy, source: { file, lines: linesOf(policy) } };
  const placed = problems.map((problem) => ({ ...problem, line: placeOf(problem) }));
  const sentences = placed
    .slice(0, mostShown)
    // The line of the first one stands before the whole.
    .map((problem, index) => {
      const place = index === 0 || problem.line === undefined ? "" : `line ${problem.line}: `;
      return `${place}${sentenceOf(problem)}`;
    });
  const rest = problems.length - sentences.length;
  throw new TrustError(
    "POLICY_INVALID",
    [...sentences, ...(rest > 0 ? [`And ${rest} more.`] : [])].join(" "),
    { file, line: placed[0]?.line },
  );

  /** Of rules, of their keys, and of what names files. */
  function linesOf({ rules }: TrustPolicy): ReadonlyMap<string, number> {
    const lines = new Map<string, number>();
    const note = (place: string, ...path: (string | number)[]) => {
      const range = rangeOf(document.getIn(path, true));
      if (range !== undefined) lines.set(place, lineOf(range));
    };
    /** Of the keys themselves: what they say may begin below them. */
    const noteKeys = (place: string, node: unknown) => {
      if (!isMap<{ readonly value?: unknown }>(node)) return;
      for (const { key, value: said } of node.items) {
        const range = rangeOf(key);
        if (range !== undefined) lines.set(`${place}.${key.value}`, lineOf(range));
        noteKeys(`${place}.${key.value}`, said);
      }
    };
    const ca = ["root", "pins", "ca"];
    noteKeys("defaults", document.get("defaults", true));
    for (const [index, { place }] of rules.entries()) {
      note(place, "repositories", index);
      noteKeys(place, document.getIn(["repositories", index], true));
      note(`${place}.${ca.join(".")}`, "defaults", ...ca);
      note(`${place}.${ca.join(".")}`, "repositories", index, ...ca);
    }
    const servers = (value as { servers?: Readonly<Record<string, object>> }).servers ?? {};
    for (const url of Object.keys(servers)) {
      const place = `servers.${trimmed(url)}`;
      note(`${place}.ca`, "servers", url, "ca");
      for (const each of ["certificate", "key"])
        note(`${place}.clientCertificate.${each}`, "servers", url, "clientCertificate", each);
    }
    return lines;
  }

  /** The line of the deepest part of a problem's path that the file has. */
  function placeOf({ path }: PolicyProblem): number | undefined {
    for (let depth = path.length; depth > 0; depth--) {
      const range = rangeOf(document.getIn(path.slice(0, depth), true));
      if (range !== undefined) return lineOf(range);
    }
    return undefined;
  }
}

function sentenceOf({ path, sentence }: PolicyProblem): string {
  const text = `${path.length === 0 ? "The policy" : written(path)} ${sentence}`;
  return /[.?]$/.test(text) ? text : `${text}.`;
}

function rangeOf(node: unknown): number | undefined {
  return (node as { range?: readonly number[] | null } | null | undefined)?.range?.[0];
}

/** `repositories[2].root.pins`. */
function written(path: PolicyProblem["path"]): string {
  return path
    .map((each, index) => (typeof each === "number" ? `[${each}]` : index === 0 ? each : `.${each}`))
    .join("")
    .replaceAll(/[^\x20-\x7e]/g, "?")
    .slice(0, 200);
}
