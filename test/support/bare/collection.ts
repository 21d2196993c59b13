/**
 * From names and digests to a published Notary repository whose timestamp and snapshot keys the server holds. The files beside
 * this one are a publisher and reader who send and take whatever they are told, false things too: for tests, demo, bench and tools.
 * What people publish with is src/publisher.
 *
 * A first publication is root 1 and targets 1; every later one is targets with the next version. Keys are handed in
 * for each call; nothing is kept. What is made here is only signed: whether it may be published is the server's word.
 */
import type { FormatRules, RoleContent, TargetContent } from "../../../src/core/format/format.ts";
import { notary } from "../../../src/core/format/notary.ts";
import type { ListedKey } from "../../../src/core/keys.ts";
import type { TrustServer } from "./exchange.ts";
import { fetchOnlineKey } from "./fetch.ts";
import type { PublisherKey } from "./keys.ts";
import { sealWith } from "./seal.ts";
import { upload } from "./upload.ts";

/** The people of one role: all of them listed, and how many must sign. */
export interface RoleHolders {
  readonly keys: readonly PublisherKey[];
  readonly threshold: number;
}

export interface CollectionHolders {
  /** Certificate keys. */
  readonly root: RoleHolders;
  readonly targets: RoleHolders;
}

/** Keys that the server holds. */
export interface OnlineKeys {
  readonly timestamp: ListedKey;
  readonly snapshot: ListedKey;
}

/** Version, and expiry in milliseconds since 1970 UTC. */
export interface Edition {
  readonly version: number;
  readonly expires: number;
}

const format: FormatRules = notary;

/** A root that gives every role its keys, signed by all root keys. */
export function makeRoot(edition: Edition, { root, targets }: CollectionHolders, online: OnlineKeys): Buffer {
  const canonical = format.encodeRoot({
    ...edition,
    keys: [...listed(root), ...listed(targets), online.timestamp, online.snapshot],
    roles: {
      root: roleOf(root),
      targets: roleOf(targets),
      snapshot: { keyIds: [online.snapshot.id], threshold: 1 },
      timestamp: { keyIds: [online.timestamp.id], threshold: 1 },
    },
  });
  return sealWith(format, canonical, root.keys);
}

/** Targets without delegations. `signers` may be fewer than the threshold: it is then refused, as it should be. */
export function makeTargets(
  edition: Edition,
  targets: ReadonlyMap<string, TargetContent>,
  signers: readonly PublisherKey[],
): Buffer {
  const canonical = format.encodeTargets({ ...edition, targets, keys: [], delegations: [] });
  return sealWith(format, canonical, signers);
}

export interface FirstPublication {
  readonly repository: string;
  readonly holders: CollectionHolders;
  readonly targets: ReadonlyMap<string, TargetContent>;
  readonly rootExpires: number;
  readonly targetsExpires: number;
}

/** Asks the server for its keys, makes root and targets, uploads both. Throws `ExchangeError`. */
export async function publishFirst(server: TrustServer, publication: FirstPublication): Promise<void> {
  const { repository, holders, targets, rootExpires, targetsExpires } = publication;
  const online: OnlineKeys = {
    timestamp: await fetchOnlineKey(server, repository, "timestamp"),
    snapshot: await fetchOnlineKey(server, repository, "snapshot"),
  };
  const root = makeRoot({ version: 1, expires: rootExpires }, holders, online);
  const first = makeTargets({ version: 1, expires: targetsExpires }, targets, holders.targets.keys);
  const files = new Map([
    ["root", root],
    ["targets", first],
  ]);
  await upload(server, repository, files);
}

export interface NextPublication {
  readonly repository: string;
  /** Version of the targets file that is current. */
  readonly current: number;
  /** All targets of the next version, not only new ones. */
  readonly targets: ReadonlyMap<string, TargetContent>;
  readonly signers: readonly PublisherKey[];
  readonly expires: number;
}

/** Targets with the next version. Throws `ExchangeError`. */
export async function publishNext(server: TrustServer, publication: NextPublication): Promise<void> {
  const { repository, current, targets, signers, expires } = publication;
  const next = makeTargets({ version: current + 1, expires }, targets, signers);
  await upload(server, repository, new Map([["targets", next]]));
}

function listed({ keys }: RoleHolders): ListedKey[] {
  return keys.map((key) => key.listed);
}

function roleOf({ keys, threshold }: RoleHolders): RoleContent {
  return { keyIds: keys.map((key) => key.listed.id), threshold };
}
