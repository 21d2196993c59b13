/**
 * The part of the store contract (`store.ts`) by which superseded files are taken away. `test/contract/store/retention.ts`
 * is the same text as tests.
 *
 * **What stays.** A file that is current, and every root, is never taken away. Of any other the bytes go, so that it is
 * found neither by version nor by digest, and its row stays: role, version, digest, length and dates, as long as the
 * incarnation lives.
 *
 * **What does not change.** Revision, record of changes and changefeed: nothing was published. A row of the changefeed may
 * name a file that is gone.
 *
 * Which files may go is decided by whoever asks. **Names, time, durability, errors** are those of the store.
 */

/** A file without its bytes: a `MetadataReference` of the store, and what was committed beside it. */
export interface StoredFile {
  readonly role: string;
  readonly version: number;
  readonly sha256: string;
  readonly length: number;
  readonly storedAt: number;
  readonly expires: number;
  /** Of the repository, when the file was committed. */
  readonly revision: number;
}

export interface RemovedFile extends StoredFile {
  readonly removedAt: number;
}

export interface RetentionRequest {
  readonly repository: string;
  /** In which the files were seen. */
  readonly incarnation: number;
  readonly at: number;
  /** 1 … 1000; no file twice. */
  readonly files: readonly { readonly role: string; readonly version: number }[];
}

export interface RetentionStore {
  /**
   * Stored files of the present incarnation, by role in byte order, then version, strictly after the given ones.
   * `limit`: 1 … 1000.
   */
  files(
    repository: string,
    after: { readonly role: string; readonly version: number },
    limit: number,
  ): Promise<readonly StoredFile[]>;
  /**
   * Takes away all of these, and resolves to how many that were; one that is gone already does not count. `CONFLICT`, and
   * nothing is changed: one of them is current or a root, or the repository lives another life.
   */
  remove(request: RetentionRequest): Promise<number>;
  /** What was taken away in the present incarnation, in the order of `files`. `limit`: 1 … 1000. */
  removedFiles(
    repository: string,
    after: { readonly role: string; readonly version: number },
    limit: number,
  ): Promise<readonly RemovedFile[]>;
  /** The file of a role by its digest, if it was taken away in the present incarnation. */
  removed(repository: string, role: string, sha256: string): Promise<RemovedFile | undefined>;
}
