/** Who may do what, in memory. */
import { StoreError } from "../../core/errors.ts";
import {
  type AccessChange,
  type AccessStore,
  accessBounds,
  endOf,
  type MachineToken,
  type Permission,
  type Session,
  type Subject,
  type Team,
  type User,
} from "../contract/access.ts";
import type { AuditRecord } from "../contract/audit.ts";

type Request<K extends keyof AccessStore> = Parameters<AccessStore[K]>[0];

export class MemoryAccess {
  readonly #users = new Map<string, User>();
  readonly #teams = new Map<string, { readonly createdAt: number; readonly members: Set<string> }>();
  readonly #permissions = new Map<string, Permission>();
  readonly #tokens = new Map<string, MachineToken>();
  readonly #sessions = new Map<string, Session>();
  readonly #append: (record: AuditRecord) => void;

  constructor(append: (record: AuditRecord) => void) {
    this.#append = append;
  }

  user(name: string): User | undefined {
    return this.#users.get(name);
  }

  users(after: string, limit: number): User[] {
    return page([...this.#users.values()], after, limit);
  }

  addUser({ user, audit }: Request<"addUser">): AccessChange {
    if (this.#users.size >= accessBounds.users) return "full";
    if (this.#users.has(user.name)) return "exists";
    this.#users.set(user.name, { ...user });
    return this.#done(audit);
  }

  changeUser({ name, password, disabled, audit }: Request<"changeUser">): AccessChange {
    const found = this.#users.get(name);
    if (found === undefined) return "missing";
    this.#users.set(name, {
      ...found,
      password: password ?? found.password,
      disabled: disabled ?? found.disabled,
    });
    if (password !== undefined || disabled === true) this.#endSessions(name);
    return this.#done(audit);
  }

  removeUser({ name, audit }: Request<"removeUser">): AccessChange {
    let changed = this.#users.delete(name);
    for (const { members } of this.#teams.values()) changed = members.delete(name) || changed;
    changed = this.#dropPermissions({ kind: "user", name }) || changed;
    changed = this.#endSessions(name) || changed;
    for (const token of this.#tokens.values()) {
      if (token.owner !== name || endOf(token) <= audit.at || token.revokedAt !== undefined) continue;
      this.#tokens.set(token.name, { ...token, revokedAt: audit.at });
      changed = true;
    }
    return changed ? this.#done(audit) : "missing";
  }

  teams(after: string, limit: number): Team[] {
    const all = [...this.#teams].map(([name, { createdAt, members }]) => ({
      name,
      createdAt,
      members: [...members].sort(byBytes),
    }));
    return page(all, after, limit);
  }

  teamsOf(user: string): string[] {
    const own = [...this.#teams].filter(([, { members }]) => members.has(user));
    return own.map(([name]) => name).sort(byBytes);
  }

  addTeam({ name, audit }: Request<"addTeam">): AccessChange {
    if (this.#teams.size >= accessBounds.teams) return "full";
    if (this.#teams.has(name)) return "exists";
    this.#teams.set(name, { createdAt: audit.at, members: new Set() });
    return this.#done(audit);
  }

  removeTeam({ name, audit }: Request<"removeTeam">): AccessChange {
    if (!this.#teams.delete(name)) return "missing";
    this.#dropPermissions({ kind: "team", name });
    return this.#done(audit);
  }

  addMember({ team, user, audit }: Request<"addMember">): AccessChange {
    const members = this.#teams.get(team)?.members;
    if (members === undefined) return "missing";
    if (members.has(user)) return "exists";
    if (members.size >= accessBounds.members) return "full";
    members.add(user);
    return this.#done(audit);
  }

  removeMember({ team, user, audit }: Request<"removeMember">): AccessChange {
    return this.#teams.get(team)?.members.delete(user) === true ? this.#done(audit) : "missing";
  }

  permissions(): Permission[] {
    return [...this.#permissions.values()].sort(inOrder);
  }

  permissionsOf(user: string | undefined): Permission[] {
    const teams = new Set(user === undefined ? [] : this.teamsOf(user));
    return this.permissions().filter(
      ({ subject: { kind, name } }) =>
        kind === "anyone" || (kind === "user" ? name === user : teams.has(name)),
    );
  }

  setPermission({ permission, audit }: Request<"setPermission">): AccessChange {
    const { subject, pattern, actions } = permission;
    if (subject.kind === "team" && !this.#teams.has(subject.name)) return "missing";
    const place = placeOf(subject, pattern);
    if (!this.#permissions.has(place) && this.#permissions.size >= accessBounds.permissions) return "full";
    this.#permissions.set(place, { subject: { ...subject }, pattern, actions: [...actions] });
    return this.#done(audit);
  }

  removePermission({ subject, pattern, audit }: Request<"removePermission">): AccessChange {
    return this.#permissions.delete(placeOf(subject, pattern)) ? this.#done(audit) : "missing";
  }

  machineToken(digest: string): MachineToken | undefined {
    return [...this.#tokens.values()].find((token) => token.digest === digest);
  }

  machineTokenNamed(name: string): MachineToken | undefined {
    return this.#tokens.get(name);
  }

  machineTokens(owner: string | undefined, after: string, limit: number): MachineToken[] {
    const own = [...this.#tokens.values()].filter((token) => owner === undefined || token.owner === owner);
    return page(own, after, limit);
  }

  addMachineToken({ token, audit }: Request<"addMachineToken">): AccessChange {
    if (this.#tokens.has(token.name) || this.machineToken(token.digest) !== undefined) return "exists";
    if (this.#tokens.size >= accessBounds.machineTokens) {
      const ended = [...this.#tokens.values()].filter((each) => endOf(each) <= audit.at);
      const [first] = ended.sort((a, b) => endOf(a) - endOf(b) || byBytes(a.name, b.name));
      if (first === undefined) return "full";
      this.#tokens.delete(first.name);
    }
    this.#tokens.set(token.name, structuredClone(token));
    return this.#done(audit);
  }

  revokeMachineToken({ name, audit }: Request<"revokeMachineToken">): AccessChange {
    const found = this.#tokens.get(name);
    if (found === undefined || found.revokedAt !== undefined) return "missing";
    this.#tokens.set(name, { ...found, revokedAt: audit.at });
    return this.#done(audit);
  }

  session(digest: string): Session | undefined {
    return this.#sessions.get(digest);
  }

  addSession(session: Session): void {
    if (this.#sessions.has(session.digest)) {
      throw new StoreError("CONFLICT", "Somebody else made this change first.");
    }
    for (const { digest, expiresAt } of this.#sessions.values()) {
      if (expiresAt <= session.createdAt) this.#sessions.delete(digest);
    }
    const own = [...this.#sessions.values()].filter(({ user }) => user === session.user);
    own.sort((a, b) => b.createdAt - a.createdAt || byBytes(a.digest, b.digest));
    for (const { digest } of own.slice(accessBounds.sessions - 1)) this.#sessions.delete(digest);
    this.#sessions.set(session.digest, { ...session });
  }

  endSession(digest: string): boolean {
    return this.#sessions.delete(digest);
  }

  sessions(user: string): Session[] {
    const own = [...this.#sessions.values()].filter((each) => each.user === user);
    return own.sort((a, b) => a.createdAt - b.createdAt || byBytes(a.digest, b.digest));
  }

  endSessionsOf({ user, digest, audit }: Request<"endSessionsOf">): AccessChange {
    const own = this.sessions(user).filter((each) => digest === undefined || each.digest === digest);
    if (own.length === 0) return "missing";
    for (const each of own) this.#sessions.delete(each.digest);
    return this.#done(audit);
  }

  #done(audit: AuditRecord): AccessChange {
    this.#append(audit);
    return "done";
  }

  #endSessions(name: string): boolean {
    const own = [...this.#sessions.values()].filter(({ user }) => user === name);
    for (const { digest } of own) this.#sessions.delete(digest);
    return own.length > 0;
  }

  #dropPermissions({ kind, name }: Subject): boolean {
    const own = [...this.#permissions].filter(
      ([, { subject }]) => subject.kind === kind && subject.name === name,
    );
    for (const [place] of own) this.#permissions.delete(place);
    return own.length > 0;
  }
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function page<T extends { readonly name: string }>(all: readonly T[], after: string, limit: number): T[] {
  const sorted = [...all].sort((a, b) => byBytes(a.name, b.name));
  return sorted.filter(({ name }) => byBytes(name, after) > 0).slice(0, limit);
}

function placeOf({ kind, name }: Subject, pattern: string): string {
  return JSON.stringify([kind, name, pattern]);
}

function inOrder(a: Permission, b: Permission): number {
  return (
    byBytes(a.subject.kind, b.subject.kind) ||
    byBytes(a.subject.name, b.subject.name) ||
    byBytes(a.pattern, b.pattern)
  );
}
