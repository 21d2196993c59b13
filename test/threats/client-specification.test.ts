/** The attacks of the TUF specification (docs/threats.md 1), on clients that are new, restarted or running. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { PublisherKey } from "../support/bare/keys.ts";
import { day, newKey } from "../support/publisher.ts";
import type { Simulator } from "../support/simulator.ts";
import { someTarget } from "../support/simulator.ts";
import { codeOf, refusalOf, type Stance, stances, startVisit, type Visit } from "../support/visits.ts";

let visit: Visit;
let sim: Simulator;

beforeEach(async () => {
  visit = await startVisit();
  sim = visit.sim;
  sim.delegate("targets/releases").names.set("released", someTarget("released"));
  sim.publish();
});
afterEach(async () => await visit.close());

/** What the client says under attack; afterwards nothing false is on disk, and the next honest update succeeds. */
async function underAttack(
  stance: Stance,
  attack: () => void,
  { tag = "app", stolen = false }: { tag?: string; stolen?: boolean } = {},
): Promise<string> {
  const client = await visit.client(stance);
  if (stance !== "a fresh client") await visit.ask(client, tag);
  const before = visit.state();
  attack();
  const code = await codeOf(visit.ask(client, tag));
  if (!stolen) visit.expectHonestState();
  expect(visit.state()?.timestampVersion ?? 0).toBeGreaterThanOrEqual(before?.timestampVersion ?? 0);
  await visit.recovers(client);
  return code;
}

/** Something new in every role below the root, so that a running client has to ask for all of it. */
function publishNews(): void {
  sim.targetsOf("targets").names.set("other", someTarget("other"));
  sim.targetsOf("targets/releases").names.set("other", someTarget("other, released"));
  sim.publish();
}

const forgeries: Record<string, (role: string) => void> = {
  "somebody else": (role) => sim.break.signWith(role),
  nobody: (role) => sim.break.unsign(role),
  "a signature with one bit flipped": (role) => sim.break.flipSignature(role),
  "the key of another role": (role) =>
    sim.break.signWith(role, (role === "targets" ? sim.timestamp : sim.targetsOf("targets")).keys),
  "a signature over something else": (role) => sim.break.tamper(role),
};
const below = ["timestamp", "snapshot", "targets", "targets/releases"];

describe.each(stances)("S1: to %s", (stance) => {
  describe.each(Object.keys(forgeries))("signed by %s", (how) => {
    test.each(below)("S1: %s is refused", async (role) => {
      const code = await underAttack(stance, () => {
        publishNews();
        forgeries[how]?.(role);
      });
      const expected = { timestamp: "THRESHOLD", "targets/releases": "ROLE_UNAVAILABLE" }[role];
      // A file that was changed may also be longer than the file that is listed.
      expect([expected ?? "HASH_MISMATCH", "ANSWER_TOO_LARGE"]).toContain(code);
    });

    test.each(below)(
      "S1: %s is refused, though the snapshot's and timestamp's keys are stolen",
      async (role) => {
        const code = await underAttack(
          stance,
          () => {
            publishNews();
            forgeries[how]?.(role);
            if (role === "snapshot") sim.break.stamp();
            else if (role !== "timestamp") sim.break.vouch();
          },
          { stolen: true },
        );
        expect(code).toBe(role === "targets/releases" ? "ROLE_UNAVAILABLE" : "THRESHOLD");
      },
    );
  });
});

describe.each(stances)("S1: to %s", (stance) => {
  test.each(["somebody else", "nobody", "a signature with one bit flipped"])(
    "S1: a first or next root signed by %s is refused",
    async (how) => {
      const client = await visit.client(stance);
      const before = visit.state();
      sim.root.keys = [await sim.rootKey()];
      sim.publish();
      forgeries[how]?.("root");
      sim.roots.set(2, sim.served.get("root") as Buffer);
      const expected = how === "somebody else" || stance === "a fresh client" ? /^ROOT_/ : /^ROOT_NOT_/;
      expect(await codeOf(visit.ask(client))).toMatch(expected);
      expect(visit.state()).toEqual(before);
      await visit.recovers(client);
    },
  );
});

