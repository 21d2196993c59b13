import { constants, createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { describe, expect, it } from "vitest";
import { isAcceptedCurve, isSmallOrderPoint, type KeyKind, verifySignature } from "../../src/core/schemes.ts";

const message = Buffer.from('{"a":1}');
const ec = (namedCurve: string) => generateKeyPairSync("ec", { namedCurve }).privateKey;
const keys: Readonly<Record<KeyKind, KeyObject>> = {
  ecdsa: ec("P-256"),
  ed25519: generateKeyPairSync("ed25519").privateKey,
  rsa: generateKeyPairSync("rsa", { modulusLength: 2_048 }).privateKey,
};

function signed(kind: KeyKind, method: string, key = keys[kind]): Buffer {
  if (kind === "ecdsa") return sign("sha256", message, { key, dsaEncoding: "ieee-p1363" });
  if (kind === "ed25519") return sign(null, message, key);
  return method === "rsapkcs1v15"
    ? sign("sha256", message, { key, padding: constants.RSA_PKCS1_PADDING })
    : sign("sha256", message, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 });
}

function verifies(kind: KeyKind, method: string, signature: Uint8Array, key = keys[kind], text = message) {
  return verifySignature(kind, createPublicKey(key), method, text, signature);
}

const fitting = [
  ["ecdsa", "ecdsa"],
  ["ed25519", "eddsa"],
  ["rsa", "rsapss"],
  ["rsa", "pycrypto-pkcs#1 pss"],
  ["rsa", "rsapkcs1v15"],
] as const;

describe.each(fitting)("a key of kind %s by method %s", (kind, method) => {
  const signature = signed(kind, method);

  it("verifies", () => {
    expect(verifies(kind, method, signature)).toBe(true);
  });

  it("verifies whatever the case of the method", () => {
    expect(verifies(kind, method.toUpperCase(), signature)).toBe(true);
  });

  it("does not verify another message", () => {
    expect(verifies(kind, method, signature, keys[kind], Buffer.from('{"a":2}'))).toBe(false);
  });

  it("does not verify with another key", () => {
    const other =
      kind === "ecdsa"
        ? ec("P-256")
        : kind === "ed25519"
          ? generateKeyPairSync("ed25519").privateKey
          : generateKeyPairSync("rsa", { modulusLength: 2_048 }).privateKey;
    expect(verifies(kind, method, signature, other)).toBe(false);
  });

  it("does not verify after any flipped bit", () => {
    for (let i = 0; i < signature.length; i += 7) {
      const flipped = Buffer.from(signature);
      flipped[i] = (flipped[i] as number) ^ 1;
      expect(verifies(kind, method, flipped), `byte ${i}`).toBe(false);
    }
  });

  it.each([
    ["empty", Buffer.alloc(0)],
    ["one byte short", signature.subarray(1)],
    ["one byte long", Buffer.concat([signature, Buffer.alloc(1)])],
    ["led by a zero", Buffer.concat([Buffer.alloc(1), signature])],
    ["twice", Buffer.concat([signature, signature])],
    ["all zeros", Buffer.alloc(signature.length)],
    ["all ones", Buffer.alloc(signature.length, 0xff)],
  ])("does not verify when %s", (_, bytes) => {
    expect(verifies(kind, method, bytes)).toBe(false);
  });
});

describe("a method of another kind of key does not count", () => {
  const methods = ["", "ecdsa", "eddsa", "rsapss", "pycrypto-pkcs#1 pss", "rsapkcs1v15", "ed25519", "none"];
  methods.push("__proto__", "constructor", "toString", "ecdsa ", "ECDSA\0");
  const fits = (kind: KeyKind, method: string) => fitting.some(([k, m]) => k === kind && m === method);
  const pairs = (["ecdsa", "ed25519", "rsa"] as const).flatMap((kind) =>
    methods.filter((method) => !fits(kind, method)).map((method) => [kind, method] as const),
  );
  it.each(pairs)("%s by %j", (kind, method) => {
    expect(verifies(kind, method, signed(kind, method))).toBe(false);
  });
});

describe("RSA by the other padding does not verify", () => {
  it.each([
    ["rsapss", "rsapkcs1v15"],
    ["rsapkcs1v15", "rsapss"],
  ])("%s given as %s", (made, given) => {
    expect(verifies("rsa", given, signed("rsa", made))).toBe(false);
  });

  it.each([0, 20, 222])("PSS with a salt of %d bytes", (saltLength) => {
    const key = keys.rsa;
    const signature = sign("sha256", message, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength });
    expect(verifies("rsa", "rsapss", signature)).toBe(false);
  });

  it.each(["sha1", "sha512"])("PSS with %s", (hash) => {
    const key = keys.rsa;
    const signature = sign(hash, message, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 });
    expect(verifies("rsa", "rsapss", signature)).toBe(false);
  });
});

