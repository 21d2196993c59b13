import { describe, expect, it } from "vitest";
import type { OnlineKey } from "../../../src/store/contract/store.ts";
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

/** Buffers and other byte arrays are alike here. */
function plain(key: OnlineKey | undefined) {
  return key && { ...key, reference: Buffer.from(key.reference).toString("hex") };
}

export function keys(bench: Bench): void {
  const add = (key: OnlineKey, changes = {}) =>
    bench.store.addPendingKey(key, limits(changes), told(key.repository));

  describe("a pending key", () => {
    it("is given back as it was stored", async () => {
      const key = onlineKey("a", { reference: Buffer.from([0, 255, 1]), createdAt: 5 });
      expect(plain(await add(key))).toEqual(plain(key));
      expect(plain(await bench.store.pendingKey("a", "timestamp", limits()))).toEqual(plain(key));
      expect((await bench.store.onlineKeys("a", ["key-timestamp"])).map(plain)).toEqual([plain(key)]);
    });

    it("exists at most once a repository and role: the first one stays", async () => {
      const first = onlineKey("a", { keyId: "first" });
      await add(first);
      expect((await add(onlineKey("a", { keyId: "second" })))?.keyId).toBe("first");
      expect(await bench.store.onlineKeys("a", ["second"])).toEqual([]);
    });

    it("is the same for all who make one at once, through two handles", async () => {
      const other = await bench.another();
      const made = await Promise.all(
        Array.from({ length: 10 }, (_, index) =>
          (index % 2 === 0 ? bench.store : other).addPendingKey(
            onlineKey("a", { keyId: `k${index}` }),
            limits(),
            told("a"),
          ),
        ),
      );
      expect(new Set(made.map((key) => key?.keyId)).size).toBe(1);
    });

    it("belongs to its repository and role", async () => {
      await add(onlineKey("a"));
      expect(await bench.store.pendingKey("A", "timestamp", limits())).toBeUndefined();
      expect(await bench.store.pendingKey("a", "snapshot", limits())).toBeUndefined();
      expect(await bench.store.onlineKeys("b", ["key-timestamp"])).toEqual([]);
    });

    it("does not make the repository exist", async () => {
      await add(onlineKey("a"));
      expect(await bench.store.state("a")).toMatchObject({ exists: false, revision: 0 });
      expect(await bench.store.repositories({ limit: 5 })).toEqual([]);
    });

    it("ends its life, and another may take its place", async () => {
      await add(onlineKey("a", { keyId: "old", createdAt: 10 }));
      expect((await bench.store.pendingKey("a", "timestamp", limits({ endOfLife: 10 })))?.keyId).toBe("old");
      expect(await bench.store.pendingKey("a", "timestamp", limits({ endOfLife: 11 }))).toBeUndefined();
      const next = await add(onlineKey("a", { keyId: "new", createdAt: 11 }), { endOfLife: 11 });
      expect(next?.keyId).toBe("new");
    });

    it("stays as long as its repository has an open proposal", async () => {
      await add(onlineKey("a", { keyId: "old", createdAt: 10 }));
      await bench.store.proposals.open(newProposal("p1"), room());
      expect((await bench.store.pendingKey("a", "timestamp", limits({ endOfLife: 11 })))?.keyId).toBe("old");
      const again = await add(onlineKey("a", { keyId: "new", createdAt: 20 }), { endOfLife: 11 });
      expect(again?.keyId).toBe("old");
      expect(await add(onlineKey("b"), { most: 1, mayGiveWay: 99, endOfLife: 99 })).toBeUndefined();
      expect(await bench.store.onlineKeys("a", ["old"])).toHaveLength(1);
      await bench.store.proposals.change(proposalChange("p1", { settle: "cancelled" }));
      expect(await bench.store.pendingKey("a", "timestamp", limits({ endOfLife: 11 }))).toBeUndefined();
      expect((await add(onlineKey("b"), { most: 1, mayGiveWay: 99 }))?.repository).toBe("b");
    });

    it("is not made beyond the most that there may be", async () => {
      for (const name of ["a", "b"]) await add(onlineKey(name), { most: 2 });
      expect(await add(onlineKey("c"), { most: 2 })).toBeUndefined();
      expect(await bench.store.pendingKey("c", "timestamp", limits())).toBeUndefined();
      expect((await add(onlineKey("a"), { most: 2 }))?.repository).toBe("a");
    });

    it("gives way when there are too many, the oldest first", async () => {
      await add(onlineKey("younger", { createdAt: 20 }));
      await add(onlineKey("oldest", { createdAt: 10 }));
      expect((await add(onlineKey("c", { createdAt: 50 }), { most: 2, mayGiveWay: 30 }))?.repository).toBe(
        "c",
      );
      expect(await bench.store.pendingKey("oldest", "timestamp", limits())).toBeUndefined();
      expect(await bench.store.pendingKey("younger", "timestamp", limits())).toBeDefined();
    });

    it("does not give way while it is too young", async () => {
      await add(onlineKey("a", { createdAt: 30 }));
      expect(await add(onlineKey("b"), { most: 1, mayGiveWay: 30 })).toBeUndefined();
      expect(await bench.store.pendingKey("a", "timestamp", limits())).toBeDefined();
    });

    it("gives way with others when the most was lowered, all or none", async () => {
      for (const [name, createdAt] of Object.entries({ a: 10, b: 20, c: 30 }))
        await add(onlineKey(name, { createdAt }));
      expect(await add(onlineKey("d"), { most: 2, mayGiveWay: 15 })).toBeUndefined();
      expect(await bench.store.pendingKey("a", "timestamp", limits())).toBeDefined();
      expect(await add(onlineKey("d", { createdAt: 40 }), { most: 2, mayGiveWay: 25 })).toBeDefined();
      expect(await bench.store.pendingKey("b", "timestamp", limits())).toBeUndefined();
      expect(await bench.store.pendingKey("c", "timestamp", limits())).toBeDefined();
    });

    it("past the end of its life makes room for another name", async () => {
      await add(onlineKey("a", { createdAt: 10 }));
      expect(await add(onlineKey("b", { createdAt: 20 }), { most: 1, endOfLife: 15 })).toBeDefined();
    });
  });

  describe("an active key", () => {
    it("is a pending one that a publication named", async () => {
      await add(onlineKey("a"));
      await bench.store.commit(publication("a", { activateKeys: ["key-timestamp"] }));
      expect(await bench.store.pendingKey("a", "timestamp", limits())).toBeUndefined();
      expect(await bench.store.onlineKeys("a", ["key-timestamp"])).toHaveLength(1);
    });

    it("neither counts as pending nor gives way nor ends its life", async () => {
      await add(onlineKey("a", { createdAt: 10 }));
      await bench.store.commit(publication("a", { activateKeys: ["key-timestamp"] }));
      const next = await add(onlineKey("b", { createdAt: 50 }), { most: 1, endOfLife: 40, mayGiveWay: 40 });
      expect(next?.repository).toBe("b");
      expect(await bench.store.onlineKeys("a", ["key-timestamp"])).toHaveLength(1);
    });

    it("stays beside the one it is rotated to, which waits its turn", async () => {
      await add(onlineKey("a", { keyId: "one" }));
      await bench.store.commit(publication("a", { activateKeys: ["one"] }));
      expect((await add(onlineKey("a", { keyId: "two" })))?.keyId).toBe("two");
      await publishNext(bench.store, "a", ["timestamp"], { activateKeys: ["one", "two"] });
      const held = await bench.store.onlineKeys("a", ["one", "two", "two", "three"]);
      expect(held.map((key) => key.keyId).sort()).toEqual(["one", "two"]);
    });

    it("is not stored a second time under the same ID", async () => {
      await add(onlineKey("a"));
      await bench.store.commit(publication("a", { activateKeys: ["key-timestamp"] }));
      expect(await codeOf(add(onlineKey("a")))).toBe("CONFLICT");
    });
  });

  describe("a publication that names a key which is no longer held", () => {
    it("is a conflict and leaves nothing behind", async () => {
      await add(onlineKey("a", { keyId: "one" }));
      await add(onlineKey("b", { keyId: "other" }));
      const activateKeys = ["one", "other"];
      const metadata = [file("root", 1)];
      expect(await codeOf(bench.store.commit(publication("a", { activateKeys, metadata })))).toBe("CONFLICT");
      expect((await bench.store.state("a")).revision).toBe(0);
      expect((await bench.store.pendingKey("a", "timestamp", limits()))?.keyId).toBe("one");
    });
  });

  describe("key uses", () => {
    const use = (material: string, role: string) => ({ material, role });

    it("are known of other repositories only", async () => {
      await bench.store.commit(publication("a", { keyUses: [use("m", "root"), use("n", "targets")] }));
      await bench.store.commit(publication("b", { keyUses: [use("m", "targets"), use("m", "targets")] }));
      expect(await bench.store.otherUsers("a", ["m", "n"])).toEqual([
        { material: "m", role: "targets", repository: "b" },
      ]);
      expect(await bench.store.otherUsers("c", ["n", "M"])).toEqual([
        { material: "n", role: "targets", repository: "a" },
      ]);
      expect(await bench.store.otherUsers("c", [])).toEqual([]);
    });

    it("are replaced when a publication brings some, and kept when it brings none", async () => {
      await bench.store.commit(publication("a", { keyUses: [use("m", "root")] }));
      await publishNext(bench.store, "a");
      expect(await bench.store.otherUsers("b", ["m"])).toHaveLength(1);
      await publishNext(bench.store, "a", ["timestamp"], { keyUses: [use("n", "root")] });
      expect(await bench.store.otherUsers("b", ["m", "n"])).toEqual([
        { material: "n", role: "root", repository: "a" },
      ]);
    });

    it("are at most 100 rows", async () => {
      const keyUses = Array.from({ length: 80 }, (_, index) => use("m", `targets/${index}`));
      for (const name of ["a", "b"]) await bench.store.commit(publication(name, { keyUses }));
      expect(await bench.store.otherUsers("c", ["m"])).toHaveLength(100);
    });
  });

  describe("the signer's record", () => {
    it("is absent before the first start", async () => {
      expect(await bench.store.keyring()).toBeUndefined();
    });

    it("is stored once: whoever comes later gets the first one", async () => {
      const other = await bench.another();
      const records = [1, 2, 3, 4].map((byte) => Buffer.from([byte]));
      const stored = await Promise.all(
        records.map((record, index) => (index % 2 === 0 ? bench.store : other).createKeyring(record)),
      );
      expect(new Set(stored.map((record) => record[0])).size).toBe(1);
      expect((await other.keyring())?.[0]).toBe(stored[0]?.[0]);
    });

    it("is given back as long as it is there, whatever keys there are", async () => {
      await bench.store.createKeyring(Buffer.from([1]));
      await add(onlineKey("a"));
      expect((await bench.store.createKeyring(Buffer.from([2])))[0]).toBe(1);
    });

    it("is replaced by whoever knows what is stored, for every handle", async () => {
      const other = await bench.another();
      await bench.store.createKeyring(Buffer.from([1]));
      await other.replaceKeyring({
        expected: Buffer.from([1]),
        record: Buffer.from([2, 2]),
        audit: told(""),
      });
      expect(Buffer.from((await bench.store.keyring()) ?? [])).toEqual(Buffer.from([2, 2]));
    });

    it("is not replaced by anybody else, and never made that way", async () => {
      const change = { expected: Buffer.from([1]), record: Buffer.from([2]), audit: told("") };
      expect(await codeOf(bench.store.replaceKeyring(change))).toBe("CONFLICT");
      expect(await bench.store.keyring()).toBeUndefined();
      await bench.store.createKeyring(Buffer.from([1, 1]));
      expect(await codeOf(bench.store.replaceKeyring(change))).toBe("CONFLICT");
      expect(await bench.store.keyring()).toHaveLength(2);
    });

    it("is not made anew where there are pending keys, which it could not open", async () => {
      await add(onlineKey("a"));
      expect(await codeOf(bench.store.createKeyring(Buffer.from([1])))).toBe("STORE_CORRUPT");
      expect(await bench.store.keyring()).toBeUndefined();
    });

    it("is not made anew where there are active keys, which it could not open", async () => {
      await add(onlineKey("a"));
      await bench.store.commit(publication("a", { activateKeys: ["key-timestamp"] }));
      expect(await codeOf(bench.store.createKeyring(Buffer.from([1])))).toBe("STORE_CORRUPT");
      expect(await bench.store.keyring()).toBeUndefined();
    });

    it("is made again once no key is left", async () => {
      await add(onlineKey("a"));
      await bench.store.commit(publication("a", { activateKeys: ["key-timestamp"] }));
      await bench.store.remove(removalOf("a", 1));
      expect((await bench.store.createKeyring(Buffer.from([1])))[0]).toBe(1);
    });
  });
}
