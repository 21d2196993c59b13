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
  | { readonly kind: "auditTrail"; readonly query: string }
  | { readonly kind: "auditHead" }
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
  if (first === "audit" && segments.length === 2 && method === "GET") {
    if (name === "trail") return { kind: "auditTrail", query };
    if (name === "head") return { kind: "auditHead" };
  }
  if (first !== "repositories" || what !== "proposals" || name === undefined || segments.length > 5)
    return missing;
  const route = repositoryRoute(method, name, segments.slice(3), query);
  if (route === undefined) return missing;
  if (!isRepositoryName(name, { older: rules.olderNames })) return { kind: "manageMissing", because: "name" };
  const { prefixes } = rules;
  if (prefixes.length > 0 && !prefixes.some((prefix) => name.startsWith(prefix))) {
    return { kind: "manageMissing", because: "prefix" };
  }
  return route;
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

function decoded(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}
