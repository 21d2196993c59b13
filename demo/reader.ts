/** Reading a repository the way a stock client does that knows nothing yet, verified by the core. */
import { notary } from "../src/core/format/notary.ts";
import { TrustedSet } from "../src/core/trusted-set.ts";
import type { TrustServer } from "../test/support/bare/exchange.ts";
import { fetchFile, ping } from "../test/support/bare/fetch.ts";

/** Throws what the core throws for a file that must not be trusted. */
export async function readRepository(server: TrustServer, repository: string): Promise<TrustedSet> {
  if (!(await ping(server))) throw new Error("the server does not answer");
  const get = async (file: string): Promise<Buffer> => {
    const bytes = await fetchFile(server, repository, file);
    if (bytes === undefined) throw new Error(`${file} is missing`);
    return bytes;
  };
  const trusted = new TrustedSet({ format: notary, repository });
  const at = Date.now();
  trusted.addRoot(await get("root.json"), at);
  trusted.checkRootExpiry(at);
  const timestamp = trusted.addTimestamp(await get("timestamp.json"), at);
  const snapshotDigest = timestamp.signed.snapshot.hashes.get("sha256");
  const snapshot = trusted.addSnapshot(await get(`snapshot.${snapshotDigest}.json`), at);
  const targetsDigest = snapshot.signed.meta.get("targets")?.hashes.get("sha256");
  trusted.addTargets("targets", await get(`targets.${targetsDigest}.json`), at);
  return trusted;
}

/** Digest of a tag as hex; undefined if the repository does not have it. */
export function digestOf(trusted: TrustedSet, tag: string): string | undefined {
  return trusted.targets.get("targets")?.signed.target(tag)?.hashes.get("sha256");
}
