import { describe, expect, it } from "vitest";
import { everything, file, publication, publishNext, removalOf } from "../../support/publications.ts";
import { codeOf } from "../../support/refusal.ts";
import type { Bench } from "./bench.ts";

export function publications(bench: Bench): void {
  describe("a publication", () => {
    it("of an unused name starts at revision 1 and incarnation 1", async () => {
      expect(await bench.store.commit(publication("a/b"))).toEqual({ revision: 1, incarnation: 1 });
    });

    it("is whole in the state afterwards", async () => {
      await bench.store.commit(publication("a/b", { at: 77, format: "tuf" }));
      const { sha256, bytes } = file("root", 1);
      const state = await bench.store.state("a/b");
      expect(state).toMatchObject({
        repository: "a/b",
        exists: true,
        format: "tuf",
        revision: 1,
        incarnation: 1,
      });
      expect([...state.current.keys()].sort()).toEqual(["root", "timestamp"]);
      expect(state.current.get("root")).toEqual({
        role: "root",
        version: 1,
        sha256,
        length: bytes.length,
        storedAt: 77,
      });
      expect(state.floor.size).toBe(0);
    });

    it("gives back exactly its bytes: now, by version and by digest", async () => {
      const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
      const odd = { ...file("root", 1), bytes };
      await bench.store.commit(publication("a", { metadata: [odd] }));
      for (const found of [
        await bench.store.current("a", "root"),
        await bench.store.byVersion("a", "root", 1),
        await bench.store.byDigest("a", "root", odd.sha256),
      ]) {
        expect(Buffer.from(found?.bytes ?? []).equals(bytes)).toBe(true);
        expect(found).toMatchObject({
          role: "root",
          version: 1,
          sha256: odd.sha256,
          length: 256,
          storedAt: 1_000,
        });
      }
    });

    it("may hold a file without a byte", async () => {
      await bench.store.commit(
        publication("a", { metadata: [{ ...file("root", 1), bytes: Buffer.alloc(0) }] }),
      );
      expect((await bench.store.current("a", "root"))?.bytes.length).toBe(0);
    });

    it("keeps its bytes when the caller's buffer is used again", async () => {
      const bytes = Buffer.from("before");
      await bench.store.commit(publication("a", { metadata: [{ ...file("root", 1), bytes }] }));
      bytes.fill("x");
      expect(Buffer.from((await bench.store.current("a", "root"))?.bytes ?? []).toString()).toBe("before");
    });

    it("leaves earlier versions where they are", async () => {
      await publishNext(bench.store, "a");
      await publishNext(bench.store, "a");
      expect((await bench.store.byVersion("a", "timestamp", 1))?.version).toBe(1);
      expect((await bench.store.byDigest("a", "timestamp", file("timestamp", 1).sha256))?.version).toBe(1);
      expect((await bench.store.current("a", "timestamp"))?.version).toBe(2);
    });

    it("leaves the roles it does not contain as they were", async () => {
      await bench.store.commit(publication("a"));
      await publishNext(bench.store, "a", ["timestamp"]);
      const { current } = await bench.store.state("a");
      expect([current.get("root")?.version, current.get("timestamp")?.version]).toEqual([1, 2]);
    });

    it("may skip versions, up to the highest one", async () => {
      const top = 2_147_483_647;
      await bench.store.commit(publication("a", { metadata: [file("root", top)] }));
      expect((await bench.store.byVersion("a", "root", top))?.version).toBe(top);
    });

    it("raises the revision by one each time", async () => {
      for (const revision of [1, 2, 3]) {
        await publishNext(bench.store, "a");
        expect((await bench.store.state("a")).revision).toBe(revision);
      }
    });

    it("is seen by a read through another handle that starts afterwards", async () => {
      const other = await bench.another();
      for (const version of [1, 2, 3]) {
        await publishNext(bench.store, "a");
        expect((await other.current("a", "timestamp"))?.version).toBe(version);
      }
    });

    it("gives with a current file when it expires and the revision, of the same instant", async () => {
      const other = await bench.another();
      const expiring = (role: string, version: number, expires: number) => ({
        ...file(role, version),
        expires,
      });
      const metadata = [expiring("root", 1, 2_000), expiring("timestamp", 1, 3_000)];
      await bench.store.commit(publication("a", { metadata }));
      const current = async (role: string) => {
        const found = await Promise.all([bench.store, other].map((store) => store.current("a", role)));
        return found.map((each) => each && [each.version, each.expires, each.revision]);
      };
      expect(await current("root")).toEqual([
        [1, 2_000, 1],
        [1, 2_000, 1],
      ]);
      expect(await current("timestamp")).toEqual([
        [1, 3_000, 1],
        [1, 3_000, 1],
      ]);
      // A file that stays is the current one of the next revision, too.
      await bench.store.commit(
        publication("a", { expectedRevision: 1, metadata: [expiring("timestamp", 2, 4_000)] }),
      );
      expect(await current("root")).toEqual([
        [1, 2_000, 2],
        [1, 2_000, 2],
      ]);
      expect(await current("timestamp")).toEqual([
        [2, 4_000, 2],
        [2, 4_000, 2],
      ]);
      await bench.store.remove(removalOf("a", 5));
      expect(await current("root")).toEqual([undefined, undefined]);
      await bench.store.commit(publication("a", { expectedRevision: 3, metadata: [expiring("root", 9, 1)] }));
      expect(await current("root")).toEqual([
        [9, 1, 4],
        [9, 1, 4],
      ]);
    });

    it("gives with a file by version or digest the incarnation it belongs to", async () => {
      const lives = async () => {
        const { sha256 } = file("root", 1);
        const found = [bench.store.byVersion("a", "root", 1), bench.store.byDigest("a", "root", sha256)];
        return (await Promise.all(found)).map((each) => each?.incarnation);
      };
      await bench.store.commit(publication("a"));
      await publishNext(bench.store, "a", ["timestamp"]);
      expect(await lives()).toEqual([1, 1]);
      await bench.store.remove(removalOf("a", 5));
      expect(await lives()).toEqual([undefined, undefined]);
      await bench.store.commit(publication("a", { expectedRevision: 3 }));
      expect(await lives()).toEqual([2, 2]);
    });

    it("finds nothing under another role, version, digest or name", async () => {
      await bench.store.commit(publication("a"));
      const { sha256 } = file("root", 1);
      expect(await bench.store.current("a", "targets")).toBeUndefined();
      expect(await bench.store.byVersion("a", "root", 2)).toBeUndefined();
      expect(await bench.store.byDigest("a", "timestamp", sha256)).toBeUndefined();
      expect(await bench.store.byDigest("a", "root", sha256.toUpperCase())).toBeUndefined();
      expect(await bench.store.byDigest("b", "root", sha256)).toBeUndefined();
    });

    it("has no file at a version that none can have", async () => {
      await bench.store.commit(publication("a"));
      for (const version of [0, -1, 1.5, Number.NaN, 2 ** 31, 2 ** 53, 1e300, Number.POSITIVE_INFINITY]) {
        expect(await bench.store.byVersion("a", "root", version)).toBeUndefined();
      }
    });
  });

  describe("a publication is refused whole", () => {
    it("against another revision than the present one", async () => {
      await publishNext(bench.store, "a");
      await publishNext(bench.store, "a");
      for (const expectedRevision of [0, 1, 3]) {
        const before = await everything(bench.store, "a");
        const late = publication("a", {
          expectedRevision,
          metadata: [file("timestamp", 9), file("root", 1)],
        });
        expect(await codeOf(bench.store.commit(late))).toBe("CONFLICT");
        expect(await everything(bench.store, "a")).toEqual(before);
      }
    });

    it("against a revision of a name never used", async () => {
      expect(await codeOf(bench.store.commit(publication("a", { expectedRevision: 1 })))).toBe("CONFLICT");
      expect((await bench.store.state("a")).exists).toBe(false);
    });

    it("if the last of its files is not above its current version", async () => {
      await bench.store.commit(publication("a", { metadata: [file("root", 3)] }));
      for (const version of [2, 3]) {
        const before = await everything(bench.store, "a");
        const metadata = [file("timestamp", 1), file("root", version, "other")];
        const low = publication("a", { expectedRevision: 1, metadata });
        expect(await codeOf(bench.store.commit(low))).toBe("CONFLICT");
        expect(await everything(bench.store, "a")).toEqual(before);
      }
    });

    it("in another format than the repository has", async () => {
      await bench.store.commit(publication("a"));
      const other = publication("a", { expectedRevision: 1, format: "tuf", metadata: [file("root", 2)] });
      expect(await codeOf(bench.store.commit(other))).toBe("CONFLICT");
      expect(await bench.store.state("a")).toMatchObject({ format: "notary", revision: 1 });
    });

    it.each([
      ["no file", { metadata: [] }],
      ["a role twice", { metadata: [file("root", 1), file("root", 2)] }],
      ["version 0", { metadata: [file("root", 0)] }],
      ["a version beyond 2^31-1", { metadata: [file("root", 2 ** 31)] }],
      ["a version with a fraction", { metadata: [file("root", 1.5)] }],
      ["a digest in upper case", { metadata: [{ ...file("root", 1), sha256: "A".repeat(64) }] }],
      ["an instant that is no integer", { at: 0.5 }],
      ["a revision that is no integer", { expectedRevision: 0.5 }],
      ["a principal of 256 characters", { principal: "p".repeat(256) }],
      ["a name with a lone surrogate", { repository: "a\ud800" }],
    ])("as the caller's fault with %s", async (_, changes) => {
      await expect(bench.store.commit(publication("a", changes))).rejects.toThrow(RangeError);
      expect(await bench.store.repositories({ limit: 10 })).toEqual([]);
    });
  });

  describe("publications at once", () => {
    it("of one repository: exactly one wins, through two handles", async () => {
      const other = await bench.another();
      for (let revision = 0; revision < 5; revision += 1) {
        const attempts = Array.from({ length: 20 }, (_, index) => {
          const metadata = [file("timestamp", revision + 1, String(index))];
          const handle = index % 2 === 0 ? bench.store : other;
          return handle.commit(publication("a", { expectedRevision: revision, metadata }));
        });
        const results = await Promise.allSettled(attempts);
        const lost = results.filter((result) => result.status === "rejected");
        expect(results.length - lost.length).toBe(1);
        expect(lost.map((result) => result.reason.code)).toEqual(Array(19).fill("CONFLICT"));
        const winner = results.findIndex((result) => result.status === "fulfilled");
        const text = Buffer.from((await bench.store.current("a", "timestamp"))?.bytes ?? []).toString();
        expect(text).toBe(`timestamp ${revision + 1} ${winner}`);
      }
    });

    it("of many repositories: all happen, whatever their neighbours do", async () => {
      const attempts = Array.from({ length: 200 }, (_, index) =>
        bench.store.commit(publication(`r${index % 100}`)),
      );
      const results = await Promise.allSettled(attempts);
      expect(results.filter((result) => result.status === "fulfilled")).toHaveLength(100);
      expect(await bench.store.repositories({ limit: 1_000 })).toHaveLength(100);
    });
  });

  describe("a closed store", () => {
    it("refuses reads and changes", async () => {
      await bench.store.close();
      expect(await codeOf(bench.store.state("a"))).toBe("STORE_UNAVAILABLE");
      expect(await codeOf(bench.store.commit(publication("a")))).toBe("STORE_UNAVAILABLE");
      expect(await codeOf(bench.store.check())).toBe("STORE_UNAVAILABLE");
    });

    it("may be closed again", async () => {
      await bench.store.close();
      await expect(bench.store.close()).resolves.toBeUndefined();
    });

    it("has finished the publications that were under way", async () => {
      const underway = bench.store.commit(publication("a"));
      await bench.store.close();
      expect(await underway).toEqual({ revision: 1, incarnation: 1 });
    });
  });

  describe("check", () => {
    it("resolves while all is well and changes nothing", async () => {
      await bench.store.commit(publication("a"));
      const before = await everything(bench.store, "a");
      await expect(bench.store.check()).resolves.toBeUndefined();
      expect(await everything(bench.store, "a")).toEqual(before);
    });
  });
}
