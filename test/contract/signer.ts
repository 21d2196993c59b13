/**
 * The signer's contract (`src/signer/signer.ts`) as tests, run against every back end. `reopen` opens the same
 * keys again, as the next start does.
 */
import { createPublicKey, generateKeyPairSync, type KeyObject, verify } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type {
  GeneratedKey,
  KeyBinding,
  OnlineAlgorithm,
  Signer,
  SigningKey,
} from "../../src/signer/signer.ts";
import { codeOf } from "../support/refusal.ts";

export interface OpenedSigner {
  readonly signer: Signer;
  reopen(): Promise<Signer>;
}

const algorithms: readonly OnlineAlgorithm[] = ["ecdsa", "ed25519"];
const binding: KeyBinding = { repository: "registry.test/a", role: "timestamp" };
const message = Buffer.from('{"_type":"Timestamp"}');
/** SubjectPublicKeyInfo of Ed25519 without its 32 bytes (RFC 8410, section 4). */
const ed25519Prefix = Buffer.from("302a300506032b6570032100", "hex");

function publicKeyOf(key: GeneratedKey): KeyObject {
  const der = key.keytype === "ecdsa" ? key.publicKey : Buffer.concat([ed25519Prefix, key.publicKey]);
  return createPublicKey({ key: Buffer.from(der), format: "der", type: "spki" });
}

const pkcs8 = (key: KeyObject) => key.export({ format: "der", type: "pkcs8" });

export function verifies(key: GeneratedKey, signed: Uint8Array, signature: Uint8Array): boolean {
  const publicKey = publicKeyOf(key);
  return key.keytype === "ecdsa"
    ? verify("sha256", signed, { key: publicKey, dsaEncoding: "ieee-p1363" }, signature)
    : verify(null, signed, publicKey, signature);
}

