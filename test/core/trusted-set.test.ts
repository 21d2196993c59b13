/**
 * The client's state machine: what is held when, and for how long.
 * Long, since each rule has both its sides.
 */
import { beforeEach, describe, expect, it } from "vitest";
import { notary } from "../../src/core/format/notary.ts";
import { TrustedSet } from "../../src/core/trusted-set.ts";
import { attacked, held, newClient, update } from "../support/reader.ts";
import { outcome } from "../support/refusals.ts";
import { newKey, Simulator, someTarget } from "../support/simulator.ts";

const day = 86_400_000;
let sim: Simulator;
let client: TrustedSet;

/** Content changes, so that there is something new to update to. */
function release(name: string): void {
  sim.targetsOf("targets").names.set(name, someTarget(name));
  sim.publish();
}

beforeEach(async () => {
  sim = await Simulator.create();
  sim.delegate("targets/a").names.set("a", someTarget("a"));
  sim.delegate("targets/a/b").names.set("b", someTarget("b"));
  sim.publish();
  client = newClient(sim);
  update(client, sim);
});

describe("honest updates", () => {
  it("hold every file that is served", () => {
    const served = [...sim.served].map(([role, bytes]) => notary.parse(role, bytes).sha256);
    expect(
      held(client)
        .map((line) => line.split(" ")[1])
        .sort(),
    ).toEqual(served.sort());
  });

  it("hold the new files after a new generation", () => {
    release("new");
    update(client, sim);
    expect(client.targets.get("targets")?.signed.target("new")).toBeDefined();
  });

  it("change nothing when there is nothing new", () => {
    const before = held(client);
    update(client, sim);
    expect(held(client)).toEqual(before);
  });

  it("skip generations", () => {
    for (const name of ["x", "y", "z"]) release(name);
    update(client, sim);
    expect(client.targets.get("targets")?.signed.version).toBe(sim.targetsOf("targets").version);
  });
});

describe("freeze (S4, V14, V16)", () => {
  it.each(["timestamp", "snapshot"] as const)("an expired %s: EXPIRED", (role) => {
    sim.break.expire(role);
    if (role === "snapshot") sim.break.stamp();
    else sim.break.version(role, sim.timestamp.version + 1);
    sim.break.expire("timestamp");
    expect(attacked(client, sim)).toBe("EXPIRED");
  });

  it("expired targets: EXPIRED", () => {
    sim.break.expire("targets");
    sim.break.version("targets", 9);
    sim.break.expire("targets");
    sim.break.vouch();
    expect(attacked(client, sim)).toBe("EXPIRED");
  });

  it("an expired delegation is unavailable, with its children", () => {
    sim.break.expire("targets/a");
    sim.break.vouch();
    expect(update(client, sim)).toEqual(["targets/a"]);
    expect([...client.targets.keys()]).toEqual(["targets"]);
  });

  it.each([
    ["timestamp", 14],
    ["snapshot", 1_095],
    ["root", 3_600],
  ] as const)("what was trusted stops at the expiry of the %s, after %d days", (role, days) => {
    sim.now += days * day - 1_000;
    sim.timestamp.expires = sim.now + 14 * day;
    for (const state of [sim.snapshot, sim.root, sim.targetsOf("targets")]) {
      state.expires = Math.max(state.expires, sim.now + 1_000);
    }
    if (role === "timestamp") sim.timestamp.expires = sim.now + 1_000;
    sim.publish();
    const fresh = newClient(sim, sim.roots.get(sim.root.version));
    expect(outcome(() => update(fresh, sim))).toBe("accepted");
    sim.now += 1_000;
    expect(outcome(() => update(fresh, sim))).toBe("EXPIRED");
  });

  it("an expired root on the way is passed through, as the newest it is refused", () => {
    sim.root.expires = sim.now - 1_000;
    sim.publish();
    expect(outcome(() => update(client, sim))).toBe("EXPIRED");
    sim.root.expires = sim.now + day;
    sim.publish();
    expect(outcome(() => update(client, sim))).toBe("accepted");
    expect(client.root?.signed.version).toBe(3);
  });

  it.each(["timestamp", "snapshot"] as const)(
    "targets under a %s that has expired meanwhile: EXPIRED",
    (role) => {
      sim[role].expires = sim.now + day;
      sim.publish();
      client.addTimestamp(sim.served.get("timestamp") as Buffer, sim.now);
      client.addSnapshot(sim.served.get("snapshot") as Buffer, sim.now);
      const bytes = sim.served.get("targets") as Buffer;
      expect(outcome(() => client.addTargets("targets", bytes, sim.now + day - 1))).toBe("accepted");
      expect(outcome(() => client.addTargets("targets", bytes, sim.now + day))).toBe("EXPIRED");
    },
  );

  it("unchanged targets that have expired meanwhile are not trusted under a new snapshot", () => {
    sim.targetsOf("targets").expires = sim.now + day;
    sim.publish();
    update(client, sim);
    sim.now += day;
    sim.targetsOf("targets/a").expires -= day;
    sim.publish();
    client.addTimestamp(sim.served.get("timestamp") as Buffer, sim.now);
    client.addSnapshot(sim.served.get("snapshot") as Buffer, sim.now);
    expect(client.targets.has("targets")).toBe(false);
  });
});

