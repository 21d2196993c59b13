/**
 * Resolves one reference for ever, by a new client each time, in a cache that others use as well. Prints `version N` with
 * the timestamp's version after each time, or `refused CODE`.
 */
import { writeSync } from "node:fs";
import { openTrust, TrustError } from "../../../src/client/index.ts";

const [server = "", cacheDir = "", reference = "", now = "0"] = process.argv.slice(2);

for (;;) {
  const trust = await openTrust({
    server,
    cacheDir,
    dockerConfig: cacheDir,
    environment: {},
    policy: { repositories: [{ match: "**", tofu: true }] },
    now: () => Number(now),
  });
  try {
    writeSync(1, `version ${(await trust.resolve(reference)).versions.timestamp}\n`);
  } catch (error) {
    writeSync(1, `refused ${error instanceof TrustError ? error.code : String(error)}\n`);
  }
  await trust.close();
}
