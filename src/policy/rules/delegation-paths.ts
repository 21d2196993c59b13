/**
 * A role signs only the names that the policy leaves to it: a delegation is given no wider paths, and a file that is
 * published holds no name outside of them. Stock clients know the paths of the delegation alone.
 */
import type { FormatRules } from "../../core/format/format.ts";
import type { Targets } from "../../core/model.ts";
import { demandsOf } from "../demands.ts";
import type { Finding } from "../policy.ts";
import type { Publication, Ruling } from "../publication.ts";

/** Paths and characters of a name in one sentence. */
const mostShown = 3;
const longestShown = 64;

export function delegationPaths({ files, format }: Publication, { rule }: Ruling): Finding[] {
  return files.flatMap(({ role: by, signed }): Finding[] => {
    if (signed.kind !== "targets") return [];
    const delegated = signed.delegations.flatMap(({ role, paths }): Finding[] => {
      const allowed = demandsOf(rule, role)?.paths;
      if (allowed === undefined) return [];
      const wider = paths.filter((path) => format.narrow(allowed, [path]).length === 0);
      if (wider.length === 0) return [];
      return [
        {
          code: "DELEGATION_PATHS",
          severity: "refuse",
          role: by,
          sentence: `${by} gives ${role} the paths ${quoted(wider)}; the policy allows ${quoted(allowed)}.`,
          fix: `Whoever signs ${by} narrows the paths of ${role}.`,
          detail: { of: role },
        },
      ];
    });
    return [...namesOutside(by, signed, demandsOf(rule, by)?.paths, format), ...delegated];
  });
}

function namesOutside(
  role: string,
  targets: Targets,
  allowed: readonly string[] | undefined,
  format: FormatRules,
): Finding[] {
  if (allowed === undefined) return [];
  let first: string | undefined;
  let count = 0;
  for (const name of targets.targetNames()) {
    if (format.covers(allowed, name)) continue;
    first ??= name;
    count++;
  }
  if (first === undefined) return [];
  return [
    {
      code: "NAME_OUTSIDE_PATHS",
      severity: "refuse",
      role,
      sentence: `${role} signs ${quoted([first])}${count > 1 ? ` and ${count - 1} more names` : ""} outside of ${quoted(allowed)}, which is what the policy leaves to it.`,
      fix: `Sign the name in a role that may, or remove it from ${role}.`,
      detail: { names: count },
    },
  ];
}

function quoted(texts: readonly string[]): string {
  if (texts.length === 0) return "none";
  const shown = texts.slice(0, mostShown).map((text) => {
    const short = text.length > longestShown ? `${text.slice(0, longestShown)}…` : text;
    return JSON.stringify(short.replaceAll(/\p{C}/gu, "?"));
  });
  const more = texts.length - shown.length;
  return `${shown.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}
