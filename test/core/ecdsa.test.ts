/** Both forms of a signature, held against the platform's own conversion. */
import { generateKeyPairSync, sign, verify } from "node:crypto";
import { describe, expect, it } from "vitest";
import { derOf, rawOf } from "../../src/core/ecdsa.ts";

const message = Buffer.from("message");
const raw = "ieee-p1363" as const;
const signatures = 600;

describe.each([
  ["P-256", 32],
  ["P-384", 48],
  ["P-521", 66],
])("a signature by %s", (namedCurve, size) => {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve });
  const both = (signature: Buffer) => [
    verify("sha256", message, { key: publicKey, dsaEncoding: raw }, signature),
    verify("sha256", message, publicKey, derOf(signature)),
  ];

  it("that stands side by side verifies as DER, and comes back as it was", () => {
    for (let i = 0; i < signatures; i++) {
      const made = sign("sha256", message, { key: privateKey, dsaEncoding: raw });
      expect(verify("sha256", message, publicKey, derOf(made))).toBe(true);
      expect(rawOf(derOf(made), size)).toEqual(made);
    }
  });

  it("that came as DER verifies side by side, and goes back as it was", () => {
    for (let i = 0; i < signatures; i++) {
      const made = sign("sha256", message, privateKey);
      expect(verify("sha256", message, { key: publicKey, dsaEncoding: raw }, rawOf(made, size))).toBe(true);
      expect(derOf(rawOf(made, size))).toEqual(made);
    }
  });

  it("of numbers that no signature has does not verify, as with the platform", () => {
    const made = sign("sha256", message, { key: privateKey, dsaEncoding: raw });
    const [r, s] = [made.subarray(0, size), made.subarray(size)];
    const numbers = [Buffer.alloc(size), Buffer.alloc(size, 0xff), Buffer.alloc(size, 0x80)];
    for (const number of numbers) {
      for (const signature of [Buffer.concat([number, s]), Buffer.concat([r, number])]) {
        expect(both(signature)).toEqual([false, false]);
      }
    }
    expect(both(Buffer.concat([s, r]))).toEqual([false, false]);
    expect(both(made)).toEqual([true, true]);
  });

  it("of one number too long for the curve is not one of its signatures", () => {
    const long = Buffer.alloc(2 * (size + 1), 0x11);
    expect(() => rawOf(derOf(long), size)).toThrow(RangeError);
  });
});

describe("DER", () => {
  it.each([
    ["0000", "3006020100020100"],
    ["0102", "3006020101020102"],
    ["80ff", "300802020080020200ff"],
    ["00010080", "300702010102020080"],
    ["007f7f00", "300702017f02027f00"],
  ])("of %s is %s", (side, der) => {
    expect(derOf(Buffer.from(side, "hex")).toString("hex")).toBe(der);
    expect(rawOf(Buffer.from(der, "hex"), side.length / 4).toString("hex")).toBe(side);
  });

  it("that ends early is no signature", () => {
    const whole = derOf(Buffer.alloc(64, 0x11));
    for (let length = 0; length < whole.length; length++) {
      expect(() => rawOf(whole.subarray(0, length), 32), `${length} bytes`).toThrow(RangeError);
    }
  });
});
