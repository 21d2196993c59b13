import { inspect } from "node:util";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import type { VidimusError } from "../../src/core/errors.ts";
import { createSealedRecord, openSealed } from "../../src/signer/sealed.ts";
import { keySecret, passphraseSecret, type Secret } from "../../src/signer/secret.ts";
import type { SigningKey } from "../../src/signer/signer.ts";
import { signerContract, verifies } from "../contract/signer.ts";
import { codeOf, refusalOf } from "../support/refusal.ts";

const secret = () => keySecret(Uint8Array.from({ length: 32 }, (_, index) => index + 1));
const other = () => keySecret(new Uint8Array(32).fill(9));
const binding = { repository: "a", role: "timestamp" };
const message = Buffer.from("message");

signerContract("sealed", async () => {
  const record = await createSealedRecord(secret());
  const open = () => openSealed({ secret: secret(), record });
  return { signer: await open(), reopen: open };
});

async function signerWithKey() {
  const signer = await openSealed({ secret: secret(), record: await createSealedRecord(secret()) });
  const key: SigningKey = { ...(await signer.generate("ecdsa", binding)), ...binding };
  return { signer, key };
}

/** Every error that `work` gives, with all that hangs on it. */
function shown(error: unknown): string {
  return `${inspect(error, { depth: 10, showHidden: true })} ${JSON.stringify(error)} ${String(error)}`;
}

describe("a sealed reference", () => {
  it("is refused with any one byte changed", async () => {
    const { signer, key } = await signerWithKey();
    for (let place = 0; place < key.reference.length; place += 1) {
      const reference = Uint8Array.from(key.reference);
      reference[place] = (reference[place] ?? 0) ^ (1 << (place % 8));
      expect(await codeOf(signer.sign({ ...key, reference }, message))).toBe("SEALED_KEY_DAMAGED");
    }
    await expect(signer.sign(key, message)).resolves.toHaveLength(64);
  });

  it("is refused cut short at any length, and with bytes after its end", async () => {
    const { signer, key } = await signerWithKey();
    for (let length = 0; length < key.reference.length; length += 1) {
      const reference = key.reference.slice(0, length);
      expect(await codeOf(signer.sign({ ...key, reference }, message))).toBe("SEALED_KEY_DAMAGED");
    }
    const longer = Buffer.concat([key.reference, Buffer.alloc(1)]);
    expect(await codeOf(signer.sign({ ...key, reference: longer }, message))).toBe("SEALED_KEY_DAMAGED");
  });

  it("is refused when it is beyond all bounds", async () => {
    const { signer, key } = await signerWithKey();
    const reference = new Uint8Array(10_000_000);
    expect(await codeOf(signer.sign({ ...key, reference }, message))).toBe("SEALED_KEY_DAMAGED");
  });

  it("is refused when it is anything at all", async () => {
    const { signer, key } = await signerWithKey();
    const property = fc.asyncProperty(fc.uint8Array({ maxLength: 600 }), async (reference) => {
      expect(await codeOf(signer.sign({ ...key, reference }, message))).toBe("SEALED_KEY_DAMAGED");
    });
    await fc.assert(property, { numRuns: 300 });
  });

  it("never looks the same twice", async () => {
    const { signer } = await signerWithKey();
    const made = await Promise.all(Array.from({ length: 20 }, () => signer.generate("ed25519", binding)));
    const nonces = made.map(({ reference }) => Buffer.from(reference.slice(5, 29)).toString("hex"));
    expect(new Set(nonces).size).toBe(20);
  });

  it("holds nothing readable", async () => {
    const { key } = await signerWithKey();
    const text = Buffer.from(key.reference);
    expect(text.includes("timestamp")).toBe(false);
    expect(text.includes("ecdsa")).toBe(false);
    expect(text.includes(Buffer.from(key.publicKey))).toBe(false);
  });
});

