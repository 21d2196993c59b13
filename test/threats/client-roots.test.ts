/** Roots before clients: hidden, forged, out of order, expired, too many (docs/threats.md 2 and 7). */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { PublisherKey } from "../support/bare/keys.ts";
import { bundleKey, makeCertificate } from "../support/forgery.ts";
import { day, newKey } from "../support/publisher.ts";
import { type Simulator, someTarget } from "../support/simulator.ts";
import { codeOf, refusalOf, stances, startVisit, type Visit } from "../support/visits.ts";

let visit: Visit;
let sim: Simulator;

beforeEach(async () => {
  visit = await startVisit();
  sim = visit.sim;
});
afterEach(async () => await visit.close());

const visited = stances.slice(1);

/** The next generation has a next root, with everything else as it was. */
function nextRoot(): void {
  sim.root.expires += 1_000;
  sim.publish();
}

/** A root with this version, signed by whom it is told, under the name of version 2 and as the newest. */
function forgeRoot(version: number, signers: readonly PublisherKey[] = sim.root.keys): void {
  sim.break.rewrite(
    "root",
    (signed) => {
      signed.version = version;
    },
    signers,
  );
  sim.roots.set(2, sim.served.get("root") as Buffer);
}

describe.each(visited)("V9: to %s", (stance) => {
  test.each([1, 3, 4, 2_147_483_647])(
    "V9: version %i under the name of version 2 is refused",
    async (version) => {
      const client = await visit.client(stance);
      const before = visit.state();
      forgeRoot(version);
      expect(await codeOf(visit.ask(client))).toBe("ROOT_VERSION");
      expect(visit.state()).toEqual(before);
      await visit.recovers(client);
    },
  );
});

describe.each(visited)("V15: %s", (stance) => {
  test.each(["is not signed by the root before", "is no root", "does not come"])(
    "V15: keeps a good root 2, and no root 3 that %s",
    async (how) => {
      const client = await visit.client(stance);
      nextRoot();
      nextRoot();
      if (how === "is no root") sim.roots.set(3, Buffer.from("{}"));
      if (how === "does not come") {
        visit.site.answer = (file, response) => file === "3.root.json" && !!response.writeHead(503).end();
      }
      if (how === "is not signed by the root before") {
        sim.break.signWith("root", [await sim.rootKey()]);
        sim.roots.set(3, sim.served.get("root") as Buffer);
      }
      await refusalOf(visit.ask(client));
      expect(visit.state()?.rootVersion).toBe(2);
      // Nobody can hide it again.
      sim.repair();
      visit.site.answer = () => false;
      for (const version of [2, 3]) sim.roots.delete(version);
      sim.break.replayAll(0);
      expect(await codeOf(visit.ask(client))).toBe("HASH_MISMATCH");
      await visit.recovers(client);
    },
  );
});

describe.each(stances)("V16: to %s", (stance) => {
  test("V16: an expired root is refused while the next one is withheld, and named", async () => {
    sim.root.expires = sim.now + day;
    for (const each of [sim.timestamp, sim.snapshot]) each.expires = sim.now + 100 * day;
    sim.publish();
    const client = await visit.client(stance);
    sim.root.expires = sim.now + 100 * day;
    sim.publish();
    sim.roots.delete(3);
    sim.break.replay("root", 1);
    sim.now += day;
    const refusal = await refusalOf(visit.ask(client));
    expect([refusal.code, refusal.role]).toEqual(["EXPIRED", "root"]);
    await visit.recovers(client);
  });

  test("S4: roots on the way to the newest may have expired", async () => {
    const client = await visit.client(stance);
    sim.root.expires = sim.now + day;
    sim.publish();
    sim.now += 2 * day;
    sim.root.expires = sim.now + day;
    sim.publish();
    expect((await visit.ask(client)).versions.root).toBe(3);
  });
});

