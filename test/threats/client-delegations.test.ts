/** Whose word counts for a name, under attack (docs/threats.md: V10 to V14, D1 to D6). */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Json } from "../../src/core/json.ts";
import { newKey } from "../support/publisher.ts";
import { type Simulator, someTarget, type TargetsState } from "../support/simulator.ts";
import { codeOf, refusalOf, type Stance, stances, startVisit, type Visit } from "../support/visits.ts";

let visit: Visit;
let sim: Simulator;

beforeEach(async () => {
  visit = await startVisit();
  sim = visit.sim;
});
afterEach(async () => await visit.close());

const visited = stances.slice(1);
const digestOf = (content: string) => `sha256:${someTarget(content).sha256}`;

function delegate(role: string, content?: string, wish: Partial<TargetsState> = {}): TargetsState {
  const state = sim.delegate(role, wish);
  if (content !== undefined) state.names.set("app", someTarget(content));
  return state;
}

/** A client in front of a repository where targets and targets/releases both sign `app`. */
async function releases(stance: Stance) {
  const state = delegate("targets/releases", "released");
  sim.publish();
  return { client: await visit.client(stance), state };
}

/** A new snapshot of the thief's lists what is served, and not the role. */
function drop(role: string): void {
  sim.break.withhold(role);
  sim.break.vouch(role);
}

const losses: Record<string, { lose: (state: TargetsState) => void; reason: string | RegExp }> = {
  "is withheld": { lose: () => sim.break.withhold("targets/releases"), reason: "FILE_WITHHELD" },
  "is dropped from the snapshot": {
    lose: () => drop("targets/releases"),
    reason: /FILE_WITHHELD|SNAPSHOT_INCOMPLETE/,
  },
  "has expired": {
    lose() {
      sim.break.expire("targets/releases");
      sim.break.vouch();
    },
    reason: "EXPIRED",
  },
  "is below its threshold": {
    lose() {
      sim.break.signWith("targets/releases");
      sim.break.vouch();
    },
    reason: "THRESHOLD",
  },
  "is not signed": {
    lose() {
      sim.break.unsign("targets/releases");
      sim.break.vouch();
    },
    reason: "THRESHOLD",
  },
  "has a wrong hash": { lose: () => sim.break.flipSignature("targets/releases"), reason: "HASH_MISMATCH" },
};

describe.each(stances)("V14, V10: for %s a role that counts", (stance) => {
  test.each(Object.keys(losses))(
    "V14: and %s refuses, and an older digest in targets is not taken instead",
    async (what) => {
      const { lose, reason } = losses[what] as (typeof losses)[string];
      const { client, state } = await releases(stance);
      state.names.set("app", someTarget("released again"));
      sim.publish();
      lose(state);
      for (const name of ["app", "signed by nobody"]) {
        const refusal = await refusalOf(visit.ask(client, name.replaceAll(" ", "-")));
        expect([refusal.code, refusal.role]).toEqual(
          refusal.code === "SNAPSHOT_INCOMPLETE"
            ? [refusal.code, "targets/releases"]
            : ["ROLE_UNAVAILABLE", "targets/releases"],
        );
        if (refusal.code === "ROLE_UNAVAILABLE") expect(refusal.detail?.reason).toMatch(reason);
      }
      sim.repair();
      sim.snapshot.version += 5;
      sim.timestamp.version += 5;
      sim.publish();
      expect((await visit.ask(client)).digest).toBe(digestOf("released again"));
    },
  );

  test("V14: and is longer than it is listed is left at that length", async () => {
    const { client, state } = await releases(stance);
    state.names.set("app", someTarget("released again"));
    sim.publish();
    sim.break.serve(
      "targets/releases",
      Buffer.concat([sim.served.get("targets/releases") as Buffer, Buffer.alloc(9)]),
    );
    expect(await codeOf(visit.ask(client))).toBe("ANSWER_TOO_LARGE");
    await visit.recovers(client);
  });

  test("D2: and that its parent gave up counts no more; the next role does", async () => {
    const { client } = await releases(stance);
    expect((await visit.ask(client)).digest).toBe(digestOf("released"));
    sim.targetsOf("targets/releases").declared = false;
    sim.publish();
    expect((await visit.ask(client)).digest).toBe(digestOf("app"));
  });

  test("D1: and that nobody declares has no say, though it is listed and served", async () => {
    delegate("targets/releases", "ghost", { declared: false });
    sim.publish();
    expect((await visit.ask(await visit.client(stance))).digest).toBe(digestOf("app"));
  });
});

