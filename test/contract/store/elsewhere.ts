/** What a reader beside a writer can tell: whether anything it keeps may be of the past. */
import { describe, expect, it } from "vitest";
import { file, publication, publishNext, removalOf } from "../../support/publications.ts";
import type { Bench } from "./bench.ts";

export function elsewhere(bench: Bench): void {
  describe("changes elsewhere", () => {
    it("stay the same while nobody commits", async () => {
      const before = bench.store.changesElsewhere();
      await bench.store.state("a/b");
      expect(bench.store.changesElsewhere()).toBe(before);
    });

    it("differ after another handle has committed, if there can be one", async () => {
      const reader = await bench.another();
      const before = reader.changesElsewhere();
      await bench.store.commit(publication("a/b"));
      expect(reader.changesElsewhere() === before).toBe(reader === bench.store);
    });
  });

  describe("the standing of a name", () => {
    const remove = () => bench.store.remove(removalOf("a/b", 5));

    it("is nothing for one that was never used", () => {
      expect(bench.store.standing("a/b")).toEqual({ exists: false, revision: 0, incarnation: 0 });
    });

    it("is what its state says after every change, through every handle", async () => {
      const reader = await bench.another();
      const withoutTimestamp = () => publishNext(bench.store, "a/b", ["root"]);
      const steps: (() => Promise<unknown>)[] = [
        () => bench.store.commit(publication("a/b")),
        () => bench.store.commit(publication("a/c")),
        withoutTimestamp,
        remove,
        () =>
          bench.store.commit(
            publication("a/b", { expectedRevision: 3, metadata: [file("root", 9), file("timestamp", 9)] }),
          ),
        withoutTimestamp,
      ];
      for (const step of steps) {
        await step();
        const { exists, revision, incarnation } = await bench.store.state("a/b");
        for (const handle of [bench.store, reader]) {
          expect(handle.standing("a/b")).toEqual({ exists, revision, incarnation });
        }
      }
      expect(reader.standing("a/b")).toEqual({ exists: true, revision: 5, incarnation: 2 });
    });

    it("is not another name's", async () => {
      await bench.store.commit(publication("a/b"));
      for (const name of ["a", "a/", "A/b", "a/b "]) expect(bench.store.standing(name).exists).toBe(false);
      expect(() => bench.store.standing("\ud800")).toThrow(RangeError);
    });
  });
}
