/** Since when keys are listed no more, by real chains of roots. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { notary } from "../../src/core/format/notary.ts";
import type { Root, Targets } from "../../src/core/model.ts";
import { bareId, droppedKeys, replacedKeys } from "../../src/publisher/keys/past.ts";

const vectors = join(import.meta.dirname, "../vectors/notary");
const read = (path: string, role: string) => notary.parse(role, readFileSync(join(vectors, path))).signed;
const root = (vector: string, version: number) =>
  read(`${vector}/history/${version}.root.json`, "root") as Root;
const keysOf = ({ roles }: Root, role: "root" | "targets" | "snapshot") =>
  [...(roles.get(role)?.keys.values() ?? [])].map(bareId);

describe("a key of the root", () => {
  const [one, two, three] = [1, 2, 3].map((version) => root("root-rotated", version)) as [Root, Root, Root];

  it("is replaced by the first root that does not list it", () => {
    const past = replacedKeys([one, two], three);
    const expected = [one, two].flatMap((each, index) =>
      keysOf(each, "root").map((id) => ({ id, role: "root", why: "REPLACED", since: index + 2 })),
    );
    expect(past.filter(({ role }) => role === "root")).toEqual(expected);
  });

  it("that is back is not replaced", () => {
    expect(replacedKeys([one, two], { ...one, version: 3 }).map(({ id }) => id)).not.toContain(
      keysOf(one, "root")[0],
    );
  });

  it("of which nothing earlier is known is in nobody's past", () => {
    expect(replacedKeys([], three)).toEqual([]);
  });
});

it("keys of targets and snapshot have a past, and those of the server's timestamp are not people's", () => {
  const all = [1, 2, 3, 4, 5].map((version) => root("snapshot-to-client", version));
  const past = replacedKeys(all.slice(0, -1), all.at(-1) as Root);
  expect(new Set(past.map(({ role }) => role))).toEqual(new Set(["targets", "snapshot"]));
  for (const { id, role, since } of past) {
    const lists = (version: number) => keysOf(all[version - 1] as Root, role as "targets").includes(id);
    expect([role, lists((since ?? 0) - 1), lists(since ?? 0)]).toEqual([role, true, false]);
  }
});

describe("a key of a delegation", () => {
  const targets = read("delegations/metadata/targets.json", "targets") as Targets;
  const before = new Map([["targets", targets]]);
  const first = targets.delegations[0];

  it("is dropped with it", () => {
    const after = new Map([["targets", { ...targets, delegations: targets.delegations.slice(1) }]]);
    const ids = [...(first?.keys.values() ?? [])].map(bareId);
    expect(droppedKeys(before, after)).toEqual(
      ids.map((id) => ({ id, role: first?.role, why: "DELEGATION_DROPPED", since: undefined })),
    );
  });

  it("is replaced where the delegation is there still", () => {
    const delegations = targets.delegations.map((each) =>
      each === first ? { ...each, keys: new Map() } : each,
    );
    const past = droppedKeys(before, new Map([["targets", { ...targets, delegations }]]));
    expect(new Set(past.map(({ why }) => why))).toEqual(new Set(["REPLACED"]));
  });

  it("that is listed still has no past", () => {
    expect(droppedKeys(before, before)).toEqual([]);
  });
});
