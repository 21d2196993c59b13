/** Somebody on the way between a client and the trust server, who changes a digest in one repository's targets. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { exchange, type TrustServer } from "../test/support/bare/exchange.ts";

export interface Forger {
  readonly url: string;
  stop(): Promise<void>;
}

/** Passes everything on as it is, but for the targets of the given repository. */
export async function startForger(server: TrustServer, repository: string): Promise<Forger> {
  const listener = createServer((request, response) => {
    const path = request.url ?? "/";
    exchange(server, "GET", path)
      .then(({ status, bytes }) => {
        const isTheirs = path.startsWith(`/v2/${repository}/_trust/tuf/targets.`);
        const body = isTheirs && status === 200 ? forged(bytes) : bytes;
        response.writeHead(status, { "content-length": body.length }).end(body);
      })
      .catch(() => response.writeHead(502).end());
  });
  await new Promise<void>((ready) => listener.listen(0, "127.0.0.1", ready));
  return {
    url: `http://127.0.0.1:${(listener.address() as AddressInfo).port}`,
    stop: () =>
      new Promise((done) => {
        listener.close(() => done());
        listener.closeAllConnections();
      }),
  };
}

/** The first character of the first SHA-256 changed; the signatures stay as they were. */
function forged(file: Buffer): Buffer {
  const text = file.toString("utf8");
  const at = text.indexOf('"sha256":"') + '"sha256":"'.length;
  return Buffer.from(`${text.slice(0, at)}${text[at] === "A" ? "B" : "A"}${text.slice(at + 1)}`, "utf8");
}
