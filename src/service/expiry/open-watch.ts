/** The watch of a service, from what the service stands on. */
import type { Announcer } from "../announce.ts";
import { loadRenewable, type RenewalParts } from "../online/renewal.ts";
import type { PolicyInForce } from "../policy-in-force.ts";
import { RepositoryTimes } from "./repository-times.ts";
import { type ExpirySettings, type ExpirySource, Watch, type WatchParts } from "./watch.ts";

export interface WatchOptions {
  /** Who is told what nobody asked about. Absent: nobody. */
  readonly announcer?: Announcer;
  readonly expiry?: ExpirySettings;
  /** What ends of the server itself. */
  readonly expirySources?: readonly ExpirySource[];
}

const usual: ExpirySettings = { days: [90, 30, 14, 7, 3, 1], interval: 3_600_000 };

export function openWatch(
  { announcer, expiry = usual, expirySources = [] }: WatchOptions,
  parts: RenewalParts &
    Pick<WatchParts, "clock" | "logger" | "damage"> & {
      readonly reading: ConstructorParameters<typeof RepositoryTimes>[1];
      readonly policy: PolicyInForce;
    },
): Watch {
  const { store, reading, clock } = parts;
  return new Watch({
    ...parts,
    times: new RepositoryTimes(store, reading),
    sources: expirySources,
    announcer,
    settings: expiry,
    async signsSnapshot(repository) {
      const found = await loadRenewable(parts, repository, clock.now());
      return found !== undefined && ("hopeless" in found || found.snapshotKeys === undefined);
    },
  });
}
