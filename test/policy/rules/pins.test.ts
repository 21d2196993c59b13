import { X509Certificate } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import { notary } from "../../../src/core/format/notary.ts";
import { openKey, type UsableKey } from "../../../src/core/keys.ts";
import type { Metadata, Root } from "../../../src/core/model.ts";
import { type Verified, verifyRoot } from "../../../src/core/verify.ts";
import { countPinned, isPinned, type OpenPins, satisfiesPins } from "../../../src/policy/rules/pins.ts";
import { bareKey, type PublisherKey } from "../../../src/publisher/keys.ts";
import { again, bundleKey, type Certificate, makeCertificate } from "../../support/forgery.ts";
import { newKey, Owner } from "../../support/publisher.ts";

const at = Date.UTC(2026, 10, 24);
const repository = "example.org/team/app";
const nothing: OpenPins = { keys: [], certificates: [], authorities: [] };

let ca: Certificate;
let leaf: Certificate;
let first: PublisherKey;
let second: PublisherKey;
let underCa: PublisherKey;

beforeAll(async () => {
  ca = await makeCertificate(at, { name: "An authority", ca: true });
  leaf = await makeCertificate(at, { name: repository });
  first = bundleKey(leaf);
  second = bundleKey(await makeCertificate(at, { name: repository }));
  underCa = bundleKey(await makeCertificate(at, { name: repository, issuer: ca }));
});

function usable({ listed }: PublisherKey): UsableKey {
  return openKey(listed) ?? expect.unreachable("The key cannot be used.");
}

async function root(
  threshold: number,
  keys: readonly PublisherKey[],
  signers = keys,
): Promise<Verified<Root>> {
  const owner = await Owner.make(repository, { at, timestamp: newKey().listed, snapshot: newKey().listed });
  owner.root.keys.root = keys.map(({ listed }) => listed);
  owner.root.thresholds.root = threshold;
  owner.root.signers = [...signers];
  const file = notary.parse("root", owner.rootFile()) as Metadata<Root>;
  return verifyRoot(file, { format: notary, repository }, undefined, { at, expiry: "enforced" });
}

describe("a key is pinned", () => {
  it("by the ID of its certificate form, under keys and under certificates", () => {
    const { id } = first.listed;
    expect(isPinned(usable(first), { ...nothing, keys: [id] }, at)).toBe(true);
    expect(isPinned(usable(first), { ...nothing, certificates: [id] }, at)).toBe(true);
  });

  it("by the ID of the bare key, under keys alone", () => {
    const { id } = bareKey(again(leaf.key)).listed;
    expect(isPinned(usable(first), { ...nothing, keys: [id] }, at)).toBe(true);
    expect(isPinned(usable(first), { ...nothing, certificates: [id] }, at)).toBe(false);
  });

  it("by the bare key, in another certificate as well", async () => {
    const renewed = bundleKey(await makeCertificate(at, { name: repository }, leaf.key));
    const pins = { ...nothing, keys: [bareKey(again(leaf.key)).listed.id] };
    expect(renewed.listed.id).not.toBe(first.listed.id);
    expect(isPinned(usable(renewed), pins, at)).toBe(true);
    expect(isPinned(usable(renewed), { ...nothing, keys: [first.listed.id] }, at)).toBe(false);
  });

  it("by an authority that its certificate leads to", () => {
    const pins = { ...nothing, authorities: [new X509Certificate(ca.pem)] };
    expect(isPinned(usable(underCa), pins, at)).toBe(true);
    expect(isPinned(usable(first), pins, at)).toBe(false);
  });

  it("never without a certificate by an authority", () => {
    const pins = { ...nothing, authorities: [new X509Certificate(ca.pem)] };
    expect(isPinned(usable(bareKey(again(ca.key))), pins, at)).toBe(false);
  });

  it("by nothing, where nothing is pinned", () => {
    expect(isPinned(usable(first), nothing, at)).toBe(false);
  });
});

describe("a root satisfies pins", () => {
  const rule = { algorithms: undefined, rootMinThreshold: 1 };

  it("with as many pinned signers as its threshold", async () => {
    const both = await root(2, [first, second]);
    const pins = { ...nothing, keys: [first.listed.id, second.listed.id] };
    expect(satisfiesPins(both, pins, rule, at)).toBe(true);
    expect(satisfiesPins(both, { ...nothing, keys: [first.listed.id] }, rule, at)).toBe(false);
  });

  it("with pins of different kinds, one for each signer", async () => {
    const both = await root(2, [first, underCa]);
    const pins = { ...nothing, keys: [first.listed.id], authorities: [new X509Certificate(ca.pem)] };
    expect(satisfiesPins(both, pins, rule, at)).toBe(true);
  });

  it("not by a pinned key that did not sign", async () => {
    const one = await root(1, [first, second], [first]);
    const count = countPinned(one, { ...nothing, keys: [second.listed.id] }, rule, at);
    expect([count.signed.length, [...count.missing].sort()]).toEqual([
      0,
      [first.listed.id, second.listed.id].sort(),
    ]);
  });

  it("only with as many as the policy demands", async () => {
    const pins = { ...nothing, keys: [first.listed.id, second.listed.id] };
    const demanding = { ...rule, rootMinThreshold: 2 };
    expect(satisfiesPins(await root(1, [first, second], [first]), pins, demanding, at)).toBe(false);
    expect(satisfiesPins(await root(1, [first, second]), pins, demanding, at)).toBe(true);
  });

  it("only by keys of allowed algorithms", async () => {
    const pins = { ...nothing, keys: [first.listed.id] };
    const one = await root(1, [first]);
    expect(satisfiesPins(one, pins, { ...rule, algorithms: new Set(["ed25519"]) }, at)).toBe(false);
    expect(satisfiesPins(one, pins, { ...rule, algorithms: new Set(["ecdsa-p256"]) }, at)).toBe(true);
  });

  it("where nothing is pinned, with any signers of its own", async () => {
    expect(satisfiesPins(await root(1, [first]), undefined, rule, at)).toBe(true);
  });

  it("where pins are there but pin nothing, never", async () => {
    expect(satisfiesPins(await root(1, [first]), nothing, rule, at)).toBe(false);
  });
});
