/**
 * The contract of the high-water mark: how far the store had got, kept in a file of its own.
 *
 * A store that was restored from an older backup, or that lost commits, looks as sound as ever; only what lies apart
 * from it can tell. The mark is behind the store by what was committed since it was last written, and never ahead of it.
 *
 * **Never lowered.** What is added is merged: a later life of a name before an earlier one, within a life the higher
 * version of each role. Only `replace` lets anything go.
 *
 * **Damage.** A line that is cut off or altered counts for nothing and harms no other.
 *
 * **Errors.** `STORE_UNWRITABLE` where the file cannot be opened or made; afterwards whatever the system said.
 */
import type { ChangeRecord } from "./contract/store.ts";

/** A row of the changefeed: a store that has it has everything that was committed before it. */
export type Position = Pick<ChangeRecord, "id" | "repository" | "version" | "sha256">;

export interface MarkedFile {
  readonly version: number;
  readonly sha256: string;
}

/** What is known of one repository. */
export interface MarkEntry {
  readonly repository: string;
  readonly revision: number;
  readonly incarnation: number;
  /** False once it was removed. */
  readonly exists: boolean;
  /** The highest version of each role in this incarnation. */
  readonly roles: ReadonlyMap<string, MarkedFile>;
}

export interface HighWaterMark {
  /** The newest position; undefined if there is no mark, or none that can be read. */
  position(): Position | undefined;
  /**
   * True if lines that came after that position, or all lines, cannot be read: there may have been a newer one. A last
   * line that was cut off is no reason.
   */
  isDoubtful(): boolean;
  /** Each repository once, in no order. What is appended meanwhile is seen or not. */
  entries(): AsyncIterable<MarkEntry>;
  /** Durable when it resolves. One call at a time. */
  append(entries: Iterable<MarkEntry>, position: Position | undefined): Promise<void>;
  /** A new mark in the place of the old one, whole or not at all. */
  replace(entries: AsyncIterable<MarkEntry>, position: Position | undefined): Promise<void>;
  close(): Promise<void>;
}

/** Both together, `later` having come later. */
export function mergeEntries(earlier: MarkEntry | undefined, later: MarkEntry): MarkEntry {
  if (earlier === undefined || later.incarnation > earlier.incarnation) return later;
  if (later.incarnation < earlier.incarnation) return earlier;
  const roles = new Map(earlier.roles);
  for (const [role, file] of later.roles) {
    if (file.version >= (roles.get(role)?.version ?? 0)) roles.set(role, file);
  }
  return { ...(later.revision >= earlier.revision ? later : earlier), roles };
}
