/**
 * What is current in a repository, read and verified once per revision.
 *
 * Stored files are verified again when they are first loaded, expiry aside: a damaged or altered store is noticed
 * here, and nothing is believed because it was stored. A stored delegation that its parent no longer satisfies is
 * left out: it counts as unavailable (docs/adr/0015-stock-clients-decide.md).
 */
import { hash } from "node:crypto";
import { LRUCache } from "lru-cache";
import { StoreError, UnauthenticError } from "../core/errors.ts";
import type { FileFacts, FormatRules } from "../core/format/format.ts";
import type { Metadata, Root, Snapshot, Targets } from "../core/model.ts";
import { parentRole } from "../core/names.ts";
import type { CurrentFiles } from "../core/publication.ts";
import { delegatedKeys, rootRole, type Verified, verifyRole, verifyRoot } from "../core/verify.ts";
import type { MetadataReference, RepositoryState, Store } from "../store/contract/store.ts";
import { type Reading, readingHere } from "./reading.ts";
import { altered, believing, believingLater, bufferOf, damaged } from "./stored.ts";

/** The verified files of one repository at one revision. Targets files are added as they are needed. */
export interface TrustedFiles {
  readonly revision: number;
  readonly root: Verified<Root> | undefined;
  /** Verified when it was accepted; its key may have changed with the root since. */
  readonly snapshot: Metadata<Snapshot> | undefined;
  readonly targets: ReadonlyMap<string, Verified<Targets>>;
}

const nothing = (revision: number): TrustedFiles => ({
  revision,
  root: undefined,
  snapshot: undefined,
  targets: new Map(),
});

/** Parsed objects weigh several times their bytes. */
const objectFactor = 6;

export class TrustedFilesCache {
  readonly #store: Store;
  readonly #format: FormatRules;
  readonly #reading: Reading;
  readonly #known: LRUCache<string, TrustedFiles>;

  /** @param bytes bound of what is kept, in bytes of memory */
  constructor(store: Store, format: FormatRules, bytes: number, reading: Reading = readingHere(format)) {
    this.#store = store;
    this.#format = format;
    this.#reading = reading;
    this.#known = new LRUCache({
      maxSize: bytes,
      sizeCalculation: ({ root, snapshot, targets }) =>
        [root, snapshot, ...targets.values()].reduce((sum, file) => sum + (file?.bytes.length ?? 0), 128) *
        objectFactor,
    });
  }

  /** Root and snapshot at the given revision, and those targets files that are known already. */
  async load(state: RepositoryState): Promise<TrustedFiles> {
    if (!state.exists) return nothing(state.revision);
    const known = this.#known.get(state.repository);
    if (known !== undefined && known.revision === state.revision) return known;
    const rootFile = await this.#read(state, "root");
    const scope = { format: this.#format, repository: state.repository };
    const root =
      rootFile &&
      believing("root", () => verifyRoot(rootFile, scope, undefined, { at: 0, expiry: "ignored" }));
    const snapshotFile = root && (await this.#read(state, "snapshot"));
    const snapshot = snapshotFile as Metadata<Snapshot> | undefined;
    if (snapshot !== undefined) checkPointers(state, snapshot.signed);
    const files: TrustedFiles = { revision: state.revision, root, snapshot, targets: new Map() };
    this.#known.set(state.repository, files);
    return files;
  }

  /** The same files with the named targets roles loaded, as far as their parents vouch for them. */
  async withTargets(
    state: RepositoryState,
    files: TrustedFiles,
    roles: ReadonlySet<string>,
  ): Promise<TrustedFiles> {
    const targets = new Map(files.targets);
    for (const role of [...roles].sort((a, b) => a.length - b.length)) {
      if (!targets.has(role)) await this.#addTargets(state, files, targets, role);
    }
    if (targets.size === files.targets.size) return files;
    const more = { ...files, targets };
    this.#known.set(state.repository, more);
    return more;
  }

  async #addTargets(
    state: RepositoryState,
    { root }: TrustedFiles,
    targets: Map<string, Verified<Targets>>,
    role: string,
  ): Promise<void> {
    const parent = parentRole(role);
    if (root === undefined || !state.current.has(role)) return;
    if (parent !== undefined && !targets.has(parent))
      await this.#addTargets(state, { revision: 0, root, snapshot: undefined, targets }, targets, parent);
    const parentFile = parent === undefined ? undefined : targets.get(parent);
    if (parent !== undefined && parentFile === undefined) return;
    const file = (await this.#read(state, role)) as Metadata<Targets> | undefined;
    if (file === undefined) return;
    try {
      const keys =
        parentFile === undefined ? rootRole(root.signed, "targets") : delegatedKeys(parentFile.signed, role);
      targets.set(role, verifyRole(file, keys, { at: 0, expiry: "ignored" }));
    } catch (error) {
      if (!(error instanceof UnauthenticError)) throw error;
    }
  }

  /** What the next publication is examined against. `wantSha512`: roles whose sha512 an uploaded snapshot lists. */
  async current(
    state: RepositoryState,
    files: TrustedFiles,
    wantSha512: ReadonlySet<string>,
  ): Promise<CurrentFiles> {
    const facts = new Map<string, FileFacts>();
    for (const [role, reference] of state.current)
      facts.set(role, await this.#facts(state, files, reference, wantSha512));
    return {
      root: files.root,
      snapshot: files.snapshot,
      targets: files.targets,
      versions: new Map([...state.current].map(([role, { version }]) => [role, version])),
      facts,
    };
  }

  async #facts(
    state: RepositoryState,
    files: TrustedFiles,
    { role, length, sha256 }: MetadataReference,
    wantSha512: ReadonlySet<string>,
  ): Promise<FileFacts> {
    const listed = files.snapshot?.signed.meta.get(role)?.hashes;
    if (listed?.get("sha256") === sha256 && listed.has("sha512"))
      return { length, sha256, sha512: listed.get("sha512") };
    if (!wantSha512.has(role)) return { length, sha256, sha512: undefined };
    const stored = await this.#store.byDigest(state.repository, role, sha256);
    return { length, sha256, sha512: stored && hash("sha512", stored.bytes, "hex") };
  }

  /** After a commit: what was verified for it is what is current now. */
  remember(repository: string, files: TrustedFiles): void {
    this.#known.set(repository, files);
  }

  forget(repository: string): void {
    this.#known.delete(repository);
  }

  async #read(state: RepositoryState, role: string): Promise<Metadata | undefined> {
    const reference = state.current.get(role);
    if (reference === undefined) return undefined;
    const stored = await this.#store.byDigest(state.repository, role, reference.sha256);
    // Gone meanwhile: somebody else moved the repository on.
    if (stored === undefined) throw new StoreError("CONFLICT", "The repository changed while it was read.");
    const file = await believingLater(role, () => this.#reading.stored(role, bufferOf(stored)));
    // Hashed by whoever read it, once.
    if (file.sha256 !== stored.sha256) throw altered(role);
    return file;
  }
}

/** Every commit makes the files current that its snapshot names: where they differ, somebody moved a pointer. */
function checkPointers({ current }: RepositoryState, { meta }: Snapshot): void {
  for (const [role, { sha256 }] of current) {
    const listed = meta.get(role)?.hashes.get("sha256");
    if (listed !== undefined && listed !== sha256)
      throw damaged(role, "is not the one that its snapshot names");
  }
}
