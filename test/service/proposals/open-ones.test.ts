/** The loop over all open proposals, and which refusals of one are tried again. */
import { expect, it } from "vitest";
import {
  MalformedError,
  RefusedError,
  SignerError,
  StoreError,
  UnauthenticError,
  type VidimusError,
} from "../../../src/core/errors.ts";
import { passes } from "../../../src/service/proposals/access.ts";
import { openOnes } from "../../../src/service/proposals/open-ones.ts";
import type { Store } from "../../../src/store/contract/store.ts";
import { openMemory } from "../../../src/store/memory.ts";
import { newProposal, proposalChange, room } from "../../support/proposals.ts";

const limits = room({ openHere: 1_000, openInAll: 1_000, settled: 1_000 });
const now = 3_000;

async function storeOf(count: number): Promise<{ store: Store; ids: string[] }> {
  const store = openMemory();
  const ids = Array.from({ length: count }, (_, i) => i.toString(16).padStart(16, "0"));
  for (const id of ids) {
    const repository = Number.parseInt(id, 16) % 2 === 0 ? "a" : "b";
    expect(await store.proposals.open(newProposal(id, { repository, base: new Map() }), limits)).toBe(
      "opened",
    );
  }
  return { store, ids: ids.reverse() };
}

it.each([0, 1, 200, 201, 450])("gives each of %i, newest first", async (count) => {
  const { store, ids } = await storeOf(count);
  const found: string[] = [];
  for await (const { id } of openOnes(store.proposals, { now })) found.push(id);
  expect(found).toEqual(ids);
});

it("gives those of one repository, and none whose time is over", async () => {
  const { store } = await storeOf(4);
  const of: string[] = [];
  for await (const { repository } of openOnes(store.proposals, { now, repository: "b" })) of.push(repository);
  expect(of).toEqual(["b", "b"]);
  for await (const _ of openOnes(store.proposals, { now: 10_000 })) throw new Error("it is over");
});

it("misses none where those that were given end and are forgotten meanwhile", async () => {
  const { store, ids } = await storeOf(450);
  const found: string[] = [];
  for await (const { id, repository } of openOnes(store.proposals, { now })) {
    found.push(id);
    const event = { kind: "cancelled", detail: "" } as const;
    await store.proposals.change(proposalChange(id, { repository, settle: "cancelled", event }));
    await store.proposals.forget({ settledBefore: now, limit: 1 });
  }
  expect(found).toEqual(ids);
});

it.each<readonly [boolean, VidimusError]>([
  [true, new StoreError("STORE_UNAVAILABLE", "")],
  [true, new StoreError("COMMIT_UNKNOWN", "")],
  [true, new StoreError("CONFLICT", "")],
  [true, new SignerError("SIGNER_UNAVAILABLE", "")],
  [true, new SignerError("WRONG_SECRET", "")],
  [true, new RefusedError("OVERLOADED", "")],
  [false, new StoreError("STORE_CORRUPT", "")],
  [false, new SignerError("SEALED_KEY_DAMAGED", "")],
  [false, new RefusedError("KEY_DENIED", "")],
  [false, new UnauthenticError("EXPIRED", "")],
  [false, new MalformedError("TOO_MANY", "")],
])("%s: whether %o passes", (expected, error) => {
  expect(passes(error)).toBe(expected);
});
