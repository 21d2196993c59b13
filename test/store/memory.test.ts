import { openMemory } from "../../src/store/memory.ts";
import { storeContract } from "../contract/store.ts";

storeContract("memory", async () => {
  const store = openMemory();
  return { store, another: async () => store, dispose: () => store.close() };
});
