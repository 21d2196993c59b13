/**
 * What a request below `/api/v1/` means, from its raw path.
 *
 * No stock path begins so: those of the Notary API begin with `/v2/`, whatever a repository is called. Here a repository is
 * one segment, percent-encoded, and each segment is decoded by itself.
 */
import { isRepositoryName } from "../core/names.ts";
import { type AuditQuestion, auditQuestions } from "../service/audit/audit-service.ts";

/** Of repositories that were made elsewhere. */
export type MovingRoute =
  | { readonly kind: "onlineKeys" | "adoptOnlineKeys"; readonly repository: string }
  | { readonly kind: "importStanding" | "takeOver" | "addPast"; readonly repository: string }
  | { readonly kind: "importVersions"; readonly repository: string; readonly query: string };

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
  | { readonly kind: "audit"; readonly question: AuditQuestion; readonly query: string }
  | { readonly kind: "keys"; readonly query: string }
  | { readonly kind: "registerKey" | "deniedKeys" }
  | { readonly kind: "denyKey" | "allowKey"; readonly key: string }
  | { readonly kind: "expiring"; readonly query: string }
  | { readonly kind: "oldSignatures"; readonly query: string }
  | { readonly kind: "retentionPlan"; readonly query: string }
  | { readonly kind: "retentionRun" }
  | PeopleRoute
  | { readonly kind: "auditTrail"; readonly query: string }
  | { readonly kind: "auditHead" }
  | MovingRoute
  | { readonly kind: "openapi" }
  | { readonly kind: "manageMissing"; readonly because: "path" | "name" }
  /** A repository whose name this server does not take. */
  | { readonly kind: "manageNotServed" };

/** Who may do what, where this server knows its callers itself. */
export type PeopleRoute =
  | { readonly kind: "users" | "tokens" | "teams"; readonly query: string }
  | { readonly kind: "addUser" | "addTeam" | "addToken" | "permissions" | "setPermission" }
  /** How people log in, and how a session ends. */
  | { readonly kind: "login" | "logout" }
  | { readonly kind: "removePermission" | "explain"; readonly query: string }
  | {
      readonly kind:
        | "changeUser"
        | "removeUser"
        | "changePassword"
        | "sessions"
        | "removeTeam"
        | "revokeToken";
      readonly name: string;
    }
  /** Without a session: all of the user's. */
  | { readonly kind: "endSessions"; readonly name: string; readonly session?: string }
  | { readonly kind: "addMember" | "removeMember"; readonly team: string; readonly name: string };

export interface ManageRules {
  readonly prefixes: readonly string[];
  readonly olderNames: boolean;
}

export const managePrefix = "/api/v1/";

const missing: ManageRoute = { kind: "manageMissing", because: "path" };
const proposalId = /^[0-9a-f]{16}$/;
const keyId = /^[0-9a-f]{64}$/;
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
  if (first === "audit" || first === "keys") return ofAuditors(method, segments, query) ?? missing;
  if (segments.length === 1) {
    const whole = ofServer(method, first, query);
    if (whole !== undefined) return whole;
  }
  const isWhole = segments.length <= 4 && !segments.includes(undefined);
  const people = isWhole ? peopleRoute(method, segments, query) : undefined;
  if (people !== undefined) return people;
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
    return { kind: "manageNotServed" };
  }
  return route;
}

/** What is of no one repository: questions about the past, and the register of keys. */
function ofAuditors(
  method: string,
  [first, name, action, ...more]: readonly (string | undefined)[],
  query: string,
): ManageRoute | undefined {
  if (more.length > 0) return undefined;
  if (first === "audit") {
    const question = auditQuestions.find((each) => each === name);
    const isAsked = method === "GET" && action === undefined && question !== undefined;
    return isAsked ? { kind: "audit", question, query } : undefined;
  }
  if (name === undefined) {
    if (method === "POST") return { kind: "registerKey" };
    return method === "GET" ? { kind: "keys", query } : undefined;
  }
  if (name === "denied" && action === undefined && method === "GET") return { kind: "deniedKeys" };
  if (method !== "POST" || !keyId.test(name)) return undefined;
  if (action === "deny") return { kind: "denyKey", key: name };
  return action === "allow" ? { kind: "allowKey", key: name } : undefined;
}

/** What is asked of the whole server. */
function ofServer(method: string, path: string | undefined, query: string): ManageRoute | undefined {
  if (path === "retention" && method === "POST") return { kind: "retentionRun" };
  if (method !== "GET") return undefined;
  if (path === "expiring") return { kind: "expiring", query };
  if (path === "old-signatures") return { kind: "oldSignatures", query };
  return path === "retention" ? { kind: "retentionPlan", query } : undefined;
}

/** By how many segments there are, the method, and the first of them. */
function peopleRoute(
  method: string,
  [first, name, what, member]: readonly (string | undefined)[],
  query: string,
): PeopleRoute | undefined {
  const asked = `${method} ${first}${name === undefined ? "" : "/NAME"}${what === undefined ? "" : `/${what}`}`;
  if (name === "" || member === "") return undefined;
  if (what === "sessions") return first === "users" ? sessionRoute(method, name, member) : undefined;
  if (member !== undefined && what !== "members") return undefined;
  if (name === undefined) return listRoute(asked, query);
  switch (asked) {
    case "GET permissions/NAME":
      return name === "explain" ? { kind: "explain", query } : undefined;
    case "POST users/NAME":
      return { kind: "changeUser", name };
    case "DELETE users/NAME":
      return { kind: "removeUser", name };
    case "POST users/NAME/password":
      return { kind: "changePassword", name };
    case "DELETE teams/NAME":
      return { kind: "removeTeam", name };
    case "PUT teams/NAME/members":
      return member === undefined ? undefined : { kind: "addMember", team: name, name: member };
    case "DELETE teams/NAME/members":
      return member === undefined ? undefined : { kind: "removeMember", team: name, name: member };
    case "DELETE tokens/NAME":
      return { kind: "revokeToken", name };
    default:
      return undefined;
  }
}

function sessionRoute(
  method: string,
  name: string | undefined,
  session: string | undefined,
): PeopleRoute | undefined {
  if (name === undefined) return undefined;
  if (method === "GET" && session === undefined) return { kind: "sessions", name };
  if (method !== "DELETE" || (session !== undefined && !/^[0-9a-f]{16}$/.test(session))) return undefined;
  return { kind: "endSessions", name, ...(session !== undefined && { session }) };
}

function listRoute(asked: string, query: string): PeopleRoute | undefined {
  switch (asked) {
    case "GET users":
    case "GET teams":
    case "GET tokens":
      return { kind: asked.slice(4) as "users", query };
    case "POST users":
      return { kind: "addUser" };
    case "POST teams":
      return { kind: "addTeam" };
    case "POST tokens":
      return { kind: "addToken" };
    case "GET permissions":
      return { kind: "permissions" };
    case "PUT permissions":
      return { kind: "setPermission" };
    case "DELETE permissions":
      return { kind: "removePermission", query };
    case "GET login":
      return { kind: "login" };
    case "POST logout":
      return { kind: "logout" };
    default:
      return undefined;
  }
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
