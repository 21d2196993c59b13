/** What a reader beside a writer can tell: whether anything it keeps may be of the past. */
import { describe, expect, it } from "vitest";
import { publication } from "../../support/publications.ts";
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
}
