/** What each kind of file may say: every member, right and wrong. */
import { beforeAll, describe, expect, it } from "vitest";
import { canonicalBytes } from "../../../src/core/canonical.ts";
import { notary } from "../../../src/core/format/notary.ts";
import type { Json } from "../../../src/core/json.ts";
import { maxDelegations, maxPaths, maxRoleKeys, maxTargetName } from "../../../src/core/limits.ts";
import { type Edit, keyObject, readAfter, set, signedPart } from "../../support/edits.ts";
import { outcome } from "../../support/refusals.ts";
import { newKey, Simulator } from "../../support/simulator.ts";

let sim: Simulator;
beforeAll(async () => {
  sim = await Simulator.create();
  sim.delegate("targets/a");
  sim.publish();
});

const code = (role: string, edit: Edit) => readAfter(role, sim.served.get(role) as Buffer, edit);

const entry = { hashes: { sha256: Buffer.alloc(32).toString("base64") }, length: 1 };
describe("root", () => {
  const keyOf = (role: string) => `keys.${sim.onlineKeys(role as "timestamp")[0]}`;

  it.each(["root", "targets", "snapshot", "timestamp"])("without the role %s: BAD_SHAPE", (role) => {
    expect(code("root", set(`roles.${role}`, undefined))).toBe("BAD_SHAPE");
  });

  it.each<[string, Json | undefined, string]>([
    ["threshold", 0, "BAD_THRESHOLD"],
    ["threshold", 2, "BAD_THRESHOLD"],
    ["threshold", "1", "BAD_THRESHOLD"],
    ["threshold", undefined, "BAD_THRESHOLD"],
    ["Threshold", 1, "DUPLICATE_MEMBER"],
    ["keyids", null, "BAD_THRESHOLD"],
    ["keyids", ["0".repeat(64)], "BAD_KEY"],
    ["keyids", ["__proto__"], "BAD_KEY"],
    ["keyids", [1], "BAD_KEY"],
    ["keyids", "x", "BAD_SHAPE"],
    ["keyids", Array(maxRoleKeys + 1).fill("x") as Json, "TOO_MANY"],
  ])("with %s = %j in a role: %s", (name, value, expected) => {
    expect(code("root", set(`roles.timestamp.${name}`, value))).toBe(expected);
  });

  it("with one key ID twice in a role: BAD_THRESHOLD", () => {
    const [id] = sim.onlineKeys("timestamp");
    expect(code("root", set("roles.timestamp.keyids", [id, id] as Json))).toBe("BAD_THRESHOLD");
  });

  it("with a role of another name, which is ignored", () => {
    expect(code("root", set("roles.mirrors", { keyids: [], threshold: 0 }))).toBe("accepted");
  });

  it("with consistent snapshots", () => {
    expect(code("root", set("consistent_snapshot", true))).toBe("accepted");
  });

  it("with a private key: PRIVATE_KEY_PUBLISHED (C8)", () => {
    expect(code("root", set(`${keyOf("timestamp")}.keyval.private`, "c2VjcmV0"))).toBe(
      "PRIVATE_KEY_PUBLISHED",
    );
  });

  it("a published private key is in no message and no detail", () => {
    const signed = signedPart("root", sim.served.get("root") as Buffer);
    set(`${keyOf("timestamp")}.keyval.private`, "CANARY")(signed);
    try {
      notary.parse("root", notary.seal(canonicalBytes(signed), []));
      expect.unreachable();
    } catch (error) {
      const { message, detail } = error as { message: string; detail?: unknown };
      expect(JSON.stringify([message, detail])).not.toContain("CANARY");
    }
  });

  it("without the member private", () => {
    expect(code("root", set(`${keyOf("timestamp")}.keyval.private`, undefined))).toBe("accepted");
  });

  it.each<[string, Json | undefined, string]>([
    ["keytype", "ed25519", "KEY_ID_MISMATCH"],
    ["keytype", 1, "BAD_SHAPE"],
    ["keyval.public", "AAAA", "KEY_ID_MISMATCH"],
    ["keyval.public", undefined, "BAD_SHAPE"],
    ["keyval", null, "BAD_SHAPE"],
    ["Keytype", "x", "DUPLICATE_MEMBER"],
    ["scheme", "x", "accepted"],
  ])("with %s = %j in a key: %s", (name, value, expected) => {
    expect(code("root", set(`${keyOf("timestamp")}.${name}`, value))).toBe(expected);
  });

  it("with a lying ID for a key that nobody uses: KEY_ID_MISMATCH (C6)", () => {
    expect(code("root", set(`keys.${"0".repeat(64)}`, keyObject("falcon", "AAAA")))).toBe("KEY_ID_MISMATCH");
  });

  it("with an upper-case ID: KEY_ID_MISMATCH", () => {
    const { listed } = newKey();
    const object = keyObject(listed.keytype, listed.public);
    expect(code("root", set(`keys.${listed.id.toUpperCase()}`, object))).toBe("KEY_ID_MISMATCH");
  });

  it("with a weak key that no role uses", () => {
    const text = Buffer.alloc(32).toString("base64");
    expect(code("root", set(`keys.${notary.keyId("ed25519", text)}`, keyObject("ed25519", text)))).toBe(
      "accepted",
    );
  });

  it("with a weak key that a role uses: BAD_KEY", () => {
    const text = Buffer.alloc(32).toString("base64");
    const id = notary.keyId("ed25519", text);
    const edit: Edit = (signed) => {
      set(`keys.${id}`, keyObject("ed25519", text))(signed);
      set("roles.targets.keyids", [id])(signed);
    };
    expect(code("root", edit)).toBe("BAD_KEY");
  });
});

