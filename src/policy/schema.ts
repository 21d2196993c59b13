/**
 * The policy file, whose shape is in `schema/shape.ts`. A file is taken whole or not at all: a key that is not there, a
 * value that means nothing, or a rule that contradicts another refuses the whole file, with every problem at its place.
 *
 * Text in, policy out: reading the file and finding lines is the business of `client/policy/file.ts`.
 */
import type * as z from "zod/mini";
import { meant } from "../core/nearest.ts";
import { comparedPattern, type Pattern, starsOf } from "./pattern.ts";
import { keysAt, policySchema, type Settings, settingKeys } from "./schema/shape.ts";
import {
  type PolicyProblem,
  plainRule,
  type Rule,
  type ServerSettings,
  type TrustPolicy,
} from "./trust-policy.ts";

/** A policy from the value of a policy file, or every problem it has. */
export function readPolicy(value: unknown): TrustPolicy | readonly [PolicyProblem, ...PolicyProblem[]] {
  const parsed = policySchema.safeParse(value);
  if (!parsed.success) return atLeastOne(parsed.error.issues.flatMap((issue) => problemsOf(issue, value)));
  const { data } = parsed;
  const defaults = data.defaults ?? {};
  const rules = (data.repositories ?? []).map(({ match, ...own }, index) =>
    makeRule(match, `repositories[${index}]`, given(own), given(defaults)),
  );
  const problems = [
    ...passedOver(value, []),
    ...sameServers(Object.keys(data.servers ?? {})),
    ...contradictions(rules),
    ...rules.flatMap(pinless),
  ];
  if (problems.length > 0) return atLeastOne(problems);
  return {
    default: data.default ?? "refuse",
    server: data.server,
    servers: new Map(
      Object.entries(data.servers ?? {}).map(([url, each]): [string, ServerSettings] => [
        trimmed(url),
        { ca: each.ca, clientCertificate: each.clientCertificate, tokenRealms: each.tokenRealms ?? [] },
      ]),
    ),
    rules,
  };
}

/** Without the members that a value, unlike a file, can give as undefined: they must not hide the defaults. */
function given(own: Settings): Settings {
  return Object.fromEntries(Object.entries(own).filter(([, each]) => each !== undefined));
}

/** The one name that zod passes over in silence where any name may stand. Elsewhere it has refused it. */
function passedOver(value: unknown, path: readonly (string | number)[]): PolicyProblem[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, each]) => {
    const place = [...path, Array.isArray(value) ? Number(key) : key];
    return key === "__proto__"
      ? [{ path: place, sentence: "is no name that can stand here" }]
      : passedOver(each, place);
  });
}

function sameServers(urls: readonly string[]): PolicyProblem[] {
  return urls.flatMap((url, index) => {
    const earlier = urls.slice(0, index).find((other) => trimmed(other) === trimmed(url));
    return earlier === undefined
      ? []
      : [{ path: ["servers", url], sentence: `is the same server as ${earlier}: keep one of them` }];
  });
}

/** A server's address as it is looked up: as URLs are compared, without a slash at its end. */
export function trimmed(address: string): string {
  const url = URL.parse(address);
  return url === null ? address : `${url.origin}${url.pathname.replace(/\/+$/, "")}`;
}

function makeRule(match: Pattern, place: string, said: Settings, defaults: Settings): Rule {
  const plain = plainRule(match, place);
  const own: Settings = { ...defaults, ...said };
  const { pins, minThreshold, maxLifetime, onRotation } = own.root ?? {};
  return {
    ...plain,
    server: own.server,
    trustedAs: own.trustedAs,
    tofu: own.tofu ?? false,
    pins: pins && { keys: pins.keys ?? [], certificates: pins.certificates ?? [], ca: pins.ca },
    rootMinThreshold: minThreshold ?? 1,
    rootMaxLifetime: maxLifetime,
    onRotation: onRotation ?? plain.onRotation,
    roles: new Map(
      Object.entries(own.roles ?? {}).map(([name, each]) => [
        name,
        { minThreshold: each.minThreshold ?? 1, maxLifetime: each.maxLifetime, paths: each.paths },
      ]),
    ),
    lookup: own.lookup ?? plain.lookup,
    require: own.require ?? [],
    algorithms: own.algorithms && new Set(own.algorithms),
    maxAge: own.signatures?.maxAge,
    unknownAge: own.signatures?.unknownAge ?? plain.unknownAge,
    offlineMaxAge: own.offline?.maxAge,
    maxVersionStep: own.maxVersionStep,
    retention: own.retention && {
      timestamps: own.retention.timestamps,
      snapshots: own.retention.snapshots,
      targets: own.retention.targets,
      delegations: own.retention.delegations,
    },
    origins: new Map(
      settingKeys
        .filter((key) => own[key] !== undefined)
        .map((key) => [key, said[key] === undefined ? "defaults" : "rule"]),
    ),
  };
}

function contradictions(rules: readonly Rule[]): PolicyProblem[] {
  const problems: PolicyProblem[] = [];
  const seen = new Map<string, number>();
  for (const [index, { match, trustedAs }] of rules.entries()) {
    const name = comparedPattern(match);
    const earlier = seen.get(name);
    if (earlier !== undefined) {
      problems.push({
        path: ["repositories", index, "match"],
        sentence: `matches the same names as repositories[${earlier}]: keep one of them`,
      });
    }
    seen.set(name, index);
    if (trustedAs !== undefined && starsOf(trustedAs).join() !== starsOf(match).join()) {
      problems.push({
        path: ["repositories", index, "trustedAs"],
        sentence: "must have the same stars as match, in the same order",
      });
    }
  }
  return problems;
}

/** Pins that pin nothing refuse everything; nobody means that. */
function pinless({ pins }: Rule, index: number): PolicyProblem[] {
  if (pins === undefined || pins.ca !== undefined || pins.keys.length + pins.certificates.length > 0)
    return [];
  return [
    { path: ["repositories", index, "root", "pins"], sentence: "pins nothing: list key IDs, or name a CA" },
  ];
}

function problemsOf(issue: z.core.$ZodIssue, whole: unknown): PolicyProblem[] {
  const path = issue.path.map((each) => (typeof each === "number" ? each : String(each)));
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({
      path: [...path, key],
      sentence: `is no key of a policy here${meant(key, keysAt(path))}`,
    }));
  }
  if (issue.code === "invalid_key") {
    const [inner] = issue.issues;
    return [{ path, sentence: inner?.message ?? "is no name that can stand here" }];
  }
  if (path.length > 0 && at(whole, path) === undefined) return [{ path, sentence: "is missing" }];
  const sentence = issue.message === "Invalid input" ? "cannot stand here" : issue.message;
  return [{ path, sentence }];
}

function at(value: unknown, path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>(
    (here, key) =>
      typeof here === "object" && here !== null && Object.hasOwn(here, key)
        ? (here as Readonly<Record<string | number, unknown>>)[key]
        : undefined,
    value,
  );
}

function atLeastOne(problems: readonly PolicyProblem[]): readonly [PolicyProblem, ...PolicyProblem[]] {
  const [first, ...rest] = problems;
  return [first ?? { path: [], sentence: "cannot be read" }, ...rest];
}
