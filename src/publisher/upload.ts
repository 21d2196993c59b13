/** Sending a publication: one multipart body, one part a file, the role in the file name (notary-protocol.md 1.4). */
import { type Body, exchange, type Limits, refusal, repositoryPath, type TrustServer } from "./exchange.ts";

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

/** The body of an upload. */
export async function encodeUpload(files: ReadonlyMap<string, Buffer>): Promise<Body> {
  const form = new FormData();
  for (const [role, bytes] of files) form.append("files", new Blob([new Uint8Array(bytes)]), role);
  const encoded = new Response(form);
  return {
    type: encoded.headers.get("content-type") ?? "",
    bytes: Buffer.from(await encoded.arrayBuffer()),
  };
}