const rollbacks: Record<string, { attack: () => void; code: string; stolen?: true }> = {
  "an older timestamp": { attack: () => sim.break.replay("timestamp", 0), code: "ROLLBACK" },
  "everything older": { attack: () => sim.break.replayAll(0), code: "ROLLBACK" },
  "an older snapshot under a new timestamp": {
    attack() {
      sim.break.replay("snapshot", 0);
      sim.break.stamp();
    },
    code: "ROLLBACK",
    stolen: true,
  },
  "older targets": {
    attack() {
      sim.break.replay("targets", 1);
      sim.break.vouch();
    },
    code: "ROLLBACK",
    stolen: true,
  },
  "an older delegation": {
    attack() {
      sim.break.replay("targets/releases", 1);
      sim.break.vouch();
    },
    code: "ROLE_UNAVAILABLE",
    stolen: true,
  },
};

describe.each(stances.slice(1))("S2: to %s", (stance) => {
  test.each(Object.keys(rollbacks))("S2: %s is a rollback", async (what) => {
    const { attack, code, stolen = false } = rollbacks[what] as (typeof rollbacks)[string];
    publishNews();
    expect(await underAttack(stance, attack, { stolen })).toBe(code);
  });
});

describe.each(stances)("S3: %s", (stance) => {
  test.each(["timestamp", "snapshot"] as const)(
    "S3: the highest version of the %s is got rid of by another key for it, and by nothing else",
    async (role) => {
      const client = await visit.client(stance);
      const honest = sim[role].version;
      sim[role].version = 2_147_483_647;
      sim.publish();
      await visit.ask(client);
      sim[role].version = honest;
      sim.targetsOf("targets").names.set("new", someTarget("new"));
      sim.publish();
      expect(await codeOf(visit.ask(client, "new"))).toBe("ROLLBACK");
      sim[role].keys = [newKey()];
      sim.publish();
      expect((await visit.ask(client, "new")).versions[role]).toBeLessThan(100);
      await visit.recovers(await visit.client("a restarted client"));
    },
  );

  test("S3: versions beyond the highest are no versions", async () => {
    for (const version of [2_147_483_648, Number.MAX_SAFE_INTEGER]) {
      const attack = () => sim.break.version("timestamp", version);
      expect(await underAttack(stance, attack, { stolen: true })).toBe("BAD_VERSION");
    }
  });
});

describe.each(stances)("S4: %s", (stance) => {
  test.each([
    ["timestamp", 14],
    ["snapshot", 1_095],
    ["targets", 1_095],
    ["root", 3_600],
  ])("S4: the same files for ever end with the expiry of the %s, which is named", async (role, days) => {
    for (const each of [sim.root, sim.snapshot, sim.timestamp, ...sim.targets.values()]) {
      each.expires = sim.now + 5_000 * day;
    }
    const frozen =
      role === "root" || role === "snapshot" || role === "timestamp" ? sim[role] : sim.targetsOf(role);
    frozen.expires = sim.now + days * day;
    sim.publish();
    const client = await visit.client(stance);
    const begun = sim.now;
    sim.now += days * day - 1;
    await visit.ask(client);
    sim.now = begun + days * day;
    const refusal = await refusalOf(visit.ask(client));
    expect([refusal.code, refusal.role]).toEqual(["EXPIRED", role]);
    frozen.expires = sim.now + day;
    await visit.recovers(client);
  });

  test("S4: an expired delegation is not passed over for an older digest in targets", async () => {
    sim.targetsOf("targets/releases").names.set("app", someTarget("newer"));
    sim.targetsOf("targets/releases").expires = sim.now + day;
    sim.publish();
    const client = await visit.client(stance);
    sim.now += day;
    const refusal = await refusalOf(visit.ask(client));
    expect([refusal.code, refusal.role, refusal.detail?.reason]).toEqual([
      "ROLE_UNAVAILABLE",
      "targets/releases",
      "EXPIRED",
    ]);
  });
});

test.each(stances)("S7: %s asks for nothing that custom data wish for", async (stance) => {
  const client = await visit.client(stance);
  const custom = { dependencies: ["evil"], urls: ["http://127.0.0.1:9/evil"] };
  sim.targetsOf("targets").names.set("wishing", { ...someTarget("wishing"), custom });
  sim.publish();
  visit.site.forgetRequests();
  await visit.ask(client, "wishing");
  expect(visit.site.asked.filter((file) => !/^(\d+\.)?(root|timestamp|snapshot|targets)/.test(file))).toEqual(
    [],
  );
});

