/**
 * Keys, signatures and certificates (docs/threats.md 6; threats V21, V32, V33, V35 and V39).
 * Long, since it is a table of wrong keys and signatures.
 */
import { createPublicKey, generateKeyPairSync, sign } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Json } from "../../src/core/json.ts";
import type { ListedKey } from "../../src/core/keys.ts";
import { defaultPolicy } from "../../src/policy/policy.ts";
import { bareKey, generatePrivateKey, type PublisherKey } from "../support/bare/keys.ts";
import {
  bundleKey,
  type CertificateOptions,
  makeCertificate,
  rsaKey,
  withSignatures,
  wrapped,
} from "../support/forgery.ts";
import { day, type Files, listed, newKey, type Owner, signedOf, signJson } from "../support/publisher.ts";
import { start, startServer, type TestServer } from "../support/server.ts";

const repository = "example.org/keys";
let server: TestServer;
let owner: Owner;

beforeEach(async () => {
  server = await startServer();
  owner = await server.owner(repository);
});
afterEach(async () => await server.close());

const publish = (files: Files) => server.publish(repository, files);
const code = async (files: Files) => (await publish(files)).code;

/** A first publication whose targets are signed by this key, listed in the root. */
function targetsBy(key: PublisherKey): Files {
  owner.root.keys.targets = [key.listed];
  owner.targets.signers = [key];
  return owner.first();
}

/** The same with the one signature of targets changed. */
function targetsSigned(key: PublisherKey, edit: (entry: Record<string, string>) => object): Files {
  const files = new Map(targetsBy(key));
  files.set(
    "targets",
    withSignatures(files.get("targets") as Buffer, ([entry]) => [
      edit({ ...entry } as Record<string, string>),
    ]),
  );
  return files;
}

const bytes = (entry: Record<string, string>) => Buffer.from(entry.sig ?? "", "base64");
const resigned = (entry: Record<string, string>, sig: Buffer) => ({ ...entry, sig: sig.toString("base64") });

const kinds: Record<string, () => PublisherKey> = {
  ecdsa: () => newKey("ecdsa"),
  ed25519: () => newKey("ed25519"),
  rsa: () => bareKey(rsaKey()),
};
const methodsOf: Record<string, readonly string[]> = {
  ecdsa: ["ecdsa"],
  ed25519: ["eddsa"],
  rsa: ["rsapss", "pycrypto-pkcs#1 pss", "rsapkcs1v15"],
};
const allMethods = ["ecdsa", "eddsa", "rsapss", "rsapkcs1v15", "pycrypto-pkcs#1 pss", "none", "", "hmac"];

describe.each(Object.keys(kinds))("V33: a key of type %s", (kind) => {
  test("V33: its own method is accepted", async () => {
    expect((await publish(targetsBy((kinds[kind] as () => PublisherKey)()))).status).toBe(200);
  });
  test.each(allMethods.filter((method) => !methodsOf[kind]?.includes(method)))(
    "V33: a signature that says %j is refused",
    async (method) => {
      const files = targetsSigned((kinds[kind] as () => PublisherKey)(), (entry) => ({ ...entry, method }));
      expect(await code(files)).toBe("THRESHOLD");
    },
  );
  test.each(["ecdsa", "ed25519", "rsa", "ecdsa-x509", "rsa-x509"].filter((each) => each !== kind))(
    "V33: listed as %s it is refused",
    async (keytype) => {
      const key = (kinds[kind] as () => PublisherKey)();
      expect(await code(targetsBy(wrapped(key, keytype, key.listed.public)))).toBe("BAD_KEY");
    },
  );
});

test.each([0, 31, 33, 64])("V39: an Ed25519 key of %i bytes is refused", async (length) => {
  const key = newKey();
  const content = Buffer.alloc(length, 7).toString("base64");
  expect(await code(targetsBy(wrapped(key, "ed25519", content)))).toBe("BAD_KEY");
});

