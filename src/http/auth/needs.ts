/**
 * What each request needs, by its meaning: the whole table (notary-protocol.md 1.1, column "Permission").
 *
 * Whoever asks for a path of the Notary API that leads nowhere, or for a name that is not served, needs what the list of all
 * repositories needs: nothing is told about what is there. Below `/api/v1/` which paths there are is public, so there it is enough
 * to be somebody. Signing and rejecting a proposal is for whoever can see it: what counts are the signatures that come with it,
 * which are examined. A request to sign may bring none, and then only has what is there published, once somebody with `push` has
 * taken part (docs/adr/0028).
 */
import type { Route } from "../routes.ts";
import type { Need, RepositoryAction } from "./grant.ts";

const nothing: Need = { kind: "nothing" };
const catalog: Need = { kind: "server", action: "catalog" };
const audit: Need = { kind: "server", action: "audit" };
const admin: Need = { kind: "server", action: "admin" };
const known: Need = { kind: "known" };

/** Rights to the repository that the path names. */
type ToRepository = readonly RepositoryAction[];

/** A list: to the repository of the request. */
export const needs = {
  ping: catalog,
  publish: ["push", "pull"],
  delete: ["*"],
  current: ["pull"],
  version: ["pull"],
  digest: ["pull"],
  key: ["push", "pull"],
  rotate: ["*"],
  // Of one repository where the path names one.
  feed: ["pull"],
  // Names and passwords are asked for there.
  token: nothing,
  health: nothing,
  metrics: nothing,
  livez: nothing,
  readyz: nothing,
  startupz: nothing,
  // The path alone decides both.
  redirect: nothing,
  badMethod: nothing,
  missing: catalog,
  notServed: catalog,
  proposals: catalog,
  repositoryProposals: ["pull"],
  openProposal: ["propose", "pull"],
  proposal: ["pull"],
  signProposal: ["pull"],
  rejectProposal: ["pull"],
  // And to have opened it, or `push`: that is known when it is found.
  cancelProposal: ["pull"],
  users: admin,
  addUser: admin,
  changeUser: admin,
  removeUser: admin,
  // One's own, or an administrator's.
  changePassword: known,
  sessions: known,
  endSessions: known,
  teams: admin,
  addTeam: admin,
  removeTeam: admin,
  addMember: admin,
  removeMember: admin,
  // One's own, or all for an administrator.
  tokens: known,
  addToken: admin,
  revokeToken: admin,
  permissions: admin,
  setPermission: admin,
  removePermission: admin,
  explain: admin,
  // Before anybody is known; and whoever has a session's token may end it.
  login: nothing,
  logout: nothing,
  openapi: nothing,
  expiring: audit,
  auditTrail: audit,
  auditHead: audit,
  oldSignatures: audit,
  retentionPlan: admin,
  retentionRun: admin,
  audit,
  keys: audit,
  deniedKeys: audit,
  registerKey: admin,
  denyKey: admin,
  allowKey: admin,
  // Who adopts a repository signs for it, and is no administrator.
  onlineKeys: ["push", "pull"],
  adoptOnlineKeys: admin,
  importStanding: admin,
  importVersions: admin,
  takeOver: admin,
  addPast: admin,
  manageMissing: known,
  manageNotServed: catalog,
} as const satisfies Record<Route["kind"], Need | ToRepository>;

export function needOf(route: Route): Need {
  const need: Need | ToRepository = needs[route.kind];
  if (!isList(need)) return need;
  // The changefeed of all repositories has no repository.
  const repository = "repository" in route ? route.repository : undefined;
  return repository === undefined ? catalog : { kind: "repository", repository, actions: need };
}

/** Whether it may change something: what counts against the rate of a principal. */
export function changes(route: Route): boolean {
  switch (route.kind) {
    case "publish":
    case "delete":
    case "rotate":
    case "openProposal":
    case "signProposal":
    case "rejectProposal":
    case "cancelProposal":
    case "addUser":
    case "changeUser":
    case "removeUser":
    case "changePassword":
    case "endSessions":
    case "addTeam":
    case "removeTeam":
    case "addMember":
    case "removeMember":
    case "addToken":
    case "revokeToken":
    case "setPermission":
    case "removePermission":
    case "registerKey":
    case "denyKey":
    case "allowKey":
    case "retentionRun":
    case "adoptOnlineKeys":
    case "takeOver":
    case "addPast":
      return true;
    default:
      return false;
  }
}

function isList(need: Need | ToRepository): need is ToRepository {
  return Array.isArray(need);
}
