import { describe, expect, it } from "vitest";
import { file, publication } from "../../support/publications.ts";
import type { Bench } from "./bench.ts";

/** Each is another name, however alike they look or however special they are to JavaScript or SQL. */
const odd = [
  "a/b",
  "A/b",
  "a/B",
  "a/b/",
  "a",
  "a/",
  "a%",
  "a_",
  "a\u0000b",
  "\u00e9",
  "e\u0301",
  "\ufffd",
  "\u{1f600}",
  "\uffff",
  "ß",
  "ss",
  "İ",
  "__proto__",
  "constructor",
  "toString",
  "hasOwnProperty",
  "'; DROP TABLE repository; --",
  " a",
  "a ",
];

export function names(bench: Bench): void {
  describe("names", () => {
    it("that were never used have an empty state at revision 0", async () => {
      for (const name of odd) {
        expect(await bench.store.state(name)).toEqual({
          repository: name,
          exists: false,
          format: undefined,
          revision: 0,
          incarnation: 0,
          current: new Map(),
          floor: new Map(),
        });
      }
    });

    it("of repositories are compared byte for byte", async () => {
      for (const [index, name] of odd.entries()) {
        await bench.store.commit(publication(name, { metadata: [file("root", index + 1)] }));
      }
      for (const [index, name] of odd.entries()) {
        expect((await bench.store.current(name, "root"))?.version).toBe(index + 1);
      }
    });

    it("of roles are compared byte for byte", async () => {
      const metadata = odd.map((role, index) => file(role, index + 1));
      await bench.store.commit(publication("a", { metadata }));
      const { current } = await bench.store.state("a");
      expect(current.size).toBe(odd.length);
      for (const [index, role] of odd.entries()) {
        expect(current.get(role)?.version).toBe(index + 1);
        expect((await bench.store.current("a", role))?.version).toBe(index + 1);
      }
    });

    it("are listed in the order of their UTF-8 bytes, each once, page by page", async () => {
      for (const name of odd) await bench.store.commit(publication(name));
      const sorted = [...odd].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      const listed: string[] = [];
      for (;;) {
        const after = listed.at(-1);
        const page = await bench.store.repositories({ limit: 5, ...(after === undefined ? {} : { after }) });
        expect(page.length).toBeLessThanOrEqual(5);
        if (page.length === 0) break;
        listed.push(...page);
      }
      expect(listed).toEqual(sorted);
    });

    it("after one that does not exist are listed all the same", async () => {
      for (const name of ["a", "c"]) await bench.store.commit(publication(name));
      expect(await bench.store.repositories({ after: "b", limit: 10 })).toEqual(["c"]);
    });

    it.each([0, -1, 1.5, 1_001, Number.NaN])("are not listed by a limit of %s", async (limit) => {
      await expect(bench.store.repositories({ limit })).rejects.toThrow(RangeError);
    });
  });
}
