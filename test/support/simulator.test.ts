import { beforeEach, describe, expect, it } from "vitest";
import { notary } from "../../src/core/format/notary.ts";
import { held, newClient, update } from "./reader.ts";
import { outcome } from "./refusals.ts";
import { newKey, Simulator, someTarget } from "./simulator.ts";

let sim: Simulator;
const versions = () =>
  Object.fromEntries(
    [...sim.served].map(([role, bytes]) => [role, notary.parse(role, bytes).signed.version]),
  );

beforeEach(async () => {
  sim = await Simulator.create();
});

describe("the simulated repository", () => {
  it("begins with version 1 of the four top roles", () => {
    expect(versions()).toEqual({ root: 1, targets: 1, snapshot: 1, timestamp: 1 });
  });

  it("gives a version to what changed, and to the snapshot and timestamp above it", () => {
    sim.targetsOf("targets").names.set("new", someTarget("new"));
    sim.publish();
    expect(versions()).toEqual({ root: 1, targets: 2, snapshot: 2, timestamp: 2 });
    expect(sim.changed).toEqual(["targets", "snapshot", "timestamp"]);
  });

  it("signs nothing when nothing changed", () => {
    const before = sim.served.get("timestamp");
    sim.publish();
    expect([sim.changed, sim.served.get("timestamp")]).toEqual([[], before]);
  });

  it("uses a version that was assigned", () => {
    sim.targetsOf("targets").version = 7;
    sim.publish();
    expect(versions().targets).toBe(7);
  });

  it("lists a delegation in its parent, and its file in the snapshot", () => {
    sim.delegate("targets/a");
    sim.publish();
    expect(versions()).toEqual({ root: 1, targets: 2, "targets/a": 1, snapshot: 2, timestamp: 2 });
    expect(update(newClient(sim), sim)).toEqual([]);
  });

  it("signs a root also with the keys of the one before", async () => {
    sim.root.keys = [await sim.rootKey()];
    sim.publish();
    expect(outcome(() => update(newClient(sim), sim))).toBe("accepted");
    expect(sim.roots.size).toBe(2);
  });

  it("signs a root once, also after its keys have changed", async () => {
    sim.root.keys = [await sim.rootKey()];
    sim.publish();
    sim.publish();
    expect(sim.changed).toEqual([]);
  });

  it("signs with other keys when told to", () => {
    sim.targetsOf("targets").signers = [newKey()];
    sim.publish();
    expect(outcome(() => update(newClient(sim), sim))).toBe("THRESHOLD");
  });

  it("uploads what changed, with the snapshot or without", () => {
    expect([...sim.upload("without snapshot").keys()]).toEqual(["root", "targets"]);
    expect([...sim.upload("with snapshot").keys()]).toEqual(["root", "targets", "snapshot"]);
  });

  it("tells a human what is served honestly and what is not", () => {
    sim.break.tamper("targets");
    sim.break.withhold("snapshot");
    const lines = sim.dump().split("\n");
    expect(lines.length).toBe(5);
    expect(lines.find((line) => line.startsWith("root v1"))).toMatch(/honest$/);
    expect(lines.find((line) => line.startsWith("targets v1"))).toMatch(/BROKEN$/);
    expect(lines.find((line) => line.startsWith("snapshot v1"))).toMatch(/not served$/);
  });
});

describe("every way to break it is noticed, and repaired", () => {
  it.each<[string, (sim: Simulator) => void]>([
    ["flipSignature", ({ break: b }) => b.flipSignature("timestamp")],
    ["unsign", ({ break: b }) => b.unsign("timestamp")],
    ["signWith", ({ break: b }) => b.signWith("timestamp")],
    ["tamper", ({ break: b }) => b.tamper("snapshot")],
    ["rewrite", ({ break: b }) => b.rewrite("snapshot", (signed) => Object.assign(signed, { x: 1 }))],
    ["version", ({ break: b }) => b.version("targets", 2)],
    ["expire", ({ break: b }) => b.expire("timestamp")],
    ["replay", ({ break: b }) => b.replay("snapshot", 0)],
    ["serveAs", ({ break: b }) => b.serveAs("targets", "snapshot")],
    ["truncate", ({ break: b }) => b.truncate("targets")],
    ["serve", ({ break: b }) => b.serve("targets", Buffer.from("{}"))],
  ])("%s", (_, harm) => {
    sim.targetsOf("targets").names.set("new", someTarget("new"));
    sim.publish();
    harm(sim);
    expect(outcome(() => update(newClient(sim), sim))).not.toBe("accepted");
    sim.repair();
    expect(outcome(() => update(newClient(sim), sim))).toBe("accepted");
  });

  it("withhold", () => {
    sim.break.withhold("targets");
    expect(() => update(newClient(sim), sim)).toThrow(TypeError);
  });

  it("replayAll serves an earlier generation, consistent in itself", () => {
    const before = newClient(sim);
    update(before, sim);
    sim.targetsOf("targets").names.set("new", someTarget("new"));
    sim.publish();
    sim.break.replayAll(0);
    const client = newClient(sim);
    update(client, sim);
    expect(held(client)).toEqual(held(before));
  });

  it("vouch makes the online roles name what is served", () => {
    sim.break.version("targets", 5);
    sim.break.vouch();
    const client = newClient(sim);
    update(client, sim);
    expect(client.targets.get("targets")?.signed.version).toBe(5);
  });

  it("vouch leaves out what it is told to", () => {
    sim.delegate("targets/a");
    sim.publish();
    sim.break.vouch("targets/a");
    const client = newClient(sim);
    update(client, sim);
    expect([...client.targets.keys()]).toEqual(["targets"]);
  });
});
