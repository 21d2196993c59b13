import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { describe, expect, it } from "vitest";
import { openKey, type UsableKey } from "../../../src/core/keys.ts";
import { isMet } from "../../../src/core/threshold.ts";
import { countAllowed, isAllowed } from "../../../src/policy/rules/signers.ts";
import { type Algorithm, algorithms } from "../../../src/policy/trust-policy.ts";
import { bareKey, type PublisherKey } from "../../support/bare/keys.ts";
import { newKey } from "../../support/publisher.ts";

function usable({ listed }: PublisherKey): UsableKey {
  return openKey(listed) ?? expect.unreachable("The key cannot be used.");
}

const ec = (namedCurve: string) => generateKeyPairSync("ec", { namedCurve }).privateKey;
/** Only the kind and the size of a key count here; large ones take long to make. */
const rsa = (modulusLength: number): UsableKey => ({
  ...usable(newKey()),
  kind: "rsa",
  key: { asymmetricKeyDetails: { modulusLength } } as KeyObject,
});

const keys: Readonly<Record<string, UsableKey>> = {
  ed25519: usable(newKey("ed25519")),
  "P-256": usable(bareKey(ec("P-256"))),
  "P-384": usable(bareKey(ec("P-384"))),
  "P-521": usable(bareKey(ec("P-521"))),
  "RSA 2048": rsa(2_048),
  "RSA 3071": rsa(3_071),
  "RSA 3072": rsa(3_072),
  "RSA 4096": rsa(4_096),
  "RSA 8192": rsa(8_192),
};

describe("keys that an algorithm allows", () => {
  it.each<[Algorithm, readonly string[]]>([
    ["ed25519", ["ed25519"]],
    ["ecdsa-p256", ["P-256"]],
    ["ecdsa-p384", ["P-384"]],
    ["ecdsa-p521", ["P-521"]],
    ["rsa-2048", ["RSA 2048", "RSA 3071", "RSA 3072", "RSA 4096", "RSA 8192"]],
    ["rsa-3072", ["RSA 3072", "RSA 4096", "RSA 8192"]],
    ["rsa-4096", ["RSA 4096", "RSA 8192"]],
  ])("%s", (algorithm, allowed) => {
    expect(
      Object.keys(keys).filter((name) => isAllowed(keys[name] as UsableKey, new Set([algorithm]))),
    ).toEqual(allowed);
  });

  it("all, without a rule", () => {
    for (const key of Object.values(keys)) expect(isAllowed(key, undefined)).toBe(true);
  });

  it("not one of RSA below 2048 bits, whatever is listed", () => {
    expect(isAllowed(rsa(2_047), new Set(algorithms))).toBe(false);
  });

  it("not one of a curve without a name here", () => {
    const odd = { ...usable(newKey("ecdsa")), key: ec("secp256k1") };
    expect(isAllowed(odd, new Set(algorithms))).toBe(false);
  });
});

describe("signatures that count", () => {
  const [one, two, three] = [newKey("ed25519"), newKey("ecdsa"), newKey("ed25519")];
  const message = Buffer.from("signed");
  const file = {
    message,
    signatures: [one, two, three].map((key) => key.sign(message)),
  };
  const role = (threshold: number, ...of: readonly PublisherKey[]) => ({
    threshold,
    keys: new Map(of.map(({ listed }) => [listed.id, listed])),
  });
  const every = { algorithms: undefined };

  it("are those of the role's keys, as many as its threshold", () => {
    const count = countAllowed(file, role(2, one, two), every, 1);
    expect([count.needed, count.signed.length, isMet(count)]).toEqual([2, 2, true]);
  });

  it("must be as many as the policy demands, if that is more", () => {
    const count = countAllowed(file, role(1, one, two), every, 3);
    expect([count.needed, count.signed.length, isMet(count)]).toEqual([3, 2, false]);
  });

  it("are only those by allowed algorithms", () => {
    const count = countAllowed(file, role(2, one, two, three), { algorithms: new Set(["ed25519"]) }, 1);
    expect(count.signed.map(({ id }) => id).sort()).toEqual([one.listed.id, three.listed.id].sort());
    expect(count.missing).toEqual([two.listed.id]);
  });

  it("are only those that are accepted, and of allowed algorithms", () => {
    const accept = ({ id }: UsableKey) => id !== one.listed.id;
    const count = countAllowed(
      file,
      role(1, one, two, three),
      { algorithms: new Set(["ed25519"]) },
      1,
      accept,
    );
    expect(count.signed.map(({ id }) => id)).toEqual([three.listed.id]);
  });

  it("do not count twice for one key", () => {
    const twice = { message, signatures: [one.sign(message), one.sign(message)] };
    const count = countAllowed(twice, role(1, one), every, 2);
    expect([count.signed.length, isMet(count)]).toEqual([1, false]);
  });
});
