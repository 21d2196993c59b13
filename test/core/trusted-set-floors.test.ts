/** What a client brings from its past: copies, versions that were seen, cached files that may have expired. */
import { beforeEach, describe, expect, it } from "vitest";
import { notary } from "../../src/core/format/notary.ts";
import { TrustedSet } from "../../src/core/trusted-set.ts";
import { held, newClient, update } from "../support/reader.ts";
import { outcome } from "../support/refusals.ts";
import { newKey, Simulator, someTarget } from "../support/simulator.ts";

const day = 86_400_000;
let sim: Simulator;
let client: TrustedSet;

function release(name: string): void {
  sim.targetsOf("targets").names.set(name, someTarget(name));
  sim.publish();
}

const served = (role: string): Buffer => sim.served.get(role) ?? expect.unreachable(role);

/** A client that gets the files of the newest generation as from a cache. */
function recalled(): TrustedSet {
  const set = newClient(sim, sim.roots.get(1));
  for (let version = 2; sim.roots.has(version); version++)
    set.addRoot(sim.roots.get(version) as Buffer, sim.now);
  set.addTimestamp(served("timestamp"), sim.now, "ignored");
  set.addSnapshot(served("snapshot"), sim.now, "ignored");
  return set;
}

beforeEach(async () => {
  sim = await Simulator.create();
  sim.delegate("targets/a").names.set("a", someTarget("a"));
  sim.publish();
  client = newClient(sim);
  update(client, sim);
});

describe("a copy", () => {
  it("trusts the same", () => {
    expect(held(client.copy())).toEqual(held(client));
    expect([...client.copy().seenVersions]).toEqual([...client.seenVersions]);
  });

  it("goes its own way", () => {
    const before = held(client);
    const seen = [...client.seenVersions];
    const copy = client.copy();
    release("new");
    update(copy, sim);
    copy.recallVersions(new Map([["targets/a", 90]]));
    expect(held(client)).toEqual(before);
    expect([...client.seenVersions]).toEqual(seen);
    expect(held(copy)).not.toEqual(before);
  });

  it("is not changed through what it was copied from", () => {
    const copy = client.copy();
    const before = held(copy);
    release("new");
    update(client, sim);
    expect(held(copy)).toEqual(before);
  });

  it("of a set that trusts nothing trusts nothing", () => {
    const empty = new TrustedSet({ format: notary, repository: sim.repository });
    expect(held(empty.copy())).toEqual([]);
  });
});

describe("versions that are recalled", () => {
  it("refuse lower ones, as if the files were here: ROLLBACK", () => {
    const fresh = newClient(sim);
    fresh.recallVersions(new Map([["targets", 9]]));
    expect(outcome(() => update(fresh, sim))).toBe("ROLLBACK");
  });

  it("accept equal and higher ones", () => {
    const fresh = newClient(sim);
    fresh.recallVersions(client.seenVersions);
    expect(outcome(() => update(fresh, sim))).toBe("accepted");
    release("new");
    expect(outcome(() => update(fresh, sim))).toBe("accepted");
  });

  it("do not lower what was seen", () => {
    const seen = [...client.seenVersions];
    client.recallVersions(new Map(seen.map(([role]) => [role, 1])));
    expect([...client.seenVersions]).toEqual(seen);
  });

  it("make a declared role that the snapshot has lost SNAPSHOT_INCOMPLETE", () => {
    sim.targetsOf("targets/a").filed = false;
    sim.publish();
    const fresh = newClient(sim);
    expect(outcome(() => update(fresh.copy(), sim))).toBe("accepted");
    fresh.recallVersions(new Map([["targets/a", 1]]));
    expect(outcome(() => update(fresh, sim))).toBe("SNAPSHOT_INCOMPLETE");
  });

  it.each(["timestamp", "snapshot"] as const)(
    "are forgotten when a root changes the keys of the %s",
    (role) => {
      const fresh = newClient(sim);
      fresh.recallVersions(new Map([["targets", 90]]));
      sim[role].keys = [newKey()];
      sim.publish();
      expect(outcome(() => update(fresh, sim))).toBe("accepted");
    },
  );
});

