import { describe, expect, it } from "vitest";
import { notaryKeyId } from "../../../src/core/keys.ts";
import type { Delegation, Targets } from "../../../src/core/model.ts";
import { unreachableDelegation } from "../../../src/policy/rules/unreachable-delegation.ts";
import { generatePrivateKey } from "../../support/bare/keys.ts";
import { bundle, certificate } from "../../support/certificates.ts";
import { newKey } from "../../support/simulator.ts";

type Listed = ReturnType<typeof newKey>["listed"];

function targets(...delegations: readonly (readonly [number, readonly Listed[]])[]): Targets {
  return {
    kind: "targets",
    version: 1,
    expires: 0,
    size: 0,
    targetNames: () => [],
    target: () => undefined,
    delegations: delegations.map(
      ([threshold, keys], i): Delegation => ({
        role: `targets/r${i}`,
        paths: [],
        threshold,
        keys: new Map(keys.map((key) => [key.id, key])),
      }),
    ),
  };
}

const key = () => newKey().listed;
const found = (file: Targets) =>
  unreachableDelegation("targets", file).map(({ role, severity }) => [role, severity]);

describe("a delegation that nobody can sign is worth a word", () => {
  it("none", () => {
    expect(found(targets())).toEqual([]);
  });

  it("as many keys as needed: no finding", () => {
    expect(found(targets([1, [key()]], [2, [key(), key()]]))).toEqual([]);
  });

  it("no keys, as the stock client leaves it: a warning", () => {
    expect(found(targets([1, []]))).toEqual([["targets/r0", "warn"]]);
  });

  it("names each", () => {
    expect(found(targets([1, [key()]], [2, [key()]], [3, []]))).toEqual([
      ["targets/r1", "warn"],
      ["targets/r2", "warn"],
    ]);
  });

  it("one key under two IDs is one", async () => {
    const privateKey = generatePrivateKey("ecdsa");
    const twice = await Promise.all(
      [1, 2].map(async () => {
        const text = bundle(await certificate({ key: privateKey, cn: ["x"] }));
        return { id: notaryKeyId("ecdsa-x509", text), keytype: "ecdsa-x509", public: text };
      }),
    );
    expect(found(targets([2, twice]))).toEqual([["targets/r0", "warn"]]);
  });

  it("a key of an unknown type can never sign", () => {
    expect(found(targets([1, [{ id: "x", keytype: "falcon", public: "AAAA" }]]))).toEqual([
      ["targets/r0", "warn"],
    ]);
  });
});
