/** The changes to who may do what. Every function runs inside a member of `Writer` and is atomic by its savepoint. */
import type Database from "better-sqlite3";
import type { AccessChange, AccessStore, Session } from "../contract/access.ts";
import { accessBounds } from "../contract/access.ts";
import type { AuditRecord } from "../contract/audit.ts";

type Request<K extends keyof AccessStore> = Parameters<AccessStore[K]>[0];

/** `append`: writes a record of the audit trail in the same transaction. */
export function prepareAccessChanges(database: Database.Database, append: (record: AuditRecord) => void) {
  const count = (table: string) =>
    database.prepare<[], number>(`SELECT count(*) FROM ${table}`).pluck() as Database.Statement<[], number>;
  const users = count("access_user");
  const teams = count("access_team");
  const permissions = count("access_permission");
  const tokens = count("access_machine_token");
  const members = database
    .prepare<[string], number>("SELECT count(*) FROM access_member WHERE team = ?")
    .pluck();
  const insertUser = database.prepare<[string, string, number, number]>(
    "INSERT INTO access_user (name, password, disabled, created_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
  );
  const updateUser = database.prepare<[string | null, number | null, string]>(
    "UPDATE access_user SET password = coalesce(?, password), disabled = coalesce(?, disabled) WHERE name = ?",
  );
  const deleteUser = database.prepare<[string]>("DELETE FROM access_user WHERE name = ?");
  const endSessions = database.prepare<[string]>("DELETE FROM access_session WHERE name = ?");
  const leaveTeams = database.prepare<[string]>("DELETE FROM access_member WHERE member = ?");
  const dropPermissions = database.prepare<[string, string]>(
    "DELETE FROM access_permission WHERE kind = ? AND name = ?",
  );
  const revokeOwned = database.prepare<[number, string, number]>(
    "UPDATE access_machine_token SET revoked_at = ? WHERE owner = ? AND revoked_at IS NULL AND expires_at > ?",
  );
  const insertTeam = database.prepare<[string, number]>(
    "INSERT INTO access_team (name, created_at) VALUES (?, ?) ON CONFLICT DO NOTHING",
  );
  const deleteTeam = database.prepare<[string]>("DELETE FROM access_team WHERE name = ?");
  const team = database.prepare<[string]>("SELECT name FROM access_team WHERE name = ?");
  const member = database.prepare<[string, string]>(
    "SELECT member FROM access_member WHERE team = ? AND member = ?",
  );
  const insertMember = database.prepare<[string, string]>(
    "INSERT INTO access_member (team, member) VALUES (?, ?)",
  );
  const deleteMember = database.prepare<[string, string]>(
    "DELETE FROM access_member WHERE team = ? AND member = ?",
  );
  const permission = database.prepare<[string, string, string]>(
    "SELECT pattern FROM access_permission WHERE kind = ? AND name = ? AND pattern = ?",
  );
  const putPermission = database.prepare<[string, string, string, string]>(
    "INSERT INTO access_permission (kind, name, pattern, actions) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET actions = excluded.actions",
  );
  const deletePermission = database.prepare<[string, string, string]>(
    "DELETE FROM access_permission WHERE kind = ? AND name = ? AND pattern = ?",
  );
  const token = database.prepare<[string, string]>(
    "SELECT name FROM access_machine_token WHERE name = ? OR digest = ?",
  );
  const firstEnded = database
    .prepare<[number], string>(
      "SELECT name FROM access_machine_token WHERE min(expires_at, coalesce(revoked_at, expires_at)) <= ? ORDER BY min(expires_at, coalesce(revoked_at, expires_at)), name LIMIT 1",
    )
    .pluck();
  const deleteToken = database.prepare<[string]>("DELETE FROM access_machine_token WHERE name = ?");
  const insertToken = database.prepare<[string, string, string, string, number, number]>(
    "INSERT INTO access_machine_token (name, digest, owner, scopes, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)",
  );
  const revoke = database.prepare<[number, string]>(
    "UPDATE access_machine_token SET revoked_at = ? WHERE name = ? AND revoked_at IS NULL",
  );
  const dropExpired = database.prepare<[number]>("DELETE FROM access_session WHERE expires_at <= ?");
  const dropOldest = database.prepare<[string, string, number]>(
    "DELETE FROM access_session WHERE name = ? AND digest NOT IN (SELECT digest FROM access_session WHERE name = ? ORDER BY created_at DESC, digest LIMIT ?)",
  );
  const insertSession = database.prepare<[string, string, number, number]>(
    "INSERT INTO access_session (digest, name, created_at, expires_at) VALUES (?, ?, ?, ?)",
  );
  const endOwn = database.prepare<[string, string]>(
    "DELETE FROM access_session WHERE name = ? AND digest = ?",
  );
  const deleteSession = database.prepare<[string]>("DELETE FROM access_session WHERE digest = ?");

  function ended(changed: boolean, audit: AuditRecord): AccessChange {
    if (!changed) return "missing";
    append(audit);
    return "done";
  }

  return {
    addUser({ user, audit }: Request<"addUser">): AccessChange {
      if ((users.get() ?? 0) >= accessBounds.users) return "full";
      const { name, password, disabled, createdAt } = user;
      if (insertUser.run(name, password, disabled ? 1 : 0, createdAt).changes === 0) return "exists";
      append(audit);
      return "done";
    },
    changeUser({ name, password, disabled, audit }: Request<"changeUser">): AccessChange {
      const off = disabled === undefined ? null : disabled ? 1 : 0;
      if (updateUser.run(password ?? null, off, name).changes === 0) return "missing";
      if (password !== undefined || disabled === true) endSessions.run(name);
      append(audit);
      return "done";
    },
    removeUser({ name, audit }: Request<"removeUser">): AccessChange {
      const changed =
        deleteUser.run(name).changes +
        leaveTeams.run(name).changes +
        dropPermissions.run("user", name).changes +
        endSessions.run(name).changes +
        revokeOwned.run(audit.at, name, audit.at).changes;
      return ended(changed > 0, audit);
    },
    addTeam({ name, audit }: Request<"addTeam">): AccessChange {
      if ((teams.get() ?? 0) >= accessBounds.teams) return "full";
      if (insertTeam.run(name, audit.at).changes === 0) return "exists";
      append(audit);
      return "done";
    },
    removeTeam({ name, audit }: Request<"removeTeam">): AccessChange {
      dropPermissions.run("team", name);
      return ended(deleteTeam.run(name).changes > 0, audit);
    },
    addMember({ team: name, user, audit }: Request<"addMember">): AccessChange {
      if (team.get(name) === undefined) return "missing";
      if (member.get(name, user) !== undefined) return "exists";
      if ((members.get(name) ?? 0) >= accessBounds.members) return "full";
      insertMember.run(name, user);
      append(audit);
      return "done";
    },
    removeMember({ team: name, user, audit }: Request<"removeMember">): AccessChange {
      return ended(deleteMember.run(name, user).changes > 0, audit);
    },
    setPermission({ permission: given, audit }: Request<"setPermission">): AccessChange {
      const { subject, pattern, actions } = given;
      if (subject.kind === "team" && team.get(subject.name) === undefined) return "missing";
      const isNew = permission.get(subject.kind, subject.name, pattern) === undefined;
      if (isNew && (permissions.get() ?? 0) >= accessBounds.permissions) return "full";
      putPermission.run(subject.kind, subject.name, pattern, actions.join(" "));
      append(audit);
      return "done";
    },
    removePermission({ subject, pattern, audit }: Request<"removePermission">): AccessChange {
      return ended(deletePermission.run(subject.kind, subject.name, pattern).changes > 0, audit);
    },
    addMachineToken({ token: made, audit }: Request<"addMachineToken">): AccessChange {
      const { name, digest, owner, scopes, createdAt, expiresAt } = made;
      if (token.get(name, digest) !== undefined) return "exists";
      if ((tokens.get() ?? 0) >= accessBounds.machineTokens) {
        const leaving = firstEnded.get(audit.at);
        if (leaving === undefined) return "full";
        deleteToken.run(leaving);
      }
      insertToken.run(name, digest, owner, JSON.stringify(scopes), createdAt, expiresAt);
      append(audit);
      return "done";
    },
    revokeMachineToken({ name, audit }: Request<"revokeMachineToken">): AccessChange {
      return ended(revoke.run(audit.at, name).changes > 0, audit);
    },
    addSession({ digest, user, createdAt, expiresAt }: Session): void {
      dropExpired.run(createdAt);
      dropOldest.run(user, user, accessBounds.sessions - 1);
      insertSession.run(digest, user, createdAt, expiresAt);
    },
    endSessionsOf({ user, digest, audit }: Request<"endSessionsOf">): AccessChange {
      const { changes } = digest === undefined ? endSessions.run(user) : endOwn.run(user, digest);
      return ended(changes > 0, audit);
    },
    endSession: (digest: string): boolean => deleteSession.run(digest).changes > 0,
  };
}
