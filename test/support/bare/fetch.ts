/** Getting files and keys from a trust server, as stock clients ask for them (notary-protocol.md chapter 1). */
import type { ListedKey } from "../../../src/core/keys.ts";
import { readOnlineKey } from "../../../src/publisher/keys/online.ts";
import { exchange, type Limits, refusal, repositoryPath, type TrustServer } from "./exchange.ts";

/** Whether a trust server answers here: 200 or 401 (its other routes then want a token). */
export async function ping(server: TrustServer, limits?: Limits): Promise<boolean> {
  const { status } = await exchange(server, "GET", "/v2/", limits);
  return status === 200 || status === 401;
}

/**
 * A file of a repository by the name it is asked for: `root.json`, `2.root.json`, `snapshot.<sha256>.json`.
 * Undefined: there is none. Throws `ExchangeError`, `REFUSED` for any status but 200 and 404.
 */
export async function fetchFile(
  server: TrustServer,
  repository: string,
  file: string,
  limits?: Limits,
): Promise<Buffer | undefined> {
  const answer = await exchange(server, "GET", repositoryPath(repository, file), limits);
  if (answer.status === 404) return undefined;
  if (answer.status !== 200) throw refusal(answer);
  return answer.bytes;
}

/** The key that the server signs an online role with. Throws `ExchangeError`, or `BAD_SHAPE` for an odd answer. */
export async function fetchOnlineKey(
  server: TrustServer,
  repository: string,
  role: "timestamp" | "snapshot",
  limits?: Limits,
): Promise<ListedKey> {
  const answer = await exchange(server, "GET", repositoryPath(repository, `${role}.key`), limits);
  if (answer.status !== 200) throw refusal(answer);
  return readOnlineKey(role, answer.bytes);
}