describe("root chain (V9, V15, R1)", () => {
  it.each([0, 1, 3, 4])(
    "a root of version %d after version 1, both signed: ROOT_VERSION or BAD_VERSION",
    (version) => {
      sim.root.expires -= day;
      sim.publish();
      sim.break.version("root", version);
      sim.roots.set(2, sim.served.get("root") as Buffer);
      expect(attacked(client, sim)).toBe(version === 0 ? "BAD_VERSION" : "ROOT_VERSION");
    },
  );

  it("a root signed only by its new key: ROOT_NOT_SIGNED_BY_PREVIOUS", async () => {
    const key = await sim.rootKey();
    sim.root.keys = [key];
    sim.publish();
    sim.break.signWith("root", [key]);
    sim.roots.set(2, sim.served.get("root") as Buffer);
    expect(attacked(client, sim)).toBe("ROOT_NOT_SIGNED_BY_PREVIOUS");
  });

  it("a root signed only by the previous key: ROOT_NOT_SELF_SIGNED", async () => {
    const before = sim.root.keys;
    sim.root.keys = [await sim.rootKey()];
    sim.publish();
    sim.break.signWith("root", before);
    sim.roots.set(2, sim.served.get("root") as Buffer);
    expect(attacked(client, sim)).toBe("ROOT_NOT_SELF_SIGNED");
  });

  it("a refused root leaves the last good one", async () => {
    sim.root.expires -= day;
    sim.publish();
    sim.root.keys = [await sim.rootKey()];
    sim.publish();
    sim.break.signWith("root");
    sim.roots.set(3, sim.served.get("root") as Buffer);
    outcome(() => update(client, sim));
    expect(client.root?.signed.version).toBe(2);
  });

  it("fifty rotations are walked", async () => {
    for (let i = 0; i < 50; i++) {
      sim.root.keys = [await sim.rootKey()];
      sim.publish();
    }
    const late = newClient(sim);
    expect(update(late, sim)).toEqual([]);
    expect(late.root?.signed.version).toBe(51);
  });

  it("the root of another repository: ROOT_CERTIFICATE", async () => {
    const other = await Simulator.create("example.org/team/other");
    const stranger = new TrustedSet({ format: notary, repository: sim.repository });
    expect(outcome(() => stranger.addRoot(other.served.get("root") as Buffer, sim.now))).toBe(
      "ROOT_CERTIFICATE",
    );
  });
});

describe("keys that change hands", () => {
  it("targets under a root with other targets keys are trusted no longer", () => {
    sim.targetsOf("targets").keys = [newKey()];
    sim.publish();
    client.addRoot(sim.roots.get(2) as Buffer, sim.now);
    expect([...client.targets.keys()]).toEqual([]);
  });

  it("a delegation whose parent gave it other keys is trusted no longer", () => {
    const { keys } = sim.targetsOf("targets/a");
    sim.targetsOf("targets/a").keys = [newKey()];
    sim.targetsOf("targets/a").signers = keys;
    sim.publish();
    expect(update(client, sim)).toEqual(["targets/a"]);
    expect([...client.targets.keys()]).toEqual(["targets"]);
  });

  it("a delegation that its parent gave up is trusted no longer", () => {
    sim.targetsOf("targets/a").declared = false;
    sim.publish();
    update(client, sim);
    expect([...client.targets.keys()]).toEqual(["targets"]);
  });

  it("targets that neither changed nor changed keys stay trusted under a new snapshot", () => {
    sim.targetsOf("targets/a/b").expires -= day;
    sim.publish();
    client.addTimestamp(sim.served.get("timestamp") as Buffer, sim.now);
    client.addSnapshot(sim.served.get("snapshot") as Buffer, sim.now);
    expect([...client.targets.keys()]).toEqual(["targets", "targets/a"]);
  });
});

