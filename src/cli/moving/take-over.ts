/** What the commands of an import load when one of them is run. */
import { homedir } from "node:os";
import { join } from "node:path";
import type { Trust } from "../../client/trust.ts";
import { type Destination, destination } from "../../moving/destination.ts";

export { folderSource, isExport } from "../../moving/back/folder-source.ts";
export { usualCrawlLimits } from "../../moving/crawl.ts";
export { databaseSource } from "../../moving/database-source.ts";
export { publicUrl } from "../../moving/databases/postgres.ts";
export { offerOf } from "../../moving/offer.ts";
export { takeOver, takeOverEach } from "../../moving/take-over.ts";
export { trustOffer } from "../../moving/trust-offer.ts";

/** The server that the flags or the policy name. */
export async function destinationOf(trust: Trust, ending?: AbortSignal): Promise<Destination> {
  const { fetcher } = await trust.sender("vidimus/import");
  return destination(async (repository) => (await trust.sender(repository)).fetcher, fetcher.origin, ending);
}

export function dockerFolder(
  given: string | undefined,
  { DOCKER_CONFIG, HOME }: Readonly<Record<string, string | undefined>>,
): string {
  return given ?? DOCKER_CONFIG ?? join(HOME || homedir(), ".docker");
}
