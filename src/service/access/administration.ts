/**
 * Changes to who may do what, each with its record of the audit trail. Who may ask for them is the caller's matter.
 *
 * Throws `BAD_PARAMETER` for what nobody can have, `NAME_TAKEN`, `NOT_FOUND` and `TOO_MANY_ENTRIES`; nothing has happened
 * then.
 */
import { createHash } from "node:crypto";
import { canonicalText } from "../../core/canonical.ts";
import { MalformedError, RefusedError } from "../../core/errors.ts";
import type { Json } from "../../core/json.ts";
import type { Permission } from "../../store/contract/access.ts";
import {
  type AccessChange,
  type AccessStore,
  accessBounds,
  type Scope,
  type Session,
  type Subject,
} from "../../store/contract/access.ts";
import type { AuditRecord } from "../../store/contract/audit.ts";
import type { Principal } from "../principal.ts";
import { isOidcName, isPersonName, isUserName, scopeFault, subjectText } from "./evaluate.ts";
import { makeOpaqueToken } from "./opaque-token.ts";
import { type Passwords, passwordFault } from "./password.ts";

export interface NewMachineToken {
  readonly name: string;
  readonly owner: string;
  readonly scopes: readonly Scope[];
  /** Milliseconds. */
  readonly lifetime: number;
}

/** A login that goes on by a refresh token. */
export interface UserSession {
  /** It opens nothing, and says nothing about the token. */
  readonly id: string;
  readonly createdAt: number;
  readonly expiresAt: number;
}

function sessionId(digest: string): string {
  return createHash("sha256").update(`session ${digest}`).digest("hex").slice(0, 16);
}

/** Longest life of a machine's token, in milliseconds. */
export const longestTokenLife = 366 * 86_400_000;

export class Administration {
  readonly #store: AccessStore;
  readonly #passwords: Passwords;
  readonly #now: () => number;

  constructor(store: AccessStore, passwords: Passwords, now: () => number) {
    this.#store = store;
    this.#passwords = passwords;
    this.#now = now;
  }

  get store(): AccessStore {
    return this.#store;
  }

  /** Without a password: whoever is verified elsewhere. */
  async addUser(name: string, password: string | undefined, by: Principal): Promise<void> {
    checkUser(name);
    if (password !== undefined) checkPerson(name);
    const hash = password === undefined ? "" : await this.#hash(password);
    const audit = this.#record("user.added", by, { user: name, password: hash !== "" });
    const user = { name, password: hash, disabled: false, createdAt: audit.at };
    settle(await this.#store.addUser({ user, audit }), `the user ${name}`);
  }

  /** Resolves to how many sessions ended with the old one. */
  async setPassword(name: string, password: string, by: Principal): Promise<number> {
    checkPerson(name);
    const hash = await this.#hash(password);
    const sessions = (await this.sessions(name)).length;
    const audit = this.#record("user.password-changed", by, { user: name, sessions });
    settle(await this.#store.changeUser({ name, password: hash, audit }), `the user ${name}`);
    return sessions;
  }

  /** Those that go on, oldest first. Somebody who is not known has none. */
  async sessions(user: string): Promise<readonly UserSession[]> {
    checkUser(user);
    return (await this.#goingOn(user)).map(({ digest, createdAt, expiresAt }) => ({
      id: sessionId(digest),
      createdAt,
      expiresAt,
    }));
  }

  /**
   * All of a user, or the one of this ID. Resolves to how many went on until now. Throws `NOT_FOUND` for an ID that is none.
   */
  async endSessions(user: string, id: string | undefined, by: Principal): Promise<number> {
    checkUser(user);
    const own = await this.#goingOn(user);
    const ending = id === undefined ? own : own.filter(({ digest }) => sessionId(digest) === id);
    const [one] = ending;
    if (one === undefined) {
      if (id !== undefined) settle("missing", `a session ${id} of ${user}`);
      return 0;
    }
    const audit = this.#record("user.sessions-ended", by, { user, sessions: ending.length });
    const only = id === undefined ? {} : { digest: one.digest };
    const change = await this.#store.endSessionsOf({ user, ...only, audit });
    if (id !== undefined) settle(change, `a session ${id} of ${user}`);
    return change === "missing" ? 0 : ending.length;
  }

