/** What is read about who may do what. */
import type Database from "better-sqlite3";
import type { MachineToken, Permission, Scope, Session, Subject, Team, User } from "../contract/access.ts";

interface UserRow extends Omit<User, "disabled"> {
  readonly disabled: number;
}
interface PermissionRow {
  readonly kind: Subject["kind"];
  readonly name: string;
  readonly pattern: string;
  readonly actions: string;
}
interface TokenRow extends Omit<MachineToken, "scopes" | "revokedAt"> {
  readonly scopes: string;
  readonly revokedAt: number | null;
}

const userColumns = "name, password, disabled, created_at AS createdAt";
const permissionColumns = "kind, name, pattern, actions";
const tokenColumns =
  "name, digest, owner, scopes, created_at AS createdAt, expires_at AS expiresAt, revoked_at AS revokedAt";
const inOrder = "ORDER BY kind, name, pattern";

export function prepareAccessReads(database: Database.Database) {
  const user = database.prepare<[string], UserRow>(`SELECT ${userColumns} FROM access_user WHERE name = ?`);
  const users = database.prepare<[string, number], UserRow>(
    `SELECT ${userColumns} FROM access_user WHERE name > ? ORDER BY name LIMIT ?`,
  );
  const teams = database.prepare<[string, number], Omit<Team, "members">>(
    "SELECT name, created_at AS createdAt FROM access_team WHERE name > ? ORDER BY name LIMIT ?",
  );
  const members = database
    .prepare<[string], string>("SELECT member FROM access_member WHERE team = ? ORDER BY member")
    .pluck();
  const teamsOf = database
    .prepare<[string], string>("SELECT team FROM access_member WHERE member = ? ORDER BY team")
    .pluck();
  const permissions = database.prepare<[], PermissionRow>(
    `SELECT ${permissionColumns} FROM access_permission ${inOrder}`,
  );
  const permissionsOf = database.prepare<[string, string], PermissionRow>(
    `SELECT ${permissionColumns} FROM access_permission WHERE kind = 'anyone' OR (kind = 'user' AND name = ?) OR (kind = 'team' AND name IN (SELECT team FROM access_member WHERE member = ?)) ${inOrder}`,
  );
  const token = database.prepare<[string], TokenRow>(
    `SELECT ${tokenColumns} FROM access_machine_token WHERE digest = ?`,
  );
  const tokenNamed = database.prepare<[string], TokenRow>(
    `SELECT ${tokenColumns} FROM access_machine_token WHERE name = ?`,
  );
  const tokens = database.prepare<[string, number], TokenRow>(
    `SELECT ${tokenColumns} FROM access_machine_token WHERE name > ? ORDER BY name LIMIT ?`,
  );
  const tokensOf = database.prepare<[string, string, number], TokenRow>(
    `SELECT ${tokenColumns} FROM access_machine_token WHERE owner = ? AND name > ? ORDER BY name LIMIT ?`,
  );
  const sessions = database.prepare<[string], Session>(
    "SELECT digest, name AS user, created_at AS createdAt, expires_at AS expiresAt FROM access_session WHERE name = ? ORDER BY created_at, digest",
  );
  const session = database.prepare<[string], Session>(
    "SELECT digest, name AS user, created_at AS createdAt, expires_at AS expiresAt FROM access_session WHERE digest = ?",
  );
  const teamsWithMembers = database.transaction((after: string, limit: number): Team[] =>
    teams.all(after, limit).map((team) => ({ ...team, members: members.all(team.name) })),
  );

  return {
    user(name: string): User | undefined {
      const row = user.get(name);
      return row && userOf(row);
    },
    users: (after: string, limit: number): User[] => users.all(after, limit).map(userOf),
    teams: (after: string, limit: number): Team[] => teamsWithMembers(after, limit),
    teamsOf: (name: string): string[] => teamsOf.all(name),
    permissions: (): Permission[] => permissions.all().map(permissionOf),
    /** Nobody has the empty name. */
    permissionsOf: (name: string): Permission[] => permissionsOf.all(name, name).map(permissionOf),
    machineToken(digest: string): MachineToken | undefined {
      const row = token.get(digest);
      return row && tokenOf(row);
    },
    machineTokenNamed(name: string): MachineToken | undefined {
      const row = tokenNamed.get(name);
      return row && tokenOf(row);
    },
    machineTokens: (owner: string | undefined, after: string, limit: number): MachineToken[] =>
      (owner === undefined ? tokens.all(after, limit) : tokensOf.all(owner, after, limit)).map(tokenOf),
    session: (digest: string): Session | undefined => session.get(digest),
    sessions: (user: string): Session[] => sessions.all(user),
  };
}

function userOf(row: UserRow): User {
  return { ...row, disabled: row.disabled === 1 };
}

function permissionOf({ kind, name, pattern, actions }: PermissionRow): Permission {
  return { subject: { kind, name }, pattern, actions: actions === "" ? [] : actions.split(" ") };
}

function tokenOf(row: TokenRow): MachineToken {
  return { ...row, scopes: JSON.parse(row.scopes) as Scope[], revokedAt: row.revokedAt ?? undefined };
}
