import { openSqlite } from "../../src/store/sqlite.ts";
import type { Store } from "../../src/store/store.ts";
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
