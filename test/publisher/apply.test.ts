import { beforeEach, describe, expect, it } from "vitest";
import { formatDate } from "../../src/core/dates.ts";
import { applyEdits } from "../../src/publisher/apply.ts";
import { type Contents, defaultLifetimes, type Edit } from "../../src/publisher/edits.ts";
import { EditError } from "../../src/publisher/errors.ts";
import { bareKeyIdOf, signing, stateOf } from "../support/drafting.ts";
import { newKey, Simulator, someTarget } from "../support/simulator.ts";

let sim: Simulator;
const app = someTarget("app");
const date = formatDate(signing.at);

beforeEach(async () => {
  sim = await Simulator.create();
  sim.delegate("targets/releases", { paths: ["a", "b"] });
  sim.publish();
});

function apply(...edits: readonly Edit[]): Contents {
  return applyEdits(stateOf(sim), edits, signing);
}

function refused(...edits: readonly Edit[]): string {
  try {
    apply(...edits);
  } catch (error) {
    if (error instanceof EditError) return error.code;
    throw error;
  }
  throw new Error("It was not refused.");
}

const add = (name: string, more: Partial<Edit & { edit: "add" }> = {}): Edit => ({
  edit: "add",
  role: "targets",
  name,
  target: someTarget(name),
  stood: null,
  ...more,
});

describe("a target", () => {
  it("that is added stands in the next version, dated, with everything else as it was", () => {
    const { root, targets } = apply(add("new"));
    expect(root).toBeUndefined();
    expect([...targets.keys()]).toEqual(["targets"]);
    const file = targets.get("targets");
    expect(file).toMatchObject({
      version: sim.targetsOf("targets").version + 1,
      expires: signing.at + defaultLifetimes.targets,
      delegations: [{ role: "targets/releases", paths: ["a", "b"] }],
    });
    expect(file?.targets.get("app")).toMatchObject({ sha256: app.sha256 });
    expect(file?.targets.get("app")?.custom).toBeUndefined();
    expect(file?.targets.get("new")?.custom).toEqual({ vidimus: { signedAt: date } });
  });

  it("keeps what else its custom data says", () => {
    const custom = { by: "x", vidimus: { signedAt: "2020-01-01T00:00:00Z", note: 1 } };
    const { targets } = apply(add("new", { target: { ...someTarget("new"), custom } }));
    expect(targets.get("targets")?.targets.get("new")?.custom).toEqual({
      by: "x",
      vidimus: { signedAt: date, note: 1 },
    });
  });

  it("goes into a delegation that has no file yet, as its version 1", () => {
    sim.delegate("targets/x", { filed: false, paths: [""] });
    sim.publish();
    const { targets } = apply(add("new", { role: "targets/x" }));
    expect(targets.get("targets/x")).toMatchObject({ version: 1, delegations: [] });
  });

  it.each(["", "a\nb", "\u001b[1m", "x".repeat(4_097), "é".repeat(2_049), "\ud800"])(
    "is refused under a name that no file can carry: TARGET_UNWRITABLE (%j)",
    (name) => {
      expect(refused(add(name))).toBe("TARGET_UNWRITABLE");
    },
  );

  it("is refused outside of the paths that lead to its role: OUTSIDE_PATHS", () => {
    expect(refused(add("c", { role: "targets/releases" }))).toBe("OUTSIDE_PATHS");
    sim.delegate("targets/releases/deep", { paths: ["a", "c"] });
    sim.publish();
    expect(refused(add("c", { role: "targets/releases/deep" }))).toBe("OUTSIDE_PATHS");
    expect(apply(add("ab", { role: "targets/releases/deep" })).targets.size).toBe(1);
  });

  it("is refused in a role that nobody delegates to: ROLE_UNKNOWN", () => {
    expect(refused(add("a", { role: "targets/none" }))).toBe("ROLE_UNKNOWN");
    expect(refused(add("a", { role: "targets/none/below" }))).toBe("ROLE_UNKNOWN");
  });

  it("that somebody moved since it was staged is a conflict: EDIT_CONFLICT", () => {
    expect(refused(add("app", { target: someTarget("other") }))).toBe("EDIT_CONFLICT");
    expect(refused(add("app", { target: someTarget("other"), stood: someTarget("third").sha256 }))).toBe(
      "EDIT_CONFLICT",
    );
    const moved = apply(add("app", { target: someTarget("other"), stood: app.sha256 }));
    expect(moved.targets.get("targets")?.targets.get("app")?.sha256).toBe(someTarget("other").sha256);
    // What somebody else has signed meanwhile is what is wanted; adding what was there before is signing it again.
    expect(apply(add("app", { target: app })).targets.size).toBe(0);
    expect(apply(add("app", { target: app, stood: app.sha256 })).targets.size).toBe(1);
  });

  it("is removed if it still is what it was", () => {
    const remove = (name: string, stood: string): Edit => ({ edit: "remove", role: "targets", name, stood });
    expect(apply(remove("app", app.sha256)).targets.get("targets")?.targets.size).toBe(0);
    expect(refused(remove("app", someTarget("x").sha256))).toBe("EDIT_CONFLICT");
    expect(apply(remove("none", app.sha256)).targets.size).toBe(0);
  });
});

