import { describe, expect, it } from "vitest";
import { entryHash, startOfTrail } from "../../../src/core/audit-chain.ts";
import type { AuditQuery, RefusalCount } from "../../../src/store/contract/audit.ts";
import { newProposal, proposalChange, room } from "../../support/proposals.ts";
import {
  file,
  limits,
  onlineKey,
  publication,
  publishNext,
  removalOf,
  told,
} from "../../support/publications.ts";
import { codeOf } from "../../support/refusal.ts";
import type { Bench } from "./bench.ts";

const hour = 3_600_000;
const actor = { name: "vidimus", method: "server", address: "" };

export function audit(bench: Bench): void {
  const trail = () => bench.store.audit;
  const page = (query: Partial<AuditQuery> = {}) =>
    trail().list({ direction: "forwards", limit: 1_000, ...query });
  const kinds = async () => (await page()).entries.map(({ kind }) => kind);
  const refused = (changes: Partial<RefusalCount> = {}): RefusalCount => ({
    hour: 0,
    principal: "mallory",
    code: "UNAUTHORIZED",
    count: 1,
    ...changes,
  });

  describe("the audit trail", () => {
    it("is empty at first", async () => {
      expect(await trail().head()).toEqual({ number: 0, hash: startOfTrail, at: 0 });
      expect(await page()).toEqual({ entries: [], next: undefined });
    });

    it("gives back what it was told, by which its hashes can be made again, in every process", async () => {
      const record = told("a/b", {
        at: 77,
        actor: { name: "Zoë", method: "password", address: "2001:db8::7" },
        detail: '{"keys":["\u{1F511}"],"note":"\\"so\\""}',
      });
      await trail().append(record);
      const head = await trail().append(told("", { kind: "user.added", at: 70 }));
      const other = await bench.another();
      const { entries } = await other.audit.list({ direction: "forwards", limit: 10 });
      expect(entries[0]).toEqual({ ...record, number: 1, hash: entryHash(startOfTrail, record) });
      let hash = startOfTrail;
      for (const entry of entries) {
        hash = entryHash(hash, entry);
        expect(entry.hash).toBe(hash);
      }
      expect(head).toEqual({ number: 2, hash, at: 70 });
      expect(await other.audit.head()).toEqual(head);
    });

    it("has a record of every change, in the order of the changes", async () => {
      await bench.store.addPendingKey(onlineKey("a"), limits(), told("a", { kind: "key.created" }));
      await bench.store.commit(publication("a"));
      await bench.store.proposals.open(newProposal("p1", { base: new Map([["root", 1]]) }), room());
      await bench.store.proposals.change(
        proposalChange("p1", { audit: told("a", { kind: "proposal.signed" }) }),
      );
      await bench.store.proposals.change(
        proposalChange("p1", {
          expectedRevision: 2,
          settle: "cancelled",
          audit: told("a", { kind: "proposal.cancelled" }),
        }),
      );
      await bench.store.remove(removalOf("a", 5));
      await bench.store.createKeyring(Buffer.from([1]));
      await bench.store.replaceKeyring({
        expected: Buffer.from([1]),
        record: Buffer.from([2]),
        audit: told("", { kind: "keyring.replaced" }),
      });
      await bench.store.raiseFloor({
        ...removalOf("b", 6),
        format: "notary",
        floor: new Map([["root", 4]]),
        audit: told("b", { kind: "repository.recovered" }),
      });
      expect(await kinds()).toEqual([
        "key.created",
        "repository.published",
        "proposal.opened",
        "proposal.signed",
        "proposal.cancelled",
        "repository.removed",
        "keyring.replaced",
        "repository.recovered",
      ]);
    });

    it("has no record of what was refused or changed nothing", async () => {
      await bench.store.commit(publication("a"));
      await bench.store.addPendingKey(onlineKey("a"), limits(), told("a", { kind: "key.created" }));
      const before = await trail().head();
      expect(await codeOf(bench.store.commit(publication("a")))).toBe("CONFLICT");
      const old = publication("a", { expectedRevision: 1, metadata: [file("new", 1), file("root", 1)] });
      expect(await codeOf(bench.store.commit(old))).toBe("CONFLICT");
      expect(await bench.store.remove(removalOf("b", 1))).toBe(false);
      await bench.store.addPendingKey(onlineKey("a", { keyId: "second" }), limits(), told("a"));
      await bench.store.addPendingKey(onlineKey("c"), limits({ most: 0 }), told("c"));
      expect(
        await bench.store.proposals.open(newProposal("p1", { repository: "d" }), room({ openHere: 0 })),
      ).toBe("fullHere");
      expect(await codeOf(bench.store.proposals.change(proposalChange("p1")))).toBe("CONFLICT");
      const change = { expected: Buffer.from([1]), record: Buffer.from([2]), audit: told("") };
      expect(await codeOf(bench.store.replaceKeyring(change))).toBe("CONFLICT");
      expect(await trail().head()).toEqual(before);
    });

    it("says of each proposal that a publication or a removal ends how it ended, by whom", async () => {
      const whose = { name: "carol", method: "password", address: "192.0.2.1" };
      const by = told("a", { at: 5_000, actor: whose });
      await bench.store.proposals.open(newProposal("p1"), room());
      await bench.store.proposals.open(newProposal("p2"), room());
      await bench.store.proposals.open(newProposal("p3", { expiresAt: 4_000 }), room());
      await publishNext(bench.store, "a", ["root", "targets"], { at: 5_000, proposal: "p1", audit: by });
      const base = new Map([["root", 1]]);
      await bench.store.proposals.open(newProposal("p4", { base }), room());
      await bench.store.remove(removalOf("a", 6_000));
      const ends = (await page()).entries.filter(({ kind }) => kind !== "proposal.opened");
      expect(
        ends.map(({ kind, actor: { name }, detail }) => [kind, name, JSON.parse(detail).proposal]),
      ).toEqual([
        ["repository.published", "carol", undefined],
        ["proposal.published", "carol", "p1"],
        ["proposal.superseded", "carol", "p2"],
        ["proposal.expired", "carol", "p3"],
        ["repository.removed", "tester", undefined],
        ["proposal.superseded", "tester", "p4"],
      ]);
      expect(ends[2]).toMatchObject({ at: 5_000, repository: "a", actor: whose });
    });

    it("numbers what many append at once, through two handles, without a gap", async () => {
      const other = await bench.another();
      const records = Array.from({ length: 60 }, (_, at) => told(`r${at}`, { at }));
      await Promise.all(records.map((each, at) => (at % 2 === 0 ? bench.store : other).audit.append(each)));
      const { entries } = await page();
      expect(entries.map(({ number }) => number)).toEqual(records.map((_, index) => index + 1));
      let hash = startOfTrail;
      for (const entry of entries) hash = entryHash(hash, entry);
      expect((await other.audit.head()).hash).toBe(hash);
    });

    it("is read in pages both ways", async () => {
      for (let at = 1; at <= 5; at++) await trail().append(told("a", { at }));
      const numbers = async (query: Partial<AuditQuery>) => {
        const { entries, next } = await page(query);
        return [entries.map(({ number }) => number), next];
      };
      expect(await numbers({ limit: 2 })).toEqual([[1, 2], 2]);
      expect(await numbers({ limit: 2, from: 2 })).toEqual([[3, 4], 4]);
      expect(await numbers({ limit: 2, from: 4 })).toEqual([[5], undefined]);
      expect(await numbers({ limit: 2, direction: "backwards" })).toEqual([[5, 4], 4]);
      expect(await numbers({ direction: "backwards", from: 4 })).toEqual([[3, 2, 1], undefined]);
    });

    it("is filtered by repository, kind, actor and time", async () => {
      const dora = { name: "dora", method: "password", address: "" };
      await trail().append(told("a", { at: 10 }));
      await trail().append(told("a/b", { at: 20, actor: dora }));
      await trail().append(told("a", { at: 30, kind: "repository.removed", actor: dora }));
      await trail().append(told("", { at: 40, kind: "user.added" }));
      const numbers = async (query: Partial<AuditQuery>) =>
        (await page(query)).entries.map(({ number }) => number);
      expect(await numbers({ repository: "a" })).toEqual([1, 3]);
      expect(await numbers({ repository: "a", direction: "backwards", from: 3 })).toEqual([1]);
      expect(await numbers({ repository: "" })).toEqual([]);
      expect(await numbers({ kind: "user.added" })).toEqual([4]);
      expect(await numbers({ actor: "dora" })).toEqual([2, 3]);
      expect(await numbers({ since: 20, until: 40 })).toEqual([2, 3]);
      expect(await numbers({ repository: "a", actor: "dora", since: 31 })).toEqual([]);
    });

    it.each([
      ["no object", { detail: "[]" }],
      ["too much of it", { detail: `{"x":"${"ü".repeat(32 * 1_024)}"}` }],
      ["a kind of another form", { kind: "published" }],
      ["a name that is no text", { actor: { name: "\ud800", method: "none", address: "" } }],
    ])("takes no detail of %s", async (_, changes) => {
      await expect(trail().append(told("a", changes))).rejects.toThrow(RangeError);
      const audit = told("a", changes);
      await expect(bench.store.commit(publication("a", { audit }))).rejects.toThrow(RangeError);
      expect((await trail().head()).number).toBe(0);
    });

    it("takes no record of one repository with a change of another", async () => {
      const change = publication("a", { audit: told("b") });
      await expect(bench.store.commit(change)).rejects.toThrow(RangeError);
    });
  });

  describe("refusals", () => {
    it("are counted by hour, principal and code, and no entry each", async () => {
      await trail().countRefusals([refused(), refused({ code: "FORBIDDEN", count: 3 })]);
      await trail().countRefusals([refused({ count: 4 }), refused({ hour })]);
      expect(await trail().refusals()).toEqual([
        refused({ code: "FORBIDDEN", count: 3 }),
        refused({ count: 5 }),
        refused({ hour }),
      ]);
      expect((await trail().head()).number).toBe(0);
    });

    it("of hours that are over become one record, and are counted anew", async () => {
      await trail().countRefusals([refused({ count: 5 }), refused({ hour, count: 2 })]);
      expect(await trail().settleRefusals({ before: hour, at: 9, actor })).toBe(1);
      expect(await trail().settleRefusals({ before: hour, at: 9, actor })).toBe(0);
      expect(await trail().refusals()).toEqual([refused({ hour, count: 2 })]);
      const { entries } = await page();
      expect(entries).toMatchObject([{ at: 9, kind: "server.refused", actor, repository: "" }]);
      expect(JSON.parse(entries[0]?.detail ?? "")).toEqual({ refused: [refused({ count: 5 })] });
    });

    it("of any number of names take a bounded place, and none is lost in the sum", async () => {
      for (let from = 0; from < 3_000; from += 1_000) {
        const names = Array.from({ length: 1_000 }, (_, index) => `n${from + index}`);
        await trail().countRefusals(names.map((principal) => refused({ principal })));
      }
      let records = 0;
      for (let made = 1; made > 0; records += made)
        made = await trail().settleRefusals({ before: hour, at: 1, actor });
      expect(records).toBe(26);
      const rows = (await page()).entries.flatMap(
        ({ detail }) => (JSON.parse(detail) as { refused: RefusalCount[] }).refused,
      );
      expect(rows).toHaveLength(2_001);
      expect(rows.reduce((sum, { count }) => sum + count, 0)).toBe(3_000);
      expect(rows.find(({ principal }) => principal === "")?.count).toBe(1_000);
    });
  });

  it("the key of heads is the one that was stored first, for every handle", async () => {
    const key = { keytype: "ed25519", publicKey: "AAAA", reference: Buffer.from([1]), createdAt: 5 };
    expect(await trail().key()).toBeUndefined();
    const other = await bench.another();
    expect(await trail().createKey(key)).toMatchObject({ publicKey: "AAAA" });
    expect(await other.audit.createKey({ ...key, publicKey: "BBBB" })).toMatchObject({ publicKey: "AAAA" });
    expect(Buffer.from((await other.audit.key())?.reference ?? [])).toEqual(Buffer.from([1]));
  });
}
