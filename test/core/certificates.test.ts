import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import {
  commonName,
  isWeaklySigned,
  parseCertificates,
  rootCertificateFault,
} from "../../src/core/certificates.ts";
import { type CertificateWish, certificate } from "../support/certificates.ts";
import { outcome } from "../support/refusals.ts";

const repository = "example.org/team/app";
const at = Date.UTC(2026, 10, 24);
const day = 86_400_000;
const { privateKey: key } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const { privateKey: caKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const issuer = { key: caKey, cn: "A test CA" };

const leaf = (wish: Partial<CertificateWish> = {}) => certificate({ key, cn: [repository], ...wish });
const intermediate = (wish: Partial<CertificateWish> = {}) =>
  certificate({ key: caKey, cn: ["A test CA"], ca: true, ...wish });
const isFaulty = (pem: string, instant: number | undefined = at) =>
  rootCertificateFault(parseCertificates(pem), repository, instant) !== undefined;

describe("bundles", () => {
  it("a certificate", async () => {
    const { leaf: only, intermediates } = parseCertificates(await leaf());
    expect([commonName(only), intermediates().length]).toEqual([repository, 0]);
  });

  it("a leaf and its intermediates, in order", async () => {
    const { leaf: first, intermediates } = parseCertificates(
      (await leaf({ issuer })) + (await intermediate()),
    );
    expect([commonName(first), intermediates().map(commonName)]).toEqual([repository, ["A test CA"]]);
  });

  it("with CRLF", async () => {
    expect(isFaulty((await leaf()).replaceAll("\n", "\r\n"))).toBe(false);
  });

  it("eight certificates", async () => {
    const pem = await intermediate();
    expect(isFaulty((await leaf()) + pem.repeat(7))).toBe(false);
  });

  it.each<[string, (pem: string) => string]>([
    ["nothing", () => ""],
    ["nine certificates", (pem) => pem.repeat(9)],
    ["text in front", (pem) => `Subject: x\n${pem}`],
    ["text behind", (pem) => `${pem}x`],
    ["a private key beside it", (pem) => `${pem}${key.export({ format: "pem", type: "pkcs8" }).toString()}`],
    ["only a private key", () => key.export({ format: "pem", type: "pkcs8" }).toString()],
    ["a cut block", (pem) => pem.slice(0, -10)],
    [
      "a block that is no certificate",
      () => "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ],
    ["a damaged certificate", (pem) => pem.replace(/M/g, "N")],
    ["DER", (pem) => Buffer.from(pem.replace(/-----.*-----|\n/g, ""), "base64").toString("latin1")],
  ])("%s: BAD_KEY", async (_, change) => {
    const pem = change(await leaf());
    expect(outcome(() => parseCertificates(pem))).toBe("BAD_KEY");
  });
});

describe("a certificate carries a root", () => {
  it.each<[string, Partial<CertificateWish>]>([
    ["of exactly its name", {}],
    ["below its prefix", { cn: ["example.org/team/*"] }],
    ["far below its prefix", { cn: ["example.org/*"] }],
    ["with SHA-384", { hash: "SHA-384" }],
    ["with SHA-512", { hash: "SHA-512" }],
    ["on its last day", { to: at + 1_000 }],
    ["from tomorrow, for clocks differ", { from: at + day }],
    ["issued by a CA that is not there", { issuer }],
  ])("%s", async (_, wish) => {
    expect(isFaulty(await leaf(wish))).toBe(false);
  });

  it("with a valid intermediate", async () => {
    expect(isFaulty((await leaf({ issuer })) + (await intermediate()))).toBe(false);
  });

  it("of RSA", async () => {
    const rsa = generateKeyPairSync("rsa", { modulusLength: 2_048 }).privateKey;
    expect(isFaulty(await leaf({ key: rsa }))).toBe(false);
  });

  it("with a CN longer than 64 characters", async () => {
    const name = `example.org/${"a".repeat(200)}`;
    const pem = await leaf({ cn: [name] });
    expect(rootCertificateFault(parseCertificates(pem), name, at)).toBeUndefined();
  });
});

describe("a certificate carries no root", () => {
  it.each<[string, Partial<CertificateWish>]>([
    ["of another repository", { cn: ["example.org/team/other"] }],
    ["of one above", { cn: ["example.org/team"] }],
    ["of one below", { cn: [`${repository}/x`] }],
    ["of another case", { cn: [repository.toUpperCase()] }],
    ["with a wildcard for everything", { cn: ["*"] }],
    ["with a wildcard for half a segment", { cn: ["example.org/te*"] }],
    ["with a wildcard after the whole name", { cn: [`${repository}*`] }],
    ["with a wildcard below itself", { cn: [`${repository}/*`] }],
    ["with a bare slash wildcard", { cn: ["/*"] }],
    ["with a wildcard inside", { cn: ["example.org/*/app"] }],
    ["with a wildcard of a look-alike host", { cn: ["example.or/*"] }],
    ["without a CN", { cn: [] }],
    ["with two CNs, one of them good", { cn: [repository, "example.org/other"] }],
    ["with the same CN twice", { cn: [repository, repository] }],
    ["signed with SHA-1", { hash: "SHA-1" }],
    ["that is a CA", { ca: true }],
    ["that has expired", { to: at - 1_000 }],
    ["that expires now", { to: at }],
    ["that begins after tomorrow", { from: at + day + 1_000 }],
    ["that ends before it begins", { from: at - day, to: at - 2 * day }],
  ])("%s", async (_, wish) => {
    expect(isFaulty(await leaf(wish))).toBe(true);
  });

  it("beside a second leaf", async () => {
    expect(isFaulty((await leaf()) + (await leaf()))).toBe(true);
  });

  it("behind its intermediate", async () => {
    expect(isFaulty((await intermediate()) + (await leaf({ issuer })))).toBe(true);
  });

  it("with an expired intermediate", async () => {
    expect(isFaulty((await leaf({ issuer })) + (await intermediate({ to: at - day })))).toBe(true);
  });

  it("with an intermediate of the future", async () => {
    expect(isFaulty((await leaf({ issuer })) + (await intermediate({ from: at + 2 * day })))).toBe(true);
  });

  it("with an intermediate signed with SHA-1", async () => {
    expect(isFaulty((await leaf({ issuer })) + (await intermediate({ hash: "SHA-1" })))).toBe(true);
  });
});

describe("the certificate of the previous root", () => {
  it.each<[string, Partial<CertificateWish>, boolean]>([
    ["may have expired", { to: at - 1_000 }, false],
    ["may begin in the future", { from: at + 2 * day }, false],
    ["must name the repository", { cn: ["example.org/other"] }, true],
    ["must not be signed with SHA-1", { hash: "SHA-1" }, true],
    ["must not be a CA", { ca: true }, true],
  ])("%s", async (_, wish, faulty) => {
    const pem = await leaf(wish);
    expect(rootCertificateFault(parseCertificates(pem), repository, undefined) !== undefined).toBe(faulty);
  });
});

it.each([
  ["SHA-1", true],
  ["SHA-256", false],
] as const)("%s is weak: %s", async (hash, expected) => {
  expect(isWeaklySigned(parseCertificates(await leaf({ hash })).leaf)).toBe(expected);
});

it("a CN as long as a public key may be names nothing, and is read", async () => {
  const pem = await leaf({ cn: ["a".repeat(30_000)] });
  expect(isFaulty(pem)).toBe(true);
});

it.each(["__proto__", "constructor", "toString"])(
  "a subject without CN inherits none from %s",
  async (name) => {
    const pem = await leaf({ cn: [] });
    expect(rootCertificateFault(parseCertificates(pem), name, at)).toBeDefined();
  },
);
