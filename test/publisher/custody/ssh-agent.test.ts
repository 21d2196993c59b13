import { generateKeyPairSync, hash, type KeyObject } from "node:crypto";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openKey } from "../../../src/core/keys.ts";
import { verifySignature } from "../../../src/core/schemes.ts";
import type { OpenKey } from "../../../src/publisher/custody/custody.ts";
import { sshAgent } from "../../../src/publisher/custody/ssh-agent.ts";
import { keyCodeOf } from "../../contract/custody.ts";
import {
  agent,
  custodyOf,
  folder,
  ids,
  keys,
  message,
  privateKeys,
  stopAgent,
  unlocking,
} from "../../support/agent-keys.ts";
import { bareKey } from "../../support/bare/keys.ts";
import { type FakeKey, fakeKey, signAnswer, sshFields, word } from "../../support/fake-agent.ts";
import { keyRefusalOf } from "../../support/key-refusal.ts";

function verifies({ info }: OpenKey, method: string, signature: Uint8Array, signed: Uint8Array = message) {
  const usable = openKey(info.listed);
  return usable !== undefined && verifySignature(usable.kind, usable.key, method, signed, signature);
}

describe("keys in an ssh-agent", () => {
  it("are listed as metadata lists them, by the ID of the bare key, in the agent's order", async () => {
    const custody = await custodyOf();
    const list = await custody.list();
    expect(
      list.map(({ id, algorithm, name, place, locked }) => ({ id, algorithm, name, place, locked })),
    ).toEqual(
      (["ecdsa", "ed25519", "rsa"] as const).map((algorithm) => ({
        id: ids[algorithm],
        algorithm,
        name: `my ${algorithm}`,
        place: `ssh-agent (my ${algorithm})`,
        locked: false,
      })),
    );
    expect(list.map(({ listed }) => listed)).toEqual(
      Object.values(privateKeys).map((key) => bareKey(key).listed),
    );
  });

  it.each([
    ["ecdsa", "ecdsa", 64],
    ["ed25519", "eddsa", 64],
    ["rsa", "rsapkcs1v15", 256],
  ] as const)("%s signs by method %s, in the form that core takes", async (name, method, length) => {
    const custody = await custodyOf();
    const open = await custody.open(ids[name], unlocking);
    const made = await open.sign(message);
    expect(made.method).toBe(method);
    expect(made.bytes.length).toBe(length);
    expect(verifies(open, made.method, made.bytes)).toBe(true);
    expect(verifies(open, made.method, made.bytes, Buffer.from("another"))).toBe(false);
  });

  it("gives numbers of ECDSA their full width, and takes the zero in front of large ones away", async () => {
    const seen = { short: 0, long: 0 };
    const custody = await custodyOf();
    const open = await custody.open(ids.ecdsa, unlocking);
    for (let round = 0; seen.short === 0 || seen.long === 0; round++) {
      const made = await open.sign(Buffer.from(`round ${round}`));
      expect(made.bytes.length).toBe(64);
      if (made.bytes[0] === 0 || made.bytes[32] === 0) seen.short++;
      if ((made.bytes[0] ?? 0) >= 0x80) seen.long++;
    }
  });

  it("widens an RSA signature whose zeros in front the agent leaves away", async () => {
    const custody = await custodyOf({
      onSign: (honest) => {
        const blob = honest();
        const content = blob.subarray(4 + 12 + 4);
        if (content[0] !== 0) return signAnswer(blob);
        return signAnswer(Buffer.concat([word("rsa-sha2-256"), word(content.subarray(1))]));
      },
    });
    const open = await custody.open(ids.rsa, unlocking);
    for (let round = 0, shortened = false; !shortened; round++) {
      const made = await open.sign(Buffer.from(`round ${round}`));
      expect(made.bytes.length).toBe(256);
      shortened = made.bytes[0] === 0;
    }
  });

  it("are opened by what ssh-add shows, too: fingerprint or comment", async () => {
    const custody = await custodyOf();
    const digest = hash("sha256", keys[1]?.blob as Buffer, "base64").replace(/=+$/, "");
    expect((await custody.open(`SHA256:${digest}`, unlocking)).info.id).toBe(ids.ed25519);
    expect((await custody.open("my rsa", unlocking)).info.id).toBe(ids.rsa);
  });

  it("a comment of two keys is ambiguous", async () => {
    const twins = [fakeKey(privateKeys.ecdsa, "same"), fakeKey(privateKeys.ed25519, "same")];
    const custody = await custodyOf({ keys: twins });
    expect(await keyCodeOf(custody.open("same", unlocking))).toBe("KEY_AMBIGUOUS");
  });

  it("a key that is not there is unknown, and so is one without a comment by an empty name", async () => {
    const custody = await custodyOf({ keys: [fakeKey(privateKeys.ecdsa, "")] });
    expect(await keyCodeOf(custody.open(ids.rsa, unlocking))).toBe("KEY_UNKNOWN");
    expect(await keyCodeOf(custody.open("", unlocking))).toBe("KEY_UNKNOWN");
  });

  it("a key that is there twice is listed once", async () => {
    const custody = await custodyOf({ keys: [...keys, ...keys] });
    expect(await custody.list()).toHaveLength(3);
  });

  it("signs no more once it is closed", async () => {
    const custody = await custodyOf();
    const open = await custody.open(ids.ecdsa, unlocking);
    open.close();
    open.close();
    expect(await keyCodeOf(open.sign(message))).toBe("KEY_CLOSED");
  });

  it("a comment cannot command a terminal, and is bounded", async () => {
    const custody = await custodyOf({
      keys: [fakeKey(privateKeys.ecdsa, `\u001b]0;evil\u0007\u202e${"x".repeat(500)}`)],
    });
    const [key] = await custody.list();
    expect(key?.name).toMatch(/^\P{C}{1,128}$/u);
  });

  it("every conversation is ended", async () => {
    const custody = await custodyOf();
    const open = await custody.open(ids.ecdsa, unlocking);
    await open.sign(message);
    await expect.poll(() => agent?.connections).toBe(0);
  });
});