describe("V35: the certificate of a root", () => {
  async function withRoot(
    ...options: readonly [CertificateOptions, ...CertificateOptions[]]
  ): Promise<string | undefined> {
    const [first, ...rest] = options;
    const key = bundleKey(
      await makeCertificate(start, { name: repository, ...first }),
      ...(await Promise.all(rest.map((each) => makeCertificate(start, { name: repository, ...each })))),
    );
    return await code(rootBy(key));
  }
  function rootBy(key: PublisherKey): Files {
    owner.root.keys.root = [key.listed];
    owner.root.signers = [key];
    return owner.first();
  }

  test("V35: a plain one is accepted", async () => {
    expect(await withRoot({})).toBeUndefined();
  });
  test.each<[string, CertificateOptions]>([
    ["expired", { from: start - 2 * day, to: start - 1 }],
    ["not yet valid", { from: start + 2 * day, to: start + 3 * day }],
    ["ending before it begins", { from: start + 1_000, to: start - 1_000 }],
    ["a CA", { ca: true }],
    ["for another repository", { name: "example.org/other" }],
    ["for a name in another case", { name: "example.org/KEYS" }],
  ])("V35: %s is refused", async (_what, options) => {
    expect(await withRoot(options)).toBe("ROOT_CERTIFICATE");
  });
  test("V35: signed with SHA-1 is refused", async () => {
    expect(await withRoot({ hash: "SHA-1" })).toBe("BAD_KEY");
  });
  test("V35: two leaves are refused", async () => {
    expect(await withRoot({}, {})).toBe("ROOT_CERTIFICATE");
  });
  test("V35: a leaf that is not first is refused", async () => {
    expect(await withRoot({ ca: true, name: "ca" }, {})).toBe("ROOT_CERTIFICATE");
  });
  test("V35: a leaf with its intermediate is accepted", async () => {
    const issuer = await makeCertificate(start, { ca: true, name: "ca" });
    const key = bundleKey(await makeCertificate(start, { name: repository, issuer }), issuer);
    expect((await publish(rootBy(key))).status).toBe(200);
  });
  test("V35: a leaf with an expired intermediate is refused", async () => {
    const issuer = await makeCertificate(start, {
      ca: true,
      name: "ca",
      from: start - 2 * day,
      to: start - day,
    });
    const key = bundleKey(await makeCertificate(start, { name: repository, issuer }), issuer);
    expect(await code(rootBy(key))).toBe("ROOT_CERTIFICATE");
  });
  test("V35: a bare key cannot carry a root", async () => {
    expect(await code(rootBy(newKey("ecdsa")))).toBe("ROOT_CERTIFICATE");
  });

  test.each([
    "*",
    "/*",
    "example.org*",
    "example.org/ke*",
    "example.org/keys/*",
    "example.*/keys",
    "*/keys",
    "",
  ])("R5: the name %j is refused", async (name) => {
    expect(await withRoot({ name })).toBe("ROOT_CERTIFICATE");
  });
  test("R5: a whole path above the repository is accepted", async () => {
    expect(await withRoot({ name: "example.org/*" })).toBeUndefined();
  });
});

describe("C1: Ed25519 signatures that other libraries accept", () => {
  const L = 2n ** 252n + 27742317777372353535851937790883648493n;
  const little = (value: bigint) => Buffer.from(value.toString(16).padStart(64, "0"), "hex").reverse();
  const number = (buffer: Buffer) => BigInt(`0x${Buffer.from(buffer).reverse().toString("hex")}`);
  test.each<[string, (s: bigint) => bigint]>([
    ["S + L", (s) => s + L],
    ["S + 2L", (s) => s + 2n * L],
    ["S = L", () => L],
    ["S = 0", () => 0n],
  ])("C1: %s is refused", async (_what, change) => {
    const files = targetsSigned(newKey(), (entry) => {
      const signature = bytes(entry);
      return resigned(
        entry,
        Buffer.concat([signature.subarray(0, 32), little(change(number(signature.subarray(32))))]),
      );
    });
    expect(await code(files)).toBe("THRESHOLD");
  });
});

