/** Repositories that were made elsewhere, in memory. */
import * as bounds from "../bounds.ts";
import type { ImportStore } from "../contract/imports.ts";
import type { MemoryAudit } from "./audit.ts";
import type { MemoryKeys } from "./keys.ts";
import type { MemoryRepositories } from "./repositories.ts";

export function memoryImports(
  { repositories, keys, audit }: { repositories: MemoryRepositories; keys: MemoryKeys; audit: MemoryAudit },
  checkOpen: () => void,
): ImportStore {
  return {
    async last(repository) {
      bounds.checkName(repository);
      checkOpen();
      return repositories.last(repository);
    },
    async versions(query) {
      bounds.checkVersionsQuery(query);
      checkOpen();
      return repositories.versions(query);
    },
    async addHistory(request) {
      bounds.checkHistory(request);
      checkOpen();
      const added = repositories.addHistory(request);
      if (added > 0) audit.append(request.audit);
      return added;
    },
    async holdKeys(request) {
      bounds.checkHeldKeys(request);
      checkOpen();
      repositories.lookAt(request.repository, request.expectedRevision, request.renewAt);
      keys.hold(request.repository, request.keys);
      audit.append(request.audit);
    },
  };
}
