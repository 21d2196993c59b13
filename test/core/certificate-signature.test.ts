import { X509Certificate } from "node:crypto";
import { rootCertificates } from "node:tls";
import { describe, expect, test } from "vitest";
import { signatureAlgorithm } from "../../src/core/certificate-signature.ts";

/** The content octets of an identifier as text: the first octet holds two numbers, seven bits of each follow. */
function dotted(hex: string | undefined): string | undefined {
  if (hex === undefined) return undefined;
  const [first = 0, ...rest] = Buffer.from(hex, "hex");
  const numbers = [Math.floor(first / 40), first % 40];
  let number = 0;
  for (const octet of rest) {
    number = number * 128 + (octet & 0x7f);
    if (octet >= 0x80) continue;
    numbers.push(number);
    number = 0;
  }
  return numbers.join(".");
}

const [{ raw } = { raw: Buffer.alloc(0) }] = rootCertificates
  .slice(0, 1)
  .map((pem) => new X509Certificate(pem));

describe("the algorithm of a certificate's signature", () => {
  test("is the one that the platform reads, for every authority that it knows", () => {
    const certificates = rootCertificates.map((pem) => new X509Certificate(pem));
    expect(certificates.length).toBeGreaterThan(100);
    expect(certificates.map((each) => dotted(signatureAlgorithm(each.raw)))).toEqual(
      certificates.map((each) => each.signatureAlgorithmOid),
    );
  });

  test("is unknown wherever the certificate is cut", () => {
    for (let length = 0; length < raw.length; length++) {
      expect(signatureAlgorithm(raw.subarray(0, length))).toBeUndefined();
    }
  });

  test.each<[string, number[]]>([
    ["nothing", []],
    ["no sequence", [0x31, 0x00]],
    ["a length told at the end", [0x30, 0x80, 0x30, 0x00, 0x30, 0x03, 0x06, 0x01, 0x2a, 0x00, 0x00]],
    ["a length of many octets", [0x30, 0x85, 0, 0, 0, 0, 7, 0x30, 0x00, 0x30, 0x03, 0x06, 0x01, 0x2a]],
    ["no algorithm behind what is signed", [0x30, 0x02, 0x30, 0x00]],
    ["an algorithm that is no identifier", [0x30, 0x07, 0x30, 0x00, 0x30, 0x03, 0x04, 0x01, 0x2a]],
    ["an identifier longer than its place", [0x30, 0x07, 0x30, 0x00, 0x30, 0x03, 0x06, 0x02, 0x2a, 0x2a]],
  ])("%s has none", (_what, bytes) => {
    expect(signatureAlgorithm(Uint8Array.from(bytes))).toBeUndefined();
  });

  test("the smallest form has one", () => {
    const bytes = [0x30, 0x07, 0x30, 0x00, 0x30, 0x03, 0x06, 0x01, 0x2a];
    expect(signatureAlgorithm(Uint8Array.from(bytes))).toBe("2a");
  });
});
