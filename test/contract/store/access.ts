import { describe, expect, it } from "vitest";
import {
  accessBounds,
  type MachineToken,
  type Scope,
  type User,
} from "../../../src/store/contract/access.ts";
import type { AuditRecord } from "../../../src/store/contract/audit.ts";
import type { Bench } from "./bench.ts";

/** Each is another name. */
const odd = [
  "alice",
  "Alice",
  "alic",
  "alice ",
  "é",
  "e\u0301",
  "__proto__",
  "constructor",
  "'; --",
  "\u{1f600}",
  "\uffff",
];
const byBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));

const audit = (kind: string, at = 1_000): AuditRecord => ({
  at,
  kind,
  actor: { name: "root", method: "operator", address: "" },
  repository: "",
  detail: "{}",
});
const user = (name: string, changes: Partial<User> = {}): User => ({
  name,
  password: "a hash",
  disabled: false,
  createdAt: 1_000,
  ...changes,
});
const digest = (text: string) => Buffer.from(text.padEnd(32, "-")).toString("hex").slice(0, 64);
const machine = (name: string, changes: Partial<MachineToken> = {}): MachineToken => ({
  name,
  digest: digest(name),
  owner: "",
  scopes: [{ pattern: "a/**", actions: ["pull", "push"] }],
  createdAt: 1_000,
  expiresAt: 10_000,
  revokedAt: undefined,
  ...changes,
});