const smallOrder = [
  "0100000000000000000000000000000000000000000000000000000000000000",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0000000000000000000000000000000000000000000000000000000000000080",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
  "0100000000000000000000000000000000000000000000000000000000000080",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

describe.each(smallOrder)("C2: the point of small order %s", (hex) => {
  const point = Buffer.from(hex, "hex");
  const universal = Buffer.concat([Buffer.from(smallOrder[0] ?? "", "hex"), Buffer.alloc(32)]);

  test("C2: as the key of targets it is refused", async () => {
    const key = listed("ed25519", point.toString("base64"));
    const weak: PublisherKey = {
      listed: key,
      sign: () => ({ keyId: key.id, method: "eddsa", signature: universal }),
    };
    expect(await code(targetsBy(weak))).toBe("BAD_KEY");
  });
  test("C2: as the key of a delegation it is refused", async () => {
    const key = listed("ed25519", point.toString("base64"));
    owner.targets.delegations.push({ role: "targets/a", keys: [key], threshold: 1, paths: [""] });
    expect(await code(owner.files("root", "targets"))).toBe("BAD_KEY");
  });
  test("C2: as R of a signature it is refused", async () => {
    const files = targetsSigned(newKey(), (entry) =>
      resigned(entry, Buffer.concat([point, bytes(entry).subarray(32)])),
    );
    expect(await code(files)).toBe("THRESHOLD");
  });
});

test("C3: the twin of an ECDSA signature is one signature, and of one signer", async () => {
  const n = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
  const key = newKey("ecdsa");
  const files = targetsSigned(key, (entry) => {
    const signature = bytes(entry);
    const s = n - BigInt(`0x${signature.subarray(32).toString("hex")}`);
    return resigned(
      entry,
      Buffer.concat([signature.subarray(0, 32), Buffer.from(s.toString(16).padStart(64, "0"), "hex")]),
    );
  });
  expect((await publish(files)).status).toBe(200);
});

describe("C4: forms of an ECDSA signature", () => {
  const der = (signature: Buffer) => {
    const integer = (part: Buffer) => {
      const trimmed = Buffer.from(part.toString("hex").replace(/^(00)+/, ""), "hex");
      const body = (trimmed[0] ?? 0) > 0x7f ? Buffer.concat([Buffer.alloc(1), trimmed]) : trimmed;
      return Buffer.concat([Buffer.from([2, body.length]), body]);
    };
    const body = Buffer.concat([integer(signature.subarray(0, 32)), integer(signature.subarray(32))]);
    return Buffer.concat([Buffer.from([0x30, body.length]), body]);
  };
  test.each<[string, (signature: Buffer) => Buffer]>([
    ["DER", der],
    ["a byte more", (signature) => Buffer.concat([signature, Buffer.alloc(1)])],
    ["a byte less", (signature) => signature.subarray(0, 63)],
    [
      "r and s padded to 33 bytes",
      (signature) =>
        Buffer.concat([Buffer.alloc(1), signature.subarray(0, 32), Buffer.alloc(1), signature.subarray(32)]),
    ],
    ["r = s = 0", () => Buffer.alloc(64)],
    ["96 bytes", (signature) => Buffer.concat([signature, Buffer.alloc(32)])],
    ["nothing", () => Buffer.alloc(0)],
  ])("C4: %s is refused", async (_what, change) => {
    const files = targetsSigned(newKey("ecdsa"), (entry) => resigned(entry, change(bytes(entry))));
    expect(await code(files)).toBe("THRESHOLD");
  });
});

describe("C5: weak keys", () => {
  const spki = (key: ReturnType<typeof createPublicKey>) =>
    key.export({ format: "der", type: "spki" }).toString("base64");
  test.each<[string, string, () => ReturnType<typeof createPublicKey>]>([
    ["secp256k1", "ecdsa", () => generateKeyPairSync("ec", { namedCurve: "secp256k1" }).publicKey],
    ["P-224", "ecdsa", () => generateKeyPairSync("ec", { namedCurve: "secp224r1" }).publicKey],
    ["RSA of 1,024 bits", "rsa", () => generateKeyPairSync("rsa", { modulusLength: 1_024 }).publicKey],
    [
      "RSA with e = 3",
      "rsa",
      () => generateKeyPairSync("rsa", { modulusLength: 2_048, publicExponent: 3 }).publicKey,
    ],
    ["DSA", "rsa", () => generateKeyPairSync("dsa", { modulusLength: 1_024, divisorLength: 160 }).publicKey],
    ["X25519", "ed25519", () => generateKeyPairSync("x25519").publicKey],
    ["Ed448", "ed25519", () => generateKeyPairSync("ed448").publicKey],
  ])("C5: %s is refused", async (_what, keytype, make) => {
    const key = newKey();
    expect(await code(targetsBy(wrapped(key, keytype, spki(make()))))).toBe("BAD_KEY");
  });
  test("C5: P-384 with a signature of its size is accepted", async () => {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "secp384r1" });
    expect((await publish(targetsBy(bareKey(privateKey)))).status).toBe(200);
  });
  test("C5: P-256 with a signature of 96 bytes is refused", async () => {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "secp384r1" });
    const files = targetsSigned(newKey("ecdsa"), (entry) =>
      resigned(entry, sign("sha256", Buffer.from("x"), { key: privateKey, dsaEncoding: "ieee-p1363" })),
    );
    expect(await code(files)).toBe("THRESHOLD");
  });
});

