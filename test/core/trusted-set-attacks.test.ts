/**
 * The client's state machine, attacked. Each story ends as every story must: the next honest update succeeds.
 * Long, since the list of attacks is.
 */
import { beforeEach, describe, expect, it } from "vitest";
import type { TrustedSet } from "../../src/core/trusted-set.ts";
import { attacked, newClient, update } from "../support/reader.ts";
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

describe("arbitrary installation (S1)", () => {
  const roles = ["targets", "targets/a", "targets/a/b"];

  it.each(["snapshot", "timestamp"])("%s signed by a stranger: THRESHOLD", (role) => {
    release("new");
    sim.break.signWith(role);
    if (role === "snapshot") sim.break.stamp();
    expect(attacked(client, sim)).toBe("THRESHOLD");
  });

  it("targets signed by a stranger, vouched for by a thief of the online keys: THRESHOLD", () => {
    sim.break.signWith("targets");
    sim.break.vouch();
    expect(attacked(client, sim)).toBe("THRESHOLD");
  });

  it.each(roles)("%s changed in the middle: HASH_MISMATCH", (role) => {
    release("new");
    sim.break.tamper(role);
    expect(attacked(client, sim)).toBe("HASH_MISMATCH");
  });

  it.each(["flipSignature", "unsign", "tamper"] as const)(
    "targets after %s, vouched for: THRESHOLD",
    (way) => {
      sim.break[way]("targets");
      sim.break.vouch();
      expect(attacked(client, sim)).toBe("THRESHOLD");
    },
  );

  it.each(["flipSignature", "unsign", "tamper", "signWith"] as const)(
    "a delegation after %s, vouched for, is unavailable",
    (way) => {
      sim.break[way]("targets/a");
      sim.break.vouch();
      expect(update(client, sim)).toEqual(["targets/a"]);
      expect([...client.targets.keys()]).toEqual(["targets"]);
    },
  );

  it("targets signed by the key of another role: THRESHOLD", () => {
    sim.break.signWith("targets", sim.snapshot.keys);
    sim.break.vouch();
    expect(attacked(client, sim)).toBe("THRESHOLD");
  });

  it("a cut file is NOT_JSON", () => {
    sim.break.truncate("timestamp");
    expect(attacked(client, sim)).toBe("NOT_JSON");
  });
});

describe("rollback (S2, V8, V11)", () => {
  beforeEach(() => {
    release("new");
    update(client, sim);
  });

  it("an older timestamp: ROLLBACK", () => {
    sim.break.replay("timestamp", 1);
    expect(attacked(client, sim)).toBe("ROLLBACK");
  });

  it("an older snapshot under a new timestamp: ROLLBACK", () => {
    sim.break.replay("snapshot", 1);
    sim.break.stamp();
    expect(attacked(client, sim)).toBe("ROLLBACK");
  });

  it.each(["targets", "targets/a", "targets/a/b"])("an older %s, vouched for: ROLLBACK", (role) => {
    const state = sim.targetsOf(role);
    state.expires -= day;
    sim.publish();
    update(client, sim);
    sim.break.replay(role, 1);
    sim.break.vouch();
    expect(attacked(client, sim)).toBe("ROLLBACK");
  });

  it("a snapshot that drops a delegation: SNAPSHOT_INCOMPLETE", () => {
    sim.break.vouch("targets/a");
    expect(attacked(client, sim)).toBe("SNAPSHOT_INCOMPLETE");
  });

  it("a snapshot that drops a nested delegation: SNAPSHOT_INCOMPLETE", () => {
    sim.break.vouch("targets/a/b");
    expect(attacked(client, sim)).toBe("SNAPSHOT_INCOMPLETE");
  });

  it("a snapshot that drops a delegation beside new targets: SNAPSHOT_INCOMPLETE", () => {
    sim.targetsOf("targets").names.set("newer", someTarget("newer"));
    sim.publish();
    sim.break.vouch("targets/a");
    expect(attacked(client, sim)).toBe("SNAPSHOT_INCOMPLETE");
  });

  it("a dropped delegation is seen before anything of the snapshot is trusted", () => {
    const before = client.snapshot?.sha256;
    sim.break.vouch("targets/a");
    outcome(() => update(client, sim));
    expect(client.snapshot?.sha256).toBe(before);
  });

  it("a delegation that its parent gave up may vanish", () => {
    sim.targets.delete("targets/a/b");
    sim.publish();
    expect(update(client, sim)).toEqual([]);
    expect([...client.targets.keys()]).toEqual(["targets", "targets/a"]);
  });

  it("a client that never saw the newer one takes the older", () => {
    sim.break.replayAll(1);
    expect(outcome(() => update(newClient(sim), sim))).toBe("accepted");
  });
});

