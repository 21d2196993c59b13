import { createPublicKey } from "node:crypto";
import { describe, expect, it } from "vitest";
import { notaryKeyId } from "../../../src/core/keys.ts";
import type { RoleKeys, Root } from "../../../src/core/model.ts";
import { topRoles } from "../../../src/core/names.ts";
import { defaultPolicy } from "../../../src/policy/policy.ts";
import { keySeparation } from "../../../src/policy/rules/key-separation.ts";
import {
  certificateKey,
  generatePrivateKey,
  makeRootCertificate,
  type PublisherKey,
} from "../../support/bare/keys.ts";
import { newKey, simulatedNow } from "../../support/simulator.ts";

type Keys = Partial<Record<(typeof topRoles)[number], readonly PublisherKey[]>>;

function root(given: Keys): Root {
  const roleKeys = (keys: readonly PublisherKey[]): RoleKeys => ({
    keys: new Map(keys.map(({ listed }) => [listed.id, listed])),
    threshold: 1,
  });
  const roles = new Map(topRoles.map((role) => [role, roleKeys(given[role] ?? [newKey()])] as const));
  return { kind: "root", version: 1, expires: 0, roles };
}

const severities = (given: Keys, policy = defaultPolicy) =>
  keySeparation(root(given), policy).map(({ severity }) => severity);
const pairs = topRoles.flatMap((a, i) => topRoles.slice(i + 1).map((b) => [a, b] as const));

describe("each top role has keys of its own (C7)", () => {
  it("four keys: no finding", () => {
    expect(severities({})).toEqual([]);
  });

  it("several keys in one role: no finding", () => {
    expect(severities({ targets: [newKey(), newKey()] })).toEqual([]);
  });

  it.each(pairs)("one key for %s and %s: refused", (a, b) => {
    const key = newKey();
    expect(keySeparation(root({ [a]: [key], [b]: [key] }), defaultPolicy)).toMatchObject([
      { code: "KEY_SEPARATION", severity: "refuse", role: "root" },
    ]);
  });

  it("one of several keys in common: refused", () => {
    const key = newKey();
    expect(severities({ root: [newKey(), key], targets: [newKey(), key] })).toEqual(["refuse"]);
  });

  it("one key bare and in a certificate: refused", async () => {
    const key = generatePrivateKey("ecdsa");
    const text = createPublicKey(key).export({ format: "der", type: "spki" }).toString("base64");
    const bare = { id: notaryKeyId("ecdsa", text), keytype: "ecdsa", public: text };
    const wrapped = certificateKey(key, await makeRootCertificate(key, "a", new Date(simulatedNow)));
    expect(severities({ root: [wrapped], targets: [{ ...newKey(), listed: bare }] })).toEqual(["refuse"]);
  });

  it("where a policy allows it: a warning", () => {
    const key = newKey();
    expect(
      severities({ root: [key], targets: [key] }, { ...defaultPolicy, allowKeyReuseAcrossRoles: true }),
    ).toEqual(["warn"]);
  });

  it("a key of an unknown type signs nothing, so it is passed over", () => {
    const unknown = { ...newKey(), listed: { id: "x", keytype: "falcon", public: "AAAA" } };
    expect(severities({ root: [newKey(), unknown], targets: [newKey(), unknown] })).toEqual([]);
  });
});
