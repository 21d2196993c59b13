/** The contract of custody, kept by an agent and by a token that are stand-ins; the real ones are in the interop suite. */

import { readFileSync } from "node:fs";
import { afterAll } from "vitest";
import { pkcs11 } from "../../../src/publisher/custody/pkcs11.ts";
import { sshAgent } from "../../../src/publisher/custody/ssh-agent.ts";
import { custodyContract } from "../../contract/custody.ts";
import { temporaryDirectory } from "../../support/directory.ts";
import { FakeAgent, fakeKey } from "../../support/fake-agent.ts";
import { fakeDriver, pair, writeModule } from "../../support/fake-token.ts";

const agents: FakeAgent[] = [];
afterAll(async () => {
  for (const agent of agents) await agent.stop();
});

custodyContract("an ssh-agent", {
  algorithms: ["ecdsa", "ed25519", "rsa"],
  listsLocked: true,
  secret: undefined,
  largestMessage: 250_000,
  async place(keys) {
    const agent = await FakeAgent.start(temporaryDirectory(), {
      keys: keys.map((key, at) => fakeKey(key, `key ${at}`)),
    });
    agents.push(agent);
    return {
      open: async () => sshAgent({ path: agent.path }),
      stored: async () => [...agent.other],
    };
  },
  nowhere: async () => sshAgent({ environment: {} }),
});

const pin = "the pin of a token";
const messages = ['{"_type":"Targets"}', "", Buffer.alloc(1_000_000, 7)];

custodyContract("a PKCS#11 token", {
  algorithms: ["ecdsa", "ed25519", "rsa"],
  listsLocked: true,
  secret: pin,
  async place(keys) {
    const module = writeModule(temporaryDirectory(), {
      tokens: [
        {
          slot: 7,
          label: "the token",
          pin,
          tries: 100,
          objects: keys.flatMap((key, at) => pair(key, `key ${at}`, `0${at}`)),
        },
      ],
      messages: messages.map((message) => Buffer.from(message as string).toString("base64")),
    });
    return {
      open: async () => pkcs11({ selection: { module }, driver: fakeDriver }),
      stored: async () => readFileSync(module, "utf8"),
    };
  },
  nowhere: undefined,
});