describe.each(visited)("S11: from %s nobody can hide a root", (stance) => {
  test("S11: a thief of the timestamp's key who goes on signing is refused, then and later", async () => {
    const stolen = sim.timestamp.keys;
    const client = await visit.client(stance);
    sim.timestamp.keys = [newKey()];
    sim.publish();
    const old = (version: number) => {
      sim.break.replayAll(0);
      sim.break.rewrite(
        "timestamp",
        (signed) => {
          signed.version = version;
        },
        stolen,
      );
    };
    old(100);
    expect(await codeOf(visit.ask(client))).toBe("THRESHOLD");
    expect(visit.state()?.rootVersion).toBe(2);
    // Now he has the network as well, and gives none of the new roots.
    old(101);
    sim.roots.delete(2);
    for (const later of [client, await visit.open()]) {
      expect(await codeOf(visit.ask(later))).toBe("THRESHOLD");
    }
    await visit.recovers(client);
  });

  test.each([
    ["is too large", "ANSWER_TOO_LARGE"],
    ["fails", "SERVER_ERROR"],
    ["is garbage", "NOT_JSON"],
    ["is withheld", "NO_TRUST_DATA"],
  ])("S11: a timestamp that %s keeps no root away", async (how, code) => {
    const client = await visit.client(stance);
    nextRoot();
    visit.site.answer = (file, response) => {
      if (file !== "timestamp.json") return false;
      const status = how === "fails" ? 500 : how === "is withheld" ? 404 : 200;
      return !!response.writeHead(status).end(how === "is too large" ? Buffer.alloc(300_000) : "{garbage");
    };
    expect(await codeOf(visit.ask(client))).toBe(code);
    expect(visit.state()?.rootVersion).toBe(2);
    await visit.recovers(client);
  });

  test("S4, S11: a timestamp and snapshot of before the new root are refused, then and later", async () => {
    const client = await visit.client(stance);
    sim.root.keys = [await sim.rootKey()];
    sim.publish();
    for (const role of ["timestamp", "snapshot", "targets"]) sim.break.replay(role, 0);
    expect(await codeOf(visit.ask(client))).toBe("HASH_MISMATCH");
    sim.roots.delete(2);
    sim.break.replay("root", 0);
    expect(await codeOf(visit.ask(client))).toBe("HASH_MISMATCH");
    await visit.recovers(client);
  });

  test("R6: a root that the snapshot lists and the server withholds is missed", async () => {
    const client = await visit.client(stance);
    nextRoot();
    sim.roots.delete(2);
    expect(await codeOf(visit.ask(client))).toBe("HASH_MISMATCH");
    await visit.recovers(client);
  });

  test("R6: nobody walks over a gap in the chain", async () => {
    const client = await visit.client(stance);
    nextRoot();
    nextRoot();
    sim.roots.delete(2);
    expect(await codeOf(visit.ask(client))).toBe("HASH_MISMATCH");
    expect(visit.state()?.rootVersion).toBe(1);
    await visit.recovers(client);
  });
});

describe.each(visited)("R1: to %s", (stance) => {
  test.each([
    ["the new keys alone", "ROOT_NOT_SIGNED_BY_PREVIOUS"],
    ["the old keys alone", "ROOT_NOT_SELF_SIGNED"],
  ])("R1: a next root signed by %s is refused", async (who, code) => {
    const client = await visit.client(stance);
    const before = visit.state();
    const old = sim.root.keys;
    sim.root.keys = [await sim.rootKey()];
    sim.root.signers = who === "the old keys alone" ? old : sim.root.keys;
    sim.publish();
    expect(await codeOf(visit.ask(client))).toBe(code);
    expect(visit.state()).toEqual(before);
    // The server mends its root: the same version, signed by both.
    const both = [...old, ...sim.root.keys];
    sim.break.rewrite("root", () => {}, both);
    sim.roots.set(2, sim.served.get("root") as Buffer);
    sim.break.vouch();
    expect((await visit.ask(client)).versions.root).toBe(2);
  });
});

describe.each(stances)("R5, V35: to %s", (stance) => {
  test.each([
    ["of another repository", { name: "example.org/team/other" }],
    ["of an authority", { ca: true }],
    ["that has expired", { from: Date.UTC(2020, 0, 1), to: Date.UTC(2021, 0, 1) }],
    ["that is not valid yet", { from: Date.UTC(2040, 0, 1), to: Date.UTC(2041, 0, 1) }],
    ["signed with SHA-1", { hash: "SHA-1" as const }, "BAD_KEY"],
  ])(
    "R5, V35: a root key in a certificate %s is refused",
    async (_what, options, code = "ROOT_CERTIFICATE") => {
      const client = await visit.client(stance);
      const before = visit.state();
      const certificate = await makeCertificate(sim.now, { name: sim.repository, ...options });
      sim.root.keys = [bundleKey(certificate)];
      sim.publish();
      expect(await codeOf(visit.ask(client))).toBe(code);
      expect(visit.state()?.timestampVersion).toEqual(before?.timestampVersion);
    },
  );
});

describe("R6: very many roots", () => {
  test("R6: 300 of them since the last visit are followed in two updates, and stay so", async () => {
    const client = await visit.client("a running client");
    for (let root = 2; root <= 300; root++) nextRoot();
    expect(await codeOf(visit.ask(client))).toBe("TOO_MANY_ROOTS");
    expect((await visit.ask(client)).versions.root).toBe(300);
    expect((await visit.ask(await visit.open())).versions.root).toBe(300);
    nextRoot();
    expect((await visit.ask(client)).versions.root).toBe(301);
  });

  test("R6: a client that never was there begins with the newest", async () => {
    for (let root = 2; root <= 300; root++) nextRoot();
    visit.site.forgetRequests();
    expect((await visit.ask(await visit.open())).versions.root).toBe(300);
    expect(visit.site.asked.length).toBeLessThan(8);
  });

  test("R6: a server that has a next root for ever is left after the limit", async () => {
    const client = await visit.client("a restarted client", { limits: { roots: 5 } });
    for (let root = 2; root <= 50; root++) nextRoot();
    visit.site.forgetRequests();
    expect(await codeOf(visit.ask(client))).toBe("TOO_MANY_ROOTS");
    expect(visit.site.asked.length).toBeLessThan(10);
  });
});

test.each(visited)(
  "S3: %s forgets no version because of a root that leaves the online keys alone",
  async (stance) => {
    const client = await visit.client(stance);
    sim.targetsOf("targets").names.set("new", someTarget("new"));
    sim.publish();
    await visit.ask(client, "new");
    nextRoot();
    sim.break.replay("timestamp", 0);
    expect(await codeOf(visit.ask(client))).toBe("ROLLBACK");
    await visit.recovers(client);
  },
);
