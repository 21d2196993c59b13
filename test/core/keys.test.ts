import { createPublicKey, generateKeyPairSync, type KeyObject, randomBytes } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import { notaryKeyId, openKey, type UsableKey } from "../../src/core/keys.ts";
import { maxPublicKey } from "../../src/core/limits.ts";
import { bundle, certificate } from "../support/certificates.ts";
import { outcome } from "../support/refusals.ts";

const base64 = (bytes: Uint8Array | string) => Buffer.from(bytes as Uint8Array).toString("base64");
const spki = (key: KeyObject) =>
  (key.type === "public" ? key : createPublicKey(key)).export({ format: "der", type: "spki" });
const listed = (keytype: string, text: string) => ({ id: notaryKeyId(keytype, text), keytype, public: text });
const open = (keytype: string, text: string) => openKey(listed(keytype, text));
const opened = (keytype: string, text: string): UsableKey => open(keytype, text) ?? expect.unreachable();
const code = (keytype: string, text: string) => outcome(() => open(keytype, text));

const ec = (namedCurve: string) => generateKeyPairSync("ec", { namedCurve }).privateKey;
const rsa = (modulusLength: number, publicExponent = 65_537) =>
  generateKeyPairSync("rsa", { modulusLength, publicExponent }).privateKey;
const ed25519 = () => generateKeyPairSync("ed25519").privateKey;
const raw = (key: KeyObject) => Buffer.from(key.export({ format: "jwk" }).x as string, "base64url");

const p256 = ec("P-256");
const rsa2048 = rsa(2_048);
const ed = ed25519();

describe("key types", () => {
  it.each<[string, () => string, string]>([
    ["ecdsa", () => base64(spki(p256)), "ecdsa"],
    ["ecdsa", () => base64(spki(ec("P-384"))), "ecdsa"],
    ["ecdsa", () => base64(spki(ec("P-521"))), "ecdsa"],
    ["rsa", () => base64(spki(rsa2048)), "rsa"],
    ["rsa", () => base64(createPublicKey(rsa2048).export({ format: "pem", type: "spki" }) as string), "rsa"],
    ["ed25519", () => base64(raw(ed)), "ed25519"],
  ])("%s is opened", (keytype, text, kind) => {
    expect(opened(keytype, text()).kind).toBe(kind);
  });

  it("certificates are opened", async () => {
    const [a, b] = [p256, rsa2048].map((key) => certificate({ key, cn: ["x"] }));
    expect(opened("ecdsa-x509", bundle((await a) ?? "")).kind).toBe("ecdsa");
    expect(opened("rsa-x509", bundle((await b) ?? "")).kind).toBe("rsa");
  });

  it.each(["", "dsa", "ECDSA", "Ed25519", "ed25519-x509", "__proto__", "constructor", "toString"])(
    "a key of the unknown type %j is carried and never opened",
    (keytype) => {
      expect(open(keytype, base64(spki(p256)))).toBeUndefined();
    },
  );
});

describe("one mathematical key", () => {
  let keys: UsableKey[] = [];
  beforeAll(async () => {
    const der = spki(p256);
    const point = der.subarray(-65);
    const prefix = der.subarray(0, -65);
    const compressed = Buffer.from([...prefix, ...compress(point)]);
    compressed[1] = 0x39;
    compressed[prefix.length - 2] = 0x22;
    const first = await certificate({ key: p256, cn: ["a"] });
    const second = await certificate({ key: p256, cn: ["a"] });
    keys = [
      opened("ecdsa", base64(der)),
      opened("ecdsa", base64(compressed)),
      opened("ecdsa-x509", bundle(first)),
      opened("ecdsa-x509", bundle(second)),
      opened("ecdsa-x509", bundle(first.replaceAll("\n", "\r\n"))),
      opened("ecdsa-x509", bundle(first.trimEnd())),
      opened("ecdsa-x509", bundle(first, await certificate({ key: ed25519(), cn: ["ca"], ca: true }))),
      opened("ecdsa-x509", bundle(await certificate({ key: p256, cn: ["a"], hash: "SHA-512" }))),
      opened(
        "ecdsa-x509",
        bundle(await certificate({ key: p256, cn: ["a"], issuer: { key: ec("P-256"), cn: "ca" } })),
      ),
      opened("ecdsa-x509", bundle(await certificate({ key: p256, cn: ["b"] }))),
    ];
  });

  it("in ten wrappings has ten IDs", () => {
    expect(new Set(keys.map(({ id }) => id)).size).toBe(10);
  });

  it("in ten wrappings is one material", () => {
    expect(new Set(keys.map(({ material }) => material)).size).toBe(1);
  });

  it("in certificates has the canonical ID of the bare key", () => {
    const ids = keys.filter(({ keytype }) => keytype === "ecdsa-x509").map(({ canonicalId }) => canonicalId);
    expect(new Set(ids)).toEqual(new Set([keys[0]?.id]));
  });

  it("of RSA is one material as DER, PEM with LF, PEM with CRLF and certificate", async () => {
    const pem = createPublicKey(rsa2048).export({ format: "pem", type: "spki" }).toString();
    const wrappings = [
      opened("rsa", base64(spki(rsa2048))),
      opened("rsa", base64(pem)),
      opened("rsa", base64(pem.replaceAll("\n", "\r\n"))),
      opened("rsa-x509", bundle(await certificate({ key: rsa2048, cn: ["x"] }))),
    ];
    expect(new Set(wrappings.map(({ id }) => id)).size).toBe(4);
    expect(new Set(wrappings.map(({ material }) => material)).size).toBe(1);
  });

  it("differs from every other", () => {
    const all = [p256, ec("P-256"), ec("P-384")].map((key) => opened("ecdsa", base64(spki(key))).material);
    all.push(opened("ed25519", base64(raw(ed))).material, opened("ed25519", base64(raw(ed25519()))).material);
    all.push(opened("rsa", base64(spki(rsa2048))).material, opened("rsa", base64(spki(rsa(2_048)))).material);
    expect(new Set(all).size).toBe(all.length);
  });
});