describe("C6: a key ID that is not its key's", () => {
  const lying = (key: ListedKey, id: string): ListedKey => ({ ...key, id });
  test.each<[string, (key: ListedKey) => string]>([
    ["another hash", () => "0".repeat(64)],
    ["upper case", ({ id }) => id.toUpperCase()],
    ["nothing", () => ""],
    ["__proto__", () => "__proto__"],
    ["constructor", () => "constructor"],
  ])("C6, N9: %s is refused in a root", async (_what, change) => {
    const [key] = owner.root.keys.targets;
    owner.root.keys.targets = [lying(key as ListedKey, change(key as ListedKey))];
    expect(await code(owner.first())).toBe("KEY_ID_MISMATCH");
  });
  test("C6: it is refused where nobody uses it", async () => {
    const signed = signedOf(owner.rootFile());
    const { id: _, keytype, public: content } = newKey().listed;
    (signed.keys as Record<string, Json>)["1".repeat(64)] = {
      keytype,
      keyval: { private: null, public: content },
    };
    expect(await code(new Map(owner.first()).set("root", signJson(signed, [owner.rootKey])))).toBe(
      "KEY_ID_MISMATCH",
    );
  });
  test("C6: it is refused in delegations", async () => {
    const { listed: key } = newKey();
    owner.targets.delegations.push({
      role: "targets/a",
      keys: [lying(key, "2".repeat(64))],
      threshold: 1,
      paths: [],
    });
    expect(await code(owner.files("root", "targets"))).toBe("KEY_ID_MISMATCH");
  });
});

describe("C7: one key in two of the four roles", () => {
  const root = () => owner.root.keys;
  test.each<[string, () => void]>([
    [
      "root and targets",
      () => {
        root().targets = [bareKeyOfRoot()];
      },
    ],
    [
      "timestamp and targets",
      () => {
        root().targets = [...root().timestamp];
      },
    ],
    [
      "snapshot and targets",
      () => {
        root().targets = [...root().snapshot];
      },
    ],
    [
      "timestamp and snapshot",
      () => {
        root().snapshot = [...root().timestamp];
      },
    ],
  ])("C7: %s is refused", async (_what, change) => {
    const separate = owner.targetsKey;
    change();
    if (!owner.root.keys.targets.includes(separate.listed)) owner.root.keys.targets.push(separate.listed);
    expect(await code(owner.first())).toBe("KEY_SEPARATION");
  });
  test("C7: it is accepted, with a warning, where an operator allows it", async () => {
    const lax = await startServer({ policy: { ...defaultPolicy, allowKeyReuseAcrossRoles: true } });
    try {
      const mine = await lax.owner(repository);
      mine.root.keys.snapshot = [...mine.root.keys.timestamp];
      expect((await lax.publish(repository, mine.first())).status).toBe(200);
      expect(lax.log.some((line) => line.includes("One key signs both"))).toBe(true);
    } finally {
      await lax.close();
    }
  });
  function bareKeyOfRoot(): ListedKey {
    const certificate = Buffer.from(owner.rootKey.listed.public, "base64");
    const key = createPublicKey(certificate);
    return listed("ecdsa", key.export({ format: "der", type: "spki" }).toString("base64"));
  }
});

