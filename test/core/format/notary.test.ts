import { beforeAll, describe, expect, it } from "vitest";
import { methodOf } from "../../../src/core/format/format.ts";
import { notary } from "../../../src/core/format/notary.ts";
import type { Json } from "../../../src/core/json.ts";
import { maxSignatures } from "../../../src/core/limits.ts";
import type { Root, Snapshot, Targets, Timestamp } from "../../../src/core/model.ts";
import { type Edit, readAfter, set, signedPart } from "../../support/edits.ts";
import { outcome } from "../../support/refusals.ts";
import { newKey, Simulator, someTarget } from "../../support/simulator.ts";

let sim: Simulator;
beforeAll(async () => {
  sim = await Simulator.create();
  sim.delegate("targets/a");
  sim.publish();
});

const code = (role: string, edit: Edit) => readAfter(role, sim.served.get(role) as Buffer, edit);

const roles = ["root", "targets", "targets/a", "snapshot", "timestamp"] as const;

describe.each(roles)("%s", (role) => {
  it.each<[string, Json | undefined, string]>([
    ["_type", "root", "BAD_TYPE"],
    ["_type", "", "BAD_TYPE"],
    ["_type", "Mirrors", "BAD_TYPE"],
    ["_type", undefined, "BAD_SHAPE"],
    ["_type", null, "BAD_SHAPE"],
    ["version", 0, "BAD_VERSION"],
    ["version", 2_147_483_648, "BAD_VERSION"],
    ["version", "1", "BAD_SHAPE"],
    ["version", undefined, "BAD_SHAPE"],
    ["expires", "2030-02-31T00:00:00Z", "BAD_DATE"],
    ["expires", "", "BAD_DATE"],
    ["expires", "2".repeat(81), "TOO_LARGE"],
    ["expires", 1_900_000_000, "BAD_SHAPE"],
    ["expires", undefined, "BAD_SHAPE"],
    ["Version", 50, "DUPLICATE_MEMBER"],
    ["_Type", "Root", "DUPLICATE_MEMBER"],
    ["expire\u017f", "x", "DUPLICATE_MEMBER"],
    ["spec_version", "1.0.0", "accepted"],
    ["__proto__x", {}, "accepted"],
  ])("with %s = %j: %s", (name, value, expected) => {
    expect(code(role, set(name, value))).toBe(expected);
  });

  it.each(roles.filter((other) => other.split("/")[0] !== role.split("/")[0]))(
    "is not %s: BAD_TYPE",
    (other) => {
      expect(outcome(() => notary.parse(role, sim.served.get(other) as Buffer))).toBe("BAD_TYPE");
    },
  );

  it("of every wrong type in place of each member is refused by a code, or means nothing", () => {
    for (const name of Object.keys(signedPart(role, sim.served.get(role) as Buffer))) {
      for (const value of [null, true, 0, "", [], {}, [[]], { "": null }, "x".repeat(1_000)] as Json[]) {
        expect(typeof code(role, set(name, value)), `${name} = ${JSON.stringify(value)}`).toBe("string");
      }
    }
  });

  it("names the role in its refusal", () => {
    try {
      notary.parse(role, Buffer.from("{}"));
      expect.unreachable();
    } catch (error) {
      expect((error as { role?: string }).role).toBe(role);
    }
  });
});