describe("the keys of a role", () => {
  it("are those that its parent gives it", () => {
    const ids = (role: string) => [...client.keysOf(role).keys.keys()];
    expect(ids("timestamp")).toEqual(sim.timestamp.keys.map(({ listed }) => listed.id));
    expect(ids("snapshot")).toEqual(sim.snapshot.keys.map(({ listed }) => listed.id));
    expect(ids("targets")).toEqual(sim.targetsOf("targets").keys.map(({ listed }) => listed.id));
    expect(ids("targets/a")).toEqual(sim.targetsOf("targets/a").keys.map(({ listed }) => listed.id));
  });

  it("are none for a role that nobody declared: UNDECLARED_ROLE", () => {
    expect(outcome(() => client.keysOf("targets/b"))).toBe("UNDECLARED_ROLE");
  });

  it("cannot be told before the parent is trusted", () => {
    expect(() => newClient(sim).keysOf("targets/a")).toThrow(TypeError);
    const empty = new TrustedSet({ format: notary, repository: sim.repository });
    expect(() => empty.keysOf("timestamp")).toThrow(TypeError);
  });
});

describe("the trusted snapshot", () => {
  it("may be used while it is fresh", () => {
    expect(outcome(() => client.checkSnapshot(sim.now))).toBe("accepted");
    expect(outcome(() => client.checkSnapshot(sim.snapshot.expires - 1_000))).toBe("accepted");
  });

  it("may not from its expiry on: EXPIRED", () => {
    expect(outcome(() => client.checkSnapshot(sim.snapshot.expires))).toBe("EXPIRED");
  });

  it("may not under a root that it does not list: HASH_MISMATCH", () => {
    sim.root.expires += day;
    sim.publish();
    client.addRoot(sim.roots.get(2) as Buffer, sim.now);
    expect(outcome(() => client.checkSnapshot(sim.now))).toBe("HASH_MISMATCH");
  });

  it("must be there", () => {
    expect(() => newClient(sim).checkSnapshot(sim.now)).toThrow(TypeError);
  });
});

describe("expired files of a cache are floors", () => {
  it("that lower versions are held against: ROLLBACK", () => {
    const old = new Map(sim.served);
    release("new");
    sim.now += 15 * day;
    const set = recalled();
    expect(set.timestamp?.signed.version).toBe(sim.timestamp.version);
    expect(outcome(() => set.addTimestamp(old.get("timestamp") as Buffer, sim.now))).toBe("ROLLBACK");
  });

  it("that a fresh generation is accepted upon", () => {
    sim.now += 15 * day;
    const set = recalled();
    sim.timestamp.expires = sim.now + day;
    release("new");
    expect(outcome(() => update(set, sim))).toBe("accepted");
  });

  it("and never an answer: the same timestamp again is EXPIRED", () => {
    sim.now += 15 * day;
    const set = recalled();
    expect(outcome(() => set.addTimestamp(served("timestamp"), sim.now))).toBe("EXPIRED");
  });

  it("and never an answer: nothing below them is trusted, EXPIRED", () => {
    sim.now += 15 * day;
    const set = recalled();
    expect(outcome(() => set.addTargets("targets", served("targets"), sim.now))).toBe("EXPIRED");
    expect(set.targets.size).toBe(0);
  });

  it("and never an answer: an expired snapshot under a fresh timestamp is EXPIRED", () => {
    sim.now = sim.snapshot.expires + day;
    sim.timestamp.expires = sim.now + day;
    sim.root.expires = sim.now + day;
    sim.snapshot.version = 7;
    sim.snapshot.expires = sim.now - 1_000;
    sim.publish();
    const set = recalled();
    expect(outcome(() => set.addSnapshot(served("snapshot"), sim.now))).toBe("EXPIRED");
    expect(outcome(() => set.addTargets("targets", served("targets"), sim.now))).toBe("EXPIRED");
  });

  it("only if they are signed: THRESHOLD", () => {
    sim.break.tamper("timestamp");
    const set = newClient(sim);
    expect(outcome(() => set.addTimestamp(served("timestamp"), sim.now, "ignored"))).toBe("THRESHOLD");
    expect(set.timestamp).toBeUndefined();
  });

  it("also a snapshot of the time of an earlier root, which is no answer: HASH_MISMATCH", () => {
    const before = new Map(sim.served);
    sim.root.expires += day;
    sim.publish();
    const set = newClient(sim);
    set.addRoot(sim.roots.get(2) as Buffer, sim.now);
    set.addTimestamp(before.get("timestamp") as Buffer, sim.now, "ignored");
    const snapshot = before.get("snapshot") as Buffer;
    expect(outcome(() => set.copy().addSnapshot(snapshot, sim.now))).toBe("HASH_MISMATCH");
    expect(outcome(() => set.addSnapshot(snapshot, sim.now, "ignored"))).toBe("accepted");
    expect(outcome(() => set.checkSnapshot(sim.now))).toBe("HASH_MISMATCH");
  });
});
