/** Sending a publication as it is, whatever it holds. */
import { encodeUpload } from "../../../src/publisher/upload.ts";
import { exchange, type Limits, refusal, repositoryPath, type TrustServer } from "./exchange.ts";

/**
 * Publishes all files at once, or none. `files`: role → exact bytes.
 * Throws `ExchangeError`; `REFUSED` carries the server's answer and its code.
 */
export async function upload(
  server: TrustServer,
  repository: string,
  files: ReadonlyMap<string, Buffer>,
  limits?: Limits,
): Promise<void> {
  const body = await encodeUpload(files);
  const answer = await exchange(server, "POST", repositoryPath(repository), limits, body);
  if (answer.status !== 200) throw refusal(answer);
}