/** Keys that are in the agent and cannot sign metadata. */
describe("a key that cannot sign metadata is not listed, and refused with the reason", () => {
  const sk = (privateKey: KeyObject, comment: string): FakeKey => {
    const { type, fields } = sshFields(privateKey);
    const blob = Buffer.concat([word(`sk-${type}@openssh.com`), fields, word("ssh:")]);
    return { blob, comment, sign: () => Buffer.alloc(0) };
  };
  const certificate = (privateKey: KeyObject, comment: string): FakeKey => {
    const { type, fields } = sshFields(privateKey);
    const name = word(`${type}-cert-v01@openssh.com`);
    return {
      blob: Buffer.concat([name, word("a nonce"), fields, Buffer.alloc(100)]),
      comment,
      sign: () => Buffer.alloc(0),
    };
  };

  it.each([
    ["a security key of P-256", () => sk(privateKeys.ecdsa, "c"), () => ids.ecdsa, "envelope"],
    ["a security key of Ed25519", () => sk(privateKeys.ed25519, "c"), () => ids.ed25519, "envelope"],
    ["a certificate", () => certificate(privateKeys.rsa, "c"), () => ids.rsa, "certificate"],
  ] as const)("%s, by ID, fingerprint and comment", async (_what, make, id, reason) => {
    const key = make();
    const custody = await custodyOf({ keys: [key] });
    expect(await custody.list()).toEqual([]);
    const fingerprint = `SHA256:${hash("sha256", key.blob, "base64").replace(/=+$/, "")}`;
    for (const asked of [id(), fingerprint, "c"]) {
      const refusal = await keyRefusalOf(custody.open(asked, unlocking));
      expect([refusal.code, refusal.message]).toEqual(["KEY_UNSUPPORTED", expect.stringContaining(reason)]);
    }
  });

  it.each([
    ["P-384", () => fakeKey(generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey, "c")],
    ["P-521", () => fakeKey(generateKeyPairSync("ec", { namedCurve: "P-521" }).privateKey, "c")],
    ["RSA of 1024 bits", () => fakeKey(generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey, "c")],
    ["an unknown type", () => ({ blob: word("ssh-new"), comment: "c", sign: () => Buffer.alloc(0) })],
    [
      "a point that is not on the curve",
      () => ({
        blob: Buffer.concat([
          word("ecdsa-sha2-nistp256"),
          word("nistp256"),
          word(Buffer.concat([Buffer.from([4]), Buffer.alloc(64, 1)])),
        ]),
        comment: "c",
        sign: () => Buffer.alloc(0),
      }),
    ],
    ["rubbish", () => ({ blob: Buffer.from("rubbish"), comment: "c", sign: () => Buffer.alloc(0) })],
    [
      "Ed25519 with bytes behind it",
      () => {
        const key = fakeKey(privateKeys.ed25519, "c");
        return { ...key, blob: Buffer.concat([key.blob, Buffer.alloc(1)]) };
      },
    ],
  ])("%s, which takes the others nothing", async (_what, make) => {
    const custody = await custodyOf({ keys: [make(), ...keys] });
    expect((await custody.list()).map(({ id }) => id)).toEqual(Object.values(ids));
    expect(await keyCodeOf(custody.open("c", unlocking))).toBe("KEY_UNSUPPORTED");
  });

  it("a key beside its certificate signs", async () => {
    const plain = fakeKey(privateKeys.rsa, "c");
    const custody = await custodyOf({ keys: [certificate(privateKeys.rsa, "c"), plain] });
    const open = await custody.open("c", unlocking);
    expect(verifies(open, "rsapkcs1v15", (await open.sign(message)).bytes)).toBe(true);
  });
});