describe.each(visited)("V11: to %s", (stance) => {
  test("V11: an older delegation in a newer snapshot is a rollback", async () => {
    const { client, state } = await releases(stance);
    state.names.set("app", someTarget("released again"));
    sim.publish();
    await visit.ask(client);
    sim.break.replay("targets/releases", 1);
    sim.break.vouch();
    const refusal = await refusalOf(visit.ask(client));
    expect([refusal.code, refusal.detail?.reason]).toEqual(["ROLE_UNAVAILABLE", "ROLLBACK"]);
    await visit.recovers(client);
  });

  test("V11: a newer snapshot without a delegation that is still declared is refused", async () => {
    const { client } = await releases(stance);
    await visit.ask(client);
    drop("targets/releases");
    expect(["SNAPSHOT_INCOMPLETE", "ROLE_UNAVAILABLE"]).toContain(await codeOf(visit.ask(client)));
    await visit.recovers(client);
  });

  test("V11: an older delegation does not come back through another client of the same cache", async () => {
    const { client, state } = await releases(stance);
    const other = await visit.open({ rule: { lookup: ["targets"] } });
    await visit.ask(other);
    state.names.set("app", someTarget("released again"));
    sim.publish();
    // Both have begun with the older state; the second one to end has not looked at the delegation.
    await visit.ask(client);
    await visit.ask(other);
    expect(visit.state()?.targets.find(({ role }) => role === "targets/releases")?.version).toBe(2);
    sim.break.replay("targets/releases", 1);
    sim.break.vouch();
    expect(await codeOf(visit.ask(await visit.open()))).toBe("ROLE_UNAVAILABLE");
  });
});

describe.each(stances)("V10: for %s the order is that of the policy", (stance) => {
  test("V10: the first role with an entry wins", async () => {
    delegate("targets/a", "from a");
    delegate("targets/b", "from b");
    sim.publish();
    for (const [lookup, content] of [
      [["targets/a", "targets/b"], "from a"],
      [["targets/b", "targets/a"], "from b"],
      [["targets", "targets/b"], "app"],
      [["targets/missing", "targets/b"], "from b"],
    ] as const) {
      expect((await visit.ask(await visit.client(stance, { rule: { lookup } }))).digest).toBe(
        digestOf(content),
      );
    }
  });

  test("V10: a role that the policy does not name never counts", async () => {
    delegate("targets/a").names.set("only-a", someTarget("only a"));
    sim.publish();
    const refusal = await refusalOf(visit.ask(await visit.client(stance), "only-a"));
    expect([refusal.code, refusal.detail?.roles]).toEqual(["NOT_SIGNED_IN_ROLE", ["targets/a"]]);
  });

  test("V10: targets/** is breadth first: a child is asked after all its aunts", async () => {
    sim.targetsOf("targets").names.delete("app");
    delegate("targets/a");
    delegate("targets/a/deep", "deep");
    delegate("targets/b", "aunt");
    sim.publish();
    const client = await visit.client(stance, { rule: { lookup: ["targets/**"] } });
    expect((await visit.ask(client)).role).toBe("targets/b");
    const below = await visit.open({ rule: { lookup: ["targets/a/**"] } });
    expect((await visit.ask(below)).role).toBe("targets/a/deep");
  });
});

