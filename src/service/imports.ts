/**
 * Taking over repositories that were made elsewhere (`core/taking-over.ts` says what is believed). A refusal leaves nothing
 * behind.
 *
 * While the timestamp's key that the root lists is not held here nobody can have published here, so such a repository can be
 * brought further from where it came; afterwards it has a history of its own, and only the past is still taken.
 */
import type { Logger } from "pino";
import { StoreError } from "../core/errors.ts";
import type { FormatRules } from "../core/format/format.ts";
import { keyUses } from "../core/key-uses.ts";
import type { Metadata } from "../core/model.ts";
import { isTopRole } from "../core/names.ts";
import { type Collection, takeCollection } from "../core/taking-over.ts";
import { enoughKeys } from "../core/threshold.ts";
import { rootRole } from "../core/verify.ts";
import { evaluate } from "../policy/evaluate.ts";
import type { RepositoryState, Store } from "../store/contract/store.ts";
import type { ReadCache } from "./cache.ts";
import type { Clock } from "./clock.ts";
import type {
  Imported,
  ImportRequest,
  ImportService,
  ImportStanding,
  PastRequest,
  VersionHere,
} from "./imports/import-service.ts";
import { addOlderRoots, addPast, addRoots, conflict } from "./imports/past.ts";
import type { OnlineKeys } from "./online/keys.ts";
import type { PolicyInForce } from "./policy-in-force.ts";
import type { Principal } from "./principal.ts";
import { deniedKeys } from "./proposals/denied-keys.ts";
import { filesDetail, toldOf } from "./publish/record.ts";
import type { Queue } from "./queue.ts";
import { refuseFindings } from "./refusal.ts";
import { newMetadata } from "./served.ts";
import { recordOf, shortened } from "./trail/record.ts";
import type { TrustedFilesCache } from "./trusted.ts";

export interface ImportParts {
  readonly store: Store;
  readonly format: FormatRules;
  readonly clock: Clock;
  readonly keys: OnlineKeys;
  readonly trusted: TrustedFilesCache;
  readonly cache: ReadCache;
  readonly queue: Queue;
  readonly policy: PolicyInForce;
  readonly logger: Logger;
  /** Throws on a server that takes no changes now. */
  checkWritable(): void;
}

/** What a server demands whoever brings it. The rest of a policy is about what is published here. */
const demanded: ReadonlySet<string> = new Set([
  "PIN_MISMATCH",
  "PIN_ROTATED",
  "NO_RULE",
  "EXAMPLE_KEY",
  "KEY_DENIED",
]);

export class Imports implements ImportService {
  readonly #parts: ImportParts;

  constructor(parts: ImportParts) {
    this.#parts = parts;
  }

  async standing(repository: string): Promise<ImportStanding> {
    const { store } = this.#parts;
    const state = await store.state(repository);
    const last = await store.imports.last(repository);
    const { exists, revision, incarnation, current } = state;
    return {
      exists,
      revision,
      incarnation,
      current,
      imported: last && { at: last.at, origin: last.origin },
      adopted: await this.#isHeld(state),
    };
  }

  async versions(
    repository: string,
    role: string,
    after: number,
    limit: number,
  ): Promise<readonly VersionHere[]> {
    return await this.#parts.store.imports.versions({ repository, role, after, limit });
  }

