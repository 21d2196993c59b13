/**
 * Publishing (docs/architecture.md, "A publish, in steps"): parse, load what is current, examine, apply policy, sign
 * online roles, commit, answer. A refusal at any step leaves nothing behind.
 *
 * Publications of one repository queue up in this process, so that those who lose learn it from the next state and
 * not from the store; who is known to have lost does not even wait. Another process (or the refresher) may still move the repository in between: then the store
 * says CONFLICT, and the whole procedure runs again on the new state. If the upload still fits, it lost only to a
 * renewal or to files of other roles, and goes through; stock clients do not retry. If it does not, the verdict says
 * which version was overtaken.
 */
import type { Logger } from "pino";
import { StoreError } from "../core/errors.ts";
import type { FileFacts, FormatRules } from "../core/format/format.ts";
import { keyUses } from "../core/key-uses.ts";
import { type Metadata, type Root, type Targets, usedKeys } from "../core/model.ts";
import { parentRole } from "../core/names.ts";
import { type Candidate, examine, factsOf, type Plan, refuseOvertaken } from "../core/publication.ts";
import type { Verified } from "../core/verify.ts";
import { evaluate } from "../policy/evaluate.ts";
import type { OnlineKey, RepositoryState, Store } from "../store/contract/store.ts";
import type { ReadCache } from "./cache.ts";
import type { Clock } from "./clock.ts";
import { mayHaveHappened } from "./doubt.ts";
import { namingAdoption } from "./imports/not-adopted.ts";
import { type OnlineKeys, signers } from "./online/keys.ts";
import type { OnlineRoles } from "./online/roles.ts";
import type { PolicyInForce } from "./policy-in-force.ts";
import { deniedKeys } from "./proposals/denied-keys.ts";
import { loadCandidate } from "./publish/candidate.ts";
import { publicationDetail } from "./publish/record.ts";
import { namingMissing } from "./publish/too-few.ts";
import type { Queue } from "./queue.ts";
import type { KnownKeys, Reading } from "./reading.ts";
import { refuseFindings } from "./refusal.ts";
import { newMetadata, servedFromMetadata } from "./served.ts";
import type { Principal, UploadedFile } from "./service.ts";
import { recordOf } from "./trail/record.ts";
import type { TrustedFiles, TrustedFilesCache } from "./trusted.ts";

export interface PublisherParts {
  readonly store: Store;
  readonly format: FormatRules;
  readonly clock: Clock;
  readonly keys: OnlineKeys;
  readonly roles: OnlineRoles;
  readonly trusted: TrustedFilesCache;
  readonly cache: ReadCache;
  readonly queue: Queue;
  readonly reading: Reading;
  readonly policy: PolicyInForce;
  readonly logger: Logger;
}

/** What is to be committed. */
interface Decided {
  readonly state: RepositoryState;
  readonly plan: Plan;
  readonly before: TrustedFiles;
  readonly held: ReadonlyMap<string, OnlineKey>;
  readonly at: number;
  readonly principal: Principal;
  readonly proposal: string | undefined;
}

/** How often a publication is tried on a newer state before its publisher is told to try again. */
const attempts = 8;

export class Publisher {
  readonly #parts: PublisherParts;

  constructor(parts: PublisherParts) {
    this.#parts = parts;
  }