export function signerContract(name: string, open: () => Promise<OpenedSigner>): void {
  describe(`${name} keeps the signer's contract`, () => {
    let opened: OpenedSigner;
    let signer: Signer;
    beforeEach(async () => {
      opened = await open();
      signer = opened.signer;
    });
    afterEach(() => signer.close());

    const generate = async (
      algorithm: OnlineAlgorithm,
      where = binding,
    ): Promise<SigningKey & GeneratedKey> => ({
      ...(await signer.generate(algorithm, where)),
      ...where,
    });

    describe.each(algorithms)("a key of %s", (algorithm) => {
      it("has the type and form that metadata carries", async () => {
        const key = await generate(algorithm);
        expect(key.keytype).toBe(algorithm);
        const details = publicKeyOf(key);
        expect(details.asymmetricKeyType).toBe(algorithm === "ecdsa" ? "ec" : "ed25519");
        if (algorithm === "ecdsa") expect(details.asymmetricKeyDetails?.namedCurve).toBe("prime256v1");
        else expect(key.publicKey).toHaveLength(32);
      });

      it("is another one each time", async () => {
        const [one, two] = [await generate(algorithm), await generate(algorithm)];
        expect(Buffer.compare(one.publicKey, two.publicKey)).not.toBe(0);
      });

      it("makes signatures of 64 bytes that its public key verifies", async () => {
        const key = await generate(algorithm);
        const signature = await signer.sign(key, message);
        expect(signature).toHaveLength(64);
        expect(verifies(key, message, signature)).toBe(true);
        expect(verifies(key, Buffer.from("another message"), signature)).toBe(false);
      });

      it("signs the empty and the large message alike", async () => {
        const key = await generate(algorithm);
        for (const each of [Buffer.alloc(0), Buffer.alloc(1_000_000, "x")]) {
          expect(verifies(key, each, await signer.sign(key, each))).toBe(true);
        }
      });

      it("signs many at once", async () => {
        const key = await generate(algorithm);
        const messages = Array.from({ length: 50 }, (_, index) => Buffer.from(`message ${index}`));
        const signatures = await Promise.all(messages.map((each) => signer.sign(key, each)));
        for (const [index, signature] of signatures.entries()) {
          expect(verifies(key, messages[index] ?? message, signature)).toBe(true);
        }
      });

      it("still signs after the next start", async () => {
        const key = await generate(algorithm);
        const next = await opened.reopen();
        expect(verifies(key, message, await next.sign(key, message))).toBe(true);
        await next.close();
      });

      it.each([
        ["another repository", { repository: "registry.test/A" }],
        ["another role", { role: "snapshot" }],
        ["another algorithm", { keytype: algorithm === "ecdsa" ? "ed25519" : "ecdsa" }],
        ["another public key", { publicKey: new Uint8Array(32) }],
      ])("does not open for %s, whether it was opened before or not", async (_, changes) => {
        const key = await generate(algorithm);
        const moved = { ...key, ...changes };
        expect(await codeOf(signer.sign(moved, message))).toBe("SEALED_KEY_DAMAGED");
        await signer.sign(key, message);
        expect(await codeOf(signer.sign(moved, message))).toBe("SEALED_KEY_DAMAGED");
        expect(verifies(key, message, await signer.sign(key, message))).toBe(true);
      });

      it("does not open for the row of another key", async () => {
        const [one, two] = [await generate(algorithm), await generate(algorithm)];
        const swapped = { ...one, reference: two.reference };
        expect(await codeOf(signer.sign(swapped, message))).toBe("SEALED_KEY_DAMAGED");
      });

      it("is not opened by a signer that did not make it", async () => {
        const key = await generate(algorithm);
        const stranger = (await open()).signer;
        expect(await codeOf(stranger.sign(key, message))).toBe("SEALED_KEY_DAMAGED");
        await stranger.close();
      });
    });

    describe.each([
      ["ecdsa", () => generateKeyPairSync("ec", { namedCurve: "P-256" })],
      ["ed25519", () => generateKeyPairSync("ed25519")],
    ] as const)("a key of %s that somebody else made", (algorithm, make) => {
      it("is taken in, signs as its public half says, and still does after the next start", async () => {
        const { privateKey, publicKey } = make();
        const made = await signer.adopt(privateKey.export({ format: "der", type: "pkcs8" }), binding);
        expect(made.keytype).toBe(algorithm);
        expect(publicKeyOf(made).equals(publicKey)).toBe(true);
        const key = { ...made, ...binding };
        expect(verifies(key, message, await signer.sign(key, message))).toBe(true);
        const next = await opened.reopen();
        expect(verifies(key, message, await next.sign(key, message))).toBe(true);
        await next.close();
      });

      it("is bound like any other", async () => {
        const made = await signer.adopt(make().privateKey.export({ format: "der", type: "pkcs8" }), binding);
        const moved = { ...made, repository: "registry.test/b", role: binding.role };
        expect(await codeOf(signer.sign(moved, message))).toBe("SEALED_KEY_DAMAGED");
      });
    });

    it.each([
      ["nothing", () => Buffer.alloc(0)],
      ["no key", () => Buffer.from("no key at all")],
      ["a key on another curve", () => pkcs8(generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey)],
      ["an RSA key", () => pkcs8(generateKeyPairSync("rsa", { modulusLength: 2_048 }).privateKey)],
      [
        "a public key",
        () => generateKeyPairSync("ed25519").publicKey.export({ format: "der", type: "spki" }),
      ],
      ["ten megabytes", () => Buffer.alloc(10_000_000)],
    ])("takes in %s for no key", async (_, bytes) => {
      expect(await codeOf(signer.adopt(bytes(), binding))).toBe("KEY_UNSUITABLE");
    });

    it("may be bound to any names", async () => {
      for (const repository of ["", "__proto__", "a\u0000b", "é".repeat(1_000)]) {
        const key = await generate("ed25519", { repository, role: "snapshot" });
        expect(verifies(key, message, await signer.sign(key, message))).toBe(true);
      }
    });

    it("refuses everything once closed, and may be closed again", async () => {
      const key = await generate("ed25519");
      await expect(signer.check()).resolves.toBeUndefined();
      await signer.close();
      await signer.close();
      expect(await codeOf(signer.sign(key, message))).toBe("SIGNER_UNAVAILABLE");
      expect(await codeOf(signer.generate("ecdsa", binding))).toBe("SIGNER_UNAVAILABLE");
      const foreign = pkcs8(generateKeyPairSync("ed25519").privateKey);
      expect(await codeOf(signer.adopt(foreign, binding))).toBe("SIGNER_UNAVAILABLE");
      expect(await codeOf(signer.check())).toBe("SIGNER_UNAVAILABLE");
    });
  });
}
