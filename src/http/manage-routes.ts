/**
 * What a request below `/api/v1/` means, from its raw path.
 *
 * No stock path begins so: those of the Notary API begin with `/v2/`, whatever a repository is called. Here a repository is
 * one segment, percent-encoded, and each segment is decoded by itself.
 */
import { isRepositoryName } from "../core/names.ts";

export type ManageRoute =
  | { readonly kind: "proposals"; readonly query: string }
  | { readonly kind: "repositoryProposals"; readonly repository: string; readonly query: string }
  | { readonly kind: "openProposal"; readonly repository: string }
  | { readonly kind: "proposal"; readonly repository: string; readonly id: string; readonly query: string }
  | {
      readonly kind: "signProposal" | "rejectProposal" | "cancelProposal";
      readonly repository: string;
      readonly id: string;
    }
  | { readonly kind: "onlineKeys" | "adoptOnlineKeys"; readonly repository: string }
  | { readonly kind: "importStanding" | "takeOver" | "addPast"; readonly repository: string }
  | { readonly kind: "importVersions"; readonly repository: string; readonly query: string }
  | { readonly kind: "openapi" }
  | { readonly kind: "manageMissing"; readonly because: "path" | "name" | "prefix" };

export interface ManageRules {
  readonly prefixes: readonly string[];
  readonly olderNames: boolean;
}

export const managePrefix = "/api/v1/";

const missing: ManageRoute = { kind: "manageMissing", because: "path" };
const proposalId = /^[0-9a-f]{16}$/;
const actions = new Map([
  ["signatures", "signProposal"],
  ["rejection", "rejectProposal"],
  ["cancel", "cancelProposal"],
] as const);

/** `path`: raw, below the prefix. */
export function manageRoute(method: string, path: string, query: string, rules: ManageRules): ManageRoute {
  const segments = path.split("/", 6).map(decoded);
  const [first, name, what] = segments;
  if (first === "openapi.json" && segments.length === 1)
    return method === "GET" ? { kind: "openapi" } : missing;
  if (first === "proposals" && segments.length === 1) {
    return method === "GET" ? { kind: "proposals", query } : missing;
  }
  if (first !== "repositories" || name === undefined || segments.length > 5) return missing;
  const rest = segments.slice(3);
  const route =
    what === "proposals"
      ? repositoryRoute(method, name, rest, query)
      : what === "import"
        ? importRoute(method, name, rest, query)
        : what === "online-keys" && segments.length === 3
          ? onlineKeysRoute(method, name)
          : undefined;
  if (route === undefined) return missing;
  if (!isRepositoryName(name, { older: rules.olderNames })) return { kind: "manageMissing", because: "name" };
  const { prefixes } = rules;
  if (prefixes.length > 0 && !prefixes.some((prefix) => name.startsWith(prefix))) {
    return { kind: "manageMissing", because: "prefix" };
  }
  return route;
}

function onlineKeysRoute(method: string, repository: string): ManageRoute | undefined {
  if (method === "GET") return { kind: "onlineKeys", repository };
  return method === "POST" ? { kind: "adoptOnlineKeys", repository } : undefined;
}

function repositoryRoute(
  method: string,
  repository: string,
  rest: readonly (string | undefined)[],
  query: string,
): ManageRoute | undefined {
  const [id, action] = rest;
  if (rest.length === 0) {
    if (method === "POST") return { kind: "openProposal", repository };
    return method === "GET" ? { kind: "repositoryProposals", repository, query } : undefined;
  }
  if (id === undefined || !proposalId.test(id)) return undefined;
  if (rest.length === 1) return method === "GET" ? { kind: "proposal", repository, id, query } : undefined;
  const kind = method === "POST" ? actions.get(action as "signatures") : undefined;
  return kind === undefined ? undefined : { kind, repository, id };
}

function importRoute(
  method: string,
  repository: string,
  [what, ...more]: readonly (string | undefined)[],
  query: string,
): ManageRoute | undefined {
  if (more.length > 0) return undefined;
  if (what === undefined) {
    if (method === "POST") return { kind: "takeOver", repository };
    return method === "GET" ? { kind: "importStanding", repository } : undefined;
  }
  if (what === "versions" && method === "GET") return { kind: "importVersions", repository, query };
  return what === "past" && method === "POST" ? { kind: "addPast", repository } : undefined;
}

function decoded(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}