describe("the envelope", () => {
  const file = (text: (signed: string, signatures: string) => string) => {
    const { message, signatures } = notary.parse("targets", sim.served.get("targets") as Buffer);
    const sealed = notary.seal(message, signatures).toString();
    const at = sealed.indexOf(',"signatures":');
    const bytes = Buffer.from(text(sealed.slice('{"signed":'.length, at), sealed.slice(at + 14, -1)));
    return outcome(() => notary.parse("targets", bytes));
  };
  const oneSignature = (edit: (entry: Record<string, unknown>) => void) =>
    file((signed, signatures) => {
      const all = JSON.parse(signatures) as Record<string, unknown>[];
      edit(all[0] ?? {});
      return `{"signed":${signed},"signatures":${JSON.stringify(all)}}`;
    });

  it.each<[string, (signed: string, signatures: string) => string, string]>([
    ["as it is", (s, g) => `{"signed":${s},"signatures":${g}}`, "accepted"],
    ["signatures first", (s, g) => `{"signatures":${g},"signed":${s}}`, "accepted"],
    ["signatures null", (s) => `{"signed":${s},"signatures":null}`, "accepted"],
    ["no signatures", (s) => `{"signed":${s}}`, "accepted"],
    ["a member beside", (s, g) => `{"extra":1,"signed":${s},"signatures":${g}}`, "UNSIGNED_MEMBER"],
    ["Signed", (s, g) => `{"Signed":${s},"signatures":${g}}`, "DUPLICATE_MEMBER"],
    ["signed and Signed", (s, g) => `{"signed":${s},"Signed":{},"signatures":${g}}`, "DUPLICATE_MEMBER"],
    ["signed twice", (s, g) => `{"signed":${s},"signed":${s},"signatures":${g}}`, "DUPLICATE_MEMBER"],
    ["no signed part", (_, g) => `{"signatures":${g}}`, "BAD_SHAPE"],
    ["an array", (s) => `[${s}]`, "BAD_SHAPE"],
    ["a trailing newline", (s, g) => `{"signed":${s},"signatures":${g}}\n`, "NOT_JSON"],
    ["signatures as an object", (s) => `{"signed":${s},"signatures":{}}`, "BAD_SHAPE"],
    ["signatures of strings", (s) => `{"signed":${s},"signatures":["x"]}`, "BAD_SHAPE"],
  ])("%s", (_, text, expected) => {
    expect(file(text)).toBe(expected);
  });

  it.each<[string, (entry: Record<string, unknown>) => void, string]>([
    ["without method", (e) => delete e.method, "accepted"],
    ["with a method of another type", (e) => Object.assign(e, { method: 1 }), "BAD_SHAPE"],
    ["without key ID", (e) => delete e.keyid, "BAD_SHAPE"],
    ["with a key ID beyond reason", (e) => Object.assign(e, { keyid: "a".repeat(129) }), "TOO_LARGE"],
    ["without bytes", (e) => delete e.sig, "BAD_SHAPE"],
    ["with bytes in hex", (e) => Object.assign(e, { sig: "abc" }), "BAD_ENCODING"],
    ["with bytes in base64url", (e) => Object.assign(e, { sig: "_-==" }), "BAD_ENCODING"],
    ["with a member more", (e) => Object.assign(e, { note: "x" }), "UNSIGNED_MEMBER"],
    ["with KeyID", (e) => Object.assign(e, { KeyID: "x" }), "DUPLICATE_MEMBER"],
  ])("a signature %s", (_, edit, expected) => {
    expect(oneSignature(edit)).toBe(expected);
  });

  it("more signatures than allowed: TOO_MANY (V25)", () => {
    const many = Array.from({ length: maxSignatures + 1 }, (_, i) => ({
      keyid: `${i}`,
      method: "ecdsa",
      sig: "",
    }));
    expect(file((s) => `{"signed":${s},"signatures":${JSON.stringify(many)}}`)).toBe("TOO_MANY");
  });

  it("two signatures of one key: BAD_SHAPE (V5)", () => {
    const twice = [1, 2].map(() => ({ keyid: "a", method: "ecdsa", sig: "" }));
    expect(file((s) => `{"signed":${s},"signatures":${JSON.stringify(twice)}}`)).toBe("BAD_SHAPE");
  });
});

