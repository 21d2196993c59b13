/** Counting signatures in a client (docs/threats.md: V1 to V7, V25, V33): each place where they are counted, in each way. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Json } from "../../src/core/json.ts";
import { bareKey, generatePrivateKey, type PublisherKey } from "../support/bare/keys.ts";
import { again, compressed, rsaForm, type SignatureJson, withSignatures } from "../support/forgery.ts";
import { newKey } from "../support/publisher.ts";
import { type Simulator, someTarget } from "../support/simulator.ts";
import type { SignedJson } from "../support/simulator-break.ts";
import type { RoleState } from "../support/simulator-roles.ts";
import { codeOf, refusalOf, type Stance, stances, startVisit, type Visit } from "../support/visits.ts";

let visit: Visit;
let sim: Simulator;

beforeEach(async () => {
  visit = await startVisit({ rule: { lookup: ["targets/a/b", "targets/a", "targets"] } });
  sim = visit.sim;
  sim.delegate("targets/a");
  sim.delegate("targets/a/b");
  sim.publish();
});
afterEach(async () => await visit.close());

/** Where two keys must sign. */
const places: Record<string, { role: string; code: string }> = {
  "the root, by its own keys": { role: "root", code: "ROOT_NOT_SELF_SIGNED" },
  "the root, by the previous keys": { role: "root", code: "ROOT_NOT_SIGNED_BY_PREVIOUS" },
  "the timestamp": { role: "timestamp", code: "THRESHOLD" },
  "the snapshot": { role: "snapshot", code: "THRESHOLD" },
  "the targets": { role: "targets", code: "THRESHOLD" },
  "a delegation": { role: "targets/a", code: "ROLE_UNAVAILABLE" },
  "a delegation of a delegation": { role: "targets/a/b", code: "ROLE_UNAVAILABLE" },
};

function stateOf(role: string): RoleState {
  return role === "root" || role === "snapshot" || role === "timestamp" ? sim[role] : sim.targetsOf(role);
}

/** Serves a file of the role with other signatures, as far as its thieves can: those below the root are vouched for. */
function serve(role: string, bytes: Buffer): void {
  sim.break.serve(role, bytes);
  if (role === "root") sim.roots.set(sim.root.version, bytes);
  if (role === "snapshot") sim.break.stamp();
  else if (role !== "timestamp") sim.break.vouch();
}

type Edit = (a: SignatureJson, b: SignatureJson) => readonly object[];

/** A client in front of a place whose two signatures were edited. */
async function edited(stance: Stance, where: string, edit: Edit) {
  const { role } = places[where] as { role: string };
  const state = stateOf(role);
  const rotates = where.endsWith("previous keys");
  const two = role === "root" ? [...state.keys, await sim.rootKey()] : [...state.keys, newKey()];
  if (rotates) {
    state.keys = two;
    state.threshold = 2;
    sim.publish();
  }
  const client = await visit.client(stance);
  state.keys = rotates ? [await sim.rootKey()] : two;
  state.threshold = rotates ? 1 : 2;
  if (rotates) state.signers = [...two, ...state.keys];
  sim.publish();
  const ids = two.map(({ listed }) => listed.id);
  const change = (all: readonly SignatureJson[]) => {
    const [a, b] = ids.map((id) => all.find(({ keyid }) => keyid === id) as SignatureJson);
    const others = all.filter(({ keyid }) => !ids.includes(keyid));
    return [...edit(a as SignatureJson, b as SignatureJson), ...others];
  };
  serve(role, withSignatures(sim.served.get(role) as Buffer, change));
  return client;
}

const garbage = { keyid: "0".repeat(64), method: "ecdsa", sig: Buffer.alloc(64).toString("base64") };

describe.each(stances)("V1: to %s", (stance) => {
  // Whoever comes first has no previous root.
  const wheres = Object.keys(places).filter(
    (where) => stance !== "a fresh client" || !where.endsWith("previous keys"),
  );

  describe.each(wheres)("V1: %s needs two signatures", (where) => {
    const refused = async (edit: Edit) => codeOf(visit.ask(await edited(stance, where, edit)));

    test("V1: both are accepted", async () => {
      expect((await visit.ask(await edited(stance, where, (a, b) => [a, b]))).role).toBe("targets");
    });
    test("V1: one is refused", async () => {
      expect(await refused((a) => [a])).toBe(places[where]?.code);
    });
    test("V1, V5: one of them twice under its ID is refused", async () => {
      expect(await refused((a) => [a, a])).toBe("BAD_SHAPE");
    });
    test("V1: one of them copied under the other's ID is refused", async () => {
      expect(await refused((a, b) => [a, { ...a, keyid: b.keyid }])).toBe(places[where]?.code);
    });
    test("V6: both are accepted with a third that is garbage", async () => {
      expect((await visit.ask(await edited(stance, where, (a, b) => [garbage, a, b]))).role).toBe("targets");
    });
    test("V33: a method that is not the key's is refused", async () => {
      const edit: Edit = (a, b) => [a, { ...b, method: b.method === "eddsa" ? "ecdsa" : "eddsa" }];
      expect(await refused(edit)).toBe(places[where]?.code);
    });
  });
});

/** One private key in two wrappings. */
const twins: Record<string, () => readonly [PublisherKey, PublisherKey]> = {
  "a compressed and an uncompressed point": () => {
    const key = generatePrivateKey("ecdsa");
    return [bareKey(again(key)), compressed(key)];
  },
  "an RSA key as PEM and as DER": () => [rsaForm("pem", "spki"), rsaForm("der", "spki")],
};

