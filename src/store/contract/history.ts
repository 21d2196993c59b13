/**
 * The part of the store contract (`store.ts`) that says who changed a repository, and when. With `retention.ts`, which lists its
 * files with the revisions that brought them, it is all that questions about the past are answered from.
 * `test/contract/store/history.ts` is the same text as tests.
 *
 * **Nothing is lost.** A change has one row, numbered by the revision that it made, from 1 without a gap. Rows stay when a
 * repository is removed, and through all its lives.
 *
 * **Names, time, durability, errors** are those of the store.
 */

export interface ChangeOfRepository {
  readonly revision: number;
  /** Of the life that it belongs to. */
  readonly incarnation: number;
  readonly at: number;
  readonly kind: "publish" | "refresh" | "import" | "removal";
  readonly principal: string;
}

export interface HistoryStore {
  /** By revision, strictly after the given one. `limit`: 1 … 1000. Empty for a name that was never used. */
  changes(repository: string, after: number, limit: number): Promise<readonly ChangeOfRepository[]>;
}
