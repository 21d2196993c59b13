/**
 * The contract of `access.ts` over a back end that answers at once: every bound is checked before anything is asked, in the
 * same way for all back ends and for a reader that asks a writer.
 */

import { checkAuditRecord, checkLimit, checkName, maxPage } from "../bounds.ts";
import type {
  AccessChange,
  AccessStore,
  MachineToken,
  Permission,
  Session,
  Team,
  User,
} from "../contract/access.ts";
import * as check from "./access.ts";

export interface AccessReads {
  user(name: string): User | undefined;
  users(after: string, limit: number): User[];
  teams(after: string, limit: number): Team[];
  teamsOf(user: string): string[];
  permissions(): Permission[];
  permissionsOf(user: string): Permission[];
  machineToken(digest: string): MachineToken | undefined;
  machineTokenNamed(name: string): MachineToken | undefined;
  machineTokens(owner: string | undefined, after: string, limit: number): MachineToken[];
  session(digest: string): Session | undefined;
  sessions(user: string): Session[];
}

type ChangeName = Exclude<keyof AccessStore, keyof AccessReads>;
type Remote = { readonly [K in ChangeName]: AccessStore[K] };

/** How a question is put to the back end. */
type Read = <T>(question: () => T) => T;
type Change = <K extends ChangeName>(
  operation: K,
  request: Parameters<AccessStore[K]>[0],
) => ReturnType<AccessStore[K]>;

export function accessReads(reads: AccessReads, read: Read): Pick<AccessStore, keyof AccessReads> {
  const place = (after: string | undefined, limit: number): string => {
    if (after !== undefined) checkName(after);
    checkLimit(limit, maxPage);
    return after ?? "";
  };
  return {
    async user(name) {
      checkName(name);
      return read(() => reads.user(name));
    },
    async users({ after, limit }) {
      const from = place(after, limit);
      return read(() => reads.users(from, limit));
    },
    async teams({ after, limit }) {
      const from = place(after, limit);
      return read(() => reads.teams(from, limit));
    },
    async teamsOf(user) {
      checkName(user);
      return read(() => reads.teamsOf(user));
    },
    async permissions() {
      return read(() => reads.permissions());
    },
    async permissionsOf(user) {
      if (user !== undefined) check.checkPersonName(user);
      return read(() => reads.permissionsOf(user ?? ""));
    },
    async machineToken(digest) {
      check.checkDigest(digest);
      return read(() => reads.machineToken(digest));
    },
    async machineTokenNamed(name) {
      check.checkPersonName(name);
      return read(() => reads.machineTokenNamed(name));
    },
    async machineTokens({ owner, after, limit }) {
      if (owner !== undefined) checkName(owner);
      const from = place(after, limit);
      return read(() => reads.machineTokens(owner, from, limit));
    },
    async session(digest) {
      check.checkDigest(digest);
      return read(() => reads.session(digest));
    },
    async sessions(user) {
      check.checkPersonName(user);
      return read(() => reads.sessions(user));
    },
  };
}

export function accessChanges(change: Change): Remote {
  return {
    async addUser(request) {
      checkAuditRecord(request.audit);
      check.checkUser(request.user);
      return await change("addUser", request);
    },
    async changeUser(request) {
      checkNamed(request);
      if (request.password !== undefined) check.checkPassword(request.password);
      return await change("changeUser", request);
    },
    removeUser: named("removeUser"),
    addTeam: named("addTeam"),
    removeTeam: named("removeTeam"),
    revokeMachineToken: named("revokeMachineToken"),
    addMember: ofMember("addMember"),
    removeMember: ofMember("removeMember"),
    async setPermission(request) {
      checkAuditRecord(request.audit);
      check.checkSubject(request.permission.subject);
      check.checkScope(request.permission);
      return await change("setPermission", request);
    },
    async removePermission(request) {
      checkAuditRecord(request.audit);
      check.checkSubject(request.subject);
      checkName(request.pattern);
      return await change("removePermission", request);
    },
    async addMachineToken(request) {
      checkAuditRecord(request.audit);
      check.checkMachineToken(request.token);
      return await change("addMachineToken", request);
    },
    async addSession(session) {
      check.checkSession(session);
      await change("addSession", session);
    },
    async endSession(digest) {
      check.checkDigest(digest);
      return await change("endSession", digest);
    },
    async endSessionsOf(request) {
      checkAuditRecord(request.audit);
      check.checkPersonName(request.user);
      if (request.digest !== undefined) check.checkDigest(request.digest);
      return await change("endSessionsOf", request);
    },
  };

  function named(operation: "removeUser" | "addTeam" | "removeTeam" | "revokeMachineToken") {
    return async (request: Parameters<AccessStore["removeUser"]>[0]): Promise<AccessChange> => {
      checkNamed(request);
      return await change(operation, request);
    };
  }

  function ofMember(operation: "addMember" | "removeMember") {
    return async (request: Parameters<AccessStore["addMember"]>[0]): Promise<AccessChange> => {
      checkAuditRecord(request.audit);
      check.checkPersonName(request.team);
      check.checkPersonName(request.user);
      return await change(operation, request);
    };
  }
}

function checkNamed({ name, audit }: Parameters<AccessStore["removeUser"]>[0]): void {
  checkAuditRecord(audit);
  check.checkPersonName(name);
}

/** Of a desk: what each change is called, for a reader that asks for it. */
export const accessOperations = [
  "addUser",
  "changeUser",
  "removeUser",
  "addTeam",
  "removeTeam",
  "addMember",
  "removeMember",
  "setPermission",
  "removePermission",
  "addMachineToken",
  "revokeMachineToken",
  "addSession",
  "endSession",
  "endSessionsOf",
] as const satisfies readonly ChangeName[];