describe("what is written is read again", () => {
  const expires = Date.UTC(2030, 1, 2, 3, 4, 5);

  it("a root", () => {
    const keys = [newKey(), newKey("ed25519"), newKey(), newKey()].map(({ listed }) => listed);
    const role = (i: number) => ({ keyIds: [keys[i]?.id ?? ""], threshold: 1 });
    const content = { root: role(0), targets: role(1), snapshot: role(2), timestamp: role(3) };
    const bytes = notary.seal(notary.encodeRoot({ version: 3, expires, keys, roles: content }), []);
    const root = notary.parse("root", bytes).signed as Root;
    expect([root.version, root.expires]).toEqual([3, expires]);
    expect(
      [...root.roles].map(([name, { keys: its, threshold }]) => [name, [...its.values()], threshold]),
    ).toEqual([
      ["root", [keys[0]], 1],
      ["targets", [keys[1]], 1],
      ["snapshot", [keys[2]], 1],
      ["timestamp", [keys[3]], 1],
    ]);
  });

  it("targets with awkward names and custom data", () => {
    const names = ["", "__proto__", "constructor", "10", "9", "<&>\u2028", 'q"\\', "\uffee", "😀", "é"];
    const custom = { b: [1, null], "\uffee": {}, "😀": true };
    const targets = new Map(names.map((name) => [name, { ...someTarget(name), custom }]));
    const [{ listed }] = [newKey()];
    const delegations = [
      { role: "targets/a", paths: ["x/", "__proto__"], keyIds: [listed.id], threshold: 1 },
      { role: "targets/b", paths: [], keyIds: [], threshold: 2 },
    ];
    const bytes = notary.seal(
      notary.encodeTargets({ version: 1, expires, targets, keys: [listed], delegations }),
      [],
    );
    const read = notary.parse("targets", bytes).signed as Targets;
    expect([read.size, [...read.targetNames()].sort()]).toEqual([names.length, [...names].sort()]);
    for (const name of names) {
      const { length, sha256, sha512 } = someTarget(name);
      expect(read.target(name)).toEqual({
        length,
        custom,
        hashes: new Map([
          ["sha256", sha256],
          ["sha512", sha512],
        ]),
      });
    }
    const plain = read.delegations.map(({ keys, ...rest }) => ({ ...rest, keyIds: [...keys.keys()] }));
    expect(plain).toEqual(delegations);
  });

  it("a snapshot and a timestamp", () => {
    const meta = new Map(["root", "targets", "targets/a"].map((role) => [role, someTarget(role)]));
    const snapshot = notary.parse(
      "snapshot",
      notary.seal(notary.encodeSnapshot({ version: 2, expires, meta }), []),
    );
    const listed = [...(snapshot.signed as Snapshot).meta].map(([role, { length, hashes }]) => [
      role,
      length,
      hashes.get("sha256"),
    ]);
    expect(listed).toEqual([...meta].map(([role, { length, sha256 }]) => [role, length, sha256]));
    const facts = { length: 1, sha256: "ab".repeat(32), sha512: undefined };
    const bytes = notary.seal(notary.encodeTimestamp({ version: 2, expires, snapshot: facts }), []);
    const { snapshot: named } = notary.parse("timestamp", bytes).signed as Timestamp;
    expect([named.length, [...named.hashes]]).toEqual([1, [["sha256", facts.sha256]]]);
  });

  it("signatures, in order", () => {
    const canonical = notary.encodeSnapshot({
      version: 1,
      expires,
      meta: new Map([
        ["root", someTarget("r")],
        ["targets", someTarget("t")],
      ]),
    });
    const signatures = [newKey("ed25519"), newKey()].map((key) => key.sign(canonical));
    const read = notary.parse("snapshot", notary.seal(canonical, signatures));
    expect(read.signatures).toEqual(signatures);
    expect(Buffer.from(read.message)).toEqual(canonical);
  });
});

it("an online key signs by the method of its type", () => {
  expect([methodOf({ keytype: "ecdsa" }), methodOf({ keytype: "ed25519" })]).toEqual(["ecdsa", "eddsa"]);
});

describe("paths of a delegation", () => {
  it.each<[string, string[], string, boolean]>([
    ["cover what begins with them", ["qa/"], "qa/x", true],
    ["cover nothing else", ["qa/"], "rc/x", false],
    ["any one suffices", ["qa/", "rc/"], "rc/x", true],
    ["the empty one covers everything", [""], "x", true],
    ["the empty one covers the empty name", [""], "", true],
    ["none covers nothing", [], "x", false],
    ["are no globs", ["*"], "x", false],
    ["are no globs across a slash", ["qa/*"], "qa/x", false],
    ["half a segment is a prefix", ["q"], "qa/x", true],
    ["are case-sensitive", ["QA/"], "qa/x", false],
  ])("%s", (_, paths, name, expected) => {
    expect(notary.covers(paths, name)).toBe(expected);
  });

  it.each<[string, string[], string[], string[]]>([
    ["a narrower child", ["qa/"], ["qa/deep/"], ["qa/deep/"]],
    ["the same", ["qa/"], ["qa/"], ["qa/"]],
    ["a wider child leaves nothing", ["qa/"], [""], []],
    ["a child beside it leaves nothing", ["qa/"], ["other"], []],
    ["those of a child's paths that fit", ["qa/"], ["", "qa/deep/"], ["qa/deep/"]],
    ["no paths above", [], [""], []],
  ])("below another: %s", (_, parent, child, expected) => {
    expect(notary.narrow(parent, child)).toEqual(expected);
  });
});

it.each(["__proto__", "constructor", "toString"])("a target called %s is never inherited", (name) => {
  const bytes = Buffer.from(
    '{"signed":{"_type":"Targets","expires":"2030-01-01T00:00:00Z","targets":{},"version":1},"signatures":[]}',
  );
  expect((notary.parse("targets", bytes).signed as Targets).target(name)).toBeUndefined();
});
