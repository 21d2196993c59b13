/** What belongs together in the keys of `auth.oidc`. */

import { saysWho } from "../service/access/claimed-identity.ts";
import { claimFault, prefixOf, templateFault, type WantedClaims } from "../service/access/claims.ts";
import { oidcPrefix, scopeFault } from "../service/access/evaluate.ts";
import { tokenAlgorithms } from "../service/access/token-algorithms.ts";
import { isLoopback } from "./loopback.ts";
import { problem, type Rule } from "./rule.ts";
import type { Config } from "./schema.ts";

type Settings = Config["auth"]["oidc"];
type Issuer = Settings["issuers"][number];

const usedByBuiltin: Rule = ({ auth: { mode, oidc } }) => {
  const key =
    oidc.issuers.length > 0 ? "issuers" : oidc.login.issuer === undefined ? undefined : "login.issuer";
  if (mode === "builtin" || key === undefined) return undefined;
  return problem(
    "CONTRADICTION",
    `auth.oidc.${key}`,
    `auth.oidc.${key} is set, and only auth.mode builtin exchanges ID tokens: set that, or remove it.`,
  );
};

const goodAlgorithms: Rule = ({ auth: { oidc } }) => {
  const all = [...oidc.algorithms, ...oidc.issuers.flatMap(({ algorithms = [] }) => algorithms)];
  const bad = all.find((each) => !tokenAlgorithms.includes(each));
  if (bad === undefined && oidc.algorithms.length > 0) return undefined;
  return problem(
    "NOT_SAFE",
    "auth.oidc.algorithms",
    `auth.oidc: algorithms are some of ${tokenAlgorithms.join(", ")}.`,
  );
};

const goodIssuers: Rule = ({ auth: { oidc } }) => {
  const bad = (place: number, why: string) =>
    problem("BAD_VALUE", "auth.oidc.issuers", `auth.oidc.issuers: number ${place + 1}: ${why}.`);
  for (const [place, issuer] of oidc.issuers.entries()) {
    const why = addressFault(issuer, oidc.allowPrivate) ?? nameFault(issuer) ?? rulesFault(issuer);
    if (why !== undefined) return bad(place, why);
    const before = oidc.issuers.slice(0, place);
    if (before.some((each) => each.issuer === issuer.issuer && each.audience === issuer.audience))
      return bad(place, "the same issuer has this audience already");
    const prefix = prefixOf(issuer.name);
    if (before.some((each) => each.issuer !== issuer.issuer && prefixesMeet(prefixOf(each.name), prefix)))
      return bad(
        place,
        "its names begin as those of another issuer do, which could then make one of them: give name another beginning",
      );
  }
  return undefined;
};

const goodLogin: Rule = ({ auth: { oidc } }) => {
  const { login, issuers, allowPrivate } = oidc;
  const { issuer, clientId, name, claims, scopes } = login;
  const bad = (key: string, why: string) =>
    problem("BAD_VALUE", `auth.oidc.login.${key}`, `auth.oidc.login.${key}: ${why}.`);
  if ((issuer === undefined) !== (clientId === undefined))
    return bad(issuer === undefined ? "issuer" : "clientId", "set issuer and clientId, or neither");
  if (issuer === undefined) return undefined;
  const why = addressFault({ issuer, jwks: login.jwks }, allowPrivate);
  if (why !== undefined) return bad("issuer", why);
  if (issuers.some((each) => each.issuer === issuer && each.audience === clientId))
    return bad("clientId", "workloads of this issuer have it as their audience: give them one of their own");
  const template = templateFault(name);
  if (template !== undefined) return bad("name", template);
  const claim = claimsFault(claims);
  if (claim !== undefined) return bad("claims", claim);
  const isOpen =
    scopes.includes("openid") && scopes.every((each) => /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(each));
  return isOpen ? undefined : bad("scopes", "name openid, and what else is asked for");
};

function addressFault(
  { issuer, jwks }: Pick<Issuer, "issuer" | "jwks">,
  allowPrivate: boolean,
): string | undefined {
  const isAddress = (text: string) => {
    const url = URL.parse(text);
    if (url === null || url.username !== "" || url.password !== "" || url.hash !== "") return false;
    const isNearby = isLoopback(url.hostname.replace(/^\[|\]$/g, ""));
    return url.protocol === "https:" || (url.protocol === "http:" && isNearby && allowPrivate);
  };
  if (!isAddress(issuer) || issuer.includes("?"))
    return "an issuer is an https address without a query (http on a loopback address with auth.oidc.allowPrivate)";
  if (jwks?.includes("://") === true && !isAddress(jwks))
    return "jwks is a file, or an https address (http on a loopback address with auth.oidc.allowPrivate)";
  return undefined;
}

function nameFault({ name }: Issuer): string | undefined {
  const fault = templateFault(name);
  if (fault !== undefined) return fault;
  const prefix = prefixOf(name);
  if (!/^[a-z][a-z0-9-]*:/.test(prefix)) return "a name begins with a word and a colon, such as ci:{sub}";
  return prefix.startsWith(oidcPrefix)
    ? "names that begin with oidc: are those of people: choose another word"
    : undefined;
}

/** Whether one name could begin in both ways. */
function prefixesMeet(a: string, b: string): boolean {
  return a.startsWith(b) || b.startsWith(a);
}

function rulesFault({ rules }: Issuer): string | undefined {
  for (const [place, { claims, allow }] of rules.entries()) {
    const fault = claimsFault(claims) ?? openFault(claims) ?? allow.map(scopeFault).find(isFault);
    if (fault !== undefined) return `rule ${place + 1}: ${fault}`;
  }
  return undefined;
}

function openFault(claims: WantedClaims): string | undefined {
  if (saysWho(claims)) return undefined;
  return "everybody at this issuer has these rights: name a claim that says who it is, such as sub or repository, with a whole name before any star (docs/access.md lists these claims)";
}

function isFault(fault: string | undefined): boolean {
  return fault !== undefined;
}

function claimsFault(claims: WantedClaims): string | undefined {
  return Object.values(claims)
    .map(claimFault)
    .find((each) => each !== undefined);
}

export const oidcRules: readonly Rule[] = [usedByBuiltin, goodAlgorithms, goodIssuers, goodLogin];
