/** The people of the demonstration: the throw-away keys of keys-example/, with certificates made now. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { CollectionHolders } from "../test/support/bare/collection.ts";
import { bareKey, certificateKey, makeRootCertificate, readPrivateKey } from "../test/support/bare/keys.ts";

const folder = resolve(import.meta.dirname, "../keys-example");

export function readExampleKey(name: string): ReturnType<typeof readPrivateKey> {
  return readPrivateKey(readFileSync(resolve(folder, `THROW-AWAY-${name}.pem`), "utf8"));
}

/** One root key, two targets keys that must both sign. */
export async function peopleOf(repository: string): Promise<CollectionHolders> {
  const rootKey = readExampleKey("root");
  const certificate = await makeRootCertificate(rootKey, repository, new Date());
  return {
    root: { keys: [certificateKey(rootKey, certificate)], threshold: 1 },
    targets: {
      keys: [bareKey(readExampleKey("targets-1")), bareKey(readExampleKey("targets-2"))],
      threshold: 2,
    },
  };
}