describe("weak keys are BAD_KEY", () => {
  it.each<[string, string, () => string]>([
    ["P-224", "ecdsa", () => base64(spki(ec("secp224r1")))],
    ["secp256k1", "ecdsa", () => base64(spki(ec("secp256k1")))],
    ["brainpool", "ecdsa", () => base64(spki(ec("brainpoolP256r1")))],
    ["RSA of 1024 bits", "rsa", () => base64(spki(rsa(1_024)))],
    ["RSA of 2047 bits", "rsa", () => base64(spki(modulus(2_047)))],
    ["RSA of 8200 bits", "rsa", () => base64(spki(modulus(8_200)))],
    ["RSA with exponent 3", "rsa", () => base64(spki(rsa(2_048, 3)))],
    ["RSA with exponent 1", "rsa", () => base64(spki(modulus(2_048, 1)))],
    [
      "an RSA key for PSS only",
      "rsa",
      () => base64(spki(generateKeyPairSync("rsa-pss", { modulusLength: 2_048 }).privateKey)),
    ],
    [
      "DSA",
      "rsa",
      () => base64(spki(generateKeyPairSync("dsa", { modulusLength: 2_048, divisorLength: 256 }).privateKey)),
    ],
  ])("%s", (_, keytype, text) => {
    expect(code(keytype, text())).toBe("BAD_KEY");
  });

  it("an RSA certificate of 1024 bits", async () => {
    const text = bundle(await certificate({ key: rsa(1_024), cn: ["x"] }));
    expect(code("rsa-x509", text)).toBe("BAD_KEY");
  });

  it("a certificate signed with SHA-1", async () => {
    const text = bundle(await certificate({ key: p256, cn: ["x"], hash: "SHA-1" }));
    expect(code("ecdsa-x509", text)).toBe("BAD_KEY");
  });

  it("a certificate with a key that OpenSSL cannot read", async () => {
    const pem = await certificate({ key: p256, cn: ["x"] });
    const der = Buffer.from(pem.replace(/-----[^-]+-----|\n/g, ""), "base64");
    const oid = Buffer.from("06072a8648ce3d0201", "hex");
    der[der.indexOf(oid) + oid.length - 1] = 0x7f;
    const changed = `-----BEGIN CERTIFICATE-----\n${der.toString("base64")}\n-----END CERTIFICATE-----\n`;
    expect(code("ecdsa-x509", bundle(changed))).toBe("BAD_KEY");
  });
});

describe("small-order Ed25519 keys are BAD_KEY", () => {
  // The eight points of the torsion subgroup in every encoding a lax reader takes: RFC 8032, section 5.1.3, with
  // y reduced and not, and the sign of x = 0 either way.
  const canonical = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
  ];
  const lax = [
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
  ];
  it.each([...canonical, ...lax])("%s", (hex) => {
    expect(code("ed25519", base64(Buffer.from(hex, "hex")))).toBe("BAD_KEY");
  });
});

describe("Ed25519 keys of another length are BAD_KEY", () => {
  it.each([0, 1, 31, 33, 44, 64])("%d bytes", (length) => {
    expect(code("ed25519", base64(Buffer.alloc(length, 7)))).toBe("BAD_KEY");
  });
});

