/** An agent that holds a key of each kind: for the tests of one file, which import it. Each test has a folder of its own. */
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { afterEach, beforeAll, beforeEach } from "vitest";
import type { Custody, Unlocking } from "../../src/publisher/custody/custody.ts";
import { type SshAgentOptions, sshAgent } from "../../src/publisher/custody/ssh-agent.ts";
import { bareKey } from "./bare/keys.ts";
import { temporaryDirectory } from "./directory.ts";
import { FakeAgent, type FakeAgentOptions, type FakeKey, fakeKey } from "./fake-agent.ts";

/** Nobody is asked: whether a person is, is the agent's business. */
export const unlocking: Unlocking = {
  secret: () => {
    throw new Error("asked for a secret");
  },
};
export const message = Buffer.from('{"_type":"Targets","version":1}');

export let privateKeys: { ecdsa: KeyObject; ed25519: KeyObject; rsa: KeyObject };
export let ids: { ecdsa: string; ed25519: string; rsa: string };
export let keys: FakeKey[];
beforeAll(() => {
  privateKeys = {
    ecdsa: generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey,
    ed25519: generateKeyPairSync("ed25519").privateKey,
    rsa: generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey,
  };
  keys = Object.entries(privateKeys).map(([name, key]) => fakeKey(key, `my ${name}`));
  const id = (key: KeyObject) => bareKey(key).listed.id;
  ids = { ecdsa: id(privateKeys.ecdsa), ed25519: id(privateKeys.ed25519), rsa: id(privateKeys.rsa) };
});

export let folder: string;
export let agent: FakeAgent | undefined;
beforeEach(() => {
  folder = temporaryDirectory();
});
afterEach(stopAgent);

/** Also while a test goes on. */
export async function stopAgent(): Promise<void> {
  await agent?.stop();
  agent = undefined;
}

/** The agent that a test talks to, with all of these keys unless told otherwise. */
export async function custodyOf(
  behaviour: FakeAgentOptions = {},
  options: SshAgentOptions = {},
): Promise<Custody> {
  agent = await FakeAgent.start(folder, { keys, ...behaviour });
  return sshAgent({ path: agent.path, ...options });
}
