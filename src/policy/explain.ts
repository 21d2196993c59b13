/** What a policy says of one name, in full: which rule speaks, and each of its demands with where it comes from. */
import { choosePublished, chooseRule } from "./choose.ts";
import { entryFor } from "./demands.ts";
import { inWords } from "./durations.ts";
import { placeOf } from "./stock.ts";
import type { RoleDemands, Rule, TrustPolicy } from "./trust-policy.ts";

export interface ExplainedValue {
  /** `root.minThreshold`, `targets/releases.maxLifetime`. `root.pins` stands once for each pin. */
  readonly what: string;
  readonly value: string;
  /** `rule`, `defaults`, or `built in` for what neither says. */
  readonly from: "rule" | "defaults" | "built in";
  readonly line: number | undefined;
}

export interface Explained {
  /** For whom the rule speaks: a server that publishes the name, a client that installs from it, or both. */
  readonly for: readonly ("server" | "client")[];
  /** Undefined: none, and `default` holds. */
  readonly rule:
    | { readonly match: string; readonly place: string; readonly line: number | undefined }
    | undefined;
  /** Places of rules that speak equally; then nobody knows what is demanded, and everything is refused. */
  readonly ambiguous: readonly string[];
  /** The name that is signed. */
  readonly repository: string;
  readonly values: readonly ExplainedValue[];
}

/** One answer for both readers, or one for each where a rule with `trustedAs` has them differ. */
export function explainName(policy: TrustPolicy, name: string): readonly Explained[] {
  const client = chooseRule(policy, name);
  const server = choosePublished(policy, name);
  const ruleOf = (chosen: typeof server) =>
    chosen !== undefined && "rule" in chosen ? chosen.rule : undefined;
  const isSame = ruleOf(client) === ruleOf(server) && ruleOf(client)?.trustedAs === undefined;
  const signed = client !== undefined && "repository" in client ? client.repository : name;
  if (isSame) return [explained(policy, ["server", "client"], client, name)];
  return [explained(policy, ["server"], server, name), explained(policy, ["client"], client, signed)];
}

function explained(
  policy: TrustPolicy,
  readers: Explained["for"],
  chosen: ReturnType<typeof choosePublished>,
  repository: string,
): Explained {
  const lines = policy.source?.lines;
  const base = { for: readers, repository, ambiguous: [], values: [] };
  if (chosen === undefined) return { ...base, rule: undefined };
  if ("ambiguous" in chosen) {
    return { ...base, rule: undefined, ambiguous: chosen.ambiguous.map(({ place }) => place) };
  }
  const { rule } = chosen;
  const { match, place } = rule;
  const row = ([key = "", ...below]: readonly string[], what: string, value: string): ExplainedValue => {
    const place = [placeOf(rule, key), ...below].join(".");
    const origin = rule.origins.get(key);
    if (origin === undefined || lines?.has(place) === false)
      return { what, value, from: "built in", line: undefined };
    return { what, value, from: origin, line: lines?.get(place) };
  };
  return {
    ...base,
    rule: { match: match.text, place, line: lines?.get(place) },
    values: [
      ...ofRoot(rule).map(([what, value]) => row(["root", what], `root.${what}`, value)),
      ...ofRoles(rule).map(([entry, what, value]) => row(["roles", entry, what], `${entry}.${what}`, value)),
      row(
        ["algorithms"],
        "algorithms",
        rule.algorithms === undefined ? "any" : [...rule.algorithms].join(", "),
      ),
      ...(readers.includes("server")
        ? [
            row(["maxVersionStep"], "maxVersionStep", `${rule.maxVersionStep ?? "1000"}`),
            row(["retention"], "retention", retentionInWords(rule.retention)),
          ]
        : []),
      ...(readers.includes("client")
        ? forClients(rule, policy).map(([what, value]) => row(what.split("."), what, value))
        : []),
    ],
  };
}

function ofRoot({ pins, rootMinThreshold, rootMaxLifetime, onRotation }: Rule): [string, string][] {
  const pinned =
    pins === undefined
      ? ["none"]
      : [
          ...pins.keys.map((id) => `key ${id}`),
          ...pins.certificates.map((id) => `certificate ${id}`),
          ...(pins.ca === undefined ? [] : [`authorities in ${pins.ca}`]),
        ];
  return [
    ...pinned.map((each): [string, string] => ["pins", each]),
    ["minThreshold", String(rootMinThreshold)],
    ["maxLifetime", lifetime(rootMaxLifetime)],
    ...(pins === undefined ? [] : [["onRotation", onRotation] as [string, string]]),
  ];
}

/** `targets`, every entry, and every other delegation. */
function ofRoles(rule: Rule): [string, string, string][] {
  const named = [...rule.roles.keys()].filter((entry) => entry !== "targets");
  const targets = rule.roles.get(entryFor(rule, "targets") ?? "");
  const rest = rule.roles.has("targets/**") ? [] : [["other delegations", undefined] as const];
  const all: readonly (readonly [string, RoleDemands | undefined])[] = [
    // Where `targets/**` speaks for it as well, that row says all.
    ...(entryFor(rule, "targets") === "targets/**" ? [] : [["targets", targets] as const]),
    ...named.map((entry) => [entry, rule.roles.get(entry)] as const),
    ...rest,
  ];
  return all.flatMap(([entry, demands]): [string, string, string][] => [
    [entry, "minThreshold", String(demands?.minThreshold ?? 1)],
    [entry, "maxLifetime", lifetime(demands?.maxLifetime)],
    [
      entry,
      "paths",
      demands?.paths === undefined ? "any" : demands.paths.map((path) => JSON.stringify(path)).join(", "),
    ],
  ]);
}

function forClients(rule: Rule, policy: TrustPolicy): [string, string][] {
  const { server, tofu, lookup, require, maxAge, unknownAge, offlineMaxAge } = rule;
  return [
    ["server", server ?? policy.server ?? "that of an option"],
    ["tofu", String(tofu)],
    ["lookup", lookup.join(", ")],
    ["require", require.join(", ") || "none"],
    ["signatures.maxAge", maxAge === undefined ? "any" : `${inWords(maxAge)}, without a date: ${unknownAge}`],
    ["offline.maxAge", offlineMaxAge === undefined ? "refused" : inWords(offlineMaxAge)],
  ];
}

function lifetime(milliseconds: number | undefined): string {
  return milliseconds === undefined ? "any" : inWords(milliseconds);
}

function retentionInWords(retention: Rule["retention"]): string {
  const kinds = ["timestamps", "snapshots", "targets", "delegations"] as const;
  const said = kinds.flatMap((kind) => {
    const kept = retention?.[kind];
    return kept === undefined ? [] : [`${kind} ${inWords(kept)}`];
  });
  return said.length === 0 ? "superseded files stay for ever" : `superseded ${said.join(", ")}`;
}