  async setDisabled(name: string, disabled: boolean, by: Principal): Promise<void> {
    checkUser(name);
    const audit = this.#record(disabled ? "user.disabled" : "user.enabled", by, { user: name });
    settle(await this.#store.changeUser({ name, disabled, audit }), `the user ${name}`);
  }

  async removeUser(name: string, by: Principal): Promise<void> {
    checkUser(name);
    const audit = this.#record("user.removed", by, { user: name });
    settle(await this.#store.removeUser({ name, audit }), `the user ${name}`);
  }

  async addTeam(name: string, by: Principal): Promise<void> {
    checkPerson(name);
    const audit = this.#record("team.added", by, { team: name });
    settle(await this.#store.addTeam({ name, audit }), `the team ${name}`);
  }

  async removeTeam(name: string, by: Principal): Promise<void> {
    checkPerson(name);
    const audit = this.#record("team.removed", by, { team: name });
    settle(await this.#store.removeTeam({ name, audit }), `the team ${name}`);
  }

  /** Being a member already is no fault. */
  async addMember(team: string, user: string, by: Principal): Promise<void> {
    checkPerson(team);
    checkUser(user);
    const audit = this.#record("team.member-added", by, { team, user });
    const change = await this.#store.addMember({ team, user, audit });
    if (change !== "exists") settle(change, `the team ${team}`, `vidimus team add ${team}`);
  }

  async removeMember(team: string, user: string, by: Principal): Promise<void> {
    checkPerson(team);
    checkUser(user);
    const audit = this.#record("team.member-removed", by, { team, user });
    settle(await this.#store.removeMember({ team, user, audit }), `a member ${user} of ${team}`);
  }

  async setPermission(permission: Permission, by: Principal): Promise<void> {
    checkScope(permission);
    const { subject, pattern, actions } = permission;
    const detail = { subject: subjectText(subject), pattern, actions };
    const audit = this.#record("permission.set", by, detail);
    const make = `vidimus team add ${subject.name}`;
    settle(await this.#store.setPermission({ permission, audit }), `the team ${subject.name}`, make);
  }

  async removePermission(subject: Subject, pattern: string, by: Principal): Promise<void> {
    const audit = this.#record("permission.removed", by, { subject: subjectText(subject), pattern });
    const what = `a permission of ${subjectText(subject)} for ${pattern}`;
    settle(await this.#store.removePermission({ subject, pattern, audit }), what);
  }

  /** Resolves to its text, which is nowhere else. */
  async addMachineToken(
    { name, owner, scopes, lifetime }: NewMachineToken,
    by: Principal,
  ): Promise<{ readonly text: string; readonly expiresAt: number }> {
    checkPerson(name);
    if (owner !== "") checkUser(owner);
    for (const scope of scopes) checkScope(scope);
    if (scopes.length === 0 || scopes.length > accessBounds.scopes) {
      throw bad(`a token has 1 to ${accessBounds.scopes} scopes`);
    }
    if (!(lifetime > 0 && lifetime <= longestTokenLife)) throw bad("a token lives for at most 366 days");
    const { text, digest } = makeOpaqueToken("machine");
    const createdAt = this.#now();
    const expiresAt = createdAt + lifetime;
    const given = scopes.map(({ pattern, actions }) => ({ pattern, actions }));
    const audit = this.#record("token.created", by, {
      token: name,
      owner,
      scopes: given,
      expires: expiresAt,
    });
    const token = { name, digest, owner, scopes, createdAt, expiresAt, revokedAt: undefined };
    settle(await this.#store.addMachineToken({ token, audit }), `the token ${name}`);
    return { text, expiresAt };
  }

  async revokeMachineToken(name: string, by: Principal): Promise<void> {
    checkPerson(name);
    const audit = this.#record("token.revoked", by, { token: name });
    settle(await this.#store.revokeMachineToken({ name, audit }), `the token ${name}`);
  }

  /** What has expired may be in the store for a while, and is nobody's session. */
  async #goingOn(user: string): Promise<readonly Session[]> {
    const at = this.#now();
    return (await this.#store.sessions(user)).filter(({ expiresAt }) => expiresAt > at);
  }

  async #hash(password: string): Promise<string> {
    const fault = passwordFault(password);
    if (fault !== undefined) throw bad(fault);
    return await this.#passwords.hash(password);
  }

  #record(kind: string, { name, method, address }: Principal, detail: Json): AuditRecord {
    return {
      at: this.#now(),
      kind,
      actor: { name, method, address },
      repository: "",
      detail: canonicalText(detail),
    };
  }
}

/** Of whoever may have permissions; see `oidcPrefix`. */
function checkUser(name: string): void {
  if (isUserName(name)) return;
  throw bad(
    "the name of a user has 1 to 128 letters, digits and . _ @ + -, begins with a letter or digit, and may have oidc: before it",
  );
}

function checkPerson(name: string): void {
  if (isPersonName(name)) return;
  if (isOidcName(name))
    throw bad("who logs in by an identity provider (oidc:NAME) has no password, and is no team or token");
  throw bad("a name has 1 to 128 letters, digits and . _ @ + -, and begins with a letter or digit");
}

function checkScope(scope: Scope): void {
  const fault = scopeFault(scope);
  if (fault !== undefined) throw bad(fault);
}

function bad(why: string): MalformedError {
  return new MalformedError("BAD_PARAMETER", `Mend the request: ${why}.`);
}

/** `what`: as a sentence has it. `make`: the command that makes what is missing. */
function settle(change: AccessChange, what: string, make?: string): void {
  switch (change) {
    case "done":
      return;
    case "exists":
      throw new RefusedError("NAME_TAKEN", `There was already ${what}: choose another name.`);
    case "missing":
      throw new RefusedError(
        "NOT_FOUND",
        `There is nothing here that is ${what}: look at the list${make === undefined ? "" : `, or make it by ${make}`}.`,
      );
    case "full":
      throw new RefusedError("TOO_MANY_ENTRIES", `There is no room for ${what}: remove what nobody needs.`);
  }
}