describe("an agent that is not there", () => {
  it("is an empty place where the environment names it, or names none", async () => {
    const gone = join(folder, "gone");
    for (const environment of [{}, { SSH_AUTH_SOCK: "" }, { SSH_AUTH_SOCK: gone }]) {
      const custody = sshAgent({ environment });
      expect(await custody.list()).toEqual([]);
      expect(await keyCodeOf(custody.open(ids.ecdsa, unlocking))).toBe("KEY_UNKNOWN");
    }
  });

  it("is unreachable where somebody named it", async () => {
    const custody = sshAgent({ path: join(folder, "gone") });
    expect(await keyCodeOf(custody.list())).toBe("AGENT_UNREACHABLE");
    expect(await keyCodeOf(custody.open(ids.ecdsa, unlocking))).toBe("AGENT_UNREACHABLE");
  });

  it.each([
    ["a path that no socket can have", () => `/${"x".repeat(300)}`],
    ["a folder", () => folder],
    ["a path with a zero", () => "/a\0b"],
  ])("%s is unreachable", async (_what, path) => {
    expect(await keyCodeOf(sshAgent({ path: path() }).list())).toBe("AGENT_UNREACHABLE");
  });

  it("is unreachable when it went away between opening and signing", async () => {
    const custody = await custodyOf();
    const open = await custody.open(ids.ecdsa, unlocking);
    await stopAgent();
    expect(await keyCodeOf(open.sign(message))).toBe("AGENT_UNREACHABLE");
  });
});

describe("a message", () => {
  it("above what an agent takes is refused before anything is sent", async () => {
    let asked = 0;
    const custody = await custodyOf({
      onSign: (honest) => {
        asked++;
        return signAnswer(honest());
      },
    });
    const open = await custody.open(ids.ed25519, unlocking);
    expect(await keyCodeOf(open.sign(Buffer.alloc(262_144)))).toBe("AGENT_REFUSED");
    expect(asked).toBe(0);
    const made = await open.sign(Buffer.alloc(262_000));
    expect(verifies(open, made.method, made.bytes, Buffer.alloc(262_000))).toBe(true);
  });

  it("that changes while the agent thinks is signed as it was", async () => {
    const custody = await custodyOf();
    const open = await custody.open(ids.ecdsa, unlocking);
    const moving = Buffer.from(message);
    const signing = open.sign(moving);
    moving.fill(0);
    const made = await signing;
    expect(verifies(open, made.method, made.bytes, message)).toBe(true);
  });
});
