import { expect, it } from "vitest";
import { openMemory } from "../../src/store/memory.ts";
import { storeContract } from "../contract/store.ts";

storeContract("memory", async () => {
  const store = openMemory();
  return { store, another: async () => store, dispose: () => store.close() };
});

it("answers reads at once", async () => {
  const store = openMemory();
  expect(store.current("a", "root")).toBeUndefined();
  expect(store.byVersion("a", "root", 1)).toBeUndefined();
  expect(store.byDigest("a", "root", "00")).toBeUndefined();
  await store.close();
});
