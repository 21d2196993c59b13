/** Which leaf leads to which pinned authority. Names of certificates are as in a chain: leaf, middle, ca. */
import { X509Certificate } from "node:crypto";
import { describe, expect, it } from "vitest";
import { leadsTo } from "../../src/core/certificate-chain.ts";
import { parseCertificates } from "../../src/core/certificates.ts";
import { type Certificate, type CertificateOptions, makeCertificate } from "../support/forgery.ts";

const at = Date.UTC(2026, 10, 24);
const day = 86_400_000;

const make = (name: string, options: CertificateOptions = {}) => makeCertificate(at, { name, ...options });
const authority = (name: string, options: CertificateOptions = {}) => make(name, { ca: true, ...options });

function leads(bundle: readonly Certificate[], pinned: readonly Certificate[], instant = at): boolean {
  return leadsTo(
    parseCertificates(bundle.map(({ pem }) => pem).join("")),
    pinned.map(({ pem }) => new X509Certificate(pem)),
    instant,
  );
}

/** Another certificate of the same name and key, so that both have issued the same. */
const again = (of: Certificate, options: CertificateOptions) =>
  makeCertificate(at, { name: of.name, ca: true, ...options }, of.key);

describe("a leaf leads to an authority", () => {
  it("that signed it", async () => {
    const ca = await authority("ca");
    expect(leads([await make("leaf", { issuer: ca })], [ca])).toBe(true);
  });

  it("that is one of several", async () => {
    const [other, ca] = [await authority("other"), await authority("ca")];
    expect(leads([await make("leaf", { issuer: ca })], [other, ca])).toBe(true);
  });

  it("over intermediates, in any order", async () => {
    const ca = await authority("ca");
    const upper = await authority("upper", { issuer: ca });
    const lower = await authority("lower", { issuer: upper });
    const leaf = await make("leaf", { issuer: lower });
    expect(leads([leaf, lower, upper], [ca])).toBe(true);
    expect(leads([leaf, upper, lower], [ca])).toBe(true);
  });

  it("that stands in the bundle as well", async () => {
    const ca = await authority("ca");
    const middle = await authority("middle", { issuer: ca });
    expect(leads([await make("leaf", { issuer: middle }), middle, ca], [ca])).toBe(true);
  });

  it("that is an intermediate of the bundle, whoever signed that", async () => {
    const middle = await authority("middle", { issuer: await authority("ca") });
    expect(leads([await make("leaf", { issuer: middle }), middle], [middle])).toBe(true);
  });

  it("over the one of two intermediates of one name and key that is valid", async () => {
    const ca = await authority("ca");
    const middle = await authority("middle", { issuer: ca });
    const old = await again(middle, { issuer: ca, to: at - 1_000 });
    expect(leads([await make("leaf", { issuer: middle }), old, middle], [ca])).toBe(true);
  });

  it("whose own signature is SHA-1, for it is pinned itself", async () => {
    const ca = await authority("ca", { hash: "SHA-1" });
    expect(leads([await make("leaf", { issuer: ca })], [ca])).toBe(true);
  });
});

describe("a leaf leads nowhere", () => {
  it("without anything pinned", async () => {
    const ca = await authority("ca");
    expect(leads([await make("leaf", { issuer: ca }), ca], [])).toBe(false);
  });

  it("under an authority that is not pinned", async () => {
    const [ca, other] = [await authority("ca"), await authority("other")];
    expect(leads([await make("leaf", { issuer: ca }), ca], [other])).toBe(false);
  });

  it("under another of the same name", async () => {
    const [ca, double] = [await authority("ca"), await authority("ca")];
    expect(leads([await make("leaf", { issuer: double })], [ca])).toBe(false);
    expect(leads([await make("leaf", { issuer: double }), double], [ca])).toBe(false);
  });

  it("without the intermediate between", async () => {
    const ca = await authority("ca");
    const middle = await authority("middle", { issuer: ca });
    expect(leads([await make("leaf", { issuer: middle })], [ca])).toBe(false);
  });

  it("over an intermediate that is no CA", async () => {
    const ca = await authority("ca");
    const middle = await make("middle", { issuer: ca });
    expect(leads([await make("leaf", { issuer: middle }), middle], [ca])).toBe(false);
  });

  it("to a pinned certificate that is no CA, its own least of all", async () => {
    const middle = await make("middle");
    const leaf = await make("leaf", { issuer: middle });
    expect(leads([leaf], [middle])).toBe(false);
    expect(leads([leaf], [leaf])).toBe(false);
  });

  it("with a signature of SHA-1, its own or one between", async () => {
    const ca = await authority("ca");
    expect(leads([await make("leaf", { issuer: ca, hash: "SHA-1" })], [ca])).toBe(false);
    const middle = await authority("middle", { issuer: ca, hash: "SHA-1" });
    expect(leads([await make("leaf", { issuer: middle }), middle], [ca])).toBe(false);
  });

  it("under an authority with name constraints, pinned or between", async () => {
    const constrained = await authority("ca", { constrained: true });
    expect(leads([await make("leaf", { issuer: constrained })], [constrained])).toBe(false);
    const ca = await authority("ca");
    const middle = await authority("middle", { issuer: ca, constrained: true });
    expect(leads([await make("leaf", { issuer: middle }), middle], [ca])).toBe(false);
  });

  it("in a circle of intermediates, which ends", async () => {
    const a = await authority("a");
    const b = await authority("b", { issuer: a });
    const back = await again(a, { issuer: b });
    const ca = await authority("ca");
    expect(leads([await make("leaf", { issuer: a }), back, b], [ca])).toBe(false);
    expect(leads([await make("leaf", { issuer: a }), back, b], [b])).toBe(true);
  });
});

describe("validity counts at the instant", () => {
  it("of the pinned authority", async () => {
    const ca = await authority("ca", { from: at, to: at + day });
    const bundle = [await make("leaf", { issuer: ca })];
    expect(
      [at - 1_000, at, at + day - 1_000, at + day].map((instant) => leads(bundle, [ca], instant)),
    ).toEqual([false, true, true, false]);
  });

  it("of every intermediate", async () => {
    const ca = await authority("ca", { from: at - day, to: at + 2 * day });
    const middle = await authority("middle", { issuer: ca, from: at, to: at + day });
    const bundle = [await make("leaf", { issuer: middle }), middle];
    expect(
      [at - 1_000, at, at + day - 1_000, at + day].map((instant) => leads(bundle, [ca], instant)),
    ).toEqual([false, true, true, false]);
  });
});