export function access(bench: Bench): void {
  const store = () => bench.store.access;
  const add = (name: string, changes: Partial<User> = {}) =>
    store().addUser({ user: user(name, changes), audit: audit("user.added") });
  const team = (name: string) => store().addTeam({ name, audit: audit("team.added") });
  const join = (name: string, member: string) =>
    store().addMember({ team: name, user: member, audit: audit("team.joined") });
  const allow = (kind: "user" | "team" | "anyone", name: string, scope: Scope) =>
    store().setPermission({ permission: { subject: { kind, name }, ...scope }, audit: audit("acl.set") });
  const make = (name: string, changes: Partial<MachineToken> = {}, at = 1_000) =>
    store().addMachineToken({ token: machine(name, changes), audit: audit("token.made", at) });
  const session = (text: string, name = "alice", createdAt = 1_000, expiresAt = 100_000) =>
    store().addSession({ digest: digest(text), user: name, createdAt, expiresAt });
  const names = (all: readonly { readonly name: string }[]) => all.map(({ name }) => name);
  const patterns = async (name: string | undefined) =>
    (await store().permissionsOf(name)).map(({ pattern }) => pattern).sort();

  describe("users", () => {
    it("come back as they were added, in every process", async () => {
      expect(await add("alice", { disabled: true, password: "" })).toBe("done");
      const other = await bench.another();
      expect(await other.access.user("alice")).toEqual(user("alice", { disabled: true, password: "" }));
      expect(await other.access.user("bob")).toBeUndefined();
    });

    it("are told apart byte for byte, and listed in the order of their bytes", async () => {
      for (const name of odd) expect(await add(name, { password: `of ${name}` })).toBe("done");
      for (const name of odd) expect((await store().user(name))?.password).toBe(`of ${name}`);
      const sorted = [...odd].sort(byBytes);
      expect(names(await store().users({ limit: 1_000 }))).toEqual(sorted);
      const after = sorted[3] as string;
      expect(names(await store().users({ after, limit: 2 }))).toEqual(sorted.slice(4, 6));
    });

    it("are there once", async () => {
      await add("alice", { password: "first" });
      expect(await add("alice", { password: "second" })).toBe("exists");
      expect((await store().user("alice"))?.password).toBe("first");
    });

    it("are changed in what is given, and in nothing else", async () => {
      await add("alice");
      await add("bob");
      const change = (changes: { password?: string; disabled?: boolean }, name = "alice") =>
        store().changeUser({ name, ...changes, audit: audit("user.changed") });
      expect(await change({ password: "another" })).toBe("done");
      expect(await store().user("alice")).toEqual(user("alice", { password: "another" }));
      expect(await change({ disabled: true })).toBe("done");
      expect(await store().user("alice")).toEqual(user("alice", { password: "another", disabled: true }));
      expect(await change({ disabled: false })).toBe("done");
      expect((await store().user("alice"))?.disabled).toBe(false);
      expect(await store().user("bob")).toEqual(user("bob"));
      expect(await change({ disabled: true }, "carol")).toBe("missing");
    });

    it("lose their sessions with a new password, when they are disabled, and by nothing else", async () => {
      await add("alice");
      const change = (changes: { password?: string; disabled?: boolean }) =>
        store().changeUser({ name: "alice", ...changes, audit: audit("user.changed") });
      const isThere = async (text: string) => (await store().session(digest(text))) !== undefined;
      await session("of bob", "bob");
      for (const [changes, stays] of [
        [{ password: "new" }, false],
        [{ disabled: true }, false],
        [{ disabled: false }, true],
      ] as const) {
        await store().endSession(digest("s"));
        await session("s");
        await change(changes);
        expect(await isThere("s")).toBe(stays);
      }
      expect(await isThere("of bob")).toBe(true);
    });

    it("take everything along when they are removed", async () => {
      await add("alice");
      await team("dev");
      await join("dev", "alice");
      await join("dev", "bob");
      await allow("user", "alice", { pattern: "mine", actions: ["*"] });
      await allow("user", "bob", { pattern: "his", actions: ["*"] });
      await session("s");
      await make("ci", { owner: "alice" });
      await make("other", { owner: "bob" });
      const remove = () => store().removeUser({ name: "alice", audit: audit("user.removed", 2_000) });
      expect(await remove()).toBe("done");
      expect(await store().user("alice")).toBeUndefined();
      expect(await store().teamsOf("alice")).toEqual([]);
      expect(await store().teamsOf("bob")).toEqual(["dev"]);
      expect(await patterns("alice")).toEqual([]);
      expect(await patterns("bob")).toEqual(["his"]);
      expect(await store().session(digest("s"))).toBeUndefined();
      expect((await store().machineToken(digest("ci")))?.revokedAt).toBe(2_000);
      expect((await store().machineToken(digest("other")))?.revokedAt).toBeUndefined();
      expect(await remove()).toBe("missing");
    });

    it("are removed although they have no record", async () => {
      await team("dev");
      await join("dev", "alice");
      expect(await store().removeUser({ name: "alice", audit: audit("user.removed") })).toBe("done");
      expect(await store().teamsOf("alice")).toEqual([]);
    });
  });

  describe("teams", () => {
    it("have members with and without a record, each once", async () => {
      await add("alice");
      expect(await team("dev")).toBe("done");
      expect(await team("dev")).toBe("exists");
      expect(await team("ops")).toBe("done");
      for (const name of ["zoe", "alice"]) expect(await join("dev", name)).toBe("done");
      expect(await join("dev", "zoe")).toBe("exists");
      expect(await join("nobody", "zoe")).toBe("missing");
      await join("ops", "zoe");
      expect(await store().teams({ limit: 10 })).toEqual([
        { name: "dev", createdAt: 1_000, members: ["alice", "zoe"] },
        { name: "ops", createdAt: 1_000, members: ["zoe"] },
      ]);
      expect(names(await store().teams({ after: "dev", limit: 10 }))).toEqual(["ops"]);
      expect(await store().teamsOf("zoe")).toEqual(["dev", "ops"]);
      const leave = (name: string) =>
        store().removeMember({ team: "dev", user: name, audit: audit("team.left") });
      expect(await leave("zoe")).toBe("done");
      expect(await leave("zoe")).toBe("missing");
      expect(await store().teamsOf("zoe")).toEqual(["ops"]);
    });

    it("take members and permissions along, and a new one of the name has neither", async () => {
      await team("dev");
      await join("dev", "alice");
      await allow("team", "dev", { pattern: "a", actions: ["pull"] });
      const remove = () => store().removeTeam({ name: "dev", audit: audit("team.removed") });
      expect(await remove()).toBe("done");
      expect(await remove()).toBe("missing");
      expect(await store().permissions()).toEqual([]);
      await team("dev");
      expect(await store().teamsOf("alice")).toEqual([]);
    });
  });

  describe("permissions", () => {
    it("are those of the user, of its teams and of anyone, and of nobody else", async () => {
      await team("alice");
      await team("dev");
      await join("dev", "alice");
      await allow("user", "alice", { pattern: "own", actions: ["push", "pull"] });
      await allow("team", "dev", { pattern: "team", actions: ["pull"] });
      await allow("anyone", "", { pattern: "open", actions: ["pull"] });
      await allow("user", "dev", { pattern: "other user", actions: ["*"] });
      await allow("team", "alice", { pattern: "other team", actions: ["*"] });
      expect(await patterns("alice")).toEqual(["open", "own", "team"]);
      expect(await patterns("bob")).toEqual(["open"]);
      expect(await patterns(undefined)).toEqual(["open"]);
      expect(await store().permissionsOf("alice")).toContainEqual({
        subject: { kind: "user", name: "alice" },
        pattern: "own",
        actions: ["push", "pull"],
      });
      expect((await store().permissions()).map(({ subject, pattern }) => [subject.kind, pattern])).toEqual([
        ["anyone", "open"],
        ["team", "other team"],
        ["team", "team"],
        ["user", "own"],
        ["user", "other user"],
      ]);
    });

    it("take the place of what the subject had for the pattern", async () => {
      await allow("user", "alice", { pattern: "a", actions: ["push"] });
      await allow("user", "alice", { pattern: "b", actions: ["push"] });
      expect(await allow("user", "alice", { pattern: "a", actions: ["pull"] })).toBe("done");
      const found = await store().permissionsOf("alice");
      expect(found.map(({ pattern, actions }) => [pattern, actions])).toEqual([
        ["a", ["pull"]],
        ["b", ["push"]],
      ]);
      const drop = (pattern: string) =>
        store().removePermission({
          subject: { kind: "user", name: "alice" },
          pattern,
          audit: audit("acl.removed"),
        });
      expect(await drop("a")).toBe("done");
      expect(await drop("a")).toBe("missing");
      expect(await patterns("alice")).toEqual(["b"]);
    });

    it("of a team that is not there are missing", async () => {
      expect(await allow("team", "dev", { pattern: "a", actions: ["pull"] })).toBe("missing");
      expect(await store().permissions()).toEqual([]);
    });
  });

  describe("tokens of machines", () => {
    it("are found by their digest and name, in every process, and listed by name and owner", async () => {
      const scopes = [
        { pattern: "a/b", actions: ["pull"] },
        { pattern: "**", actions: ["catalog", "audit"] },
      ];
      expect(await make("ci", { scopes, owner: "alice" })).toBe("done");
      expect(await make("deploy")).toBe("done");
      const other = await bench.another();
      expect(await other.access.machineToken(digest("ci"))).toEqual(
        machine("ci", { scopes, owner: "alice" }),
      );
      expect(await other.access.machineToken(digest("none"))).toBeUndefined();
      expect(await other.access.machineTokenNamed("ci")).toEqual(machine("ci", { scopes, owner: "alice" }));
      for (const name of ["CI", "c", "ci2", "none", "constructor"])
        expect(await other.access.machineTokenNamed(name)).toBeUndefined();
      expect(names(await store().machineTokens({ limit: 10 }))).toEqual(["ci", "deploy"]);
      expect(names(await store().machineTokens({ owner: "alice", limit: 10 }))).toEqual(["ci"]);
      expect(names(await store().machineTokens({ owner: "", after: "ci", limit: 10 }))).toEqual(["deploy"]);
    });

    it("have a name and a digest of their own", async () => {
      await make("ci");
      expect(await make("ci", { digest: digest("another") })).toBe("exists");
      expect(await make("other", { digest: digest("ci") })).toBe("exists");
      expect(await store().machineToken(digest("another"))).toBeUndefined();
    });

    it("are revoked once, and stay known", async () => {
      await make("ci");
      const revoke = (at: number) =>
        store().revokeMachineToken({ name: "ci", audit: audit("token.revoked", at) });
      expect(await revoke(3_000)).toBe("done");
      expect(await revoke(4_000)).toBe("missing");
      expect((await store().machineToken(digest("ci")))?.revokedAt).toBe(3_000);
      expect((await store().machineTokenNamed("ci"))?.revokedAt).toBe(3_000);
      expect(await make("ci", { digest: digest("new") })).toBe("exists");
    });
  });

  describe("sessions", () => {
    it("are found until they are ended", async () => {
      await session("s");
      const found = { digest: digest("s"), user: "alice", createdAt: 1_000, expiresAt: 100_000 };
      expect(await (await bench.another()).access.session(digest("s"))).toEqual(found);
      expect(await store().endSession(digest("s"))).toBe(true);
      expect(await store().endSession(digest("s"))).toBe(false);
      expect(await store().session(digest("s"))).toBeUndefined();
    });

    it("of one user are listed, oldest first, and ended with a record, all or one", async () => {
      await session("b", "alice", 2_000);
      await session("a", "alice", 1_000);
      await session("of bob", "bob", 500);
      const texts = async (user = "alice") => (await store().sessions(user)).map((each) => each.digest);
      expect(await texts()).toEqual([digest("a"), digest("b")]);
      expect(await texts("nobody")).toEqual([]);
      const end = (text?: string, user = "alice") =>
        store().endSessionsOf({
          user,
          audit: audit("user.sessions-ended", 3_000),
          ...(text !== undefined && { digest: digest(text) }),
        });
      const { number } = await bench.store.audit.head();
      expect(await end("of bob")).toBe("missing");
      expect(await end("c")).toBe("missing");
      expect(await end(undefined, "nobody")).toBe("missing");
      expect((await bench.store.audit.head()).number).toBe(number);
      expect(await end("a")).toBe("done");
      expect(await texts()).toEqual([digest("b")]);
      expect(await end()).toBe("done");
      expect(await texts()).toEqual([]);
      expect(await texts("bob")).toEqual([digest("of bob")]);
      expect((await bench.store.audit.head()).number).toBe(number + 2);
    });

    it("are forgotten when they have expired", async () => {
      await session("old", "alice", 1_000, 2_000);
      await session("new", "bob", 2_000, 3_000);
      expect(await store().session(digest("old"))).toBeUndefined();
      expect(await store().session(digest("new"))).toBeDefined();
    });

    it("of one user give way, the oldest first", async () => {
      await session("of bob", "bob", 1);
      for (let i = 0; i <= accessBounds.sessions; i++) await session(`s${i}`, "alice", 10 + i);
      expect(await store().session(digest("s0"))).toBeUndefined();
      expect(await store().session(digest("s1"))).toBeDefined();
      expect(await store().session(digest("of bob"))).toBeDefined();
    });
  });

  describe("each change of these", () => {
    const trail = async () => {
      const { entries } = await bench.store.audit.list({ direction: "forwards", limit: 1_000 });
      return entries.map(({ kind }) => kind);
    };

    it("leaves its record, and one that changes nothing leaves none", async () => {
      const done: string[] = [];
      const told = async (kind: string, change: (record: AuditRecord) => Promise<string>) => {
        expect(await change(audit(kind))).toBe("done");
        done.push(kind);
        expect(await trail()).toEqual(done);
      };
      const subject = { kind: "team", name: "dev" } as const;
      const permission = { subject, pattern: "a", actions: ["pull"] };
      await told("user.added", (record) => store().addUser({ user: user("alice"), audit: record }));
      await told("user.changed", (record) =>
        store().changeUser({ name: "alice", disabled: true, audit: record }),
      );
      await told("team.added", (record) => store().addTeam({ name: "dev", audit: record }));
      await told("member.added", (record) =>
        store().addMember({ team: "dev", user: "alice", audit: record }),
      );
      await told("permission.set", (record) => store().setPermission({ permission, audit: record }));
      await told("token.added", (record) => store().addMachineToken({ token: machine("ci"), audit: record }));
      await add("alice");
      await team("dev");
      await join("dev", "alice");
      await make("ci");
      expect(await trail()).toEqual(done);
      await told("token.revoked", (record) => store().revokeMachineToken({ name: "ci", audit: record }));
      await told("permission.removed", (record) =>
        store().removePermission({ subject, pattern: "a", audit: record }),
      );
      await told("member.removed", (record) =>
        store().removeMember({ team: "dev", user: "alice", audit: record }),
      );
      await told("team.removed", (record) => store().removeTeam({ name: "dev", audit: record }));
      await told("user.removed", (record) => store().removeUser({ name: "alice", audit: record }));
      const nothing = audit("nothing.done");
      expect(await store().revokeMachineToken({ name: "ci", audit: nothing })).toBe("missing");
      expect(await store().removePermission({ subject, pattern: "a", audit: nothing })).toBe("missing");
      expect(await store().removeMember({ team: "dev", user: "alice", audit: nothing })).toBe("missing");
      expect(await store().removeTeam({ name: "dev", audit: nothing })).toBe("missing");
      expect(await store().removeUser({ name: "alice", audit: nothing })).toBe("missing");
      expect(await trail()).toEqual(done);
    });
  });

  describe("what is out of bounds", () => {
    it.each<[string, () => Promise<unknown>]>([
      ["a user without a name", () => add("")],
      ["a user with a lone surrogate", () => add("\ud800")],
      ["a page without end", () => store().users({ limit: 1_001 })],
      ["anyone with a name", () => allow("anyone", "alice", { pattern: "a", actions: ["pull"] })],
      ["an action with a space", () => allow("user", "alice", { pattern: "a", actions: ["pull push"] })],
      ["a digest that is none", () => store().machineToken("x")],
      ["a token without a name", () => store().machineTokenNamed("")],
      [
        "too many scopes",
        () => make("ci", { scopes: Array(accessBounds.scopes + 1).fill({ pattern: "a", actions: [] }) }),
      ],
    ])("is a fault of the caller: %s", async (_name, work) => {
      await expect(work()).rejects.toThrow(RangeError);
    });
  });
}
