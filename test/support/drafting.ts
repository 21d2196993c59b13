/** A simulated repository as its publisher sees it, and keys in the hand. */

import { notary } from "../../src/core/format/notary.ts";
import { openKey } from "../../src/core/keys.ts";
import type { OpenKey } from "../../src/publisher/custody/custody.ts";
import type { OfflineState, Signing } from "../../src/publisher/edits.ts";
import { defaultLifetimes } from "../../src/publisher/edits.ts";
import type { PublisherKey } from "./bare/keys.ts";
import { newClient, update } from "./reader.ts";
import { type Simulator, simulatedNow } from "./simulator.ts";

export const signing: Signing = { format: notary, at: simulatedNow, lifetimes: defaultLifetimes };

/** What a publisher knows after an honest update. */
export function stateOf(sim: Simulator): OfflineState {
  const client = newClient(sim);
  update(client, sim);
  if (client.root === undefined) throw new Error("no root");
  return { root: client.root, targets: client.targets };
}

/** A key that is at hand without a custody. */
export function inHand(key: PublisherKey): OpenKey {
  return {
    info: {
      id: bareKeyIdOf(key),
      algorithm: "ecdsa",
      listed: key.listed,
      name: "",
      role: undefined,
      repository: undefined,
      place: "a test",
      locked: false,
    },
    sign: async (message) => {
      const { method, signature } = key.sign(message);
      return { method, bytes: signature };
    },
    close: () => {},
  };
}

/** The ID of the bare key, whatever it is listed as. */
export function bareKeyIdOf({ listed }: PublisherKey): string {
  const id = openKey(listed)?.canonicalId;
  if (id === undefined) throw new Error("a key of an unknown type");
  return id;
}
