/**
 * Uses the library as a builder would, whatever comes of it, closes it and says that it is at its end. What keeps the
 * process alive after that is the library's.
 *
 *     client-session.ts URL CACHE NOW REFERENCE…
 */
import { openTrust } from "../../../src/client/trust.ts";

const [server = "", cacheDir = "", now = "", ...references] = process.argv.slice(2);
const trust = await openTrust({
  server,
  cacheDir,
  policy: { repositories: [{ match: "**", tofu: true, offline: { maxAge: "1h" } }] },
  environment: {},
  now: () => Number(now),
  limits: { tries: 2, requestTime: 300 },
});
for (let round = 0; round < 2; round++) {
  await trust.resolveAll(references);
  await Promise.allSettled(references.map((reference) => trust.resolve(reference)));
}
// Left alone on purpose: it ends by the closing, and somebody has taken what it throws.
trust.resolve(references[0] ?? "").catch(() => {});
await trust.close();
console.log("closed");