describe("the signer's record", () => {
  const passphrase = passphraseSecret("correct horse battery");
  let sound: Uint8Array;
  beforeAll(async () => {
    sound = await createSealedRecord(passphrase);
  });

  it("opens under its own secret only", async () => {
    const record = await createSealedRecord(secret());
    await expect(openSealed({ secret: secret(), record })).resolves.toBeDefined();
    const refusal = await refusalOf(openSealed({ secret: other(), record }));
    expect(refusal.code).toBe("WRONG_SECRET");
    expect(refusal.message).toMatch(/^The secret is not the one .*\.$/);
  });

  it("opens under its passphrase only", async () => {
    const open = (text: string) => openSealed({ secret: passphraseSecret(text), record: sound });
    const signer = await open("correct horse battery");
    const key = await signer.generate("ed25519", binding);
    expect(verifies(key, message, await signer.sign({ ...key, ...binding }, message))).toBe(true);
    expect(await codeOf(open("correct horse batterz"))).toBe("WRONG_SECRET");
  });

  it("refuses a passphrase for a key and a key for a passphrase", async () => {
    const underKey = await createSealedRecord(secret());
    expect(await codeOf(openSealed({ secret: passphrase, record: underKey }))).toBe("WRONG_SECRET");
    expect(await codeOf(openSealed({ secret: secret(), record: sound }))).toBe("WRONG_SECRET");
  });

  it("is refused with any one byte changed", async () => {
    const record = await createSealedRecord(secret());
    for (let place = 0; place < record.length; place += 1) {
      const changed = Uint8Array.from(record);
      changed[place] = (changed[place] ?? 0) ^ (1 << (place % 8));
      expect(["WRONG_SECRET", "SEALED_KEY_DAMAGED"]).toContain(
        await codeOf(openSealed({ secret: secret(), record: changed })),
      );
    }
  });

  it("is refused cut short at any length, and with bytes after its end", async () => {
    const record = await createSealedRecord(secret());
    for (let length = 0; length < record.length; length += 1) {
      const cut = record.slice(0, length);
      expect(await codeOf(openSealed({ secret: secret(), record: cut }))).toBe("SEALED_KEY_DAMAGED");
    }
    const longer = Buffer.concat([record, Buffer.alloc(1)]);
    expect(await codeOf(openSealed({ secret: secret(), record: longer }))).toBe("SEALED_KEY_DAMAGED");
  });

  /** log2 N, r and p stand at 6, 7 and 8. */
  it.each([
    ["too cheap", 6, 14],
    ["too dear", 6, 19],
    ["beyond any memory", 6, 255],
    ["of another block size", 7, 1],
    ["of a huge block size", 7, 255],
    ["without a round", 8, 0],
    ["of too many rounds", 8, 5],
  ])("is refused before anything is derived when its derivation is %s", async (_, place, value) => {
    const record = Uint8Array.from(sound);
    record[place] = value;
    expect(await codeOf(openSealed({ secret: passphrase, record }))).toBe("SEALED_KEY_DAMAGED");
  });
});

describe("secrets", () => {
  const canary = "canary-passphrase-7461";
  const bytes = Buffer.from("canary-key-bytes-0123456789abcde");
  const traces = (text: string) =>
    [
      canary,
      bytes.toString("latin1"),
      bytes.toString("hex"),
      bytes.toString("base64"),
      [...bytes].join(", "),
    ].filter((trace) => text.replaceAll(/\s+/g, " ").includes(trace));
  const secrets: readonly Secret[] = [passphraseSecret(canary), keySecret(bytes)];

  it("are found by this search where they are", () => {
    expect(traces(shown({ bytes: [...bytes] }))).toHaveLength(1);
    expect(traces(shown({ canary }))).toHaveLength(1);
  });

  it("do not show in themselves, their copies or their text", () => {
    for (const each of secrets) {
      expect(
        traces(`${inspect(each)} ${JSON.stringify(each)} ${inspect({ ...each })} ${String(each)}`),
      ).toEqual([]);
    }
  });

  it("do not show in a signer or its keys", async () => {
    for (const each of secrets) {
      const signer = await openSealed({ secret: each, record: await createSealedRecord(each) });
      const key = await signer.generate("ecdsa", binding);
      await signer.sign({ ...key, ...binding }, message);
      expect(traces(shown({ signer, key }))).toEqual([]);
      expect(shown({ signer })).not.toMatch(/dataKey|PrivateKeyObject/);
    }
  });

  it("do not show in any refusal", async () => {
    const refusals: VidimusError[] = [];
    for (const each of secrets) {
      const record = await createSealedRecord(each);
      const signer = await openSealed({ secret: each, record });
      const key = { ...(await signer.generate("ecdsa", binding)), ...binding };
      refusals.push(
        await refusalOf(openSealed({ secret: each, record: record.slice(1) })),
        await refusalOf(openSealed({ secret: other(), record })),
        await refusalOf(openSealed({ secret: each, record: await createSealedRecord(other()) })),
        await refusalOf(signer.sign({ ...key, role: "snapshot" }, message)),
        await refusalOf(signer.sign({ ...key, reference: key.reference.slice(1) }, message)),
      );
    }
    expect(refusals).toHaveLength(10);
    for (const refusal of refusals) expect(traces(shown(refusal))).toEqual([]);
  });
});