  async take(repository: string, request: ImportRequest, principal: Principal): Promise<Imported> {
    const { store, format, clock, queue, policy, logger } = this.#parts;
    this.#parts.checkWritable();
    const at = clock.now();
    const collection = takeCollection({ format, repository }, request, at);
    const root = collection.roots.at(-1);
    if (root === undefined) throw new TypeError("a collection was taken without a root");
    const findings = evaluate(
      {
        format,
        repository,
        current: { root: undefined, versions: new Map() },
        at,
        root,
        targets: collection.trusted.targets,
        // What clients pass over, nobody gave the right to be judged.
        files: [root, ...collection.files.filter((file) => isTrusted(collection, file))],
      },
      { ...policy.current, denied: await deniedKeys(store) },
    );
    const refusing = findings.filter(({ code }) => demanded.has(code));
    refuseFindings(refusing, { repository, principal: principal.name }, logger);
    return await queue.run(repository, () => this.#commit(repository, request, collection, principal, at));
  }

  async #commit(
    repository: string,
    { origin, dryRun }: ImportRequest,
    { roots, files, remarks }: Collection,
    principal: Principal,
    at: number,
  ): Promise<Imported> {
    const { store, format, trusted, cache, logger } = this.#parts;
    const state = await store.state(repository);
    const root = roots.at(-1) as (typeof roots)[number];
    const present = [root, ...files];
    const { revision, incarnation } = state;
    const place = { repository, incarnation, at, principal };
    if (await this.#isHere(state, present)) {
      const older = await addRoots(this.#parts, place, roots, dryRun);
      return { changed: older > 0, revision, incarnation, remarks };
    }
    if ((await addOlderRoots(this.#parts, place, state.current, { roots, files }, dryRun)) > 0) {
      return { changed: true, revision, incarnation, remarks };
    }
    await this.#refuseConflict(state, roots, files);
    if (dryRun) return { changed: true, revision, incarnation, remarks };
    try {
      const committed = await store.commit({
        repository,
        format: format.name,
        expectedRevision: revision,
        at,
        kind: "import",
        principal: principal.name,
        metadata: present
          .filter(({ role, sha256 }) => state.current.get(role)?.sha256 !== sha256)
          .map(newMetadata),
        activateKeys: [],
        keyUses: keyUses(root.signed),
        renewAt: undefined,
        imported: { origin, history: roots.slice(0, -1).map(newMetadata), keys: [] },
        audit: recordOf({
          at,
          principal,
          kind: "repository.imported",
          repository,
          detail: { origin: shortened(origin), ...filesDetail(present.map(toldOf), state.current) },
        }),
      });
      logger.info(
        {
          repository,
          principal: principal.name,
          origin,
          root: root.signed.version,
          incarnation: committed.incarnation,
        },
        "repository taken over",
      );
      return { changed: true, ...committed, remarks };
    } catch (error) {
      if (error instanceof StoreError && error.code === "CONFLICT") {
        throw conflict("has moved on, or keeps other bytes of a version: read it again", error);
      }
      throw error;
    } finally {
      trusted.forget(repository);
      cache.forget(repository);
    }
  }

  /**
   * Whether nothing came that is not here: all of it is current, or was before the repository was adopted and went on. The newest
   * root is the very one that is stored, so whatever was verified towards it belongs to it.
   */
  async #isHere(state: RepositoryState, present: readonly Metadata[]): Promise<boolean> {
    if (!state.exists) return false;
    if (present.every((file) => state.current.get(file.role)?.sha256 === file.sha256)) return true;
    if (!(await this.#isHeld(state))) return false;
    const { store } = this.#parts;
    if ((await store.imports.last(state.repository)) === undefined) return false;
    for (const { role, signed, sha256 } of present) {
      const stored = await store.byVersion(state.repository, role, signed.version);
      if (stored?.sha256 !== sha256) return false;
    }
    return true;
  }

  /** Nothing that clients have seen here may go back or be exchanged. */
  async #refuseConflict(
    state: RepositoryState,
    roots: readonly Metadata[],
    files: readonly Metadata[],
  ): Promise<void> {
    const { store } = this.#parts;
    const present = [...roots.slice(-1), ...files];
    if (!state.exists) {
      for (const { role, signed } of present) {
        const floor = state.floor.get(role) ?? 0;
        if ((role === "timestamp" || role === "snapshot") && signed.version <= floor) {
          throw conflict(
            `had an earlier life whose ${role} reached version ${floor}, below which its readers accept nothing: import it once its source is above that, or, where the source is gone, let its owner publish it anew here and tell its readers`,
          );
        }
      }
      return;
    }
    if ((await store.imports.last(state.repository)) === undefined) {
      throw conflict(
        "exists already with another history: ask its owner which of both goes on, and do not delete it for this, since a name that was deleted takes nothing back that is older",
      );
    }
    if (await this.#isHeld(state)) {
      throw conflict(
        "has been adopted, and goes on here: of what comes from elsewhere only roots are taken that are older than the first one here, and lead to it",
      );
    }
    const behind = present.find(({ role, sha256, signed }) => {
      const here = state.current.get(role);
      return here !== undefined && here.sha256 !== sha256 && signed.version <= here.version;
    });
    const mine = state.current.get("root");
    const isOfChain = mine === undefined || roots.some(({ sha256 }) => sha256 === mine.sha256);
    if (behind === undefined && isOfChain) return;
    await this.#refuseOtherBytes(state.repository, [...roots, ...files]);
    if (behind !== undefined) {
      const { role, signed } = behind;
      throw conflict(
        `is further here than what came: ${role} ${state.current.get(role)?.version} is in force, and an older one came, ${role} ${signed.version}`,
      );
    }
    throw conflict(
      `has root ${mine?.version}, and what came begins at root ${roots[0]?.signed.version}: the roots from one to the other are missing`,
    );
  }

  /** Where two histories part, at the first version of which both have bytes. */
  async #refuseOtherBytes(repository: string, came: readonly Metadata[]): Promise<void> {
    for (const { role, sha256, signed } of came) {
      const stored = await this.#parts.store.byVersion(repository, role, signed.version);
      if (stored === undefined || stored.sha256 === sha256) continue;
      throw conflict(
        `has another history than what came: ${role} ${signed.version} has other bytes here, so ask its owner whose is right`,
      );
    }
  }

  async addPast(
    repository: string,
    request: PastRequest,
    principal: Principal,
  ): Promise<{ readonly added: number }> {
    this.#parts.checkWritable();
    return await addPast(this.#parts, repository, request, principal);
  }

  async #isHeld(state: RepositoryState): Promise<boolean> {
    if (!state.exists) return false;
    const { root } = await this.#parts.trusted.load(state);
    if (root === undefined) return false;
    const held = await this.#parts.keys.held(state.repository, root.signed);
    return enoughKeys(rootRole(root.signed, "timestamp"), held) !== undefined;
  }
}

function isTrusted({ trusted }: Collection, { role }: Metadata): boolean {
  return isTopRole(role) || trusted.targets.has(role);
}
