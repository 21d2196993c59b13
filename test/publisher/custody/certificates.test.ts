/** Root certificates by keys that never leave their place, held against the rules for readers. */
import { createHash, generateKeyPairSync, type KeyObject, X509Certificate } from "node:crypto";
import { describe, expect, it } from "vitest";
import { parseCertificates, rootCertificateFault } from "../../../src/core/certificates.ts";
import { openKey } from "../../../src/core/keys.ts";
import { makeRootCertificate } from "../../../src/publisher/custody/certificates.ts";
import type { OpenKey } from "../../../src/publisher/custody/custody.ts";
import { listedOf, makePrivateKey, openedKey } from "../../../src/publisher/custody/private-key.ts";
import { keyCodeOf, listedKey } from "../../contract/custody.ts";

const repository = "registry.test:5000/team/app";
const begin = new Date("2026-01-01T00:00:00Z");
const end = new Date("2036-01-01T00:00:00Z");

function open(key: KeyObject): OpenKey {
  const listed = listedOf(key);
  return openedKey(
    {
      id: listed.id,
      algorithm: listed.keytype,
      listed,
      name: "",
      role: undefined,
      repository: undefined,
      place: "here",
      locked: false,
    },
    key,
  );
}

const p256 = makePrivateKey("ecdsa");
const rsa = generateKeyPairSync("rsa", { modulusLength: 2_048 }).privateKey;

describe.each([
  ["ECDSA P-256", p256, "ecdsa-x509"],
  ["RSA", rsa, "rsa-x509"],
] as const)("of %s", (_, key, keytype) => {
  it.each([repository, "registry.test:5000/team/*", `registry.test/${"long/".repeat(20)}app`])(
    "for %s can carry a root, in its time and not beyond",
    async (name) => {
      const { pem } = await makeRootCertificate(open(key), name, begin, end);
      const bundle = parseCertificates(pem);
      const carried = name.endsWith("/*") ? repository : name;
      expect(rootCertificateFault(bundle, carried, begin.getTime())).toBeUndefined();
      expect(rootCertificateFault(bundle, carried, end.getTime())).toBe("a certificate has expired");
      expect(rootCertificateFault(bundle, "registry.test/other", begin.getTime())).toMatch(/CN must be/);
    },
  );

  it("is what the stock client makes, and signed by the key itself", async () => {
    const { pem } = await makeRootCertificate(open(key), repository, begin, end);
    const certificate = new X509Certificate(pem);
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate.keyUsage).toEqual(["1.3.6.1.5.5.7.3.3"]);
    expect(certificate.ca).toBe(false);
    expect([certificate.subject, certificate.issuer]).toEqual([`CN=${repository}`, `CN=${repository}`]);
    expect(certificate.validFromDate).toEqual(begin);
    expect(certificate.validToDate).toEqual(end);
    expect(pem).toMatch(/-----END CERTIFICATE-----\n$/);
  });

  it("is listed as a root lists it, and leads back to the bare key", async () => {
    const { listed, pem } = await makeRootCertificate(open(key), repository, begin, end);
    expect(listed.keytype).toBe(keytype);
    expect(Buffer.from(listed.public, "base64").toString()).toBe(pem);
    const text = `{"keytype":"${keytype}","keyval":{"private":null,"public":"${listed.public}"}}`;
    expect(listed.id).toBe(createHash("sha256").update(text).digest("hex"));
    expect(openKey(listed)?.canonicalId).toBe(listedKey(key).id);
  });

  it("is another one each time, by its serial number", async () => {
    const made = [
      await makeRootCertificate(open(key), repository, begin, end),
      await makeRootCertificate(open(key), repository, begin, end),
    ];
    const serials = made.map(({ pem }) => new X509Certificate(pem).serialNumber);
    expect(serials[0]).not.toBe(serials[1]);
    expect(serials[0]?.length).toBeGreaterThan(28);
  });
});

describe("no certificate is made", () => {
  it("of Ed25519, and the sentence says where it serves", async () => {
    const work = makeRootCertificate(open(makePrivateKey("ed25519")), repository, begin, end);
    expect(await keyCodeOf(work)).toBe("KEY_UNSUPPORTED");
    await expect(work).rejects.toThrow("below root");
  });

  it("of another curve", async () => {
    const p384 = generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey;
    expect(await keyCodeOf(makeRootCertificate(open(p384), repository, begin, end))).toBe("KEY_UNSUPPORTED");
  });

  it.each([
    ["no name", ""],
    ["a name with a line's end", "a\nb"],
    ["a name beyond all bounds", "a".repeat(256)],
  ])("for %s", async (_, name) => {
    expect(await keyCodeOf(makeRootCertificate(open(p256), name, begin, end))).toBe("KEY_UNSUPPORTED");
  });

  it("that ends before it begins: that is a mistake in the program", async () => {
    await expect(makeRootCertificate(open(p256), repository, end, begin)).rejects.toThrow(TypeError);
  });

  it("by a place whose RSA keys sign by PSS alone", async () => {
    const key = open(rsa);
    const place = { ...key, sign: (message: Uint8Array) => key.sign(message) };
    expect(await keyCodeOf(makeRootCertificate(place, repository, begin, end))).toBe("KEY_UNSUPPORTED");
  });

  it("by a place that signs with another key than it says", async () => {
    const liar = { ...open(p256), sign: open(makePrivateKey("ecdsa")).sign };
    await expect(makeRootCertificate(liar, repository, begin, end)).rejects.toThrow(
      "not the one that was wanted",
    );
  });

  it("by a key that is closed", async () => {
    const key = open(p256);
    key.close();
    expect(await keyCodeOf(makeRootCertificate(key, repository, begin, end))).toBe("KEY_CLOSED");
  });
});
