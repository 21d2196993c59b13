/**
 * The one counter of signatures, and the same attacks on it for every role that has a threshold.
 * Long, since every place is put to the same attacks.
 */
import {
  constants,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from "node:crypto";
import { describe, expect, it } from "vitest";
import { notary } from "../../src/core/format/notary.ts";
import { type ListedKey, notaryKeyId } from "../../src/core/keys.ts";
import type { RoleKeys, SignatureEntry } from "../../src/core/model.ts";
import { countSignatures, distinctKeys, enoughKeys, isMet } from "../../src/core/threshold.ts";
import { certificateKey, makeRootCertificate, type PublisherKey } from "../support/bare/keys.ts";
import { bundle, certificate } from "../support/certificates.ts";
import { newClient, update } from "../support/reader.ts";
import { outcome } from "../support/refusals.ts";
import { newKey, Simulator, simulatedNow } from "../support/simulator.ts";

const message = Buffer.from('{"_type":"Targets"}');
const role = (threshold: number, ...keys: readonly ListedKey[]): RoleKeys => ({
  threshold,
  keys: new Map(keys.map((key) => [key.id, key])),
});
const count = (roleKeys: RoleKeys, ...signatures: readonly SignatureEntry[]) =>
  countSignatures({ message, signatures }, roleKeys);
const listed = (...keys: readonly PublisherKey[]) => keys.map((key) => key.listed);
const ids = (...keys: readonly PublisherKey[]) => keys.map((key) => key.listed.id);

const a = newKey();
const b = newKey("ed25519");
const c = newKey();

describe("counting", () => {
  it("two of two", () => {
    const result = count(role(2, ...listed(a, b)), a.sign(message), b.sign(message));
    expect([isMet(result), result.signed.map(({ id }) => id), result.missing]).toEqual([true, ids(a, b), []]);
  });

  it("one of two is not enough, and says who is missing", () => {
    const result = count(role(2, ...listed(a, b)), b.sign(message));
    expect([isMet(result), result.needed, result.missing]).toEqual([false, 2, ids(a)]);
  });

  it("no signatures", () => {
    expect(count(role(1, ...listed(a)))).toEqual({ needed: 1, signed: [], missing: ids(a) });
  });

  it("a key that the role does not list counts for nothing", () => {
    expect(count(role(1, ...listed(a)), b.sign(message)).signed).toEqual([]);
  });

  it("a signature that was good over one message is bad over another, and the other way round", () => {
    const [entry, other] = [a.sign(message), Buffer.from('{"_type":"Target5"}')];
    const counts = [message, other, message, Buffer.from(message)].map((bytes) =>
      isMet(countSignatures({ message: bytes, signatures: [entry] }, role(1, a.listed))),
    );
    expect(counts).toEqual([true, false, true, true]);
  });

  it("a signature that was good by one key is bad by another under the same ID", () => {
    const entry = a.sign(message);
    const file = { message, signatures: [entry] };
    const impostor: RoleKeys = {
      threshold: 1,
      keys: new Map([[a.listed.id, { ...c.listed, id: a.listed.id }]]),
    };
    const counts = [role(1, a.listed), impostor, role(1, a.listed)].map((keys) =>
      isMet(countSignatures(file, keys)),
    );
    expect(counts).toEqual([true, false, true]);
  });

  it("a good file may carry a bad signature (V6)", () => {
    const garbage = { keyId: c.listed.id, method: "ecdsa", signature: Buffer.alloc(64, 1) };
    expect(isMet(count(role(2, ...listed(a, b, c)), garbage, a.sign(message), b.sign(message)))).toBe(true);
  });

  it("a signature over another message counts for nothing", () => {
    expect(count(role(1, ...listed(a)), a.sign(Buffer.from("{}"))).signed).toEqual([]);
  });

  it("a key that may not sign now counts for nothing", () => {
    const result = countSignatures(
      { message, signatures: [a.sign(message), b.sign(message)] },
      role(1, ...listed(a, b)),
      (key) => key.id !== a.listed.id,
    );
    expect([result.signed.map(({ id }) => id), result.missing]).toEqual([ids(b), ids(a)]);
  });

  it("a key of an unknown type counts for nothing and is missing for ever", () => {
    const unknown = { ...a.listed, keytype: "falcon" };
    const result = count(role(1, unknown), a.sign(message));
    expect([result.signed, result.missing]).toEqual([[], [a.listed.id]]);
  });

  it.each(["", "eddsa", "rsapss", "none", "__proto__"])(
    "method %j with an ECDSA key counts for nothing (V33)",
    (method) => {
      expect(count(role(1, ...listed(a)), { ...a.sign(message), method }).signed).toEqual([]);
    },
  );
});

describe("one key counts once", () => {
  it("with two copies of its signature (V1)", () => {
    expect(count(role(2, ...listed(a, b)), a.sign(message), a.sign(message)).signed.length).toBe(1);
  });

  it("with its signature under another's ID (V1)", () => {
    const copy = { ...a.sign(message), keyId: b.listed.id };
    expect(count(role(2, ...listed(a, b)), a.sign(message), copy).signed.length).toBe(1);
  });

  it("in any number of wrappings (V2)", async () => {
    const ec = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
    const pem = await certificate({ key: ec, cn: ["x"] });
    const texts: [string, string][] = [
      ["ecdsa", createPublicKey(ec).export({ format: "der", type: "spki" }).toString("base64")],
      ["ecdsa-x509", bundle(pem)],
      ["ecdsa-x509", bundle(pem.replaceAll("\n", "\r\n"))],
      ["ecdsa-x509", bundle(await certificate({ key: ec, cn: ["x"] }))],
    ];
    const wrapped = texts.map(([keytype, text]) => ({
      id: notaryKeyId(keytype, text),
      keytype,
      public: text,
    }));
    const signature = sign("sha256", message, { key: ec, dsaEncoding: "ieee-p1363" });
    const entries = wrapped.map(({ id }) => ({ keyId: id, method: "ecdsa", signature }));
    const result = count(role(2, ...wrapped), ...entries);
    expect([result.signed.length, result.missing, distinctKeys(role(2, ...wrapped))]).toEqual([1, [], 1]);
  });

  it("of RSA by two methods under two IDs (V2)", () => {
    const rsa = generateKeyPairSync("rsa", { modulusLength: 2_048 }).privateKey;
    const keys = [
      createPublicKey(rsa).export({ format: "der", type: "spki" }).toString("base64"),
      Buffer.from(createPublicKey(rsa).export({ format: "pem", type: "spki" })).toString("base64"),
    ].map((text) => ({ id: notaryKeyId("rsa", text), keytype: "rsa", public: text }));
    const result = count(
      role(2, ...keys),
      {
        keyId: keys[0]?.id ?? "",
        method: "rsapss",
        signature: rsaSign(rsa, constants.RSA_PKCS1_PSS_PADDING),
      },
      {
        keyId: keys[1]?.id ?? "",
        method: "rsapkcs1v15",
        signature: rsaSign(rsa, constants.RSA_PKCS1_PADDING),
      },
    );
    expect([result.signed.length, isMet(result)]).toEqual([1, false]);
  });

  it("as a twin signature (r, n-s) beside its own (C3)", () => {
    const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
    const entry = a.sign(message);
    const { signature } = entry;
    const s = BigInt(`0x${Buffer.from(signature.subarray(32)).toString("hex")}`);
    const twin = Buffer.concat([
      signature.subarray(0, 32),
      Buffer.from((order - s).toString(16).padStart(64, "0"), "hex"),
    ]);
    const result = count(role(2, ...listed(a, b)), entry, { ...entry, signature: twin });
    expect(result.signed.length).toBe(1);
  });
});

describe("keys that are held", () => {
  const held = (...keys: readonly PublisherKey[]) => new Set(ids(...keys));

  it.each<[string, number, PublisherKey[], string[] | undefined]>([
    ["enough", 1, [a, b], ids(a)],
    ["exactly enough", 2, [a, b], ids(a, b)],
    ["too few", 2, [a], undefined],
    ["none", 1, [], undefined],
    ["others", 1, [c], undefined],
  ])("%s", (_, threshold, keys, expected) => {
    expect(enoughKeys(role(threshold, ...listed(a, b)), held(...keys))).toEqual(expected);
  });

  it("one key under two IDs is one", async () => {
    const ec = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
    const twice = await Promise.all(
      [1, 2].map(async () => {
        const text = bundle(await certificate({ key: ec, cn: ["x"] }));
        return { id: notaryKeyId("ecdsa-x509", text), keytype: "ecdsa-x509", public: text };
      }),
    );
    expect(enoughKeys(role(2, ...twice), new Set(twice.map(({ id }) => id)))).toBeUndefined();
  });

  it("a key of an unknown type does not help", () => {
    expect(enoughKeys(role(1, { ...a.listed, keytype: "falcon" }), held(a))).toBeUndefined();
  });
});

/** Where thresholds stand: a root must meet its own and that of the root before it. */
const places = [
  "root, new",
  "root, previous",
  "targets",
  "snapshot",
  "timestamp",
  "targets/a",
  "targets/a/b",
] as const;

describe.each(places)("threshold 2 of %s", (place) => {
  const name = place.split(",")[0] ?? "";

  async function prepared(): Promise<{ sim: Simulator; keys: PublisherKey[] }> {
    const sim = await Simulator.create();
    sim.delegate("targets/a");
    sim.delegate("targets/a/b");
    const keys = name === "root" ? [await sim.rootKey(), await sim.rootKey()] : [newKey(), newKey("ed25519")];
    const state =
      name === "root" || name === "snapshot" || name === "timestamp" ? sim[name] : sim.targetsOf(name);
    const before = [...state.keys];
    state.keys = keys;
    state.threshold = 2;
    if (name === "root") state.signers = [...before, ...keys];
    sim.publish();
    if (place === "root, previous") {
      const next = [await sim.rootKey(), await sim.rootKey()];
      state.keys = next;
      state.signers = [...keys, ...next];
      sim.publish();
    }
    return { sim, keys };
  }

  /** Serves the role's newest file with these signatures; those by other keys that it carries stay. */
  function serve(
    sim: Simulator,
    attacked: readonly PublisherKey[],
    make: (text: Buffer) => SignatureEntry[],
  ): void {
    const { message, signatures, signed } = notary.parse(name, sim.served.get(name) as Buffer);
    const others = signatures.filter(({ keyId }) => !ids(...attacked).includes(keyId));
    const bytes = notary.seal(message, [...others, ...make(Buffer.from(message))]);
    sim.break.serve(name, bytes);
    if (name === "root") sim.roots.set(signed.version, bytes);
    if (name === "snapshot") sim.break.stamp();
    else if (name !== "timestamp") sim.break.vouch();
  }

  /** What a new client says: accepted, or how it was refused (for a delegation: that it is unavailable). */
  function judged(sim: Simulator): string {
    let unavailable: string[] = [];
    const verdict = outcome(() => {
      unavailable = update(newClient(sim), sim);
    });
    return unavailable.includes(name) ? "THRESHOLD" : verdict;
  }

  const refusal =
    place === "root, new"
      ? "ROOT_NOT_SELF_SIGNED"
      : place === "root, previous"
        ? "ROOT_NOT_SIGNED_BY_PREVIOUS"
        : "THRESHOLD";

  async function attack(make: (text: Buffer, first: PublisherKey, second: PublisherKey) => SignatureEntry[]) {
    const { sim, keys } = await prepared();
    const [first, second] = keys as [PublisherKey, PublisherKey];
    serve(sim, keys, (text) => make(text, first, second));
    return judged(sim);
  }

  it("both keys: accepted", async () => {
    expect(await attack((text, first, second) => [first.sign(text), second.sign(text)])).toBe("accepted");
  });

  it("one key: refused", async () => {
    expect(await attack((text, first) => [first.sign(text)])).toBe(refusal);
  });

  it("one key ID twice: BAD_SHAPE (V5)", async () => {
    expect(await attack((text, first) => [first.sign(text), first.sign(text)])).toBe("BAD_SHAPE");
  });

  it("one signature under both IDs: refused", async () => {
    expect(
      await attack((text, first, second) => {
        const entry = first.sign(text);
        return [entry, { ...entry, keyId: second.listed.id }];
      }),
    ).toBe(refusal);
  });

  it("both keys and a stranger: accepted", async () => {
    const stranger = newKey();
    expect(
      await attack((text, first, second) => [stranger.sign(text), first.sign(text), second.sign(text)]),
    ).toBe("accepted");
  });

  it("one key and a broken signature of the other: refused", async () => {
    expect(
      await attack((text, first, second) => {
        const entry = second.sign(text);
        return [first.sign(text), { ...entry, signature: Buffer.from(entry.signature).reverse() }];
      }),
    ).toBe(refusal);
  });
});

it("two certificates of one key do not meet a root's threshold of two: BAD_THRESHOLD", async () => {
  const sim = await Simulator.create();
  const key = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  const wrapped = async () =>
    certificateKey(
      createPrivateKey(key.export({ format: "pem", type: "pkcs8" })),
      await makeRootCertificate(key, sim.repository, new Date(simulatedNow)),
    );
  sim.root.keys = [await wrapped(), await wrapped()];
  sim.root.threshold = 2;
  sim.publish();
  expect(outcome(() => update(newClient(sim), sim))).toBe("BAD_THRESHOLD");
});

function rsaSign(key: KeyObject, padding: number): Buffer {
  return sign("sha256", message, {
    key,
    padding,
    ...(padding === constants.RSA_PKCS1_PSS_PADDING && { saltLength: 32 }),
  });
}
