/**
 * One question to the built library in a process that has done nothing yet. Prints what it took, in milliseconds,
 * without Node's start and without loading the entry of the library. Arguments: policy, cache, reference.
 */
import { openTrust } from "../../client/dist/client/index.js";

const [policy, cacheDir, reference] = process.argv.slice(2);
const cpu = process.cpuUsage();
const begun = performance.now();
const trust = await openTrust({ policy, cacheDir });
await trust.resolve(reference);
const wall = performance.now() - begun;
const { user, system } = process.cpuUsage(cpu);
process.stdout.write(`${JSON.stringify({ wall, cpu: (user + system) / 1_000 })}\n`);
await trust.close();
