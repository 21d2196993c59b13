/**
 * One question to the built library in a process that has done nothing yet. Prints how long it took, in milliseconds,
 * without Node's start and without loading the library. Arguments: policy, cache, reference.
 */
import { openTrust } from "../../client/dist/client/index.js";

const [policy, cacheDir, reference] = process.argv.slice(2);
const begun = performance.now();
const trust = await openTrust({ policy, cacheDir });
await trust.resolve(reference);
process.stdout.write(`${performance.now() - begun}\n`);
await trust.close();
