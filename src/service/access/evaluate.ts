/**
 * Who may do what: from permissions to yes or no, with the reason. `vidimus acl explain` asks the same function as every
 * request for a token.
 *
 * - What nobody was given is refused; there is no permission that takes away.
 * - A pattern is compared with a repository's name segment by segment and byte for byte: `*` stands for exactly one
 *   segment, `**` for one or more. A name that begins or ends like a permitted one is another name, and no registry's
 *   name is put in front of one without.
 * - `*` as an action is everything that can be done to a repository, and who may `push` may `propose`. `admin` is everything on this server, and like
 *   `catalog` and `audit` it is of the whole server: such an action counts only where the pattern is `**`.
 */
import type { Permission, Scope } from "../../store/contract/access.ts";
import type { RepositoryAction, ServerAction } from "./opaque.ts";

const repositoryActions: readonly string[] = ["pull", "push", "propose", "*"] satisfies RepositoryAction[];
const serverActions: readonly string[] = ["catalog", "audit", "admin"] satisfies ServerAction[];
export type GrantedAction = RepositoryAction | ServerAction;

/** Whether something may be done, and by what. */
export type Decision<S extends Scope> =
  | { readonly allowed: true; readonly by: S }
  /** `near`: what names the repository, and another action. */
  | { readonly allowed: false; readonly near: readonly S[] };

const longestPattern = 255;
const everywhere = "**";

/** Why a text is no pattern; undefined: it is one. */
export function patternFault(pattern: string): string | undefined {
  if (pattern === "" || pattern.length > longestPattern)
    return `a pattern has 1 to ${longestPattern} characters`;
  const segments = pattern.split("/");
  if (segments.includes("")) return "a pattern has no empty segments";
  if (segments.some((each) => each.includes("*") && each !== "*" && each !== everywhere)) {
    return "a star stands for a whole segment (*), or for one or more (**)";
  }
  if (segments.filter((each) => each === everywhere).length > 1) return "a pattern has ** at most once";
  return /[\s\p{C}]/u.test(pattern) ? "a pattern has no spaces and no control characters" : undefined;
}

/** Why a scope can be given to nobody; undefined: it can. */
export function scopeFault({ pattern, actions }: Scope): string | undefined {
  const fault = patternFault(pattern);
  if (fault !== undefined) return fault;
  if (actions.length === 0) return "name at least one action";
  const unknown = actions.find((each) => !isRepositoryAction(each) && !isServerAction(each));
  if (unknown !== undefined) {
    return `an action is one of ${[...repositoryActions, ...serverActions].join(", ")}`;
  }
  const ofServer = actions.find(isServerAction);
  if (ofServer === undefined || pattern === everywhere) return undefined;
  return `${ofServer} is of the whole server: give it with the pattern ${everywhere}`;
}

export function isRepositoryAction(action: string): action is RepositoryAction {
  return repositoryActions.includes(action);
}

export function isServerAction(action: string): action is ServerAction {
  return serverActions.includes(action);
}

export function matches(pattern: string, repository: string): boolean {
  const wanted = pattern.split("/");
  const parts = repository.split("/");
  const deep = wanted.indexOf(everywhere);
  if (deep === -1) return parts.length === wanted.length && fits(wanted, parts);
  if (parts.length < wanted.length) return false;
  const after = wanted.length - deep - 1;
  return (
    fits(wanted.slice(0, deep), parts.slice(0, deep)) &&
    fits(wanted.slice(deep + 1), after === 0 ? [] : parts.slice(-after))
  );
}

function fits(wanted: readonly string[], parts: readonly string[]): boolean {
  return wanted.every((segment, i) => segment === "*" || segment === parts[i]);
}

/** `repository`: undefined where the action is of the whole server. */
export function decide<S extends Scope>(
  scopes: readonly S[],
  action: GrantedAction,
  repository: string | undefined,
): Decision<S> {
  if (isServerAction(action) !== (repository === undefined)) return { allowed: false, near: [] };
  const named = scopes.filter(({ pattern }) =>
    repository === undefined ? pattern === everywhere : matches(pattern, repository),
  );
  const by = named.find(({ actions }) => gives(actions, action)) ?? scopes.find(isAdministration);
  return by === undefined ? { allowed: false, near: named } : { allowed: true, by };
}

function isAdministration({ pattern, actions }: Scope): boolean {
  return pattern === everywhere && actions.includes("admin");
}

function gives(actions: readonly string[], action: GrantedAction): boolean {
  if (actions.includes(action)) return true;
  return (
    isRepositoryAction(action) &&
    (actions.includes("*") || (action === "propose" && actions.includes("push")))
  );
}

/** `anyone`, `user:NAME` or `team:NAME`. */
export function subjectText({ kind, name }: Permission["subject"]): string {
  return kind === "anyone" ? kind : `${kind}:${name}`;
}

/** Undefined: the text names no subject. */
export function subjectOf(text: string): Permission["subject"] | undefined {
  if (text === "anyone") return { kind: "anyone", name: "" };
  const [, kind, name = ""] = /^(user|team):(.+)$/s.exec(text) ?? [];
  const isName = kind === "user" ? isUserName(name) : isPersonName(name);
  return kind === undefined || !isName ? undefined : { kind: kind as "user" | "team", name };
}

/** What a user, team or machine token can be called: also what tokens of the wire can carry and a log can show. */
export function isPersonName(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}$/.test(name);
}

/** Before the names of people who log in by an identity provider. Nobody else's has it: no password and no registry counts for one. */
export const oidcPrefix = "oidc:";

/** What can be given permissions as a user: also whoever an identity provider knows. */
export function isUserName(name: string): boolean {
  return isPersonName(isOidcName(name) ? name.slice(oidcPrefix.length) : name);
}

export function isOidcName(name: string): boolean {
  return name.startsWith(oidcPrefix);
}
