/** Who will refuse a root, known before it is signed: readers who pin the present keys, and one's own policy. */
import { beforeAll, describe, expect, it } from "vitest";
import type { Ruling } from "../../src/client/policy/rules.ts";
import { applyEdits } from "../../src/publisher/apply.ts";
import { makeRootCertificate } from "../../src/publisher/custody/certificates.ts";
import { type Draft, draftOf, joined, type Signatures, signDraft } from "../../src/publisher/draft.ts";
import type { Edit, OfflineState } from "../../src/publisher/edits.ts";
import { type PinOutlook, pinOutlookOf } from "../../src/publisher/pin-outlook.ts";
import type { PublisherKey } from "../support/bare/keys.ts";
import { bareKeyIdOf, inHand, signing, stateOf } from "../support/drafting.ts";
import { Simulator, simulatedNow } from "../support/simulator.ts";

let all: readonly PublisherKey[];
/** The repository under the first two keys, by its threshold. */
const states = new Map<number, OfflineState>();
let repository: string;

beforeAll(async () => {
  const sim = await Simulator.create();
  repository = sim.repository;
  all = [await sim.rootKey(), await sim.rootKey(), await sim.rootKey()];
  sim.root.keys = all.slice(0, 2);
  for (const threshold of [1, 2]) {
    sim.root.threshold = threshold;
    sim.publish();
    states.set(threshold, stateOf(sim));
  }
});

interface Policy {
  readonly keys?: readonly string[];
  readonly certificates?: readonly string[];
  readonly onRotation?: "repin" | "anchor";
  readonly rootMinThreshold?: number;
}

async function outlook(draft: Draft, own: Policy | undefined, signatures: Signatures = new Map()) {
  const { keys = [], certificates = [], onRotation = "repin", rootMinThreshold = 1 } = own ?? {};
  const ruling = {
    rule: { onRotation, rootMinThreshold },
    pins: own && { keys, certificates, authorities: [] },
  } as unknown as Ruling;
  const tools = { trust: { ruling: async () => ruling }, now: () => simulatedNow };
  return await pinOutlookOf(tools, draft, signatures);
}

/** The draft of a root with some of the keys. */
function next(before: number, indexes: readonly number[], threshold: number): Draft {
  const state = states.get(before) as OfflineState;
  const edits: readonly Edit[] = [
    {
      edit: "keys",
      role: "root",
      add: indexes.map((index) => (all[index] as PublisherKey).listed),
      remove: [0, 1].filter((index) => !indexes.includes(index)).map((index) => idOf(index)),
    },
    { edit: "threshold", role: "root", threshold },
    { edit: "resign", role: "root", dated: false },
  ];
  return draftOf(repository, signing, state, applyEdits(state, edits, signing));
}

const idOf = (index: number) => bareKeyIdOf(all[index] as PublisherKey);
const subsets = [[], [0], [1], [2], [0, 1], [0, 2], [1, 2], [0, 1, 2]];
const within = (part: readonly number[], whole: readonly number[]) =>
  part.filter((each) => whole.includes(each)).length;

/** By trying every set of people who could sign. */
function tried(
  before: number,
  keys: readonly number[],
  threshold: number,
  pinned: readonly number[],
  given: readonly number[],
): PinOutlook["own"] {
  const isComplete = (people: readonly number[]) =>
    within(people, keys) >= threshold && within(people, [0, 1]) >= before;
  const ends = isComplete(given)
    ? [given]
    : subsets.filter((people) => within(given, people) === given.length && isComplete(people));
  const accepted = ends.filter(
    (people) => people.filter((each) => keys.includes(each) && pinned.includes(each)).length >= threshold,
  );
  return accepted.length === ends.length ? "taken" : accepted.length === 0 ? "refused" : "depends";
}

describe.each([1, 2])("under a present threshold of %i", (before) => {
  it("is what comes of it, whoever signs: every next root, every pins, every signatures so far", async () => {
    let seen = 0;
    for (const keys of subsets.filter(({ length }) => length > 0)) {
      for (let threshold = 1; threshold <= keys.length; threshold++) {
        const draft = next(before, keys, threshold);
        const made = await Promise.all(all.map((key) => signDraft(draft, inHandAs(key))));
        for (const given of subsets) {
          const signatures = joined(...given.map((index) => made[index] as Signatures));
          for (const pinned of subsets) {
            const found = await outlook(draft, { keys: pinned.map(idOf) }, signatures);
            const words = JSON.stringify({ keys, threshold, given, pinned });
            const expected = [
              tried(before, keys, threshold, [0, 1], given),
              tried(before, keys, threshold, pinned, given),
            ];
            expect([words, found?.outcome ?? "taken", found?.own ?? "taken"]).toEqual([words, ...expected]);
            seen++;
          }
        }
      }
    }
    expect(seen).toBeGreaterThan(700);
  });
});

/** Signs under the bare ID, whatever certificate lists it. */
function inHandAs(key: PublisherKey) {
  const open = inHand(key);
  return { ...open, info: { ...open.info, id: bareKeyIdOf(key) } };
}

describe("a policy of one's own", () => {
  it("that pins nothing, or follows the chain, takes any root", async () => {
    const draft = next(1, [2], 1);
    expect(await outlook(draft, undefined)).toMatchObject({
      outcome: "refused",
      own: "taken",
      fresh: [idOf(2)],
    });
    expect(await outlook(draft, { keys: [idOf(0)], onRotation: "anchor" })).toMatchObject({ own: "taken" });
    expect(await outlook(draft, { keys: [idOf(0)] })).toMatchObject({ own: "refused", kept: [] });
  });

  it("may want more signatures than the root does", async () => {
    const draft = next(1, [0, 1], 1);
    expect(await outlook(draft, { keys: [idOf(0), idOf(1)], rootMinThreshold: 2 })).toMatchObject({
      outcome: "taken",
      own: "depends",
    });
  });
});

describe("certificates", () => {
  it("that are made anew for keys that stay are told, and refused by who pins those", async () => {
    const state = states.get(1) as OfflineState;
    const [first, second] = all as [PublisherKey, PublisherKey];
    const { listed } = await makeRootCertificate(
      inHandAs(first),
      repository,
      new Date(simulatedNow - 1_000),
      new Date(simulatedNow + 86_400_000_000),
    );
    const edits: readonly Edit[] = [{ edit: "keys", role: "root", add: [listed], remove: [] }];
    const draft = draftOf(repository, signing, state, applyEdits(state, edits, signing));
    const told = { outcome: "taken", certificates: true };
    expect(await outlook(draft, { keys: [idOf(0), idOf(1)] })).toMatchObject({ ...told, own: "taken" });
    const pins = { certificates: [first.listed.id, second.listed.id] };
    expect(await outlook(draft, pins)).toMatchObject({ ...told, own: "depends" });
    expect(await outlook(draft, { certificates: [first.listed.id] })).toMatchObject({ own: "refused" });
  });
});

it("there is nothing to tell of a draft without a root", async () => {
  const state = states.get(1) as OfflineState;
  const edits: readonly Edit[] = [{ edit: "resign", role: "targets", dated: false }];
  const draft = draftOf(repository, signing, state, applyEdits(state, edits, signing));
  expect(await outlook(draft, { keys: [] })).toBeUndefined();
});
