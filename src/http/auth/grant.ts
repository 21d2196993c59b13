/**
 * What a caller may do, once it is known who calls.
 *
 * Rights to a repository are those of the registry protocol, with one of our own: `propose`, to open a proposal, which
 * whoever may publish has, too. `*` stands for every right to that repository; it alone allows to delete and to rotate
 * the server's keys. Names are compared as they are: no prefix of a name and no pattern is one.
 */
import type { OpaqueGrant, RepositoryAction, ServerAction } from "../../service/access/opaque.ts";
import type { Principal } from "../../service/service.ts";

export type { RepositoryAction, ServerAction };

export type Need =
  /** Asked of nobody. */
  | { readonly kind: "nothing" }
  | {
      readonly kind: "repository";
      readonly repository: string;
      readonly actions: readonly RepositoryAction[];
    }
  | { readonly kind: "server"; readonly action: ServerAction };

export interface Rights {
  /** Actions by the name of a repository. */
  readonly repositories: ReadonlyMap<string, ReadonlySet<string>>;
  readonly server: ReadonlySet<ServerAction>;
}

export interface Grant {
  readonly principal: Principal;
  may(need: Need): boolean;
  /** Until when it may be remembered, in milliseconds. */
  readonly expiresAt: number;
}

/** Of whoever did not say who calls. */
export const anonymousName = "anonymous";

/** Everything: where callers are not authenticated. */
export function grantOfAll(principal: Principal): Grant {
  return { principal, may: () => true, expiresAt: Number.POSITIVE_INFINITY };
}

export function grantOf(principal: Principal, rights: Rights, expiresAt: number): Grant {
  return { principal, expiresAt, may: (need) => isAllowed(rights, need) };
}

export function isAllowed({ repositories, server }: Rights, need: Need): boolean {
  if (need.kind === "nothing" || server.has("admin")) return true;
  if (need.kind === "server") return server.has(need.action);
  const given = repositories.get(need.repository);
  if (given === undefined) return false;
  return need.actions.every(
    (action) => given.has(action) || given.has("*") || (action === "propose" && given.has("push")),
  );
}

/** The same of a token that the server made itself. */
export function grantOfOpaque(given: OpaqueGrant): Grant {
  const { principal, expiresAt } = given;
  const may = (need: Need) => {
    if (need.kind === "nothing") return true;
    if (need.kind === "server") return given.may(need.action);
    return need.actions.every((action) => given.may(action, need.repository));
  };
  return { principal, expiresAt, may };
}
