import { expect, it } from "vitest";
import type { Store } from "../../src/store/contract/store.ts";
import { openSqlite } from "../../src/store/sqlite.ts";
import { storeContract } from "../contract/store.ts";
import { temporaryDirectory } from "../support/directory.ts";

storeContract("SQLite", async () => {
  const directory = temporaryDirectory();
  const store = await openSqlite({ directory });
  const handles: Store[] = [store];
  return {
    store,
    async another() {
      const handle = await openSqlite({ directory, lock: false });
      handles.push(handle);
      return handle;
    },
    async dispose() {
      for (const handle of handles) await handle.close();
    },
  };
});

it("answers reads at once, of one that only reads, too", async () => {
  const directory = temporaryDirectory();
  const store = await openSqlite({ directory });
  const reader = await openSqlite({ directory, readOnly: true });
  for (const each of [store, reader]) {
    expect(each.current("a", "root")).toBeUndefined();
    expect(each.byVersion("a", "root", 1)).toBeUndefined();
    expect(each.byDigest("a", "root", "00")).toBeUndefined();
    await each.close();
  }
});
