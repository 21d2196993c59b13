/** What retention took away is not lost: a mark that still names it, for its newer lines are damaged, says nothing. */
import { expect, it } from "vitest";
import { findBehind } from "../../../src/service/mark/behind.ts";
import type { Store } from "../../../src/store/contract/store.ts";
import type { HighWaterMark, MarkEntry } from "../../../src/store/mark.ts";
import { openMemory } from "../../../src/store/memory.ts";
import { file, publication, publishNext, tester } from "../../support/publications.ts";

const first = file("timestamp", 1);
const entry: MarkEntry = {
  repository: "a",
  revision: 1,
  incarnation: 1,
  exists: true,
  roles: new Map([["timestamp", { version: 1, sha256: first.sha256 }]]),
};
const mark = {
  async *entries() {
    yield entry;
  },
} as unknown as HighWaterMark;

async function behind(store: Store): Promise<number> {
  let count = 0;
  for await (const _ of findBehind(store, mark)) count++;
  return count;
}

it("a file that was taken away is not one that was lost", async () => {
  const store = openMemory();
  await store.commit(publication("a"));
  await publishNext(store, "a");
  const removal = { repository: "a", incarnation: 1, at: 9_000, actor: tester };
  await store.retention.remove({ ...removal, files: [{ role: "timestamp", version: 1 }] });
  expect(await behind(store)).toBe(0);
});

it("one that was never there is", async () => {
  const store = openMemory();
  await store.commit(publication("a", { metadata: [file("root", 1), file("timestamp", 2)] }));
  expect(await behind(store)).toBe(1);
});
