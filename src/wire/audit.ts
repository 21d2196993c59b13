/** The audit trail of the configured store, read beside whoever writes it. */
import type { Config } from "../config.ts";
import type { AuditPage, AuditQuery } from "../store/contract/audit.ts";
import { openableDirectory, openStore } from "./store.ts";

/** Page by page. Throws what `serve` throws for a reader. */
export async function withTrail<T>(
  config: Config,
  use: (list: (query: AuditQuery) => Promise<AuditPage>) => Promise<T>,
): Promise<T> {
  const directory = openableDirectory(config);
  const store = await openStore({ ...config, server: { ...config.server, readOnly: true } }, directory);
  try {
    return await use((query) => store.audit.list(query));
  } finally {
    await store.close();
  }
}
