/** A service on an SQLite store that outlives it, without HTTP: for tests that end its process and start another. */
import { pino } from "pino";
import { notary } from "../../src/core/format/notary.ts";
import { defaultPolicy } from "../../src/policy/policy.ts";
import { systemClock } from "../../src/service/clock.ts";
import { PolicyInForce } from "../../src/service/policy-in-force.ts";
import { createTrustService } from "../../src/service/trust.ts";
import { createSealedRecord, openSealed } from "../../src/signer/sealed.ts";
import { keySecret } from "../../src/signer/secret.ts";
import type { Store } from "../../src/store/contract/store.ts";
import { openSqlite } from "../../src/store/sqlite.ts";
import { day } from "./publisher.ts";

export async function bareService(directory: string, twist: (store: Store) => Store = (store) => store) {
  const secret = () => keySecret(Buffer.alloc(32, 7));
  const store = await openSqlite({ directory });
  const record = await store.createKeyring(await createSealedRecord(secret()));
  const service = createTrustService({
    store: twist(store),
    signer: await openSealed({ secret: secret(), record }),
    format: notary,
    clock: systemClock,
    logger: pino({ level: "silent" }),
    policy: new PolicyInForce(defaultPolicy),
    keys: { algorithm: "ed25519", mostPending: 10_000, pendingLifetime: 7 * day },
    roles: { timestampLifetime: 14 * day, snapshotLifetime: 1_095 * day, renewAfter: 0.5 },
    cacheBytes: 16 * 1024 * 1024,
    behind: false,
    markLag: () => 0,
    refreshInterval: 3_600_000,
    readOnly: false,
  });
  return { store, service };
}