  /** `proposal`: the ID of the one that the files are from, which ends with the same commit. */
  async publish(
    repository: string,
    files: readonly UploadedFile[],
    principal: Principal,
    proposal?: string,
  ): Promise<void> {
    const upload = await this.#read(repository, files);
    this.#refuseOvertaken(repository, upload);
    await this.#parts.queue.run(repository, async () => {
      for (let attempt = 1; ; attempt++) {
        try {
          this.#refuseOvertaken(repository, upload);
          return await this.#attempt(repository, upload, principal, proposal);
        } catch (error) {
          if (mayHaveHappened(error)) this.#forget(repository);
          if (!(error instanceof StoreError && error.code === "CONFLICT") || attempt === attempts)
            throw error;
        }
      }
    });
  }

  /** Ends the repository's incarnation. In the same queue, so that it never overtakes a publication. */
  async remove(repository: string, principal: Principal): Promise<void> {
    const { store, clock, logger } = this.#parts;
    await this.#parts.queue.run(repository, async () => {
      const at = clock.now();
      const audit = recordOf({ at, principal, kind: "repository.removed", repository });
      const existed = await store
        .remove({ repository, at, principal: principal.name, audit })
        .finally(() => this.#forget(repository));
      if (existed) logger.info({ repository, principal: principal.name }, "repository deleted");
    });
  }

  /**
   * Losers are told by what is at hand, before they wait for those in front of them and before anything is loaded for them.
   * Never wrongly: the store is asked whether its revision still is the one that the versions belong to. So they are
   * current between this upload's arrival and its answer, and had the upload been first in the queue then, examination would
   * have refused it. Nor can what waits in the queue mend it: versions only rise within an incarnation. A removal that
   * was answered has moved the revision; one that was not may count as later.
   */
  #refuseOvertaken(repository: string, upload: ReadonlyMap<string, Metadata>): void {
    const files = this.#parts.cache.certain(repository);
    refuseOvertaken(upload, (role) => files.get(role)?.version);
  }

  #forget(repository: string): void {
    this.#parts.trusted.forget(repository);
    this.#parts.cache.forget(repository);
  }

  /** The files by role. */
  async #read(repository: string, files: readonly UploadedFile[]): Promise<ReadonlyMap<string, Metadata>> {
    const { reading, logger } = this.#parts;
    const roles = files.map(({ role }) => role);
    const read = await reading.upload(files, () => this.#knownKeys(repository, roles));
    if (roles.includes("timestamp")) logger.info({ repository }, "an uploaded timestamp was ignored");
    return new Map(read.map((file) => [file.role, file]));
  }

  /** Keys that may sign these roles now. What fails here fails again when the upload is examined, and is told then. */
  async #knownKeys(repository: string, roles: readonly string[]): Promise<KnownKeys> {
    const { store, trusted } = this.#parts;
    try {
      const state = await store.state(repository);
      const parents = roles.map(parentRole).filter((role) => role !== undefined);
      const { root, targets } = await trusted.withTargets(
        state,
        await trusted.load(state),
        new Set(parents.filter((role) => state.current.has(role))),
      );
      const files = [
        ...(root === undefined ? [] : [root]),
        ...parents.flatMap((role) => targets.get(role) ?? []),
      ];
      return new Map(files.flatMap(({ signed }) => [...usedKeys(signed)]));
    } catch {
      return new Map();
    }
  }

  async #attempt(
    repository: string,
    upload: ReadonlyMap<string, Metadata>,
    principal: Principal,
    proposal: string | undefined,
  ): Promise<void> {
    const { store, clock, policy, logger } = this.#parts;
    const at = clock.now();
    const { state, files, held, candidate } = await loadCandidate(
      this.#parts,
      repository,
      upload,
      at,
      // What the audit trail compares them with.
      upload.keys(),
    );
    const plan = examined(candidate);

    const { root, targets } = plan;
    const inForce = { ...policy.current, denied: await deniedKeys(store) };
    const findings = evaluate({ ...candidate, root, targets, files: plan.files }, inForce);
    refuseFindings(findings, { repository, principal: principal.name }, logger);

    await this.#commit({ state, plan, before: files, held, at, principal, proposal });
    for (const { sentence, fix, role } of findings) logger.warn({ repository, role }, `${sentence} ${fix}`);
    logger.info(
      {
        repository,
        principal: principal.name,
        files: plan.files.map(({ role, signed }) => `${role}@${signed.version}`),
      },
      "published",
    );
    if (upload.has("root")) await this.#warnOfSharedKeys(repository, plan.root);
  }

  async #commit({ state, plan, before, held, at, principal, proposal }: Decided): Promise<void> {
    const { store, roles, trusted, cache, format } = this.#parts;
    const { repository } = state;
    const snapshot =
      plan.snapshot ??
      (await roles.makeSnapshot(state, plan.root, signers(plan.snapshotKeys, held), entriesOf(plan), at));
    const timestamp = await roles.makeTimestamp(
      state,
      plan.root,
      signers(plan.timestampKeys, held),
      snapshot,
      at,
    );
    const made = plan.snapshot === undefined ? [snapshot, timestamp] : [timestamp];
    const metadata = [...plan.files, ...made];
    const newRoot = plan.files.some(({ role }) => role === "root");
    const { revision } = await store.commit({
      repository,
      format: format.name,
      expectedRevision: state.revision,
      at,
      kind: "publish",
      principal: principal.name,
      ...(proposal !== undefined && { proposal }),
      metadata: metadata.map(newMetadata),
      activateKeys: newRoot ? [...held.keys()] : [],
      ...(newRoot && { keyUses: keyUses(plan.root.signed) }),
      renewAt: Math.min(...made.map(({ signed }) => roles.renewAt(at, signed.expires))),
      audit: recordOf({
        at,
        principal,
        kind: "repository.published",
        repository,
        detail: publicationDetail({ metadata, state, before, plan, proposal }),
      }),
    });
    cache.advance(
      repository,
      revision,
      metadata.map((file) => servedFromMetadata(file, at)),
    );
    trusted.remember(repository, {
      revision,
      root: plan.root,
      snapshot,
      targets: newRoot ? plan.targets : new Map([...unaffected(before, plan), ...plan.targets]),
    });
  }

  /** Metadata does not name its repository: one key in two of them lets files of one pass for the other's (threat V21). */
  async #warnOfSharedKeys(repository: string, root: Verified<Root>): Promise<void> {
    const { store, logger } = this.#parts;
    const materials = keyUses(root.signed).map(({ material }) => material);
    try {
      for (const other of await store.otherUsers(repository, materials)) {
        logger.warn(
          { repository, role: other.role, other: other.repository },
          "a key of this repository also signs another one: files of one could pass for the other's",
        );
      }
    } catch (error) {
      // The publication is done, and its publisher must hear that.
      logger.warn(
        { repository, err: error },
        "whether its keys sign other repositories could not be looked up",
      );
    }
  }
}

function examined(candidate: Candidate): Plan {
  try {
    return examine(candidate);
  } catch (error) {
    throw namingMissing(namingAdoption(error, candidate));
  }
}

/** The next snapshot: what stays, and what was uploaded. */
function entriesOf(plan: Plan): ReadonlyMap<string, FileFacts> {
  const uploaded = plan.files.map((file) => [file.role, factsOf(file)] as const);
  return new Map([...plan.meta, ...uploaded]);
}

/** Files known before whose parents did not change: still as verified as they were. */
function unaffected(before: TrustedFiles, plan: Plan): [string, Verified<Targets>][] {
  const changed = plan.files.map(({ role }) => role);
  return [...before.targets].filter(
    ([role]) => !changed.some((each) => role === each || role.startsWith(`${each}/`)),
  );
}