describe("equal versions (V18)", () => {
  it("a timestamp of equal version and other bytes is ignored", () => {
    const before = held(client);
    sim.break.rewrite("timestamp", (signed) => {
      signed.other = true;
    });
    update(client, sim);
    expect(held(client)).toEqual(before);
  });

  it("one that is not even signed is refused: THRESHOLD", () => {
    sim.break.unsign("timestamp");
    expect(attacked(client, sim)).toBe("THRESHOLD");
  });

  it("does not prolong the life of the trusted one: EXPIRED", () => {
    sim.now += 14 * day;
    sim.break.rewrite("timestamp", (signed) => {
      signed.expires = "2030-01-01T00:00:00Z";
    });
    expect(outcome(() => update(client, sim))).toBe("EXPIRED");
  });
});

describe("a caller who does not keep the order is told so, and nothing happens", () => {
  const bytes = Buffer.from("{}");
  it.each<[string, (fresh: TrustedSet) => unknown]>([
    ["a timestamp before the root", (fresh) => fresh.addTimestamp(bytes, 0)],
    ["a snapshot before the root", (fresh) => fresh.addSnapshot(bytes, 0)],
    ["targets before the root", (fresh) => fresh.addTargets("targets", bytes, 0)],
    ["the expiry of no root", (fresh) => fresh.checkRootExpiry(0)],
  ])("%s", (_, action) => {
    expect(() => action(new TrustedSet({ format: notary, repository: sim.repository }))).toThrow(TypeError);
  });

  it("a snapshot before the timestamp", () => {
    expect(() => newClient(sim).addSnapshot(bytes, sim.now)).toThrow(TypeError);
  });

  it("targets before the snapshot", () => {
    expect(() => newClient(sim).addTargets("targets", bytes, sim.now)).toThrow(TypeError);
  });

  it("a delegation before its parent", () => {
    const fresh = newClient(sim);
    fresh.addTimestamp(sim.served.get("timestamp") as Buffer, sim.now);
    fresh.addSnapshot(sim.served.get("snapshot") as Buffer, sim.now);
    expect(() => fresh.addTargets("targets/a", sim.served.get("targets/a") as Buffer, sim.now)).toThrow(
      TypeError,
    );
  });
});

describe("a delegation given up and declared anew", () => {
  beforeEach(() => {
    sim.targetsOf("targets/a/b").names.set("more", someTarget("more"));
    sim.targetsOf("targets/a/b").version = 5;
    sim.publish();
    update(client, sim);
  });

  function giveUpAndDeclareAnew(readInBetween: boolean): void {
    sim.targets.delete("targets/a/b");
    sim.publish();
    if (readInBetween) update(client, sim);
    sim.delegate("targets/a/b").filed = false;
    sim.publish();
  }

  it("has no file yet, for a client that saw it go", () => {
    giveUpAndDeclareAnew(true);
    expect(outcome(() => update(client, sim))).toBe("accepted");
  });

  it("begins at version 1, for a client that saw it go", () => {
    giveUpAndDeclareAnew(true);
    sim.targetsOf("targets/a/b").filed = true;
    sim.publish();
    expect(update(client, sim)).toEqual([]);
    expect(client.targets.get("targets/a/b")?.signed.version).toBe(1);
  });

  it("has vanished, for a client that did not: SNAPSHOT_INCOMPLETE", () => {
    giveUpAndDeclareAnew(false);
    expect(outcome(() => update(client, sim))).toBe("SNAPSHOT_INCOMPLETE");
  });

  it("takes its children's past along", () => {
    sim.targets.delete("targets/a/b");
    sim.targets.delete("targets/a");
    sim.publish();
    update(client, sim);
    sim.delegate("targets/a");
    sim.delegate("targets/a/b");
    sim.publish();
    expect(update(client, sim)).toEqual([]);
    expect(client.targets.get("targets/a/b")?.signed.version).toBe(1);
  });
});