describe("a delegation", () => {
  it("is made with its keys and paths, behind those that are there", () => {
    const [one, two] = [newKey(), newKey("ed25519")];
    const { targets } = apply({
      edit: "delegation",
      role: "targets/x",
      addKeys: [one.listed, two.listed],
      addPaths: ["x"],
      threshold: 2,
    });
    expect(targets.get("targets")?.delegations[1]).toEqual({
      role: "targets/x",
      keyIds: [one.listed.id, two.listed.id],
      threshold: 2,
      paths: ["x"],
    });
    expect(targets.get("targets")?.keys).toContainEqual(two.listed);
  });

  it("changes keys and paths, and forgets keys that nobody uses", () => {
    const [old] = sim.targetsOf("targets/releases").keys;
    const next = newKey();
    const { targets } = apply({
      edit: "delegation",
      role: "targets/releases",
      addKeys: [next.listed],
      removeKeys: [bareKeyIdOf(old as never)],
      addPaths: ["c"],
      removePaths: ["a"],
    });
    const file = targets.get("targets");
    expect(file?.delegations).toMatchObject([{ keyIds: [next.listed.id], paths: ["b", "c"] }]);
    expect(file?.keys).toEqual([next.listed]);
  });

  it("is refused where it could not be met; what is not there is removed already", () => {
    const role = "targets/releases";
    expect(refused({ edit: "delegation", role, threshold: 2 })).toBe("THRESHOLD_UNREACHABLE");
    expect(refused({ edit: "delegation", role: "targets/x" })).toBe("THRESHOLD_UNREACHABLE");
    expect(
      apply({ edit: "delegation", role, removeKeys: ["0".repeat(64)], removePaths: ["z"] }).targets.size,
    ).toBe(0);
    expect(refused({ edit: "delegation", role: "targets/none/x" })).toBe("ROLE_UNKNOWN");
  });

  it("that others left unreachable stops no other edit", () => {
    sim.targetsOf("targets/releases").threshold = 3;
    sim.targetsOf("targets/releases").filed = false;
    sim.publish();
    expect(apply(add("new")).targets.size).toBe(1);
  });

  it("is removed with what was staged below it", () => {
    const { targets } = apply(add("a", { role: "targets/releases" }), {
      edit: "delegation-removal",
      role: "targets/releases",
    });
    expect([...targets]).toMatchObject([["targets", { delegations: [], keys: [] }]]);
    expect(apply({ edit: "delegation-removal", role: "targets/none" }).targets.size).toBe(0);
  });
});

describe("root", () => {
  it("lists the next keys and no others, one version on", async () => {
    const next = await sim.rootKey();
    const [old] = sim.root.keys;
    const { root, targets } = apply({
      edit: "keys",
      role: "root",
      add: [next.listed],
      remove: [old?.listed.id ?? ""],
    });
    expect(root).toMatchObject({ version: 2, expires: signing.at + defaultLifetimes.root });
    expect(root?.roles.root).toEqual({ keyIds: [next.listed.id], threshold: 1 });
    expect(root?.keys.map(({ id }) => id)).not.toContain(old?.listed.id);
    expect(targets.size).toBe(0);
  });

  it("that gives targets other keys has targets signed again", () => {
    const [old] = sim.targetsOf("targets").keys;
    const next = newKey();
    const rotated = apply({
      edit: "keys",
      role: "targets",
      add: [next.listed],
      remove: [bareKeyIdOf(old as never)],
    });
    expect([...rotated.targets.keys()]).toEqual(["targets"]);
    const more = apply({ edit: "keys", role: "targets", add: [next.listed], remove: [] });
    expect(more.targets.size).toBe(0);
  });

  it("is refused where a threshold could not be met", () => {
    expect(refused({ edit: "threshold", role: "root", threshold: 2 })).toBe("THRESHOLD_UNREACHABLE");
    expect(refused({ edit: "threshold", role: "targets", threshold: 0 })).toBe("THRESHOLD_UNREACHABLE");
    const more = newKey();
    const both = apply(
      { edit: "keys", role: "targets", add: [more.listed], remove: [] },
      { edit: "threshold", role: "targets", threshold: 2 },
    );
    expect(both.root?.roles.targets.threshold).toBe(2);
    expect([...both.targets.keys()]).toEqual(["targets"]);
  });
});

describe("signing again", () => {
  it("dates every target, or none", () => {
    sim.targetsOf("targets").names.set("two", someTarget("two"));
    sim.publish();
    const customs = (dated: boolean) =>
      [
        ...(apply({ edit: "resign", role: "targets", dated }).targets.get("targets")?.targets.values() ?? []),
      ].map(({ custom }) => custom);
    expect(customs(true)).toEqual([{ vidimus: { signedAt: date } }, { vidimus: { signedAt: date } }]);
    expect(customs(false)).toEqual([undefined, undefined]);
    expect(apply({ edit: "resign", role: "root", dated: true }).root?.version).toBe(2);
  });
});
