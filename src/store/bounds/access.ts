/** The bounds of who may do what, checked as `bounds.ts` says. */

import { checkInstant, checkName, demand, isText, maxPrincipal } from "../bounds.ts";
import {
  accessBounds,
  type MachineToken,
  type Scope,
  type Session,
  type Subject,
  type User,
} from "../contract/access.ts";

const maxActions = 20;
const maxAction = 32;
const maxPassword = 1_024;
const digest = /^[0-9a-f]{64}$/;

/** Of a user, team or machine token. */
export function checkPersonName(name: string): void {
  demand(isText(name, maxPrincipal) && name !== "", "a name of a user, team or token");
}

export function checkPassword(password: string): void {
  demand(isText(password, maxPassword), "a hash of a password");
}

export function checkUser(user: User): void {
  checkPersonName(user.name);
  checkPassword(user.password);
  checkInstant(user.createdAt);
}

export function checkSubject({ kind, name }: Subject): void {
  demand(kind === "user" || kind === "team" || kind === "anyone", "a kind of subject");
  if (kind === "anyone") demand(name === "", "a name of anyone");
  else checkPersonName(name);
}

export function checkScope({ pattern, actions }: Scope): void {
  checkName(pattern);
  demand(actions.length <= maxActions, "actions");
  for (const action of actions) demand(isText(action, maxAction) && /^\S+$/.test(action), "an action");
}

export function checkDigest(text: string): void {
  demand(digest.test(text), "a digest");
}

export function checkMachineToken(token: MachineToken): void {
  checkPersonName(token.name);
  checkDigest(token.digest);
  demand(isText(token.owner, maxPrincipal), "an owner");
  demand(token.scopes.length <= accessBounds.scopes, "scopes");
  for (const scope of token.scopes) checkScope(scope);
  checkInstant(token.createdAt);
  checkInstant(token.expiresAt);
  demand(token.revokedAt === undefined, "a token that is revoked before it is made");
}

export function checkSession(session: Session): void {
  checkDigest(session.digest);
  checkPersonName(session.user);
  checkInstant(session.createdAt);
  checkInstant(session.expiresAt);
}
