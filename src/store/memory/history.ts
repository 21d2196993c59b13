/** The record of changes in memory. */
import * as bounds from "../bounds.ts";
import type { HistoryStore } from "../contract/history.ts";
import type { MemoryRepositories } from "./repositories.ts";

export function memoryHistory(repositories: MemoryRepositories, checkOpen: () => void): HistoryStore {
  return {
    async changes(repository, after, limit) {
      bounds.checkName(repository);
      bounds.checkInstant(after);
      bounds.checkLimit(limit, bounds.maxPage);
      checkOpen();
      return (repositories.life(repository)?.record ?? [])
        .filter(({ revision }) => revision > after)
        .slice(0, limit);
    },
  };
}
