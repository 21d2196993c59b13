/** What `vidimus fsck` finds in the store of a running server. */
import { notary } from "../../src/core/format/notary.ts";
import type { Damage } from "../../src/service/fsck/damage.ts";
import { checkStore } from "../../src/service/fsck/fsck.ts";
import { inspectSqlite } from "../../src/store/sqlite/inspection.ts";
import type { TestServer } from "./server.ts";

export async function fsckOf(server: TestServer): Promise<Damage[]> {
  const inspection = inspectSqlite(server.directory ?? "");
  const found: Damage[] = [];
  try {
    const parts = { inspection, format: notary, openSigner: undefined, at: server.clock.now() };
    await checkStore(parts, (damage) => void found.push(damage));
    return found;
  } finally {
    inspection.close();
  }
}
