/** The writer's side of several stores and signers at once, each named by its directory, for tests of readers. */
import { Buffer } from "node:buffer";
import { writersDesk } from "../../../src/remote/desk.ts";
import type { Port } from "../../../src/serve/peer.ts";
import { Peer } from "../../../src/serve/peer.ts";
import { createSealedRecord, openSealed } from "../../../src/signer/sealed.ts";
import { keySecret } from "../../../src/signer/secret.ts";
import { openSqlite } from "../../../src/store/sqlite.ts";
import type { ToDesk } from "../other-process.ts";

interface Opened {
  readonly ask: ReturnType<typeof writersDesk>;
  close(): Promise<void>;
}

const opened = new Map<string, Opened>();

async function open(directory: string): Promise<Opened> {
  const store = await openSqlite({ directory });
  const secret = keySecret(Buffer.alloc(32, directory));
  const record = (await store.keyring()) ?? (await createSealedRecord(secret));
  const signer = await openSealed({ secret, record });
  return {
    ask: writersDesk(store, signer, () => undefined),
    async close() {
      await signer.close();
      await store.close();
    },
  };
}

process.on("disconnect", () => process.exit(0));
new Peer(
  process as unknown as Port,
  async (operation, argument) => {
    const { directory, inner } = argument as ToDesk;
    if (operation === "open") opened.set(directory, await open(directory));
    else if (operation === "close") await opened.get(directory)?.close();
    else return (await opened.get(directory)?.ask(operation, inner)) ?? { kind: "unsent" };
    return { kind: "done", value: undefined };
  },
  { inFlight: 1_000, patience: 60_000 },
);