test("C8: a private key in a public place is refused, and not logged", async () => {
  const signed = signedOf(owner.rootFile());
  const keys = Object.values(signed.keys as Record<string, { keyval: Record<string, Json> }>);
  const secret = generatePrivateKey("ecdsa").export({ format: "der", type: "pkcs8" }).toString("base64");
  (keys[0] as { keyval: Record<string, Json> }).keyval.private = secret;
  const files = new Map(owner.first()).set("root", signJson(signed, [owner.rootKey]));
  expect(await code(files)).toBe("PRIVATE_KEY_PUBLISHED");
  expect(server.log.some((line) => line.includes(secret))).toBe(false);
  expect(server.log.some((line) => line.includes("PRIVATE_KEY_PUBLISHED"))).toBe(true);
});

describe("C9: digests", () => {
  const sha256 = Buffer.alloc(32, 1).toString("base64");
  const sha512 = Buffer.alloc(64, 1).toString("base64");
  const withHashes = (hashes: Json): Files => {
    const signed = { ...signedOf(owner.targetsFile()), targets: { kernel: { hashes, length: 3 } } };
    return new Map(owner.first()).set("targets", signJson(signed, [owner.targetsKey]));
  };
  test.each<[string, Json, string]>([
    ["a sha256 of 31 bytes", { sha256: Buffer.alloc(31).toString("base64") }, "BAD_ENCODING"],
    ["a sha256 in hex", { sha256: "0".repeat(64) }, "BAD_ENCODING"],
    [
      "a good sha256 and a sha512 of 63 bytes",
      { sha256, sha512: Buffer.alloc(63).toString("base64") },
      "BAD_ENCODING",
    ],
    ["md5 alone", { md5: "AAAAAAAAAAAAAAAAAAAAAA==" }, "BAD_SHAPE"],
    ["none", {}, "BAD_SHAPE"],
    ["null", null, "BAD_SHAPE"],
    [
      "nine algorithms",
      Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`h${i}`, sha256])),
      "TOO_MANY",
    ],
    ["N9: __proto__ alone", JSON.parse(`{"__proto__":"${sha256}"}`), "BAD_SHAPE"],
  ])("C9: %s is refused", async (_what, hashes, expected) => {
    expect(await code(withHashes(hashes))).toBe(expected);
  });
  test("C9: names that nobody knows are kept", async () => {
    const files = withHashes({ sha256, sha512, blake9: "whatever" });
    expect((await publish(files)).status).toBe(200);
    expect((await server.file(repository, "targets.json")).body).toEqual(files.get("targets"));
  });
});

test.each(["ECDSA", "Ecdsa"])("C10: the method %s is read like ecdsa", async (method) => {
  expect((await publish(targetsSigned(newKey("ecdsa"), (entry) => ({ ...entry, method })))).status).toBe(200);
});

test("C10: EDDSA for an ECDSA key is refused", async () => {
  expect(await code(targetsSigned(newKey("ecdsa"), (entry) => ({ ...entry, method: "EDDSA" })))).toBe(
    "THRESHOLD",
  );
});

test("V21: a targets key that another repository uses is accepted, with a warning", async () => {
  await publish(owner.first());
  const other = await server.owner("example.org/second");
  other.root.keys.targets = [owner.targetsKey.listed];
  other.targets.signers = [owner.targetsKey];
  expect((await server.publish("example.org/second", other.first())).status).toBe(200);
  expect(server.log.some((line) => line.includes("also signs another one"))).toBe(true);
});

test("V21: a root of another repository is refused", async () => {
  const other = await server.owner("example.org/second");
  const root = owner.rootFile();
  expect((await server.publish("example.org/second", new Map(other.first()).set("root", root))).code).toBe(
    "ROOT_CERTIFICATE",
  );
});

test.each([
  [5_000, "ROOT_CERTIFICATE"],
  [30_000, "TOO_LARGE"],
])("V32: a certificate with a name of %i characters is refused, at once", async (length, expected) => {
  const key = bundleKey(await makeCertificate(start, { name: "n".repeat(length) }));
  owner.root.keys.root = [key.listed];
  owner.root.signers = [key];
  const began = performance.now();
  expect(await code(owner.first())).toBe(expected);
  expect(performance.now() - began).toBeLessThan(1_000);
});
