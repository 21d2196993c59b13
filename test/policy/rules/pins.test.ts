import { X509Certificate } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import { notary } from "../../../src/core/format/notary.ts";
import { openKey, type UsableKey } from "../../../src/core/keys.ts";
import type { Metadata, Root } from "../../../src/core/model.ts";
import { type Verified, verifyRoot } from "../../../src/core/verify.ts";
import {
  countPinned,
  isPinned,
  type OpenPins,
  type PinQuestion,
  satisfiesPins,
} from "../../../src/policy/rules/pins.ts";
import { bareKey, type PublisherKey } from "../../support/bare/keys.ts";
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
  const rule: PinQuestion["rule"] = { algorithms: undefined, rootMinThreshold: 1 };
  const ask = (pins: OpenPins | undefined, of: PinQuestion["rule"]): PinQuestion => ({
    pins,
    rule: of,
    scope: { format: notary, repository },
    at,
    validity: "now",
  });
  const isSatisfied = (file: Verified<Root>, pins: OpenPins | undefined, of: PinQuestion["rule"]) =>
    satisfiesPins(file, ask(pins, of));
  const counted = (file: Verified<Root>, pins: OpenPins | undefined, of: PinQuestion["rule"]) =>
    countPinned(file, ask(pins, of));

  it("with as many pinned signers as its threshold", async () => {
    const both = await root(2, [first, second]);
    const pins = { ...nothing, keys: [first.listed.id, second.listed.id] };
    expect(isSatisfied(both, pins, rule)).toBe(true);
    expect(isSatisfied(both, { ...nothing, keys: [first.listed.id] }, rule)).toBe(false);
  });

  it("with pins of different kinds, one for each signer", async () => {
    const both = await root(2, [first, underCa]);
    const pins = { ...nothing, keys: [first.listed.id], authorities: [new X509Certificate(ca.pem)] };
    expect(isSatisfied(both, pins, rule)).toBe(true);
  });

  it("not by a pinned key that did not sign", async () => {
    const one = await root(1, [first, second], [first]);
    const count = counted(one, { ...nothing, keys: [second.listed.id] }, rule);
    expect([count.signed.length, [...count.missing].sort()]).toEqual([
      0,
      [first.listed.id, second.listed.id].sort(),
    ]);
  });

  it("only with as many as the policy demands", async () => {
    const pins = { ...nothing, keys: [first.listed.id, second.listed.id] };
    const demanding = { ...rule, rootMinThreshold: 2 };
    expect(isSatisfied(await root(1, [first, second], [first]), pins, demanding)).toBe(false);
    expect(isSatisfied(await root(1, [first, second]), pins, demanding)).toBe(true);
  });

  it("only by keys of allowed algorithms", async () => {
    const pins = { ...nothing, keys: [first.listed.id] };
    const one = await root(1, [first]);
    expect(isSatisfied(one, pins, { ...rule, algorithms: new Set(["ed25519"]) })).toBe(false);
    expect(isSatisfied(one, pins, { ...rule, algorithms: new Set(["ecdsa-p256"]) })).toBe(true);
  });

  it("where nothing is pinned, with any signers of its own", async () => {
    expect(isSatisfied(await root(1, [first]), undefined, rule)).toBe(true);
  });

  it("where pins are there but pin nothing, never", async () => {
    expect(isSatisfied(await root(1, [first]), nothing, rule)).toBe(false);
  });

  describe("never by a certificate that an authority gave", () => {
    const pinsOfCa = () => ({ ...nothing, authorities: [new X509Certificate(ca.pem)] });
    const elsewhere = (wish: Parameters<typeof makeCertificate>[1]) =>
      makeCertificate(at, { issuer: ca, ...wish }).then((certificate) => bundleKey(certificate));

    it("for another repository, beside somebody's own for this one", async () => {
      const other = await elsewhere({ name: "example.org/team/other" });
      expect(isPinned(usable(other), pinsOfCa(), at)).toBe(true);
      expect(isSatisfied(await root(1, [first, other]), pinsOfCa(), rule)).toBe(false);
    });

    it("for a time that is over", async () => {
      const over = await elsewhere({ name: repository, from: at - 2_000, to: at - 1_000 });
      expect(isSatisfied(await root(1, [first, over]), pinsOfCa(), rule)).toBe(false);
      const both = await root(1, [first, underCa, over]);
      expect(isSatisfied(both, pinsOfCa(), rule)).toBe(true);
      expect(isSatisfied(both, pinsOfCa(), { ...rule, rootMinThreshold: 2 })).toBe(false);
    });

    it("for a time that is over, but in an earlier root of a chain", async () => {
      const over = await elsewhere({ name: repository, from: at - 2_000, to: at - 1_000 });
      const file = await root(1, [first, over]);
      expect(satisfiesPins(file, { ...ask(pinsOfCa(), rule), validity: "ignored" })).toBe(true);
    });
  });
});
