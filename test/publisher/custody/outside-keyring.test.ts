/** Agents and tokens among other places: how a person's word for a key reaches them, and what is said of a key that cannot sign. */
import { generateKeyPairSync } from "node:crypto";
import { expect, it } from "vitest";
import { Keyring } from "../../../src/publisher/custody/keyring.ts";
import { Passphrases } from "../../../src/publisher/custody/passphrases.ts";
import { pkcs11 } from "../../../src/publisher/custody/pkcs11.ts";
import { sshAgent } from "../../../src/publisher/custody/ssh-agent.ts";
import { keyCodeOf, listedKey, verifies } from "../../contract/custody.ts";
import { temporaryDirectory } from "../../support/directory.ts";
import { FakeAgent, fakeKey, sshFields, word } from "../../support/fake-agent.ts";
import { callsOf, fakeDriver, pair, writeModule } from "../../support/fake-token.ts";
import { keyRefusalOf } from "../../support/key-refusal.ts";

it("a keyring opens keys of both by what people call them, with one PIN for all keys of a token", async () => {
  const makes = () => generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  const [inAgent, first, second, security] = [makes(), makes(), makes(), makes()];
  const message = Buffer.from("a message");
  const folder = temporaryDirectory();
  const { type, fields } = sshFields(security);
  const sk = {
    blob: Buffer.concat([word(`sk-${type}@openssh.com`), fields, word("ssh:")]),
    comment: "touch",
    sign: () => Buffer.alloc(0),
  };
  const agent = await FakeAgent.start(folder, { keys: [fakeKey(inAgent, "mine"), sk] });
  const module = writeModule(folder, {
    tokens: [
      {
        slot: 1,
        label: "one",
        pin: "the PIN",
        objects: [...pair(first, "first", "01"), ...pair(second, "second", "02")],
      },
    ],
    messages: [message.toString("base64")],
  });
  const asked: string[] = [];
  const passphrases = new Passphrases({
    // Nothing of this is a PIN, and none of it is tried as one.
    env: {
      NOTARY_DELEGATION_PASSPHRASE: "not the PIN",
      DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE: "nor this",
    },
    ask: async (question) => {
      asked.push(question);
      return "the PIN";
    },
  });
  const ring = new Keyring([
    sshAgent({ path: agent.path }),
    pkcs11({ selection: { module }, driver: fakeDriver }),
  ]);
  try {
    for (const [name, key] of [
      ["mine", inAgent],
      ["first", first],
      [listedKey(second).id.slice(0, 12), second],
      ["first", first],
    ] as const) {
      const open = await ring.open(name, passphrases);
      expect(open.info.id).toBe(listedKey(key).id);
      expect(verifies(open.info.listed, message, await open.sign(message))).toBe(true);
      // The last key of a token to be closed logs out; what opened it before opens it again.
      open.close();
    }
    expect(asked).toEqual(["PIN of token one:"]);
    expect(callsOf(module).filter((call) => call === "C_Login")).toHaveLength(3);
    const refusal = await keyRefusalOf(ring.open(listedKey(security).id, passphrases));
    expect([refusal.code, refusal.message]).toEqual(["KEY_UNSUPPORTED", expect.stringContaining("envelope")]);
    expect(await keyCodeOf(ring.open("0".repeat(64), passphrases))).toBe("KEY_UNKNOWN");
  } finally {
    await ring.close();
    passphrases.close();
    await agent.stop();
  }
});
