/** Both kinds of folders under the contract of custody: our own, and that of the stock clients, locked and not. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { testingOnlyCost } from "../../../src/publisher/custody/key-file.ts";
import { KeyFolder } from "../../../src/publisher/custody/key-folder.ts";
import type { KeyStore } from "../../../src/publisher/custody/key-store.ts";
import { testingOnlyIterations } from "../../../src/publisher/custody/pbes2.ts";
import { TrustFolder } from "../../../src/publisher/custody/trust-folder.ts";
import { type CustodyFixture, custodyContract, listedKey } from "../../contract/custody.ts";
import { temporaryDirectory } from "../../support/directory.ts";
import { folderAt } from "../../support/folder.ts";

const secret = "only-for-a-test";
const algorithms = ["ecdsa", "ed25519", "rsa"] as const;

function fixture(open: (path: string) => KeyStore): Omit<CustodyFixture, "listsLocked"> {
  return {
    algorithms,
    secret,
    async place(keys) {
      const path = temporaryDirectory();
      const custody = open(path);
      for (const key of keys) {
        await custody.add({ key, name: "", role: "targets", repository: undefined }, Buffer.from(secret));
      }
      return { open: async () => open(path), stored: async () => folderAt(path).contents() };
    },
    nowhere: async () => open(join(temporaryDirectory(), "not", "there")),
  };
}

custodyContract("the folder of Vidimus", {
  ...fixture((path) => new KeyFolder(path, testingOnlyCost)),
  listsLocked: true,
});

custodyContract("the folder of the stock clients", {
  ...fixture((path) => new TrustFolder(path, testingOnlyIterations)),
  listsLocked: false,
});

custodyContract("the folder of the stock clients with keys in the clear", {
  algorithms,
  listsLocked: true,
  secret: undefined,
  async place(keys) {
    const path = temporaryDirectory();
    mkdirSync(join(path, "private"));
    for (const key of keys) {
      const pem = String(key.export({ format: "pem", type: "pkcs8" }));
      writeFileSync(join(path, "private", `${listedKey(key).id}.key`), pem);
    }
    return { open: async () => new TrustFolder(path), stored: async () => folderAt(path).contents() };
  },
  nowhere: undefined,
});
