import { describe, expect, it } from "vitest";
import type { DeniedKey, Lift, RegisteredKey } from "../../../src/store/contract/register.ts";
import { maxDenied } from "../../../src/store/contract/register.ts";
import { told } from "../../support/publications.ts";
import type { Bench } from "./bench.ts";

const id = (digit: string) => digit.repeat(64);

function entry(keyId: string, since: number, changes: Partial<RegisteredKey> = {}): RegisteredKey {
  const rest = { custody: "token 7", registeredAt: 5, registeredBy: "op" };
  return { keyId, since, until: undefined, owner: "ann", ...rest, ...changes };
}

export function register(bench: Bench): void {
  const keys = () => bench.store.register;
  const put = (given: RegisteredKey) => keys().put({ ...given, audit: told("") });
  const lift = (request: Lift) => keys().lift({ ...request, audit: told("") });
  const deny = (keyId: string, deniedAt = 100) =>
    keys().deny({ keyId, deniedAt, deniedBy: "op", reason: "stolen", audit: told("") });

  describe("the key register", () => {
    it("lists entries by key and beginning, page by page, and those of one owner", async () => {
      const all = [
        entry(id("a"), 10, { until: 20 }),
        entry(id("a"), 20, { owner: "bob" }),
        entry(id("b"), 5),
      ];
      for (const each of all.toReversed()) await put(each);
      expect(await keys().list({ limit: 10 })).toEqual(all);
      expect(await keys().list({ limit: 2 })).toEqual(all.slice(0, 2));
      expect(await keys().list({ limit: 2, after: { keyId: id("a"), since: 10 } })).toEqual(all.slice(1));
      expect(await keys().list({ limit: 10, owner: "ann" })).toEqual([all[0], all[2]]);
      expect(await keys().list({ limit: 10, owner: "an" })).toEqual([]);
    });

    it("replaces the entry of the same key and beginning", async () => {
      await put(entry(id("a"), 10));
      await put(entry(id("a"), 10, { until: 30, owner: "bob", custody: "" }));
      expect(await keys().list({ limit: 10 })).toEqual([
        entry(id("a"), 10, { until: 30, owner: "bob", custody: "" }),
      ]);
    });

    it("denies a key once, until that is lifted, and remembers both", async () => {
      expect(await keys().denied()).toEqual([]);
      expect(await deny(id("b"))).toBe(true);
      expect(await deny(id("b"), 101)).toBe(false);
      expect(await deny(id("a"), 102)).toBe(true);
      const denied = (keyId: string, deniedAt: number): DeniedKey => ({
        ...{ keyId, deniedAt, deniedBy: "op", reason: "stolen", liftedAt: undefined, liftedBy: undefined },
      });
      expect(await keys().denied()).toEqual([denied(id("a"), 102), denied(id("b"), 100)]);
      expect(await lift({ keyId: id("b"), at: 103, by: "ann" })).toBe(true);
      expect(await lift({ keyId: id("b"), at: 104, by: "ann" })).toBe(false);
      expect(await keys().denied()).toEqual([denied(id("a"), 102)]);
      expect(await deny(id("b"), 105)).toBe(true);
      const lifted = { ...denied(id("b"), 100), liftedAt: 103, liftedBy: "ann" };
      const ever = [denied(id("a"), 102), lifted, denied(id("b"), 105)];
      expect(await keys().denials({ keyId: "", deniedAt: 0 }, 10)).toEqual(ever);
      expect(await keys().denials({ keyId: id("b"), deniedAt: 100 }, 10)).toEqual(ever.slice(2));
    });

    it("denies a bounded number of keys at one time", async () => {
      const numbered = (at: number) => at.toString(16).padStart(64, "0");
      for (let at = 0; at < maxDenied; at++) expect(await deny(numbered(at))).toBe(true);
      expect(await deny(id("a"))).toBe(false);
      await lift({ keyId: numbered(0), at: 200, by: "op" });
      expect(await deny(id("a"))).toBe(true);
    });

    it("tells the audit trail of every change, in that change, and of nothing else", async () => {
      const length = async () => (await bench.store.audit.head()).number;
      const before = await length();
      await put(entry(id("a"), 10));
      await deny(id("a"));
      await deny(id("a"));
      await lift({ keyId: id("a"), at: 103, by: "ann" });
      await lift({ keyId: id("a"), at: 104, by: "ann" });
      expect((await length()) - before).toBe(3);
    });

    it("is seen by everybody at once", async () => {
      const other = await bench.another();
      await deny(id("c"));
      await put(entry(id("c"), 1));
      expect((await other.register.denied()).map(({ keyId }) => keyId)).toEqual([id("c")]);
      expect(await other.register.list({ limit: 1 })).toHaveLength(1);
    });

    it.each([
      ["a key ID", () => put(entry("abc", 1))],
      ["an end before the beginning", () => put(entry(id("a"), 10, { until: 10 }))],
      ["nobody as owner", () => put(entry(id("a"), 10, { owner: "" }))],
      ["an owner beyond bounds", () => put(entry(id("a"), 10, { owner: "x".repeat(256) }))],
      ["the ID of a denied key", () => deny(id("G"))],
      ["a limit", () => keys().list({ limit: 0 })],
    ])("refuses %s as the caller's fault", async (_what, ask) => {
      await expect(ask()).rejects.toThrow(RangeError);
      expect(await keys().list({ limit: 10 })).toEqual([]);
    });
  });
}