describe("targets", () => {
  it.each<[string, Json | undefined, string]>([
    ["targets", null, "accepted"],
    ["targets", undefined, "accepted"],
    ["targets", [], "BAD_SHAPE"],
    ["targets.x", null, "BAD_SHAPE"],
    ["targets.x", entry, "accepted"],
    ["targets.x", { ...entry, custom: { any: ["thing", -1, null] } }, "accepted"],
    ["targets.x", { ...entry, extra: 1 }, "accepted"],
    ["targets.x", { ...entry, Length: 1 }, "DUPLICATE_MEMBER"],
    ["targets.x", { hashes: entry.hashes }, "accepted"],
    ["targets.x", { ...entry, length: -1 }, "BAD_SHAPE"],
    ["targets.x", { ...entry, length: "1" }, "BAD_SHAPE"],
    ["targets.x", { length: 1 }, "BAD_SHAPE"],
    ["targets.x", { length: 1, hashes: {} }, "BAD_SHAPE"],
    ["targets.x", { length: 1, hashes: { md5: "AAAA" } }, "BAD_SHAPE"],
    ["targets.x", { length: 1, hashes: { ...entry.hashes, md5: 1, __proto__x: 2 } }, "accepted"],
    ["targets.x", { length: 1, hashes: { sha256: Buffer.alloc(31).toString("base64") } }, "BAD_ENCODING"],
    ["targets.x", { length: 1, hashes: { sha256: "ab".repeat(32) } }, "BAD_ENCODING"],
    ["targets.x", { length: 1, hashes: { sha256: 1 } }, "BAD_ENCODING"],
    ["targets.x", { length: 1, hashes: { ...entry.hashes, sha512: entry.hashes.sha256 } }, "BAD_ENCODING"],
    [`targets.${"x".repeat(maxTargetName)}`, entry, "accepted"],
    [`targets.${"x".repeat(maxTargetName + 1)}`, entry, "TOO_LARGE"],
    ["delegations", null, "accepted"],
    ["delegations", undefined, "accepted"],
    ["delegations", {}, "accepted"],
    ["delegations", [], "BAD_SHAPE"],
    ["delegations.roles", null, "accepted"],
    ["delegations.Roles", [], "DUPLICATE_MEMBER"],
    ["delegations.keys", null, "BAD_KEY"],
  ])("with %s = %j: %s", (path, value, expected) => {
    expect(code("targets", set(path, value))).toBe(expected);
  });

  const delegation =
    (change: object): Edit =>
    (signed) => {
      const { roles: given } = signed.delegations as unknown as { roles: object[] };
      set("delegations.roles", [{ ...given[0], ...change }] as Json)(signed);
    };

  it.each<[object, string]>([
    [{}, "accepted"],
    [{ paths: null }, "accepted"],
    [{ paths: undefined }, "accepted"],
    [{ keyids: null }, "accepted"],
    [{ threshold: 5 }, "accepted"],
    [{ threshold: 0 }, "BAD_THRESHOLD"],
    [{ threshold: -1 }, "BAD_THRESHOLD"],
    [{ threshold: "1" }, "BAD_THRESHOLD"],
    [{ threshold: null }, "BAD_THRESHOLD"],
    [{ threshold: 2 ** 31 }, "BAD_THRESHOLD"],
    [{ paths: [1] }, "BAD_DELEGATION"],
    [{ paths: ["x".repeat(maxTargetName + 1)] }, "BAD_DELEGATION"],
    [{ paths: Array(maxPaths + 1).fill("") }, "TOO_MANY"],
    [{ paths: "" }, "BAD_SHAPE"],
    [{ Paths: [] }, "DUPLICATE_MEMBER"],
    [{ name: "targets" }, "BAD_DELEGATION"],
    [{ name: "targets/a/b" }, "BAD_DELEGATION"],
    [{ name: "targets/A" }, "BAD_DELEGATION"],
    [{ name: "targets/../root" }, "BAD_DELEGATION"],
    [{ name: "root" }, "BAD_DELEGATION"],
    [{ name: "__proto__" }, "BAD_DELEGATION"],
    [{ name: "x".repeat(2_000) }, "TOO_LARGE"],
    [{ name: null }, "BAD_SHAPE"],
    [{ keyids: ["unknown"] }, "BAD_KEY"],
    [{ keyids: ["toString"] }, "BAD_KEY"],
  ])("with a delegation changed by %j: %s", (change, expected) => {
    const clean = JSON.parse(JSON.stringify(change)) as object;
    const edit: Edit = (signed) => {
      delegation(clean)(signed);
      if ("paths" in change && change.paths === undefined) {
        const { roles: given } = signed.delegations as unknown as { roles: { paths?: unknown }[] };
        delete given[0]?.paths;
      }
    };
    expect(code("targets", edit)).toBe(expected);
  });

  it("with two delegations of one name: BAD_DELEGATION (D4)", () => {
    const edit: Edit = (signed) => {
      const { roles: given } = signed.delegations as unknown as { roles: Json[] };
      set("delegations.roles", [...given, ...given])(signed);
    };
    expect(code("targets", edit)).toBe("BAD_DELEGATION");
  });

  it("with more delegations than allowed: TOO_MANY (D6)", () => {
    const many = Array.from({ length: maxDelegations + 1 }, (_, i) => ({
      name: `targets/r${i}`,
      threshold: 1,
    }));
    expect(code("targets", set("delegations.roles", many))).toBe("TOO_MANY");
  });

  it("a role that delegates to itself: BAD_DELEGATION (V13)", () => {
    const edit = set("delegations.roles", [{ keyids: null, name: "targets/a", threshold: 1 }]);
    expect(code("targets/a", edit)).toBe("BAD_DELEGATION");
  });

  it("with a number that no signer could have signed alike: BAD_NUMBER", () => {
    const bytes = Buffer.from('{"signed":{"targets":{"x":{"custom":1.0}}},"signatures":[]}');
    expect(outcome(() => notary.parse("targets", bytes))).toBe("BAD_NUMBER");
  });
});

