/** The service, put together from its parts. */
import type { Logger } from "pino";
import type { FormatRules } from "../core/format/format.ts";
import type { Signer } from "../signer/signer.ts";
import type { Store } from "../store/contract/store.ts";
import type { Announcer } from "./announce.ts";
import { Audit } from "./audit/audit.ts";
import { ReadCache } from "./cache.ts";
import type { Clock } from "./clock.ts";
import { DamageMet } from "./damage-met.ts";
import { openWatch, type WatchOptions } from "./expiry/open-watch.ts";
import { KeyAdoptions } from "./imports/key-adoption.ts";
import { Imports } from "./imports.ts";
import { type OnlineKeySettings, OnlineKeys } from "./online/keys.ts";
import { Refresher } from "./online/refresh.ts";
import { type OnlineRoleSettings, OnlineRoles } from "./online/roles.ts";
import type { PolicyInForce } from "./policy-in-force.ts";
import { type ProposalSettings, proposalDefaults } from "./proposals/proposal-service.ts";
import { Proposals } from "./proposals.ts";
import { Publisher } from "./publish.ts";
import { Queue } from "./queue.ts";
import { type Reading, readingHere } from "./reading.ts";
import { Refusals } from "./refusals.ts";
import { RetentionJob } from "./retention/retention.ts";
import type { TrustService } from "./service.ts";
import { type Job, Serving } from "./serving.ts";
import { AuditHeads, announcingInLog, trailService } from "./trail/heads.ts";
import { TrustedFilesCache } from "./trusted.ts";
import { checkWritable } from "./writable.ts";

export interface TrustOptions extends WatchOptions {
  readonly store: Store;
  readonly signer: Signer;
  readonly format: FormatRules;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly policy: PolicyInForce;
  readonly keys: OnlineKeySettings;
  readonly roles: OnlineRoleSettings;
  /** Where files are read. Absent: here. */
  readonly reading?: Reading;
  /** Bytes of served files kept in memory, and of verified ones. */
  readonly cacheBytes: number;
  /** How often to look for online roles that are due, in milliseconds. */
  readonly refreshInterval: number;
  /** Never sign and never write. */
  readonly readOnly: boolean;
  /** The store lacks what it once had (`mark/standing.ts`): likewise, and every answer about health says so. */
  readonly behind: boolean;
  /** Milliseconds since the oldest commit that the high-water mark lacks; 0 when it lacks none. */
  readonly markLag: () => number;
  /** What else this process does by itself while it may write. */
  readonly jobs?: readonly Job[];
  /** Absent: the log is told. */
  readonly announcer?: Announcer;
  /** Where signed heads of the audit trail are written, a line each. */
  readonly appendHead?: ((line: string) => void) | undefined;
  /** Other bounds of proposals than the usual ones. */
  readonly proposals?: Partial<ProposalSettings>;
}

export function createTrustService(options: TrustOptions): TrustService {
  const { store, signer, format, clock, logger, policy } = options;
  const cache = new ReadCache(options.cacheBytes, store);
  const reading = options.reading ?? readingHere(format);
  const trusted = new TrustedFilesCache(store, format, options.cacheBytes, reading);
  const queue = new Queue();
  const keys = new OnlineKeys(store, signer, format, clock, options.keys);
  const roles = new OnlineRoles(keys, format, options.roles);
  const damage = new DamageMet();
  const shared = { store, format, clock, keys, roles, trusted, cache, queue, reading, logger, damage };
  const publisher = new Publisher({ ...shared, policy });
  const proposals = new Proposals({
    ...shared,
    policy,
    publisher,
    settings: { ...proposalDefaults, ...options.proposals },
    checkWritable: () => checkWritable(options),
  });
  const heads = new AuditHeads({
    store,
    signer,
    clock,
    logger,
    algorithm: options.keys.algorithm,
    announcer: options.announcer ?? announcingInLog(logger),
    append: options.appendHead,
  });
  const refusals = new Refusals({ store, clock, logger, closed: options.readOnly || options.behind });
  const alsoTend = async () => {
    await proposals.tend();
    // So that the hour that is over is whole as far as this process knows.
    await refusals.flush();
    await heads.tend();
  };
  const refresher = new Refresher({ ...shared, interval: options.refreshInterval, alsoTend });
  const changing = { ...shared, policy, checkWritable: () => checkWritable(options) };
  return new Serving({
    ...shared,
    signer,
    policy,
    publisher,
    refresher,
    proposals,
    audit: new Audit({ ...changing, afterAllowing: () => proposals.tend() }),
    expiry: openWatch(options, { ...shared, policy }),
    retention: new RetentionJob(changing),
    trail: trailService(store),
    refusals,
    adoption: new KeyAdoptions({ ...changing, signer, refresher }),
    imports: new Imports(changing),
    jobs: options.jobs ?? [],
    readOnly: options.readOnly,
    behind: options.behind,
    markLag: options.markLag,
  });
}
