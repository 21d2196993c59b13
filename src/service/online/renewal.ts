/**
 * Making a repository's online roles anew without a publication: for the refresher ahead of their expiry, and for
 * `vidimus recover accept` above versions that were lost.
 */
import type { FileFacts, FormatRules } from "../../core/format/format.ts";
import type { Metadata, Root, Snapshot } from "../../core/model.ts";
import { snapshotEntries } from "../../core/publication.ts";
import { enoughKeys } from "../../core/threshold.ts";
import { isExpired, rootRole, type Verified } from "../../core/verify.ts";
import type { OnlineKey, RepositoryState, Store } from "../../store/contract/store.ts";
import { ownPrincipal } from "../principal.ts";
import { filesDetail, toldOf } from "../publish/record.ts";
import { newMetadata } from "../served.ts";
import { recordOf } from "../trail/record.ts";
import type { TrustedFiles, TrustedFilesCache } from "../trusted.ts";
import { type OnlineKeys, signers } from "./keys.ts";
import type { OnlineRoles } from "./roles.ts";

export interface RenewalParts {
  readonly store: Store;
  readonly format: FormatRules;
  readonly keys: OnlineKeys;
  readonly roles: OnlineRoles;
  readonly trusted: TrustedFilesCache;
}

/** What is current and who signs it here. */
export interface Renewable {
  readonly state: RepositoryState;
  readonly files: TrustedFiles & { readonly root: Verified<Root>; readonly snapshot: Metadata<Snapshot> };
  readonly timestampKeys: readonly OnlineKey[];
  /** Undefined: the owner signs the snapshot, or this server has lost the key. */
  readonly snapshotKeys: readonly OnlineKey[] | undefined;
}

/** Why nothing can be renewed before the owner publishes a new root. */
export interface Hopeless {
  readonly state: RepositoryState;
  readonly hopeless: string;
}

/** Undefined: there is nothing to renew. Throws `STORE_CORRUPT`, `CONFLICT`. */
export async function loadRenewable(
  { store, keys, trusted }: RenewalParts,
  repository: string,
  at: number,
): Promise<Renewable | Hopeless | undefined> {
  const state = await store.state(repository);
  const files = await trusted.load(state);
  const { root, snapshot } = files;
  if (root === undefined || snapshot === undefined) return undefined;
  if (isExpired(root.signed, at)) return { state, hopeless: "the root has expired" };
  const held = await keys.held(repository, root.signed);
  const timestamp = enoughKeys(rootRole(root.signed, "timestamp"), held);
  if (timestamp === undefined) {
    return { state, hopeless: "the timestamp key that the root lists is not held here" };
  }
  const ofSnapshot = enoughKeys(rootRole(root.signed, "snapshot"), held);
  return {
    state,
    files: { ...files, root, snapshot },
    timestampKeys: signers(timestamp, held),
    snapshotKeys: ofSnapshot && signers(ofSnapshot, held),
  };
}

/** When the current snapshot is to be made anew; never, if it is not made here. */
export function snapshotDue({ roles }: RenewalParts, renewable: Renewable, at: number): number {
  const { state, files, snapshotKeys } = renewable;
  if (snapshotKeys === undefined) return Number.POSITIVE_INFINITY;
  return roles.renewAt(state.current.get("snapshot")?.storedAt ?? at, files.snapshot.signed.expires);
}

export interface Renewed {
  readonly revision: number;
  /** What was made, the timestamp last. */
  readonly made: readonly Metadata[];
  readonly files: TrustedFiles;
}

/** Commits a new timestamp, and a new snapshot if it is wanted and made here. Throws `CONFLICT` and what signing throws. */
export async function renewOnlineRoles(
  parts: RenewalParts,
  renewable: Renewable,
  wanted: { readonly snapshot: boolean },
  at: number,
): Promise<Renewed> {
  const { store, format, roles } = parts;
  const { state, files, timestampKeys, snapshotKeys } = renewable;
  const { root } = files;
  const newSnapshot =
    wanted.snapshot && snapshotKeys !== undefined
      ? await roles.makeSnapshot(state, root, snapshotKeys, await entries(parts, renewable), at)
      : undefined;
  const snapshot = newSnapshot ?? files.snapshot;
  const timestamp = await roles.makeTimestamp(state, root, timestampKeys, snapshot, at);
  const made = newSnapshot === undefined ? [timestamp] : [newSnapshot, timestamp];
  const next = made.map(({ signed }) => roles.renewAt(at, signed.expires));
  if (newSnapshot === undefined) next.push(snapshotDue(parts, renewable, at));
  const { revision } = await store.commit({
    repository: state.repository,
    format: format.name,
    expectedRevision: state.revision,
    at,
    kind: "refresh",
    principal: ownPrincipal.name,
    metadata: made.map(newMetadata),
    activateKeys: [],
    renewAt: Math.min(...next),
    audit: recordOf({
      at,
      principal: ownPrincipal,
      kind: "repository.renewed",
      repository: state.repository,
      detail: filesDetail(made.map(toldOf), state.current),
    }),
  });
  return { revision, made, files: { ...files, revision, snapshot } };
}

async function entries(
  { trusted }: RenewalParts,
  { state, files }: Renewable,
): Promise<ReadonlyMap<string, FileFacts>> {
  const listed = new Set(files.snapshot.signed.meta.keys());
  return snapshotEntries((await trusted.current(state, files, listed)).facts);
}
