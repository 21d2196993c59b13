/**
 * Publishes a repository to a running server and reads it back as a client that knows nothing yet. It is large enough to
 * be read in a thread, which is a program of its own in the package.
 *
 *   node tools/server-use.ts READY.json
 *
 * Exit code 0 only if what is read verifies and is what was published.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { digestOf, readRepository } from "../demo/reader.ts";
import { facts } from "../src/publisher/files.ts";
import { publishFirst } from "../test/support/bare/collection.ts";
import {
  bareKey,
  certificateKey,
  generatePrivateKey,
  makeRootCertificate,
} from "../test/support/bare/keys.ts";

const [readyFile] = process.argv.slice(2);
if (readyFile === undefined) throw new Error("usage: server-use.ts READY.json");
const ready = JSON.parse(readFileSync(readyFile, "utf8")) as { url: string; ca: string };
const server = { url: ready.url, ca: readFileSync(ready.ca, "utf8") };

const repository = "registry.example.test/team/app";
const content = Buffer.from("what the tag means");
const rootKey = generatePrivateKey("ecdsa");
const certificate = await makeRootCertificate(rootKey, repository, new Date());
const nextYear = Date.now() + 365 * 86_400_000;
await publishFirst(server, {
  repository,
  holders: {
    root: { keys: [certificateKey(rootKey, certificate)], threshold: 1 },
    targets: { keys: [bareKey(generatePrivateKey("ed25519"))], threshold: 1 },
  },
  targets: new Map([
    ["1.0", facts(content)],
    ...Array.from({ length: 2_000 }, (_, at) => [`other-${at}`, facts(Buffer.from(`${at}`))] as const),
  ]),
  rootExpires: nextYear,
  targetsExpires: nextYear,
});
const found = digestOf(await readRepository(server, repository), "1.0");
const wanted = createHash("sha256").update(content).digest("hex");
if (found !== wanted) throw new Error(`1.0 of ${repository} is ${found}, not ${wanted}`);
console.log(`${repository} 1.0 is sha256:${found}`);