describe.each(stances)("V2: to %s", (stance) => {
  describe.each(Object.keys(twins))("V2: one key as %s", (what) => {
    test.each(["targets", "timestamp", "snapshot", "targets/a", "targets/a/b"])(
      "V2: fills one of three seats of %s",
      async (role) => {
        const client = await visit.client(stance);
        const [one, two] = (twins[what] as () => readonly [PublisherKey, PublisherKey])();
        const third = newKey();
        const state = stateOf(role);
        state.keys = [one, two, third];
        state.threshold = 2;
        state.signers = [one, two];
        sim.publish();
        expect(await codeOf(visit.ask(client))).toBe(role.includes("/") ? "ROLE_UNAVAILABLE" : "THRESHOLD");
        state.signers = [two, third];
        sim.publish();
        expect((await visit.ask(client)).role).toBe("targets");
      },
    );
  });
});

const wrong: readonly [string, Json][] = [
  ["0", 0],
  ["-1", -1],
  ["a string", "1"],
  ["null", null],
  ["true", true],
  ["2^31", 2_147_483_648],
  ["a list", []],
];

describe.each(stances)("V3: to %s", (stance) => {
  describe.each(wrong)("V3: a threshold of %s", (_what, threshold) => {
    test.each(["root", "targets", "snapshot", "timestamp"])("V3: of %s is refused", async (role) => {
      const client = await visit.client(stance);
      const before = visit.state();
      sim.break.rewrite("root", (signed) => {
        (signed.roles as Record<string, SignedJson>)[role] = {
          ...(signed.roles as Record<string, SignedJson>)[role],
          threshold,
        };
        signed.version = 2;
      });
      sim.roots.set(2, sim.served.get("root") as Buffer);
      expect(await codeOf(visit.ask(client))).toBe("BAD_THRESHOLD");
      expect(visit.state()).toEqual(before);
      await visit.recovers(client);
    });

    test.each(["targets", "targets/a"])("V3: of a delegation in %s is refused", async (role) => {
      const client = await visit.client(stance);
      sim.break.rewrite(role, (signed) => {
        const [entry] = (signed.delegations as { roles: SignedJson[] }).roles;
        (entry as SignedJson).threshold = threshold;
        signed.version = 9;
      });
      sim.break.vouch();
      expect(await codeOf(visit.ask(client))).toBe("BAD_THRESHOLD");
      await visit.recovers(client);
    });
  });

  test.each(["root", "targets", "snapshot", "timestamp"])(
    "V4: a threshold of %s that its keys can never meet is refused",
    async (role) => {
      const client = await visit.client(stance);
      const before = visit.state();
      stateOf(role).threshold = 2;
      sim.publish();
      expect(await codeOf(visit.ask(client))).toBe("BAD_THRESHOLD");
      expect(visit.state()).toEqual(before);
    },
  );

  test("V4: a delegation with more seats than keys refuses where it counts", async () => {
    const client = await visit.client(stance);
    sim.targetsOf("targets/a").threshold = 2;
    sim.publish();
    const refusal = await refusalOf(visit.ask(client));
    expect([refusal.code, refusal.role]).toEqual(["ROLE_UNAVAILABLE", "targets/a"]);
    expect((await visit.ask(await visit.open({ rule: { lookup: ["targets"] } }))).role).toBe("targets");
  });

  test("V7: what is told of signers comes from keys that signed", async () => {
    const client = await visit.client(stance);
    const state = sim.targetsOf("targets");
    state.keys = [...state.keys, newKey(), newKey()];
    state.threshold = 2;
    state.signers = state.keys.slice(0, 2);
    sim.publish();
    const bytes = withSignatures(sim.served.get("targets") as Buffer, (all) => [
      ...all,
      { ...garbage, keyid: state.keys[2]?.listed.id },
      garbage,
    ]);
    serve("targets", bytes);
    const { signers, threshold } = await visit.ask(client);
    expect(signers.map(({ keyId }) => keyId).sort()).toEqual(
      state.signers.map(({ listed }) => listed.id).sort(),
    );
    expect(threshold).toEqual({ needed: 2, signed: 2 });
  });

  test("V7: facts beside the signed part are refused", async () => {
    const client = await visit.client(stance);
    sim.targetsOf("targets").names.set("other", someTarget("other"));
    sim.publish();
    const file = JSON.parse((sim.served.get("targets") as Buffer).toString("utf8"));
    serve("targets", Buffer.from(JSON.stringify({ ...file, version: 7, signers: ["somebody"] })));
    expect(await codeOf(visit.ask(client))).toBe("UNSIGNED_MEMBER");
    await visit.recovers(client);
  });

  test.each(["timestamp", "snapshot", "targets", "targets/a"])(
    "V25: thousands of signatures on %s are refused by their number, at once",
    async (role) => {
      const client = await visit.client(stance);
      sim.targetsOf("targets").names.set("other", someTarget("other"));
      sim.targetsOf("targets/a").names.set("other", someTarget("other"));
      sim.publish();
      const count = role === "timestamp" ? 1_000 : 10_001;
      const many = withSignatures(sim.served.get(role) as Buffer, ([good]) =>
        Array.from({ length: count }, (_, i) => ({ ...good, keyid: i.toString(16).padStart(64, "0") })),
      );
      serve(role, many);
      const began = performance.now();
      expect(await codeOf(visit.ask(client))).toBe("TOO_MANY");
      expect(performance.now() - began).toBeLessThan(2_000);
      await visit.recovers(client);
    },
  );
});