describe.each(stances)("D3, D5: for %s paths are prefixes", (stance) => {
  test.each([
    [["app"], "a"],
    [[""], "a"],
    [["ap"], "a"],
    [["other"], "targets"],
    [["app/"], "targets"],
    [["App"], "targets"],
    [["a*"], "targets"],
    [["/app"], "targets"],
    [[], "targets"],
  ])("D3, D5: with paths %j the entry that counts is that of %s", async (paths, who) => {
    delegate("targets/a", "from a", { paths });
    sim.publish();
    const client = await visit.client(stance, { rule: { lookup: ["targets/a", "targets"] } });
    expect((await visit.ask(client)).digest).toBe(digestOf(who === "a" ? "from a" : "app"));
  });

  test("D3: a grandchild signs no more than its parent may", async () => {
    delegate("targets/a", undefined, { paths: ["lib"] });
    delegate("targets/a/b", "from b", { paths: ["", "app"] });
    sim.publish();
    const client = await visit.client(stance, { rule: { lookup: ["targets/a/b", "targets"] } });
    expect((await visit.ask(client)).digest).toBe(digestOf("app"));
  });

  test("D3: nor more than the policy lets it", async () => {
    delegate("targets/a", "from a");
    sim.publish();
    const rule = { lookup: ["targets/a", "targets"], roles: { "targets/a": { paths: ["lib"] } } };
    expect((await visit.ask(await visit.client(stance, { rule }))).digest).toBe(digestOf("app"));
  });

  test("D3: an empty prefix of a role is no way around for a digest", async () => {
    delegate("targets/a", "from a", { paths: ["lib"] });
    sim.publish();
    const client = await visit.client(stance, { rule: { lookup: ["targets/a", "targets"] } });
    const work = client.resolve(`${sim.repository}@${digestOf("from a")}`);
    expect(await codeOf(work)).toBe("NOT_SIGNED");
  });
});

describe.each(stances)("V13: to %s", (stance) => {
  const loops: Record<string, string> = {
    itself: "targets/a",
    "its parent": "targets",
    "a sister": "targets/b",
    "a grandchild": "targets/a/b/c",
    "a path": "targets/a/../b",
  };
  test.each(Object.keys(loops))("V13, V22: a role that delegates to %s is refused", async (what) => {
    delegate("targets/a", "from a");
    delegate("targets/a/b");
    delegate("targets/b", "from b");
    sim.publish();
    const client = await visit.client(stance, { rule: { lookup: ["targets/**"] } });
    sim.break.rewrite("targets/a", (signed) => {
      const [entry] = (signed.delegations as { roles: Record<string, Json>[] }).roles;
      (entry as Record<string, Json>).name = loops[what] as string;
      signed.version = 2;
    });
    sim.break.vouch();
    expect(await codeOf(visit.ask(client))).toBe("BAD_DELEGATION");
    await visit.recovers(client);
  });

  test("D6: a thousand delegations are not looked at, and nobody waits long", async () => {
    const key = newKey();
    for (let child = 0; child < 1_000; child++) delegate(`targets/c${child}`, undefined, { keys: [key] });
    sim.publish();
    const client = await visit.open({ rule: { lookup: ["targets/**"] } });
    visit.site.forgetRequests();
    expect(await codeOf(visit.ask(client))).toBe("TOO_MANY_DELEGATIONS");
    expect(visit.site.asked.length).toBeLessThan(140);
    expect((await visit.ask(await visit.client(stance))).role).toBe("targets");
  });

  test("D6: very many names of one digest that others sign otherwise block nobody", async () => {
    const role = delegate("targets/a");
    for (let name = 0; name < 20_000; name++) {
      sim.targetsOf("targets").names.set(`n${name}`, someTarget("other"));
      role.names.set(`n${name}`, someTarget("this"));
    }
    for (let child = 0; child < 10; child++) delegate(`targets/c${child}`);
    sim.publish();
    const lookup = { rule: { lookup: ["targets/**"] } };
    const client = await visit.client(stance, lookup);
    const reference = `${sim.repository}@${digestOf("this")}`;
    let ticks = 0;
    const ticking = setInterval(() => ticks++, 1);
    expect(await codeOf(client.resolve(reference))).toBe("NOT_SIGNED");
    clearInterval(ticking);
    expect(ticks).toBeGreaterThan(20);
  });

  test("D6: the deepest tree is walked to its end", async () => {
    let role = "targets";
    for (let depth = 0; depth < 15; depth++) {
      role += "/d";
      delegate(role);
    }
    sim.targetsOf(role).names.set("deep", someTarget("deep"));
    sim.publish();
    const client = await visit.client(stance, { rule: { lookup: ["targets/**"] } });
    expect((await visit.ask(client, "deep")).role).toBe(role);
  });

  test("D4: two delegations of one name are refused", async () => {
    delegate("targets/a");
    delegate("targets/b");
    sim.publish();
    const client = await visit.client(stance);
    sim.break.rewrite("targets", (signed) => {
      for (const entry of (signed.delegations as { roles: Record<string, Json>[] }).roles)
        entry.name = "targets/a";
      signed.version = 50;
    });
    sim.break.vouch();
    expect(await codeOf(visit.ask(client))).toBe("BAD_DELEGATION");
  });
});
