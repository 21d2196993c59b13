/**
 * The part of the store contract (`store.ts`) that knows who may do what: people, teams, permissions, and the tokens of
 * machines and of sessions. `test/contract/store/access.ts` is the same text as tests.
 *
 * **No secret is here.** Of a password there is a slow hash, of a token the SHA-256 of its text.
 *
 * **Names are not references.** Whoever is verified elsewhere (a password file, a registry) has no record here, and may be
 * a member and have permissions all the same. Removing a user or a team takes everything along that was given to it.
 *
 * **One change.** Every change but those of sessions brings its record of the audit trail and is durable with it. A change
 * that changes nothing (`exists`, `missing`, `full`) leaves no record.
 *
 * **Bounds.** `accessBounds` says how many there can be of each; what is one too many is `full`.
 *
 * **Names, time, durability, errors** are those of the store.
 */
import type { AuditRecord } from "./audit.ts";

export interface User {
  readonly name: string;
  /** As `service/access/password.ts` writes it. Empty: verified elsewhere, and this record only says what else is true. */
  readonly password: string;
  readonly disabled: boolean;
  readonly createdAt: number;
}

export interface Team {
  readonly name: string;
  readonly createdAt: number;
  /** In byte order. */
  readonly members: readonly string[];
}

/** To whom something is given. `anyone` has no name and includes who is not known at all. */
export interface Subject {
  readonly kind: "user" | "team" | "anyone";
  readonly name: string;
}

/** What is allowed on which repositories; see `service/access/evaluate.ts`. */
export interface Scope {
  readonly pattern: string;
  readonly actions: readonly string[];
}

export interface Permission extends Scope {
  readonly subject: Subject;
}

export interface MachineToken {
  /** The principal's name; no two tokens ever have the same while both are remembered. */
  readonly name: string;
  /** Lower-case hex of the SHA-256 of its text. */
  readonly digest: string;
  /** The user it was made for; empty: of nobody, and it outlives everybody. */
  readonly owner: string;
  readonly scopes: readonly Scope[];
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly revokedAt: number | undefined;
}

export interface Session {
  /** Lower-case hex of the SHA-256 of the refresh token's text. */
  readonly digest: string;
  readonly user: string;
  readonly createdAt: number;
  readonly expiresAt: number;
}

/** What became of a change. */
export type AccessChange = "done" | "exists" | "missing" | "full";

interface Audited {
  readonly audit: AuditRecord;
}
interface Page {
  /** Strictly after this name, in byte order. */
  readonly after?: string;
  /** 1 … 1000. */
  readonly limit: number;
}

export interface AccessStore {
  user(name: string): Promise<User | undefined>;
  users(query: Page): Promise<readonly User[]>;
  addUser(request: Audited & { readonly user: User }): Promise<AccessChange>;
  /** What is undefined stays. Another password, and being disabled, ends the sessions of the user. */
  changeUser(
    request: Audited & { readonly name: string; readonly password?: string; readonly disabled?: boolean },
  ): Promise<AccessChange>;
  /**
   * Whatever is known of the name: record, memberships, permissions, sessions; its machine tokens are revoked as of
   * `audit.at`. `missing`: there was nothing.
   */
  removeUser(request: Audited & { readonly name: string }): Promise<AccessChange>;

  teams(query: Page): Promise<readonly Team[]>;
  /** In byte order. */
  teamsOf(user: string): Promise<readonly string[]>;
  addTeam(request: Audited & { readonly name: string }): Promise<AccessChange>;
  removeTeam(request: Audited & { readonly name: string }): Promise<AccessChange>;
  /** `missing`: there is no such team. */
  addMember(request: Audited & { readonly team: string; readonly user: string }): Promise<AccessChange>;
  removeMember(request: Audited & { readonly team: string; readonly user: string }): Promise<AccessChange>;

  /** All, ordered by subject and pattern: there are at most `accessBounds.permissions`. */
  permissions(): Promise<readonly Permission[]>;
  /** Those of the user, of its teams and of anyone, as of one instant. `undefined`: of somebody not known. */
  permissionsOf(user: string | undefined): Promise<readonly Permission[]>;
  /** In the place of what the subject had for this pattern. `missing`: the team that is named is not there. */
  setPermission(request: Audited & { readonly permission: Permission }): Promise<AccessChange>;
  removePermission(
    request: Audited & { readonly subject: Subject; readonly pattern: string },
  ): Promise<AccessChange>;

  /** By the digest, whatever has become of it. */
  machineToken(digest: string): Promise<MachineToken | undefined>;
  /** The one of this name, whatever has become of it. */
  machineTokenNamed(name: string): Promise<MachineToken | undefined>;
  machineTokens(query: Page & { readonly owner?: string }): Promise<readonly MachineToken[]>;
  /** `full`: as many are there, and none of them has ended before `audit.at`; otherwise the first that ended gives way. */
  addMachineToken(request: Audited & { readonly token: MachineToken }): Promise<AccessChange>;
  /** As of `audit.at`. `missing`: there is none, or it was revoked before. */
  revokeMachineToken(request: Audited & { readonly name: string }): Promise<AccessChange>;

  session(digest: string): Promise<Session | undefined>;
  /** Of one user, what has expired included: oldest first, and by digest. */
  sessions(user: string): Promise<readonly Session[]>;
  /** Forgets what has expired by `createdAt`. A user has at most `accessBounds.sessions`: the oldest gives way. */
  addSession(session: Session): Promise<void>;
  /** False: there was none. */
  endSession(digest: string): Promise<boolean>;
  /** Those of a user, or the one of this digest if it is theirs. `missing`: there was none. */
  endSessionsOf(
    request: Audited & { readonly user: string; readonly digest?: string },
  ): Promise<AccessChange>;
}

export const accessBounds = {
  users: 100_000,
  teams: 10_000,
  members: 10_000,
  permissions: 10_000,
  machineTokens: 10_000,
  /** Of one user. */
  sessions: 20,
  /** Of one token. */
  scopes: 50,
} as const;

/** The instant at which a machine token ends or ended. */
export function endOf({ expiresAt, revokedAt }: Pick<MachineToken, "expiresAt" | "revokedAt">): number {
  return revokedAt === undefined ? expiresAt : Math.min(expiresAt, revokedAt);
}
