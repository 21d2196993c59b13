/** Clocks that are wrong, servers that are away, expiry at every role (docs/threats.md: S4, T1, V16, V20). */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { day, newKey, year } from "../support/publisher.ts";
import { type Simulator, someTarget } from "../support/simulator.ts";
import {
  codeOf,
  refusalOf,
  type Stance,
  stances,
  startVisit,
  type Visit,
  type VisitOptions,
} from "../support/visits.ts";

let visit: Visit;
let sim: Simulator;

beforeEach(async () => {
  visit = await startVisit();
  sim = visit.sim;
});
afterEach(async () => await visit.close());

const visited = stances.slice(1);
const hour = 3_600_000;
const anHour: VisitOptions = { rule: { offline: { maxAge: "1h" } } };

/** The server is away, or says so. */
function away(status = 503): void {
  visit.site.answer = (_file, response) => !!response.writeHead(status).end();
}

function back(): void {
  visit.site.answer = () => false;
}

describe.each(stances)("T1: %s with a clock", (stance) => {
  test.each([1, 5, 50])(
    "T1: that is %i years ahead takes nothing, and recovers once it is right",
    async (years) => {
      const client = await visit.client(stance);
      const right = sim.now;
      sim.now += years * year;
      expect(["EXPIRED", "ROOT_CERTIFICATE"]).toContain(await codeOf(visit.ask(client)));
      sim.now = right;
      await visit.recovers(client);
    },
  );

  test.each([1, 5, 50])("T1: that is %i years behind takes no certificate of the future", async (years) => {
    const client = await visit.client(stance);
    const right = sim.now;
    sim.now -= years * year;
    expect(await codeOf(visit.ask(client))).toBe("ROOT_CERTIFICATE");
    sim.now = right;
    await visit.recovers(client);
  });

  test("T1: that is an hour behind goes on, and versions still do not go back", async () => {
    sim.now += 2 * hour;
    const client = await visit.client(stance);
    await visit.ask(client);
    sim.targetsOf("targets").names.set("new", someTarget("new"));
    sim.publish();
    await visit.ask(client, "new");
    sim.now -= hour;
    sim.break.replayAll(0);
    expect(await codeOf(visit.ask(client))).toBe("ROLLBACK");
    await visit.recovers(client);
  });

  test("T1: what was checked in the future is no use without the server", async () => {
    const client = await visit.client(stance, anHour);
    sim.now += 3 * day;
    await visit.ask(client);
    sim.now -= 3 * day;
    away();
    expect(await codeOf(visit.ask(client))).toBe("OFFLINE_TOO_OLD");
  });
});