describe("ECDSA", () => {
  it.each([
    ["P-384", 96],
    ["P-521", 132],
  ])("on %s has signatures of %d bytes over SHA-256", (curve, length) => {
    const key = ec(curve);
    const signature = signed("ecdsa", "ecdsa", key);
    expect(signature.length).toBe(length);
    expect(verifies("ecdsa", "ecdsa", signature, key)).toBe(true);
  });

  it("in DER does not verify", () => {
    const der = sign("sha256", message, { key: keys.ecdsa, dsaEncoding: "der" });
    expect(verifies("ecdsa", "ecdsa", der)).toBe(false);
  });

  it("over SHA-384 does not verify", () => {
    const key = ec("P-384");
    const signature = sign("sha384", message, { key, dsaEncoding: "ieee-p1363" });
    expect(verifies("ecdsa", "ecdsa", signature, key)).toBe(false);
  });

  it("of P-256, padded to the length of P-384, does not verify", () => {
    const signature = signed("ecdsa", "ecdsa");
    const padded = Buffer.concat([
      Buffer.alloc(16),
      signature.subarray(0, 32),
      Buffer.alloc(16),
      signature.subarray(32),
    ]);
    expect(verifies("ecdsa", "ecdsa", padded)).toBe(false);
  });

  it("with r beyond the group order does not verify", () => {
    const signature = signed("ecdsa", "ecdsa");
    const order = Buffer.from("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", "hex");
    const r = add(signature.subarray(0, 32).toReversed(), order.toReversed()).toReversed();
    expect(verifies("ecdsa", "ecdsa", Buffer.concat([r, signature.subarray(32)]))).toBe(false);
  });

  it.each([
    ["prime256v1", true],
    ["secp384r1", true],
    ["secp521r1", true],
    ["secp224r1", false],
    ["secp256k1", false],
    ["__proto__", false],
    [undefined, false],
  ])("takes the curve %s: %s", (name, expected) => {
    expect(isAcceptedCurve(name)).toBe(expected);
  });
});

describe("Ed25519", () => {
  const order = Buffer.from("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010", "hex");

  it.each([1, 2, 3])("with S + %d L does not verify", (times) => {
    const signature = signed("ed25519", "eddsa");
    let s: Uint8Array = signature.subarray(32);
    for (let i = 0; i < times; i++) s = add(s, order);
    expect(verifies("ed25519", "eddsa", Buffer.concat([signature.subarray(0, 32), s]))).toBe(false);
  });

  it("with S = L does not verify", () => {
    const signature = signed("ed25519", "eddsa");
    expect(verifies("ed25519", "eddsa", Buffer.concat([signature.subarray(0, 32), order]))).toBe(false);
  });

  it("of identity key and identity R, which fits every message, does not verify", () => {
    const identity = Buffer.from(`01${"00".repeat(31)}`, "hex");
    const key = createPublicKey({
      key: { kty: "OKP", crv: "Ed25519", x: identity.toString("base64url") },
      format: "jwk",
    });
    const universal = Buffer.concat([identity, Buffer.alloc(32)]);
    expect(verifySignature("ed25519", key, "eddsa", message, universal)).toBe(false);
  });

  it.each([
    ["an ordinary point", "5866666666666666666666666666666666666666666666666666666666666666", false],
    ["the identity", `01${"00".repeat(31)}`, true],
    ["the identity with a sign", `01${"00".repeat(30)}80`, true],
    ["the identity, not reduced", `ee${"ff".repeat(30)}7f`, true],
    ["a point of order 4", "00".repeat(32), true],
  ])("%s is of small order: %s", (_, hex, expected) => {
    expect(isSmallOrderPoint(Buffer.from(hex, "hex"))).toBe(expected);
  });
});

/** a + b, both little-endian; a carry out of the highest byte is dropped. */
function add(a: Uint8Array, b: Uint8Array): Buffer {
  let carry = 0;
  return Buffer.from(
    a.map((byte, i) => {
      carry += byte + (b[i] as number);
      const low = carry & 0xff;
      carry >>= 8;
      return low;
    }),
  );
}
