/** What is kept of one repository in memory, and orders in which it is given. */
import { Buffer } from "node:buffer";
import type { ChangeOfRepository } from "../contract/history.ts";
import type { ImportRecord } from "../contract/imports.ts";
import type { RemovedFile } from "../contract/retention.ts";
import type { Format, KeyUse, MetadataReference, StoredMetadata } from "../contract/store.ts";

export interface File extends StoredMetadata {
  readonly expires: number;
  /** Of the repository, when it was committed; of a file from before an import, that of the import. */
  readonly revision: number;
}

/** What retention and the record of changes are read from. */
export interface Life {
  readonly alive: boolean;
  readonly incarnation: number;
  readonly files: Map<string, File[]>;
  past: File[];
  /** In no order. */
  readonly removed: RemovedFile[];
  /** By revision. */
  readonly record: ChangeOfRepository[];
}

export interface Repository {
  alive: boolean;
  format: Format;
  revision: number;
  incarnation: number;
  renewAt: number | undefined;
  claimedUntil: number | undefined;
  uses: readonly KeyUse[];
  /** Ascending versions; the last is the current one. */
  readonly files: Map<string, File[]>;
  /** Taken over from elsewhere, and older than what came with them. In any order. */
  past: File[];
  imports: ImportRecord[];
  readonly floor: Map<string, number>;
  readonly removed: RemovedFile[];
  readonly record: ChangeOfRepository[];
}

export function empty(format: Format): Repository {
  return {
    alive: false,
    format,
    revision: 0,
    incarnation: 0,
    renewAt: undefined,
    claimedUntil: undefined,
    uses: [],
    files: new Map(),
    past: [],
    imports: [],
    floor: new Map(),
    removed: [],
    record: [],
  };
}

export function byVersion(a: MetadataReference, b: MetadataReference): number {
  return a.version - b.version;
}

export function withoutRepeats(uses: readonly KeyUse[]): readonly KeyUse[] {
  return [...new Map(uses.map((use) => [JSON.stringify([use.material, use.role]), use])).values()];
}

export function byteOrder(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a, "utf8"), Buffer.from(b, "utf8"));
}