describe.each(visited)("S4: without the server %s", (stance) => {
  const offline = async (options: VisitOptions = {}) => {
    const client = await visit.client(stance, options);
    away();
    return client;
  };

  test("S4: uses nothing old unless the policy says so", async () => {
    expect(await codeOf(visit.ask(await offline()))).toBe("SERVER_ERROR");
  });

  test("S4: uses what it has inside the age, and says so", async () => {
    const client = await offline(anHour);
    const checked = new Date(sim.now).toISOString();
    sim.now += hour;
    const result = await visit.ask(client);
    expect([result.offline, result.checkedAt]).toEqual([true, checked]);
  });

  test("S4: uses nothing beyond the age", async () => {
    const client = await offline(anHour);
    sim.now += hour + 1;
    expect(await codeOf(visit.ask(client))).toBe("OFFLINE_TOO_OLD");
    back();
    expect((await visit.ask(client)).offline).toBe(false);
  });

  test("S4: does not grow younger by being asked", async () => {
    const client = await offline(anHour);
    for (let minutes = 0; minutes < 60; minutes += 20) {
      sim.now += hour / 3;
      expect((await visit.ask(client)).offline).toBe(true);
    }
    sim.now += 1;
    expect(await codeOf(visit.ask(client))).toBe("OFFLINE_TOO_OLD");
  });

  test.each(["root", "timestamp", "snapshot", "targets", "targets/releases"])(
    "S4: uses nothing of which the %s has expired, however large the age",
    async (role) => {
      const states = { root: sim.root, timestamp: sim.timestamp, snapshot: sim.snapshot };
      sim.delegate("targets/releases").names.set("app", someTarget("released"));
      const state = role in states ? states[role as keyof typeof states] : sim.targetsOf(role);
      state.expires = sim.now + day;
      sim.publish();
      const client = await offline({ rule: { offline: { maxAge: "9000d" } } });
      sim.now += day;
      const refusal = await refusalOf(visit.ask(client));
      expect([refusal.code, refusal.role]).toEqual([
        role === "targets/releases" ? "ROLE_UNAVAILABLE" : "EXPIRED",
        role,
      ]);
    },
  );

  test("S4: uses no delegation that it has never had", async () => {
    sim.delegate("targets/late").names.set("late", someTarget("late"));
    sim.publish();
    const client = await offline(anHour);
    const late = await visit.open({ rule: { ...anHour.rule, lookup: ["targets/late"] } });
    expect(await codeOf(visit.ask(late, "late"))).toBe("ROLE_UNAVAILABLE");
    expect((await visit.ask(client)).offline).toBe(true);
  });

  test.each([401, 403, 404, 418])("S4: is not without it when it answers %i", async (status) => {
    const client = await visit.client(stance, anHour);
    away(status);
    await refusalOf(visit.ask(client));
  });

  test("S4, S11: does not go back behind a new root that came before the server went away", async () => {
    const client = await visit.client(stance, anHour);
    sim.timestamp.keys = [newKey()];
    sim.publish();
    visit.site.answer = (file, response) => file.startsWith("snapshot") && !!response.writeHead(503).end();
    for (const each of [client, client, await visit.open(anHour)]) {
      expect(await codeOf(visit.ask(each))).toBe("SERVER_ERROR");
    }
    expect(visit.state()?.rootVersion).toBe(2);
    back();
    await visit.recovers(client);
  });

  test("S4, S11: nor takes targets whose key such a root has taken away", async () => {
    const client = await visit.client(stance, anHour);
    sim.targetsOf("targets").keys = [newKey()];
    sim.publish();
    visit.site.answer = (file, response) => file.startsWith("snapshot") && !!response.writeHead(503).end();
    for (const each of [client, await visit.open(anHour)]) {
      expect(await codeOf(visit.ask(each))).toBe("SERVER_ERROR");
    }
    back();
    await visit.recovers(client);
  });

  test("V36: takes no first contact", async () => {
    away();
    const stranger = await visit.open({ ...anHour, cacheDir: `${visit.cacheDir}/other` });
    expect(await codeOf(visit.ask(stranger))).toBe("SERVER_ERROR");
  });
});

describe.each(visited)("V20: %s", (stance) => {
  test("V20: whose every file has expired recovers with the next honest update", async () => {
    const client = await visit.client(stance);
    sim.now += 20 * day;
    expect(await codeOf(visit.ask(client))).toBe("EXPIRED");
    sim.timestamp.expires = sim.now + day;
    await visit.recovers(client);
    sim.now += 3_650 * day;
    for (const each of [sim.root, sim.timestamp, sim.snapshot, ...sim.targets.values()]) {
      each.expires = sim.now + day;
    }
    sim.root.keys = [await rootKeyOfNow()];
    await visit.recovers(client);
  });

  async function rootKeyOfNow() {
    const { certificateKey, generatePrivateKey, makeRootCertificate } = await import(
      "../support/bare/keys.ts"
    );
    const key = generatePrivateKey("ecdsa");
    return certificateKey(key, await makeRootCertificate(key, sim.repository, new Date(sim.now - day)));
  }
});

test.each<Stance>([...stances])(
  "S4: %s refuses an expiry that is further ahead than the policy allows",
  async (stance) => {
    const client = await visit.client(stance);
    await visit.ask(client);
    const strict = await visit.open({ rule: { roles: { targets: { maxLifetime: "365d" } } } });
    expect(await codeOf(visit.ask(strict))).toBe("LIFETIME");
  },
);
