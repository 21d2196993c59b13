/** The bounds of retention, checked as `bounds.ts` says. */
import { checkActor, checkInstant, checkLimit, checkName, demand, isVersion, maxPage } from "../bounds.ts";
import type { RetentionRequest } from "../contract/retention.ts";

export function checkPage(
  repository: string,
  after: { readonly role: string; readonly version: number },
  limit: number,
): void {
  checkName(repository);
  checkName(after.role);
  demand(Number.isSafeInteger(after.version), "a version");
  checkLimit(limit, maxPage);
}

export function checkRetention({ repository, incarnation, at, actor, files }: RetentionRequest): void {
  checkName(repository);
  checkActor(actor);
  demand(Number.isSafeInteger(incarnation), "an incarnation");
  checkInstant(at);
  demand(files.length >= 1 && files.length <= maxPage, "files");
  for (const { role, version } of files) {
    checkName(role);
    demand(isVersion(version), "a version");
  }
  demand(
    new Set(files.map(({ role, version }) => `${version} ${role}`)).size === files.length,
    "a file twice",
  );
}
