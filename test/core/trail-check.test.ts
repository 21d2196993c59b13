/** A trail against heads that were kept: whatever was done to it after a head is found by that head. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { entryHash, startOfTrail } from "../../src/core/audit-chain.ts";
import { type ChainedEntry, TrailCheck } from "../../src/core/trail-check.ts";
import { propertyTimeout, runs } from "../support/properties.ts";
import { told } from "../support/publications.ts";

type Told = ReturnType<typeof told>;

function chained(records: readonly Told[]): ChainedEntry[] {
  let hash = startOfTrail;
  return records.map((record, index) => {
    hash = entryHash(hash, record);
    return { ...record, number: index + 1, hash };
  });
}

function faultOf(trail: readonly ChainedEntry[], at: readonly ChainedEntry[]) {
  const check = new TrailCheck(at.map(({ number, hash }) => ({ number, hash, at: 0 })));
  check.add(trail);
  return check.finish();
}

const records = Array.from({ length: 9 }, (_, at) => told("a", { at }));
const trail = chained(records);
const heads = trail.filter(({ number }) => number === 4 || number === 7);

describe("a trail", () => {
  it("extends its own heads, however the entries come", () => {
    expect(faultOf(trail, heads)).toBeUndefined();
    const check = new TrailCheck([
      { number: 0, hash: startOfTrail, at: 0 },
      ...heads.map((each) => ({ ...each })),
    ]);
    for (const entry of trail) expect(check.add([entry])).toBe(true);
    expect(check.finish()).toBeUndefined();
    expect([check.number, check.hash]).toEqual([9, trail[8]?.hash]);
  });

  it("that was cut off does not reach the head", () => {
    expect(faultOf(trail.slice(0, 6), heads)).toMatchObject({
      kind: "truncated",
      number: 7,
      head: heads[1] && { number: 7 },
    });
    expect(faultOf([], heads)).toMatchObject({ kind: "truncated", number: 1, head: { number: 4 } });
    expect(faultOf(trail.slice(0, 7), heads)).toBeUndefined();
  });

  it("with an altered entry is found without any head", () => {
    const altered = trail.map((each) => (each.number === 5 ? { ...each, kind: "key.denied" } : each));
    expect(faultOf(altered, [])).toEqual({ kind: "altered", number: 5 });
    expect(faultOf([...trail.slice(0, 2), ...trail.slice(3)], [])).toEqual({ kind: "gap", number: 3 });
  });

  it("that was recomputed after any change is found by a head at or behind the change, and by none before it", {
    timeout: propertyTimeout,
  }, () => {
    const change = fc.constantFrom("at", "kind", "name", "method", "address", "repository", "detail", "drop");
    fc.assert(
      fc.property(change, fc.nat(8), fc.integer({ min: 1, max: 9 }), (what, place, number) => {
        const forged = chained(
          records.flatMap((each, index) => (index === place ? changed(each, what) : [each])),
        );
        const head = trail.filter((each) => each.number === number);
        const fault = faultOf(forged, head);
        // The last record that is left out leaves the others as they were.
        if (number <= place) expect(fault).toBeUndefined();
        else expect(["rewritten", "truncated"]).toContain(fault?.kind);
      }),
      runs(300),
    );
  });
});

function changed(record: Told, what: string): Told[] {
  const { actor } = record;
  switch (what) {
    case "drop":
      return [];
    case "at":
      return [{ ...record, at: record.at + 100 }];
    case "name":
      return [{ ...record, actor: { ...actor, name: "mallory" } }];
    case "method":
      return [{ ...record, actor: { ...actor, method: "operator" } }];
    case "address":
      return [{ ...record, actor: { ...actor, address: "192.0.2.9" } }];
    case "detail":
      return [{ ...record, detail: '{"x":1}' }];
    default:
      return [{ ...record, [what]: "key.denied" }];
  }
}
