import { describe, expect, it } from "vitest";
import { everything, publication, publishNext, removalOf, tester } from "../../support/publications.ts";
import { codeOf } from "../../support/refusal.ts";
import type { Bench } from "./bench.ts";

export function retention(bench: Bench): void {
  const start = { role: "", version: 0 };
  const carol = { name: "carol", method: "password", address: "192.0.2.1" };
  const remove = (files: readonly (readonly [role: string, version: number])[], incarnation = 1) =>
    bench.store.retention.remove({
      repository: "a",
      incarnation,
      at: 9_000,
      actor: carol,
      files: files.map(([role, version]) => ({ role, version })),
    });
  const stored = async (limit = 100, after = start) =>
    (await bench.store.retention.files("a", after, limit)).map(({ role, version }) => `${role} ${version}`);
  const removed = async () =>
    (await bench.store.retention.removedFiles("a", start, 100)).map(
      ({ role, version }) => `${role} ${version}`,
    );

  /** Timestamps 1 to 3, roots 1 and 2. */
  async function published(): Promise<void> {
    await bench.store.commit(publication("a"));
    await publishNext(bench.store, "a", ["root", "timestamp"]);
    await publishNext(bench.store, "a", ["timestamp"], { at: 3_000 });
  }

  const told = async () =>
    (await bench.store.audit.list({ kind: "files.removed", direction: "forwards", limit: 100 })).entries;

  describe("retention", () => {
    it("lists stored files by role and version, page by page, with what was committed", async () => {
      await published();
      expect(await stored()).toEqual(["root 1", "root 2", "timestamp 1", "timestamp 2", "timestamp 3"]);
      expect(await stored(2, { role: "root", version: 2 })).toEqual(["timestamp 1", "timestamp 2"]);
      const [, , , , last] = await bench.store.retention.files("a", start, 100);
      const current = (await bench.store.state("a")).current.get("timestamp");
      expect(last).toEqual({ ...current, expires: 1_900_000_000_000, revision: 3 });
      expect(await bench.store.retention.files("unknown", start, 100)).toEqual([]);
    });

    it("takes files away: neither version nor digest finds them, and their rows stay", async () => {
      await published();
      const file = await bench.store.byVersion("a", "timestamp", 1);
      const sha256 = file?.sha256 ?? "";
      expect(await remove([["timestamp", 1]])).toBe(1);
      expect(await bench.store.byVersion("a", "timestamp", 1)).toBeUndefined();
      expect(await bench.store.byDigest("a", "timestamp", sha256)).toBeUndefined();
      expect(await stored()).not.toContain("timestamp 1");
      const { bytes: _, incarnation: __, ...row } = file as NonNullable<typeof file>;
      const gone = await bench.store.retention.removed("a", "timestamp", sha256);
      expect(gone).toMatchObject({
        ...{ role: row.role, version: row.version, sha256, length: row.length, storedAt: row.storedAt },
        expires: 1_900_000_000_000,
        revision: 1,
        removedAt: 9_000,
      });
      expect(await removed()).toEqual(["timestamp 1"]);
      expect(await bench.store.retention.removed("a", "root", sha256)).toBeUndefined();
    });

    it("leaves state, changefeed and what follows alone", async () => {
      await published();
      const before = await everything(bench.store, "a");
      await remove([
        ["timestamp", 1],
        ["timestamp", 2],
      ]);
      expect(await everything(bench.store, "a")).toEqual(before);
      await publishNext(bench.store, "a");
      expect((await bench.store.state("a")).current.get("timestamp")?.version).toBe(4);
    });

    it("counts only what was still there", async () => {
      await published();
      await remove([["timestamp", 1]]);
      const again = await remove([
        ["timestamp", 1],
        ["timestamp", 2],
        ["timestamp", 77],
      ]);
      expect(again).toBe(1);
      expect(await removed()).toEqual(["timestamp 1", "timestamp 2"]);
    });

    it("is told by one record, of what was taken away and by whom, and by none where nothing was", async () => {
      await published();
      const lengths = (await bench.store.retention.files("a", start, 100))
        .filter(({ role, version }) => role === "timestamp" && version < 3)
        .map(({ length }) => length);
      await remove([
        ["timestamp", 2],
        ["timestamp", 1],
        ["timestamp", 77],
      ]);
      const before = await bench.store.audit.head();
      expect(await remove([["timestamp", 1]])).toBe(0);
      expect(await codeOf(remove([["root", 1]]))).toBe("CONFLICT");
      expect(await bench.store.audit.head()).toEqual(before);
      const [entry, ...more] = await told();
      expect(more).toEqual([]);
      expect(entry).toMatchObject({ at: 9_000, actor: carol, repository: "a" });
      expect(JSON.parse(entry?.detail ?? "")).toEqual({
        files: 2,
        bytes: lengths.reduce((sum, length) => sum + length, 0),
        roles: [{ role: "timestamp", versions: "1-2" }],
      });
    });

    it("of more roles than there is room for is told all the same", async () => {
      const name = (index: number) => `targets/${"n".repeat(240)}${index}`;
      const roles = Array.from({ length: 900 }, (_, index) => name(index));
      await publishNext(bench.store, "a", ["root", ...roles]);
      await publishNext(bench.store, "a", roles);
      expect(await remove(roles.map((role) => [role, 1]))).toBe(900);
      const detail = JSON.parse((await told())[0]?.detail ?? "");
      expect(detail).toMatchObject({ files: 900, roles: expect.any(Array) });
      expect(detail.roles.length).toBeGreaterThan(100);
      expect(detail.roles.length + detail.rolesLeftOut).toBe(900);
    });

    it.each([
      ["what is current", ["timestamp", 3]],
      ["a root", ["root", 1]],
    ] as const)("takes nothing away if %s is among it", async (_, [role, version]) => {
      await published();
      const asked = remove([
        ["timestamp", 1],
        [role, version],
      ]);
      expect(await codeOf(asked)).toBe("CONFLICT");
      expect(await bench.store.byVersion("a", "timestamp", 1)).toBeDefined();
      expect(await removed()).toEqual([]);
    });

    it("takes nothing away from another life, or from what is not there", async () => {
      await published();
      expect(await codeOf(remove([["timestamp", 1]], 2))).toBe("CONFLICT");
      await bench.store.remove(removalOf("a", 4_000));
      expect(await codeOf(remove([["timestamp", 1]]))).toBe("CONFLICT");
    });

    it("forgets what was taken away with the life that it belonged to", async () => {
      await published();
      await remove([["timestamp", 1]]);
      await bench.store.remove(removalOf("a", 4_000));
      expect(await removed()).toEqual([]);
      await publishNext(bench.store, "a", ["root", "timestamp"]);
      expect(await removed()).toEqual([]);
    });

    it("is seen through any handle", async () => {
      await published();
      const other = await bench.another();
      await remove([["timestamp", 1]]);
      expect(await other.byVersion("a", "timestamp", 1)).toBeUndefined();
      expect(await other.retention.removedFiles("a", start, 10)).toHaveLength(1);
    });

    it("refuses what is out of bounds", async () => {
      await published();
      await expect(remove([])).rejects.toThrow(RangeError);
      await expect(
        remove([
          ["timestamp", 1],
          ["timestamp", 1],
        ]),
      ).rejects.toThrow(RangeError);
      await expect(stored(1_001)).rejects.toThrow(RangeError);
      const nobody = { ...tester, name: "n".repeat(256) };
      const request = { repository: "a", incarnation: 1, at: 1, files: [{ role: "timestamp", version: 1 }] };
      await expect(bench.store.retention.remove({ ...request, actor: nobody })).rejects.toThrow(RangeError);
    });
  });
}