describe.each(stances)("S8: to %s", (stance) => {
  const mixes: Record<string, () => void> = {
    "the timestamp of now with the snapshot of before": () => sim.break.replay("snapshot", 1),
    "the snapshot of now with the targets of before": () => sim.break.replay("targets", 1),
    "the snapshot of now with targets of the time to come": () => {
      const later = sim.served.get("targets") as Buffer;
      sim.break.replayAll(2);
      sim.break.serve("targets", later);
    },
  };
  test.each(Object.keys(mixes))("S8: %s is refused", async (what) => {
    const code = await underAttack(stance, () => {
      publishNews();
      if (what.endsWith("to come")) publishMore();
      mixes[what]?.();
    });
    expect(["HASH_MISMATCH", "ANSWER_TOO_LARGE"]).toContain(code);
  });

  function publishMore(): void {
    sim.targetsOf("targets").names.set("more", someTarget("more"));
    sim.publish();
  }
});

describe.each(stances)("S9: to %s", (stance) => {
  test.each([
    ["targets", "targets/releases", "HASH_MISMATCH"],
    ["targets/releases", "targets", "ANSWER_TOO_LARGE"],
    ["snapshot", "timestamp", "BAD_TYPE"],
    ["timestamp", "snapshot", "BAD_TYPE"],
    ["targets", "root", "ANSWER_TOO_LARGE"],
  ])("S9: %s answered with %s is refused", async (role, other, expected) => {
    const code = await underAttack(stance, () => {
      publishNews();
      sim.break.serveAs(role, other);
    });
    expect(code).toBe(expected);
  });

  test.each([
    ["targets", "targets/releases"],
    ["targets/releases", "targets"],
  ])("S9: %s answered with %s is refused, though the online keys are stolen", async (role, other) => {
    const code = await underAttack(
      stance,
      () => {
        publishNews();
        sim.break.serveAs(role, other);
        sim.break.vouch();
      },
      { stolen: true },
    );
    // Either file is an honest one and as it is listed; its signers, and what it delegates to, are not the role's.
    expect(code).toBe(role === "targets" ? "THRESHOLD" : "BAD_DELEGATION");
  });
});

describe.each(stances)("S11: %s", (stance) => {
  test("S11: with two of three root keys needed, one stolen is refused and two are accepted", async () => {
    const keys = [...sim.root.keys, await sim.rootKey(), await sim.rootKey()];
    sim.root.keys = keys;
    sim.root.threshold = 2;
    sim.publish();
    const client = await visit.client(stance);
    const next = (signers: readonly PublisherKey[]) => {
      sim.break.rewrite(
        "root",
        (signed) => {
          signed.version = 3;
        },
        signers,
      );
      sim.roots.set(3, sim.served.get("root") as Buffer);
    };
    next(keys.slice(0, 1));
    const expected = stance === "a fresh client" ? "ROOT_NOT_SELF_SIGNED" : "ROOT_NOT_SIGNED_BY_PREVIOUS";
    expect(await codeOf(visit.ask(client))).toBe(expected);
    sim.repair();
    sim.root.signers = keys.slice(0, 2);
    sim.publish();
    expect((await visit.ask(client)).versions.root).toBe(3);
  });

  test.each(["timestamp", "snapshot"] as const)(
    "S11: the stolen key of the %s alone signs no targets",
    async (role) => {
      const code = await underAttack(
        stance,
        () => {
          publishNews();
          sim.break.signWith("targets", sim[role].keys);
          sim.break.vouch();
        },
        { stolen: true },
      );
      expect(code).toBe("THRESHOLD");
    },
  );
});

const troubles: Record<string, () => void> = {
  "everything is 404": () => {
    visit.site.answer = (_file, response) => !!response.writeHead(404).end();
  },
  "everything is 500": () => {
    visit.site.answer = (_file, response) => !!response.writeHead(500).end();
  },
  "everything is garbage": () => {
    visit.site.answer = (_file, response) => !!response.writeHead(200).end("<html>");
  },
  "everything is empty": () => {
    visit.site.answer = (_file, response) => !!response.writeHead(200).end();
  },
  "the timestamp is of another role": () => sim.break.serveAs("timestamp", "snapshot"),
  "the snapshot is withheld": () => sim.break.withhold("snapshot"),
  "the targets are withheld": () => sim.break.withhold("targets"),
  "the delegation is withheld": () => sim.break.withhold("targets/releases"),
  "the snapshot is cut off": () => sim.break.truncate("snapshot"),
  "the targets are cut off": () => sim.break.truncate("targets"),
  "the timestamp is cut off": () => sim.break.truncate("timestamp"),
};

describe.each(stances)("S12: %s", (stance) => {
  test.each(Object.keys(troubles))("S10, S12: recovers by itself after %s", async (what) => {
    await underAttack(stance, () => {
      publishNews();
      troubles[what]?.();
    });
  });
});
