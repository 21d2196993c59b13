/** A small HTTPS server on a free port with a certificate of its own, closed when the test file ends. */
import { readFileSync } from "node:fs";
import type { RequestListener } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { afterAll } from "vitest";
import { ensureCertificate } from "../../src/serve/certificates.ts";
import type { TrustServer } from "./bare/exchange.ts";
import { temporaryDirectory } from "./directory.ts";

const closers: (() => Promise<void>)[] = [];

afterAll(async () => {
  for (const close of closers.splice(0)) await close();
});

export async function httpsServer(
  handler: RequestListener,
  names: readonly string[] = ["127.0.0.1"],
): Promise<TrustServer> {
  const made = await ensureCertificate({
    directory: temporaryDirectory(),
    names,
    now: Date.now(),
    readOnly: false,
  });
  const server = createServer({ cert: made.pair.certificate, key: made.pair.key }, handler);
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  closers.push(async () => {
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
  });
  const { port } = server.address() as AddressInfo;
  return { url: `https://127.0.0.1:${port}`, ca: readFileSync(made.authorityFile, "utf8") };
}
