/** Retention in memory. */
import { StoreError } from "../../core/errors.ts";
import * as retentionBounds from "../bounds/retention.ts";
import * as bounds from "../bounds.ts";
import type { AuditRecord } from "../contract/audit.ts";
import {
  type RemovedFile,
  type RetentionRequest,
  type RetentionStore,
  removedRecord,
  type StoredFile,
} from "../contract/retention.ts";
import type { MemoryRepositories } from "./repositories.ts";
import { byteOrder } from "./repository.ts";

type Place = Pick<StoredFile, "role" | "version">;

export function memoryRetention(
  repositories: MemoryRepositories,
  checkOpen: () => void,
  append: (record: AuditRecord) => void,
): RetentionStore {
  return {
    async files(repository, after, limit) {
      retentionBounds.checkPage(repository, after, limit);
      checkOpen();
      const life = repositories.life(repository);
      const all = [...(life?.files.values() ?? []), life?.past ?? []].flat();
      return page(
        all.map(({ bytes: _, ...file }) => file),
        after,
        limit,
      );
    },
    async remove(request) {
      retentionBounds.checkRetention(request);
      checkOpen();
      const gone = remove(repositories, request);
      if (gone.length > 0) append(removedRecord(request, gone));
      return gone.length;
    },
    async removedFiles(repository, after, limit) {
      retentionBounds.checkPage(repository, after, limit);
      checkOpen();
      return page(repositories.life(repository)?.removed ?? [], after, limit);
    },
    async removed(repository, role, sha256) {
      bounds.checkName(repository);
      bounds.checkName(role);
      checkOpen();
      const found = repositories.life(repository)?.removed ?? [];
      return page(found, { role: "", version: 0 }, found.length).findLast(
        (file) => file.role === role && file.sha256 === sha256,
      );
    },
  };
}

function remove(
  repositories: MemoryRepositories,
  { repository, incarnation, at, files }: RetentionRequest,
): readonly RemovedFile[] {
  const life = repositories.life(repository);
  if (life?.alive !== true || life.incarnation !== incarnation) {
    throw new StoreError("CONFLICT", "The repository has moved on: read it again.");
  }
  for (const { role, version } of files) {
    if (role !== "root" && life.files.get(role)?.at(-1)?.version !== version) continue;
    throw new StoreError("CONFLICT", "A file that is current or a root is never taken away.");
  }
  const gone: RemovedFile[] = [];
  for (const { role, version } of files) {
    const stored = life.files.get(role) ?? [];
    const isIt = (each: Place) => each.role === role && each.version === version;
    const file = stored.find(isIt) ?? life.past.find(isIt);
    if (file === undefined) continue;
    const { bytes: _, ...row } = file;
    gone.push({ ...row, removedAt: at });
    life.files.set(
      role,
      stored.filter((each) => each !== file),
    );
    life.past = life.past.filter((each) => each !== file);
  }
  life.removed.push(...gone);
  return gone;
}

function page<T extends Place>(files: readonly T[], after: Place, limit: number): T[] {
  const order = (a: Place, b: Place) => byteOrder(a.role, b.role) || a.version - b.version;
  return files
    .filter((file) => order(file, after) > 0)
    .sort(order)
    .slice(0, limit);
}