describe("content of another type than it says is BAD_KEY", () => {
  const contents: readonly (readonly [string, () => string | Promise<string>])[] = [
    ["ecdsa", () => base64(spki(p256))],
    ["rsa", () => base64(spki(rsa2048))],
    ["ed25519", () => base64(raw(ed))],
    ["ed25519 as SPKI", () => base64(spki(ed))],
    ["ecdsa-x509", async () => bundle(await certificate({ key: p256, cn: ["x"] }))],
    ["rsa-x509", async () => bundle(await certificate({ key: rsa2048, cn: ["x"] }))],
    ["ed25519 in a certificate", async () => bundle(await certificate({ key: ed, cn: ["x"] }))],
    ["nothing", () => ""],
    ["noise", () => base64(randomBytes(91))],
  ];
  const types = ["ecdsa", "rsa", "ed25519", "ecdsa-x509", "rsa-x509"];
  const pairs = types.flatMap((keytype) =>
    contents.filter(([what]) => what !== keytype).map(([what, text]) => [keytype, what, text] as const),
  );
  it.each(pairs)("%s with %s", async (keytype, _, text) => {
    const content = await text();
    expect(code(keytype, content)).toBe("BAD_KEY");
  });
});

describe("private keys are never taken for public ones", () => {
  it.each<[string, string, () => string]>([
    ["ecdsa, PKCS#8 DER", "ecdsa", () => base64(p256.export({ format: "der", type: "pkcs8" }))],
    ["ecdsa, SEC 1 DER", "ecdsa", () => base64(p256.export({ format: "der", type: "sec1" }))],
    ["rsa, PKCS#8 DER", "rsa", () => base64(rsa2048.export({ format: "der", type: "pkcs8" }))],
    ["rsa, PKCS#8 PEM", "rsa", () => base64(rsa2048.export({ format: "pem", type: "pkcs8" }) as string)],
    ["rsa, PKCS#1 PEM", "rsa", () => base64(rsa2048.export({ format: "pem", type: "pkcs1" }) as string)],
  ])("%s: BAD_KEY", (_, keytype, text) => {
    expect(code(keytype, text())).toBe("BAD_KEY");
  });

  it("an rsa key with a private one behind it: BAD_KEY", () => {
    const both = [createPublicKey(rsa2048).export({ format: "pem", type: "spki" })];
    both.push(rsa2048.export({ format: "pem", type: "pkcs8" }));
    expect(code("rsa", base64(both.join("")))).toBe("BAD_KEY");
  });

  it("an rsa key is no certificate", async () => {
    const pem = await certificate({ key: rsa2048, cn: ["x"] });
    expect(code("rsa", base64(pem))).toBe("BAD_KEY");
  });
});

describe("encodings", () => {
  it.each([
    ["without padding", (text: string) => text.replace(/=+$/, "")],
    ["with a line break", (text: string) => `${text.slice(0, 8)}\n${text.slice(8)}`],
    ["as base64url", (text: string) => `${text.slice(0, -4)}-_==`],
  ])("%s: BAD_ENCODING", (_, change) => {
    expect(code("ecdsa", change(base64(Buffer.alloc(31))))).toBe("BAD_ENCODING");
  });

  it("beyond the limit: BAD_KEY", () => {
    expect(code("ecdsa-x509", "A".repeat(maxPublicKey + 4))).toBe("BAD_KEY");
  });
});

it("opens one key once", () => {
  const key = listed("ed25519", base64(raw(ed25519())));
  expect(openKey(key)).toBe(openKey({ ...key }));
});

it("a refused key is refused every time", () => {
  const text = base64(Buffer.alloc(31));
  expect([code("ed25519", text), code("ed25519", text)]).toEqual(["BAD_KEY", "BAD_KEY"]);
});

function compress(point: Uint8Array): Uint8Array {
  return Buffer.from([(point[64] as number) & 1 ? 3 : 2, ...point.subarray(1, 33)]);
}

/** A public key with a modulus of so many bits that nobody can factor by knowing how it was made. */
function modulus(bits: number, exponent = 65_537): KeyObject {
  const n = randomBytes(Math.ceil(bits / 8));
  const top = (bits - 1) % 8;
  n[0] = ((n[0] as number) & ((1 << top) - 1)) | (1 << top);
  n[n.length - 1] = (n[n.length - 1] as number) | 1;
  const e = Buffer.from(exponent.toString(16).padStart(6, "0"), "hex");
  return createPublicKey({
    key: { kty: "RSA", n: n.toString("base64url"), e: e.toString("base64url") },
    format: "jwk",
  });
}