describe("snapshot and timestamp", () => {
  it.each<[string, Json | undefined, string]>([
    ["meta", null, "BAD_SHAPE"],
    ["meta.root", undefined, "BAD_SHAPE"],
    ["meta.targets", undefined, "BAD_SHAPE"],
    ["meta.targets/a", undefined, "accepted"],
    ["meta.targets/b", entry, "accepted"],
    ["meta.snapshot", entry, "BAD_ROLE_NAME"],
    ["meta.targets/A", entry, "BAD_ROLE_NAME"],
    ["meta.__proto__x", entry, "BAD_ROLE_NAME"],
    ["meta.constructor", entry, "BAD_ROLE_NAME"],
    ["meta.root", { length: 1, hashes: { sha512: Buffer.alloc(64).toString("base64") } }, "BAD_SHAPE"],
    ["meta.root", { hashes: entry.hashes }, "accepted"],
    ["meta.root", { ...entry, Hashes: {} }, "DUPLICATE_MEMBER"],
  ])("a snapshot with %s = %j: %s", (path, value, expected) => {
    expect(code("snapshot", set(path, value))).toBe(expected);
  });

  it.each<[string, Json | undefined, string]>([
    ["meta", {}, "BAD_SHAPE"],
    ["meta.snapshot", undefined, "BAD_SHAPE"],
    ["meta.snapshot", { hashes: {} }, "BAD_SHAPE"],
    ["meta.other", entry, "accepted"],
  ])("a timestamp with %s = %j: %s", (path, value, expected) => {
    expect(code("timestamp", set(path, value))).toBe(expected);
  });
});
