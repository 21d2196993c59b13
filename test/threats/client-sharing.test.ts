/** Several clients of one cache at once, and clients that are killed (docs/threats.md: V43). */
import { existsSync, readdirSync, utimesSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startChild } from "../support/child.ts";
import { Simulator, someTarget } from "../support/simulator.ts";
import { refusalOf, type StoredState, startVisit, type Visit } from "../support/visits.ts";

let visit: Visit;
let sim: Simulator;

beforeEach(async () => {
  visit = await startVisit();
  sim = visit.sim;
  sim.delegate("targets/releases").names.set("released", someTarget("released"));
  sim.publish();
});
afterEach(async () => await visit.close());

const folder = () => dirname(visit.stateFile() as string);

describe("V43: several at once", () => {
  test("V43: two clients of one cache never take it back", async () => {
    const clients = [await visit.open(), await visit.open()];
    let highest = 0;
    for (let round = 0; round < 12; round++) {
      sim.targetsOf("targets").names.set(`n${round}`, someTarget(`n${round}`));
      sim.publish();
      const old = round % 3 === 2;
      if (old) sim.break.replayAll(round - 1);
      await Promise.allSettled(
        clients.flatMap((client) => [visit.ask(client), visit.ask(client, "released")]),
      );
      const { timestampVersion } = visit.state() as StoredState;
      expect(timestampVersion).toBeGreaterThanOrEqual(highest);
      highest = timestampVersion;
    }
    expect(highest).toBe(sim.timestamp.version - 1);
    sim.repair();
    expect((await visit.ask(await visit.open())).versions.timestamp).toBe(sim.timestamp.version);
  });

  test("V43: what one has seen of a role is kept when another, who began earlier, ends later", async () => {
    const onlyTargets = { rule: { lookup: ["targets"] } };
    const early = await visit.open(onlyTargets);
    await visit.ask(early);
    await visit.ask(await visit.open(), "released");
    const seen = (state = visit.state()) => state?.targets.find(({ role }) => role === "targets/releases");
    expect(seen()?.version).toBe(1);
    sim.timestamp.expires += 1_000;
    sim.publish();
    await visit.ask(early);
    expect(visit.state()?.timestampVersion).toBe(sim.timestamp.version);
    expect(seen()?.version).toBe(1);
  });

  test.each(["the same client", "another client"])(
    "V43: what one question sees is kept, though %s has gone on meanwhile",
    async (who) => {
      const releases = sim.targetsOf("targets/releases");
      releases.paths = ["released"];
      sim.publish();
      const client = await visit.open();
      await visit.ask(client, "released");
      releases.names.set("released", someTarget("again"));
      sim.publish();
      const held = Promise.withResolvers<() => void>();
      visit.site.answer = (file, response) => {
        if (!file.startsWith("targets/releases")) return false;
        visit.site.answer = () => false;
        held.resolve(() => response.end(sim.served.get("targets/releases")));
        return true;
      };
      const slow = visit.ask(client, "released");
      const release = await held.promise;
      sim.timestamp.expires += 1_000;
      sim.publish();
      await visit.ask(who === "the same client" ? client : await visit.open());
      release();
      await slow;
      expect(visit.state()?.targets.find(({ role }) => role === "targets/releases")?.version).toBe(2);
      expect(visit.state()?.timestampVersion).toBe(sim.timestamp.version);
      sim.break.replay("targets/releases", 1);
      sim.break.vouch();
      const later = who === "the same client" ? client : await visit.open();
      const refusal = await refusalOf(visit.ask(later, "released"));
      expect(refusal.detail?.reason).toBe("ROLLBACK");
    },
  );

  test("V43: a cache that does not fit into memory is still on disk", async () => {
    const others = await Promise.all(
      ["a", "b", "c"].map((name) => Simulator.create(`example.org/team/${name}`)),
    );
    for (const other of others) visit.site.add(other);
    const client = await visit.open({ limits: { memoryBytes: 1 } });
    await client.resolveAll(others.map(({ repository }) => `${repository}:app`));
    const states = readdirSync(join(visit.cacheDir, "v1")).filter((name) =>
      existsSync(join(visit.cacheDir, "v1", name, "state.json")),
    );
    expect(states.length).toBe(others.length);
  });

  /** What a killed process held is taken over once it is old: as if that time had passed. */
  function ageLocks(): void {
    const past = new Date(Date.now() - 60_000);
    for (const name of readdirSync(folder()).filter((each) => each === "lock")) {
      for (const file of readdirSync(join(folder(), name)))
        utimesSync(join(folder(), name, file), past, past);
    }
  }

  test("V43: processes that are killed at any moment leave a cache that works and never goes back", async () => {
    const args = [visit.site.url, visit.cacheDir, `${sim.repository}:app`, String(sim.now)];
    let highest = 0;
    for (let round = 0; round < 8; round++) {
      const children = [startChild("resolver.ts", args), startChild("resolver.ts", args)];
      await Promise.all(children.map((child) => child.line("version")));
      for (let more = 0; more < 6; more++) {
        sim.timestamp.expires += 1_000;
        sim.publish();
        await sleep(5 * (round + 1));
      }
      await Promise.all(children.map((child) => child.kill()));
      for (const child of children) expect(child.output()).not.toContain("refused");
      const { timestampVersion } = visit.state() as StoredState;
      expect(timestampVersion).toBeGreaterThanOrEqual(highest);
      highest = timestampVersion;
      ageLocks();
    }
    await visit.recovers(await visit.open());
    expect(readdirSync(folder()).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  }, 120_000);
});
