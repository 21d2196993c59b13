import { describe, expect, it } from "vitest";
import { newProposal, proposalChange, room, signature } from "../../support/proposals.ts";
import { file, publication, publishNext, removalOf } from "../../support/publications.ts";
import { codeOf } from "../../support/refusal.ts";
import type { Bench } from "./bench.ts";

export function proposals(bench: Bench): void {
  const store = () => bench.store.proposals;
  const open = (id: string, changes: Parameters<typeof newProposal>[1] = {}, limits = room()) =>
    store().open(newProposal(id, changes), limits);
  const get = (id: string, repository = "a") => store().get(repository, id);
  const stateOf = async (id: string, repository = "a") => (await get(id, repository))?.state;
  const ids = async (query: Partial<Parameters<ReturnType<typeof store>["list"]>[0]> = {}) =>
    (await store().list({ limit: 100, now: 1_000, ...query })).map(({ id }) => id);
  /** Versions of a base as they are after `publishNext`. */
  const at = (versions: Record<string, number>) => ({ base: new Map(Object.entries(versions)) });

  describe("a proposal", () => {
    it("comes back as it was opened, byte for byte, in every process", async () => {
      const signed = Buffer.from([0, 1, 0x7f, 0x80, 0xff]);
      const files = [
        { role: "targets", version: 3, signed, signatures: [signature("k1")] },
        { role: "root", version: 2, signed: Buffer.from("signed root"), signatures: [] },
      ];
      const proposal = newProposal("p1", { files, release: "2030.1", note: "für alle\nzwei" });
      expect(await store().open(proposal, room())).toBe("opened");
      const other = await bench.another();
      const found = await other.proposals.get("a", "p1");
      expect(found).toMatchObject({
        id: "p1",
        repository: "a",
        state: "open",
        revision: 1,
        openedAt: 1_000,
        openedBy: "alice",
        expiresAt: 10_000,
        settledAt: undefined,
        note: "für alle\nzwei",
        release: "2030.1",
        digest: "d".repeat(64),
        complete: false,
        reason: "",
        events: [{ at: 1_000, kind: "opened", principal: "alice", detail: "" }],
      });
      expect(found?.base).toEqual(proposal.base);
      expect(found?.files.map(({ role, version }) => [role, version])).toEqual([
        ["root", 2],
        ["targets", 3],
      ]);
      expect(Buffer.from(found?.files[1]?.signed ?? [])).toEqual(signed);
      expect(found?.files[1]?.signatures.map(({ keyId }) => keyId)).toEqual(["k1"]);
    });

    it("is found under its own repository only", async () => {
      await open("p1");
      expect(await get("p1", "b")).toBeUndefined();
      expect(await get("p2")).toBeUndefined();
      expect(await store().revision("b", "p1")).toBeUndefined();
      expect(await store().revision("a", "p1")).toBe(1);
      expect(await codeOf(store().change(proposalChange("p1", { repository: "b" })))).toBe("CONFLICT");
    });

    it("has an ID of its own", async () => {
      await open("p1");
      expect(await codeOf(open("p1"))).toBe("CONFLICT");
      expect(await codeOf(open("p1", { repository: "b" }))).toBe("CONFLICT");
      expect(await ids()).toEqual(["p1"]);
    });

    it("is not opened on a base that has moved", async () => {
      await publishNext(bench.store, "a", ["root", "targets", "timestamp"]);
      expect(await codeOf(open("p1"))).toBe("CONFLICT");
      expect(await codeOf(open("p1", at({ root: 1, targets: 2 })))).toBe("CONFLICT");
      expect(await open("p1", at({ root: 1, targets: 1, "targets/new": 0 }))).toBe("opened");
      expect(await ids()).toEqual(["p1"]);
    });
  });

  describe("limits of proposals", () => {
    it("keep out what is one too many in a repository, and in all", async () => {
      const limits = room({ openHere: 2, openInAll: 3 });
      for (const id of ["p1", "p2"]) expect(await open(id, {}, limits)).toBe("opened");
      expect(await open("p3", {}, limits)).toBe("fullHere");
      expect(await open("p3", { repository: "b" }, limits)).toBe("opened");
      expect(await open("p4", { repository: "c" }, limits)).toBe("full");
      expect(await ids()).toEqual(["p3", "p2", "p1"]);
      await store().change(proposalChange("p1", { settle: "cancelled" }));
      expect(await open("p4", {}, limits)).toBe("opened");
    });

    it("make settled ones give way, the oldest first, and never open ones", async () => {
      for (const [i, id] of ["p1", "p2", "p3"].entries()) {
        await open(id);
        await store().change(proposalChange(id, { settle: "cancelled", at: 2_000 + i }));
      }
      await open("p4", {}, room({ settled: 2 }));
      expect(await ids()).toEqual(["p4", "p3", "p2"]);
      const files = [{ role: "targets", version: 1, signed: Buffer.alloc(1_000), signatures: [] }];
      expect(await open("p5", { files }, room({ bytes: 900 }))).toBe("full");
      expect(await ids()).toEqual(["p4", "p3", "p2"]);
      expect(await open("p5", { files }, room({ bytes: 1_040 }))).toBe("opened");
      expect(await ids()).toEqual(["p5", "p4"]);
    });
  });

  describe("lists of proposals", () => {
    it("are pages, newest first, of a repository, a release or a state", async () => {
      await open("p1", { release: "r1" });
      await open("p2", { repository: "b", release: "r1" });
      await open("p3", { release: "r2" });
      await open("p4");
      await store().change(proposalChange("p3", { settle: "rejected" }));
      expect(await ids()).toEqual(["p4", "p3", "p2", "p1"]);
      expect(await ids({ repository: "a" })).toEqual(["p4", "p3", "p1"]);
      expect(await ids({ release: "r1" })).toEqual(["p2", "p1"]);
      expect(await ids({ release: "r1", repository: "b" })).toEqual(["p2"]);
      expect(await ids({ release: "" })).toEqual([]);
      expect(await ids({ state: "open" })).toEqual(["p4", "p2", "p1"]);
      expect(await ids({ state: "rejected", release: "r2" })).toEqual(["p3"]);
      expect(await ids({ limit: 2 })).toEqual(["p4", "p3"]);
      expect(await ids({ limit: 2, before: "p3" })).toEqual(["p2", "p1"]);
      expect(await ids({ before: "gone" })).toEqual([]);
    });

    it("say who has signed, without the bytes", async () => {
      await open("p1");
      const signatures = [{ role: "targets", ...signature("k1") }];
      await store().change(proposalChange("p1", { signatures }));
      const [summary] = await store().list({ limit: 1, now: 1_000 });
      expect(summary?.files).toEqual([{ role: "targets", version: 1, signedBy: ["k1"] }]);
      expect(summary).not.toHaveProperty("events");
    });

    it("of what wants attention name the complete ones and those whose time is over", async () => {
      await open("p1", { expiresAt: 5_000 });
      await open("p2");
      await open("p3", { complete: true });
      const attention = async (now: number, limit = 10) =>
        (await store().attention({ now, limit })).map(({ id }) => id);
      expect(await attention(4_999)).toEqual(["p3"]);
      expect(await attention(5_000)).toEqual(["p1", "p3"]);
      expect(await attention(5_000, 1)).toEqual(["p1"]);
      expect([await store().countOpen(4_999), await store().countOpen(5_000)]).toEqual([3, 2]);
      // Nobody has written it down yet. What is complete waits for its publication, whatever the time.
      expect(await ids({ state: "expired", now: 20_000 })).toEqual(["p2", "p1"]);
      expect(await ids({ state: "open", now: 20_000 })).toEqual(["p3"]);
      await store().change(proposalChange("p1", { settle: "expired" }));
      await store().change(proposalChange("p3", { settle: "cancelled" }));
      expect(await attention(6_000)).toEqual([]);
    });
  });

  describe("a change of a proposal", () => {
    it("adds signatures and says so", async () => {
      await open("p1");
      const signatures = [{ role: "targets", ...signature("k1") }];
      const event = { kind: "signed", detail: "targets: k1" } as const;
      expect(await store().change(proposalChange("p1", { signatures, event, complete: true }))).toBe(2);
      const found = await get("p1");
      expect(found).toMatchObject({ revision: 2, complete: true, state: "open" });
      expect(found?.files[0]?.signatures.map(({ keyId, method }) => [keyId, method])).toEqual([
        ["k1", "ecdsa"],
      ]);
      expect(Buffer.from(found?.files[0]?.signatures[0]?.signature ?? []).toString()).toBe("k1");
      expect(found?.events.at(-1)).toEqual({
        at: 2_000,
        kind: "signed",
        principal: "bob",
        detail: "targets: k1",
      });
    });

    it("is made by one of two who saw the same", async () => {
      await open("p1");
      const sign = (keyId: string) =>
        store()
          .change(proposalChange("p1", { signatures: [{ role: "targets", ...signature(keyId) }] }))
          .then(
            () => "done",
            () => "CONFLICT",
          );
      expect((await Promise.all([sign("k1"), sign("k2")])).sort()).toEqual(["CONFLICT", "done"]);
      expect((await get("p1"))?.files[0]?.signatures).toHaveLength(1);
    });

    it("with a role that it lacks, or a key ID that is there, changes nothing", async () => {
      await open("p1");
      const signatures = [{ role: "targets", ...signature("k1") }];
      await store().change(proposalChange("p1", { signatures }));
      const again = proposalChange("p1", { signatures, expectedRevision: 2 });
      const strange = { ...again, signatures: [{ role: "root", ...signature("k2") }] };
      for (const change of [again, strange]) expect(await codeOf(store().change(change))).toBe("CONFLICT");
      expect(await store().revision("a", "p1")).toBe(2);
    });

    it.each(["rejected", "cancelled", "expired", "superseded"] as const)(
      "that makes it %s ends it",
      async (settle) => {
        await open("p1");
        await store().change(proposalChange("p1", { settle, reason: "because" }));
        expect(await get("p1")).toMatchObject({
          state: settle,
          settledAt: 2_000,
          reason: "because",
          revision: 2,
        });
        expect((await get("p1"))?.events.at(-1)).toMatchObject({ kind: settle, principal: "bob" });
        expect(await codeOf(store().change(proposalChange("p1", { expectedRevision: 2 })))).toBe("CONFLICT");
      },
    );

    it("made when its time is over is refused, unless it says so or nothing was missing", async () => {
      await open("p1", { expiresAt: 2_000 });
      await open("p2", { expiresAt: 2_000, complete: true });
      for (const settle of [undefined, "rejected", "cancelled", "superseded"] as const) {
        expect(await codeOf(store().change(proposalChange("p1", { settle })))).toBe("CONFLICT");
      }
      await store().change(proposalChange("p1", { settle: "expired" }));
      await store().change(proposalChange("p2", { complete: true }));
      expect([await stateOf("p1"), await stateOf("p2")]).toEqual(["expired", "open"]);
    });

    it("leaves no more than 500 events while it is open, and its end all the same", async () => {
      await open("p1");
      for (let i = 1; i <= 510; i++) await store().change(proposalChange("p1", { expectedRevision: i }));
      expect((await get("p1"))?.events).toHaveLength(500);
      await store().change(proposalChange("p1", { expectedRevision: 511, settle: "cancelled" }));
      expect((await get("p1"))?.events.at(-1)?.kind).toBe("cancelled");
    });

    it("that forgets takes settled ones of long ago, and no others", async () => {
      for (const id of ["p1", "p2", "p3"]) await open(id);
      await store().change(proposalChange("p1", { settle: "cancelled", at: 2_000 }));
      await store().change(proposalChange("p2", { settle: "cancelled", at: 3_000 }));
      expect(await store().forget({ settledBefore: 3_000, limit: 10 })).toBe(1);
      expect(await ids()).toEqual(["p3", "p2"]);
      expect(await store().forget({ settledBefore: 9_000, limit: 10 })).toBe(1);
      expect(await ids()).toEqual(["p3"]);
    });
  });

  describe("a publication", () => {
    const versions = { root: 1, targets: 1 };
    const next = async (roles: string[], changes: Parameters<typeof publishNext>[3] = {}) =>
      await publishNext(bench.store, "a", roles, { at: 5_000, principal: "carol", ...changes });

    it("of a proposal ends it in the same change", async () => {
      await next(["root", "targets", "timestamp"]);
      await open("p1", at(versions));
      await next(["targets", "timestamp"], { proposal: "p1" });
      expect(await get("p1")).toMatchObject({ state: "published", settledAt: 5_000, revision: 2 });
      expect((await get("p1"))?.events.at(-1)).toEqual({
        at: 5_000,
        kind: "published",
        principal: "carol",
        detail: "targets 2",
      });
    });

    it("happens once: of a proposal that is not open it does not happen at all", async () => {
      await next(["root", "targets", "timestamp"]);
      await open("p1", at(versions));
      await next(["targets", "timestamp"], { proposal: "p1" });
      const before = await bench.store.state("a");
      for (const proposal of ["p1", "none"]) {
        expect(await codeOf(next(["targets", "timestamp"], { proposal }))).toBe("CONFLICT");
      }
      await open("p2", { ...at({ root: 0 }), repository: "b" });
      expect(await codeOf(next(["targets", "timestamp"], { proposal: "p2" }))).toBe("CONFLICT");
      expect(await bench.store.state("a")).toEqual(before);
      expect(await stateOf("p2", "b")).toBe("open");
    });

    it("of a role that others rest on supersedes them, and says by what", async () => {
      await next(["root", "targets", "targets/a", "timestamp"]);
      await open("rests", at({ ...versions, "targets/a": 1 }));
      await open("apart", at({ root: 1 }));
      await open("elsewhere", { repository: "b" });
      await next(["targets", "snapshot", "timestamp"]);
      expect(await get("rests")).toMatchObject({
        state: "superseded",
        reason: "targets 2",
        settledAt: 5_000,
      });
      expect(await stateOf("apart")).toBe("open");
      expect(await stateOf("elsewhere", "b")).toBe("open");
    });

    it("ends as expired what was over already", async () => {
      await next(["root", "targets", "timestamp"]);
      await open("p1", { ...at(versions), expiresAt: 5_000 });
      await next(["targets", "timestamp"]);
      expect(await get("p1")).toMatchObject({ state: "expired", reason: "" });
    });

    it("of a proposal supersedes the others that rest on the same", async () => {
      await next(["root", "targets", "timestamp"]);
      for (const id of ["p1", "p2"]) await open(id, at(versions));
      await next(["targets", "timestamp"], { proposal: "p1" });
      expect([await stateOf("p1"), await stateOf("p2")]).toEqual(["published", "superseded"]);
    });

    it("that renews moves no base", async () => {
      await next(["root", "targets", "snapshot", "timestamp"]);
      await open("p1", at(versions));
      await next(["snapshot", "timestamp"], { kind: "refresh" });
      expect(await get("p1")).toMatchObject({ state: "open", revision: 1 });
    });

    it("that is refused ends nothing", async () => {
      await next(["root", "targets", "timestamp"]);
      await open("p1", at(versions));
      const stale = publication("a", { expectedRevision: 0, proposal: "p1", metadata: [file("targets", 2)] });
      expect(await codeOf(bench.store.commit(stale))).toBe("CONFLICT");
      expect(await stateOf("p1")).toBe("open");
    });

    it("of a name never used may be that of a proposal", async () => {
      await open("p1");
      await next(["root", "targets", "timestamp"], { proposal: "p1" });
      expect(await stateOf("p1")).toBe("published");
    });
  });

  it("a removal ends the open proposals of its repository and leaves others", async () => {
    await publishNext(bench.store, "a", ["root", "timestamp"]);
    await open("p1", at({ root: 1 }));
    await open("p2", { repository: "a/b" });
    await bench.store.remove(removalOf("a", 7_000, "dave"));
    expect(await get("p1")).toMatchObject({
      state: "superseded",
      settledAt: 7_000,
      reason: "the repository was deleted",
    });
    expect(await stateOf("p2", "a/b")).toBe("open");
  });

  it.each([
    ["an ID without end", () => open("p".repeat(65))],
    ["no files", () => open("p1", { files: [] })],
    ["a page without end", () => store().list({ limit: 201, now: 1 })],
    ["a name that is not Unicode", () => get("p1", "\ud800")],
    ["a limit below nothing", () => open("p1", {}, room({ bytes: -1 }))],
    ["a role twice", () => open("p1", { files: [...newProposal("x").files, ...newProposal("x").files] })],
  ])("%s is a fault of the caller", async (_, work) => {
    await expect(work()).rejects.toThrow(RangeError);
    expect(await ids()).toEqual([]);
  });
}
