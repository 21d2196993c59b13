import { describe, expect, it } from "vitest";
import type { HeldKeys } from "../../../src/store/contract/imports.ts";
import type { Publication } from "../../../src/store/contract/store.ts";
import {
  everything,
  file,
  limits,
  onlineKey,
  publication,
  publishNext,
  removalOf,
  tester,
  told,
} from "../../support/publications.ts";
import type { Bench } from "./bench.ts";

/** As it was elsewhere: root 3, targets 5, snapshot 6, timestamp 9. */
export function taken(repository: string, changes: Partial<Publication> = {}): Publication {
  return publication(repository, {
    kind: "import",
    audit: told(repository, { kind: "repository.imported" }),
    metadata: [file("root", 3), file("targets", 5), file("snapshot", 6), file("timestamp", 9)],
    imported: {
      origin: "https://notary.example.org",
      history: [file("root", 1), file("root", 2)],
      keys: [],
    },
    ...changes,
  });
}

export function imports(bench: Bench): void {
  const more = (
    files: ReturnType<typeof file>[],
    changes: { repository?: string; incarnation?: number } = {},
  ) =>
    bench.store.imports.addHistory({
      repository: "a",
      incarnation: 1,
      at: 2_000,
      principal: "tester",
      files,
      audit: told(changes.repository ?? "a", { at: 2_000, kind: "import.past-added" }),
      ...changes,
    });
  const versions = async (role: string) =>
    (await bench.store.imports.versions({ repository: "a", role, after: 0, limit: 100 })).map(
      ({ version }) => version,
    );
  const refused = (work: Promise<unknown>) => expect(work).rejects.toMatchObject({ code: "CONFLICT" });

  describe("an import", () => {
    it("makes its set current, with the older files behind it", async () => {
      expect(await bench.store.commit(taken("a"))).toEqual({ revision: 1, incarnation: 1 });
      const { current } = await bench.store.state("a");
      expect([...current].map(([role, { version }]) => [role, version]).sort()).toEqual([
        ["root", 3],
        ["snapshot", 6],
        ["targets", 5],
        ["timestamp", 9],
      ]);
      expect(await versions("root")).toEqual([1, 2, 3]);
      const first = file("root", 1);
      const stored = await bench.store.byVersion("a", "root", 1);
      expect(stored).toMatchObject({ sha256: first.sha256, version: 1, incarnation: 1, storedAt: 1_000 });
      expect(Buffer.from(stored?.bytes ?? [])).toEqual(Buffer.from(first.bytes));
      expect(await bench.store.byDigest("a", "root", first.sha256)).toMatchObject({ version: 1 });
      expect(await bench.store.imports.last("a")).toEqual({
        revision: 1,
        incarnation: 1,
        at: 1_000,
        origin: "https://notary.example.org",
      });
      expect(await bench.store.changes({ direction: "forwards", limit: 10 })).toMatchObject([
        { repository: "a", version: 9, category: "update" },
      ]);
    });

    it("that comes again brings what is newer, and goes by the revision", async () => {
      await bench.store.commit(taken("a"));
      await refused(bench.store.commit(taken("a")));
      await refused(bench.store.commit(taken("a", { expectedRevision: 1 })));
      const metadata = [file("timestamp", 12)];
      const imported = { origin: "again", history: [file("timestamp", 11)], keys: [] };
      await bench.store.commit(taken("a", { expectedRevision: 1, at: 3_000, metadata, imported }));
      expect(await versions("timestamp")).toEqual([9, 11, 12]);
      expect(await bench.store.imports.last("a")).toMatchObject({ revision: 2, origin: "again", at: 3_000 });
    });

    it("leaves nothing behind when an older file is not older, or of other bytes", async () => {
      await bench.store.commit(taken("a"));
      const before = await everything(bench.store, "a");
      const metadata = [file("timestamp", 12)];
      for (const history of [
        [file("timestamp", 13)],
        [file("root", 2, "other")],
        [file("root", 3, "other")],
      ]) {
        await refused(
          bench.store.commit(
            taken("a", { expectedRevision: 1, metadata, imported: { origin: "", history, keys: [] } }),
          ),
        );
      }
      expect(await everything(bench.store, "a")).toEqual(before);
      expect(await versions("timestamp")).toEqual([9]);
    });

    it("is out of bounds without saying from where, as is a publication that does", async () => {
      const { imported, ...rest } = taken("a");
      await expect(bench.store.commit(rest)).rejects.toThrow(RangeError);
      await expect(
        bench.store.commit(publication("a", imported === undefined ? {} : { imported })),
      ).rejects.toThrow(RangeError);
      expect(await bench.store.state("a")).toMatchObject({ revision: 0 });
    });

    it("and its past leave one entry each in the trail, and none where nothing is new", async () => {
      const kinds = async () =>
        (await bench.store.audit.list({ direction: "forwards", limit: 100 })).entries.map(({ kind }) => kind);
      await bench.store.commit(taken("a"));
      expect(await more([file("targets", 1)])).toBe(1);
      expect(await more([file("targets", 1)])).toBe(0);
      await refused(more([file("targets", 1, "other")]));
      expect(await kinds()).toEqual(["repository.imported", "import.past-added"]);
      expect(await bench.store.history.changes("a", 0, 10)).toMatchObject([{ revision: 1, kind: "import" }]);
    });

    it("does not bring back what was taken away, and its files count to it", async () => {
      await bench.store.commit(taken("a"));
      await more([file("targets", 1)]);
      const after = { role: "", version: 0 };
      const files = await bench.store.retention.files("a", after, 100);
      expect(files.map(({ role, version, revision }) => [role, version, revision])).toContainEqual([
        "targets",
        1,
        1,
      ]);
      const taking = {
        repository: "a",
        incarnation: 1,
        at: 3_000,
        actor: tester,
        files: [{ role: "targets", version: 1 }],
      };
      expect(await bench.store.retention.remove(taking)).toBe(1);
      expect(await more([file("targets", 1)])).toBe(0);
      await refused(more([file("targets", 1, "other")]));
      expect(await versions("targets")).toEqual([5]);
    });

    it("on a removed name is its next life, and is removed like any other", async () => {
      await bench.store.commit(publication("a"));
      await bench.store.remove(removalOf("a", 2_000));
      expect(await bench.store.commit(taken("a", { expectedRevision: 2 }))).toEqual({
        revision: 3,
        incarnation: 2,
      });
      await refused(more([file("targets", 1)]));
      expect(await more([file("targets", 1)], { incarnation: 2 })).toBe(1);
      await bench.store.remove(removalOf("a", 3_000));
      expect(await bench.store.imports.last("a")).toBeUndefined();
      expect(await versions("root")).toEqual([]);
      expect(await bench.store.byVersion("a", "targets", 1)).toBeUndefined();
      expect((await bench.store.state("a")).floor.get("timestamp")).toBe(9);
      await bench.store.commit(publication("a", { expectedRevision: 4 }));
      expect(await bench.store.imports.last("a")).toBeUndefined();
      await refused(more([file("root", 1)], { incarnation: 3 }));
    });

    it("brings keys that are active at once", async () => {
      const keys = [onlineKey("a", { keyId: "theirs" })];
      await bench.store.commit(taken("a", { imported: { origin: "", history: [], keys } }));
      expect(await bench.store.onlineKeys("a", ["theirs"])).toMatchObject([{ keyId: "theirs" }]);
      expect(await bench.store.pendingKey("a", "timestamp", limits())).toBeUndefined();
    });
  });

  describe("the past of an import", () => {
    it("is put behind what is current, which stays as it is", async () => {
      await bench.store.commit(taken("a"));
      const before = await bench.store.state("a");
      expect(await more([file("targets", 4), file("targets/gone", 7), file("timestamp", 8)])).toBe(3);
      expect(await more([file("targets", 3), file("targets", 4)])).toBe(1);
      expect(await bench.store.state("a")).toEqual(before);
      expect(bench.store.standing("a")).toMatchObject({ revision: 1 });
      expect(await versions("targets")).toEqual([3, 4, 5]);
      expect(await versions("targets/gone")).toEqual([7]);
      expect(await bench.store.current("a", "targets/gone")).toBeUndefined();
      expect(await bench.store.byVersion("a", "targets/gone", 7)).toMatchObject({ version: 7 });
      expect(await bench.store.changes({ direction: "forwards", limit: 10 })).toHaveLength(1);
    });

    it("comes whole or not at all", async () => {
      await bench.store.commit(taken("a"));
      await refused(more([file("targets", 4), file("targets", 5, "other")]));
      await refused(more([file("targets", 4), file("root", 2, "other")]));
      await refused(more([file("targets", 4), file("timestamp", 10)]));
      await refused(more([file("targets", 4)], { repository: "b" }));
      expect(await versions("targets")).toEqual([5]);
    });

    it("is listed from any version on", async () => {
      await bench.store.commit(taken("a"));
      const page = await bench.store.imports.versions({ repository: "a", role: "root", after: 1, limit: 1 });
      expect(page).toEqual([
        { role: "root", version: 2, sha256: file("root", 2).sha256, length: 7, storedAt: 1_000 },
      ]);
    });

    it("can be added after publications of its own", async () => {
      await bench.store.commit(taken("a"));
      await publishNext(bench.store, "a", ["targets", "timestamp"]);
      expect(await more([file("targets", 2)])).toBe(1);
      expect(await versions("targets")).toEqual([2, 5, 6]);
    });

    it("does not exist of what was made here", async () => {
      await bench.store.commit(publication("a"));
      expect(await bench.store.imports.last("a")).toBeUndefined();
      expect(await bench.store.imports.last("b")).toBeUndefined();
      await refused(more([file("targets", 1)]));
    });
  });

  describe("a key that was made elsewhere", () => {
    const hold = (changes: Partial<HeldKeys> = {}) =>
      bench.store.imports.holdKeys({
        repository: "a",
        expectedRevision: 1,
        at: 2_000,
        principal: "tester",
        keys: [onlineKey("a", { keyId: "theirs" })],
        renewAt: 2_000,
        audit: told(changes.repository ?? "a", { at: 2_000, kind: "key.adopted" }),
        ...changes,
      });

    it("is held from then on, and the refresher looks", async () => {
      await bench.store.commit(taken("a"));
      expect(await bench.store.oldestDue()).toBeUndefined();
      await hold();
      await hold();
      expect(await bench.store.onlineKeys("a", ["theirs"])).toMatchObject([
        { keyId: "theirs", repository: "a", role: "timestamp" },
      ]);
      expect(await bench.store.oldestDue()).toBe(2_000);
      expect(bench.store.standing("a")).toMatchObject({ revision: 1 });
    });

    it("that is pending becomes active", async () => {
      await bench.store.commit(taken("a"));
      const waiting = onlineKey("a", { keyId: "theirs" });
      await bench.store.addPendingKey(waiting, limits(), told("a", { kind: "key.created" }));
      await hold();
      expect(await bench.store.pendingKey("a", "timestamp", limits())).toBeUndefined();
      expect(await bench.store.onlineKeys("a", ["theirs"])).toHaveLength(1);
    });

    it("is not taken when the repository has moved on, or is not there", async () => {
      await bench.store.commit(taken("a"));
      await refused(hold({ expectedRevision: 2 }));
      await refused(hold({ repository: "b", expectedRevision: 0, keys: [onlineKey("b")] }));
      expect(await bench.store.onlineKeys("a", ["theirs"])).toEqual([]);
    });
  });
}