describe("fast-forward (S3)", () => {
  const most = 2_147_483_647;

  it("holds a client that saw it, while the keys stay", () => {
    sim.break.version("snapshot", most);
    sim.break.stamp();
    update(client, sim);
    sim.repair();
    sim.timestamp.version += 10;
    sim.publish();
    expect(outcome(() => update(client, sim))).toBe("ROLLBACK");
  });

  it.each(["timestamp", "snapshot"] as const)(
    "of the %s is undone by a root with another key for it",
    (role) => {
      sim.break.version("snapshot", most);
      sim.break.stamp();
      update(client, sim);
      sim.break.version("timestamp", most);
      update(client, sim);
      sim.repair();
      sim[role].keys = [newKey()];
      sim.publish();
      expect(update(client, sim)).toEqual([]);
      expect(client.timestamp?.signed.version).toBe(sim.timestamp.version);
    },
  );

  it("of targets is undone likewise, since all below is forgotten", () => {
    sim.break.version("targets", most);
    sim.break.vouch();
    update(client, sim);
    sim.repair();
    sim.timestamp.keys = [newKey()];
    sim.targetsOf("targets").keys = [newKey()];
    sim.publish();
    expect(update(client, sim)).toEqual([]);
    expect(client.targets.get("targets")?.signed.version).toBe(sim.targetsOf("targets").version);
  });

  it.each([most + 1, 2 ** 53 - 1])("to version %d is BAD_VERSION", (version) => {
    sim.break.version("timestamp", version);
    expect(attacked(client, sim)).toBe("BAD_VERSION");
  });

  it("a root that only changes the root key forgets nothing", async () => {
    release("new");
    update(client, sim);
    sim.root.keys = [await sim.rootKey()];
    sim.publish();
    update(client, sim);
    sim.break.replay("timestamp", 1);
    expect(attacked(client, sim)).toBe("ROLLBACK");
  });
});

describe("mix-and-match (S8)", () => {
  it("a new timestamp with an old snapshot: HASH_MISMATCH", () => {
    release("new");
    sim.break.replay("snapshot", 1);
    expect(attacked(client, sim)).toBe("HASH_MISMATCH");
  });

  it("a new snapshot with old targets: HASH_MISMATCH", () => {
    release("new");
    sim.break.replay("targets", 1);
    expect(attacked(client, sim)).toBe("HASH_MISMATCH");
  });

  it("targets cannot be added under a snapshot that the timestamp no longer names", () => {
    const targets = sim.served.get("targets") as Buffer;
    release("new");
    client.addTimestamp(sim.served.get("timestamp") as Buffer, sim.now);
    expect(() => client.addTargets("targets", targets, sim.now)).toThrow(TypeError);
  });

  it("a snapshot that names another root: HASH_MISMATCH", () => {
    sim.root.expires -= day;
    sim.publish();
    sim.break.replay("snapshot", 1);
    sim.break.stamp();
    expect(attacked(client, sim)).toBe("HASH_MISMATCH");
  });

  it("a length that is not the file's: LENGTH_MISMATCH", () => {
    sim.break.rewrite("timestamp", (signed) => {
      const { snapshot } = signed.meta as { snapshot: { hashes: object } };
      signed.meta = { snapshot: { ...snapshot, length: 1 } } as never;
      signed.version = sim.timestamp.version + 1;
    });
    expect(attacked(client, sim)).toBe("LENGTH_MISMATCH");
  });

  it("a sha512 that is not the file's, beside a good sha256: HASH_MISMATCH", () => {
    sim.break.rewrite("timestamp", (signed) => {
      const { snapshot } = signed.meta as { snapshot: { hashes: { sha256: string }; length: number } };
      const hashes = { ...snapshot.hashes, sha512: Buffer.alloc(64).toString("base64") };
      signed.meta = { snapshot: { ...snapshot, hashes } };
      signed.version = sim.timestamp.version + 1;
    });
    expect(attacked(client, sim)).toBe("HASH_MISMATCH");
  });
});

describe("the wrong file (S9)", () => {
  it.each([
    ["timestamp", "snapshot"],
    ["snapshot", "timestamp"],
    ["snapshot", "targets"],
    ["targets", "snapshot"],
    ["timestamp", "root"],
  ])("%s answered with %s: BAD_TYPE", (role, other) => {
    release("new");
    sim.break.serveAs(role, other);
    expect(attacked(client, sim)).toBe("BAD_TYPE");
  });

  it.each([
    ["targets", "targets/a/b"],
    ["targets/a/b", "targets"],
    ["targets/a/b", "targets/a"],
  ])("%s answered with %s: refused", (role, other) => {
    release("new");
    sim.break.serveAs(role, other);
    expect(["HASH_MISMATCH", "BAD_DELEGATION"]).toContain(attacked(client, sim));
  });

  it("a delegation's file listed and served as targets: THRESHOLD", () => {
    sim.break.serveAs("targets", "targets/a/b");
    sim.break.vouch();
    expect(attacked(client, sim)).toBe("THRESHOLD");
  });

  it("a role that nobody declares: UNDECLARED_ROLE", () => {
    const bytes = sim.served.get("targets/a/b") as Buffer;
    expect(outcome(() => client.addTargets("targets/b", bytes, sim.now))).toBe("UNDECLARED_ROLE");
  });

  it("a declared role that the snapshot does not list: SNAPSHOT_INCOMPLETE", () => {
    sim.delegate("targets/c").filed = false;
    sim.publish();
    update(client, sim);
    const bytes = sim.served.get("targets/a/b") as Buffer;
    expect(outcome(() => client.addTargets("targets/c", bytes, sim.now))).toBe("SNAPSHOT_INCOMPLETE");
  });
});

describe("keys stolen below the threshold (S11)", () => {
  beforeEach(() => {
    const targets = sim.targetsOf("targets");
    targets.keys = [newKey(), newKey(), newKey("ed25519")];
    targets.threshold = 2;
    sim.publish();
    update(client, sim);
  });

  it.each([0, 1, 2])("key %d alone signs no targets: THRESHOLD", (i) => {
    const { keys } = sim.targetsOf("targets");
    sim.break.signWith("targets", keys.slice(i, i + 1));
    sim.break.vouch();
    expect(attacked(client, sim)).toBe("THRESHOLD");
  });

  it("any two suffice", () => {
    sim.break.signWith("targets", sim.targetsOf("targets").keys.slice(1));
    sim.break.vouch();
    expect(update(client, sim)).toEqual([]);
  });
});
