import { beforeEach, describe, expect, it } from "vitest";
import { TrustError } from "../../src/client/errors.ts";
import type { Floor } from "../../src/client/floor.ts";
import { checkFloors } from "../../src/client/floors.ts";
import type { RepositoryView } from "../../src/client/repository-view.ts";
import { notary } from "../../src/core/format/notary.ts";
import { TrustedSet } from "../../src/core/trusted-set.ts";
import { newClient, update } from "../support/reader.ts";
import { newKey, Simulator, someTarget } from "../support/simulator.ts";

let sim: Simulator;
let set: TrustedSet;

beforeEach(async () => {
  sim = await Simulator.create();
  sim.delegate("targets/a").names.set("a", someTarget("a"));
  sim.publish();
  set = newClient(sim);
  update(set, sim);
});

const viewOf = (of: TrustedSet, floors: readonly Floor[]) =>
  ({ set: of, scope: { repository: sim.repository, floors } }) as unknown as RepositoryView;

/** What a lock made now would say. */
function floor(versions: Readonly<Record<string, number>> = {}): Floor {
  const ids = (role: string) => [...set.keysOf(role).keys.keys()];
  const files = [set.root, set.timestamp, set.snapshot, ...set.targets.values()];
  const present = Object.fromEntries(files.map((file) => [file?.role ?? "", file?.signed.version ?? 0]));
  return {
    versions: { ...present, ...versions },
    rootSha256: set.root?.sha256 ?? "",
    onlineKeyIds: { timestamp: ids("timestamp"), snapshot: ids("snapshot") },
  };
}

/** The role that is below its floor. */
function below(...floors: readonly Floor[]): string | undefined {
  try {
    checkFloors(viewOf(set, floors));
    return undefined;
  } catch (error) {
    if (!(error instanceof TrustError)) throw error;
    expect(error.code).toBe("BELOW_LOCK");
    return error.role;
  }
}

describe("what is served", () => {
  it("may be what was locked", () => {
    expect(below(floor())).toBeUndefined();
  });

  it("may be newer than what was locked", () => {
    const locked = floor();
    sim.targetsOf("targets").names.set("new", someTarget("new"));
    sim.publish();
    update(set, sim);
    expect(below(locked)).toBeUndefined();
  });

  it.each(["root", "timestamp", "snapshot", "targets", "targets/a"])(
    "may not be below the lock in the version of %s: BELOW_LOCK",
    (role) => {
      expect(below(floor({ [role]: 90 }))).toBe(role);
    },
  );

  it("may not be below any of several floors: BELOW_LOCK", () => {
    expect(below(floor(), floor({ targets: 90 }), floor())).toBe("targets");
  });

  it("may be anything where nothing is locked", () => {
    expect(below()).toBeUndefined();
    expect(below({ ...floor(), versions: {} })).toBeUndefined();
  });

  it("is not held against a role that is not here now", () => {
    expect(below(floor({ "targets/gone": 90 }))).toBeUndefined();
  });

  it("is not held against versions that a lock only inherits", () => {
    const versions = Object.create({ targets: 90, "targets/a": 90 }) as Record<string, number>;
    expect(below({ ...floor(), versions })).toBeUndefined();
  });
});

describe("a newer root that changes online keys", () => {
  it.each(["timestamp", "snapshot"] as const)("of the %s ends the floor", (role) => {
    const locked = floor({ targets: 90 });
    sim[role].keys = [newKey()];
    sim.publish();
    update(set, sim);
    expect(below(locked)).toBeUndefined();
  });

  it("does not end the floor of the root: BELOW_LOCK", () => {
    const locked = floor({ root: 90 });
    sim.timestamp.keys = [newKey()];
    sim.publish();
    update(set, sim);
    expect(below(locked)).toBe("root");
  });

  it("must be newer than the locked one: BELOW_LOCK", () => {
    const locked = { ...floor({ targets: 90 }), onlineKeyIds: { timestamp: ["other"], snapshot: ["other"] } };
    expect(below(locked)).toBe("targets");
  });

  it("must change them, by leaving one out as well as by another", () => {
    sim.timestamp.keys = [...sim.timestamp.keys, newKey()];
    sim.publish();
    update(set, sim);
    const locked = floor({ targets: 90 });
    sim.root.expires += 86_400_000;
    sim.publish();
    update(set, sim);
    expect(below(locked)).toBe("targets");
    sim.timestamp.keys = sim.timestamp.keys.slice(0, 1);
    sim.publish();
    update(set, sim);
    expect(below(locked)).toBeUndefined();
  });
});

it("nothing is below a floor where nothing is trusted yet", () => {
  const empty = new TrustedSet({ format: notary, repository: sim.repository });
  expect(() => checkFloors(viewOf(empty, [floor({ root: 90 })]))).not.toThrow();
});
