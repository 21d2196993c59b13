/**
 * What in a policy the stock clients cannot satisfy, and why. They are `docker trust` and `notary`, whose lifetimes, keys
 * and thresholds are constants (notary-protocol.md 2.7, 4.4, 7.4).
 */
import type { RoleDemands, Rule, TrustPolicy } from "./trust-policy.ts";

export type StockClient = "docker" | "notary";

export interface StockFinding {
  /** In the file: `repositories[2].root.minThreshold`, `defaults.algorithms`. */
  readonly place: string;
  readonly line: number | undefined;
  readonly clients: readonly StockClient[];
  /** `publishing`: what they make is refused by the server. `reading`: by clients that hold to this policy. */
  readonly refused: "publishing" | "reading";
  readonly reason: string;
}

type Found = Omit<StockFinding, "place" | "line"> & {
  /** Below the rule, the key at the top of it first: `["roles", "targets", "minThreshold"]`. */
  readonly path: readonly [string, ...string[]];
};

const day = 86_400_000;
const rootLifetime = 3_650 * day;
const otherLifetime = 1_095 * day;
const both = ["docker", "notary"] as const;

/** Each once, also where many rules have it from `defaults`. */
export function stockFindings({ rules, source }: TrustPolicy): StockFinding[] {
  const found = new Map<string, StockFinding>();
  for (const rule of rules) {
    for (const { path, ...finding } of [...ofRoot(rule), ...ofRoles(rule), ...ofRule(rule)]) {
      const place = [placeOf(rule, path[0]), ...path.slice(1)].join(".");
      found.set(`${place} ${finding.clients.join()}`, { ...finding, place, line: source?.lines.get(place) });
    }
  }
  return [...found.values()];
}

/** Where in the file a rule has one of its keys: the key under the rule, or under `defaults`. */
export function placeOf({ place, origins }: Pick<Rule, "place" | "origins">, key: string): string {
  return origins.get(key) === "defaults" ? `defaults.${key}` : `${place}.${key}`;
}

function ofRoot({ rootMinThreshold, rootMaxLifetime, pins }: Rule): Found[] {
  const found: Found[] = [];
  if (rootMinThreshold > 1) found.push(threshold(["root", "minThreshold"], "a root"));
  if (rootMaxLifetime !== undefined && rootMaxLifetime < rootLifetime) {
    found.push({
      path: ["root", "maxLifetime"],
      clients: both,
      refused: "publishing",
      reason: "They sign a root for 3650 days, and have no setting for it.",
    });
  }
  if (
    pins !== undefined &&
    pins.keys.length === 0 &&
    pins.ca !== undefined &&
    pins.certificates.length === 0
  ) {
    found.push({
      path: ["root", "pins", "ca"],
      clients: ["docker"],
      refused: "publishing",
      reason:
        "It makes the certificate of a root key itself, so that no authority stands behind it; notary can be given one (init --rootkey --rootcert).",
    });
  }
  if (pins !== undefined && pins.keys.length === 0 && pins.ca === undefined) {
    found.push({
      path: ["root", "pins", "certificates"],
      clients: ["docker"],
      refused: "publishing",
      reason:
        "It makes the certificate when it first publishes, so that its ID cannot be known before; pin the bare key under `keys`.",
    });
  }
  return found;
}

function ofRoles({ roles }: Rule): Found[] {
  return [...roles].flatMap(([role, demands]) => ofRole(role, demands));
}

function ofRole(role: string, { minThreshold, maxLifetime, paths }: RoleDemands): Found[] {
  const found: Found[] = [];
  if (minThreshold > 1) found.push(threshold(["roles", role, "minThreshold"], role));
  if (maxLifetime !== undefined && maxLifetime < otherLifetime) {
    found.push({
      path: ["roles", role, "maxLifetime"],
      clients: both,
      refused: "publishing",
      reason: "They sign targets and delegations for 1095 days, and have no setting for it.",
    });
  }
  if (role !== "targets" && paths !== undefined && !paths.includes("")) {
    found.push({
      path: ["roles", role, "paths"],
      clients: ["docker"],
      refused: "publishing",
      reason:
        "It gives every delegation all names (the path is empty); notary can be told others (delegation add --paths).",
    });
  }
  return found;
}

function ofRule({ algorithms, maxAge, unknownAge, require }: Rule): Found[] {
  const found: Found[] = [];
  if (algorithms !== undefined && !algorithms.has("ecdsa-p256")) {
    found.push({
      path: ["algorithms"],
      clients: both,
      refused: "publishing",
      reason:
        "They make P-256 keys for every role; only a root key can be another one that was imported, and that is RSA.",
    });
  }
  if (maxAge !== undefined && unknownAge === "refuse") {
    found.push({
      path: ["signatures", "maxAge"],
      clients: ["docker"],
      refused: "reading",
      reason:
        "It writes no date into what it signs, and `unknownAge` refuses that; notary can be given one (add --custom).",
    });
  }
  if (require.filter((role) => role !== "targets").length > 1) {
    found.push({
      path: ["require"],
      clients: ["docker"],
      refused: "reading",
      reason:
        "It puts one key into two delegations (signer add: targets/NAME and targets/releases) and signs both with it, so that they agree without a second person.",
    });
  }
  return found;
}

function threshold(path: Found["path"], role: string): Found {
  return {
    path,
    clients: both,
    refused: "publishing",
    reason: `They set the threshold of ${role} to one, and neither can add a signature to a file that somebody else made.`,
  };
}
