/** Renewal of online roles: ahead of expiry, once, and what happens where it cannot be done (threats T1 to T3). */
import { afterEach, describe, expect, test } from "vitest";
import { StoreError } from "../../../src/core/errors.ts";
import type { Signer } from "../../../src/signer/signer.ts";
import type { Store } from "../../../src/store/contract/store.ts";
import { day, type Owner, year } from "../../support/publisher.ts";
import { backEnds, type ServerOptions, startServer, type TestServer } from "../../support/server.ts";

const repository = "example.org/renewal";
const hour = 3_600_000;

let server: TestServer;
afterEach(async () => await server.close());

async function published(
  options: ServerOptions = {},
  snapshot: "server" | "client" = "server",
): Promise<Owner> {
  server = await startServer(options);
  const owner = await server.owner(repository, snapshot);
  await server.publish(repository, owner.first());
  return owner;
}

const version = async (role: string) => (await server.store.state(repository)).current.get(role)?.version;
const served = async (role: string) => (await server.file(repository, `${role}.json`)).body;
const expires = (bytes: Buffer) => Date.parse(JSON.parse(bytes.toString()).signed.expires);

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 400; i++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error("it did not happen within two seconds");
}

/** Counts the refresher's looks for due work. */
function counted() {
  const looks = { count: 0 };
  const wrapStore = (store: Store): Store => ({
    ...store,
    async claimDue(query) {
      const names = await store.claimDue(query);
      looks.count++;
      return names;
    },
  });
  return { looks, wrapStore };
}

describe.each(backEnds)("the refresher on %s", (backEnd) => {
  test("renews the timestamp ahead of its expiry, with nobody asking (S4)", async () => {
    await published({ backEnd, refreshInterval: 5 });
    server.clock.advance(7 * day);
    await server.service.start();
    await until(async () => (await version("timestamp")) === 2);
    await server.chainCheck(repository);
    expect(await version("snapshot")).toBe(1);
  });

  test("renews nothing that is not due", async () => {
    const { looks, wrapStore } = counted();
    await published({ backEnd, refreshInterval: 5, wrapStore });
    server.clock.advance(7 * day - 2_000);
    await server.service.start();
    await until(async () => looks.count >= 3);
    expect(await version("timestamp")).toBe(1);
  });

  test("leaves nothing overdue when renewal was set to a later time since, and renews at that time", async () => {
    await published({ backEnd });
    const later = await startServer({ beside: server, refreshInterval: 5, roles: { renewAfter: 0.75 } });
    try {
      server.clock.advance(8 * day);
      await later.service.start();
      await until(async () => (await later.service.renewalLag()) === 0);
      expect(await version("timestamp")).toBe(1);
      server.clock.advance(3 * day);
      await until(async () => (await version("timestamp")) === 2);
    } finally {
      await later.close();
    }
  });

  test("renews a snapshot that the server signs, ahead of its expiry", async () => {
    const owner = await published({ backEnd });
    owner.targets.expires += 10 * year;
    await server.publish(repository, owner.next("targets"));
    server.clock.advance(1.6 * year);
    await server.service.start();
    await until(async () => (await version("snapshot")) === 3);
    await server.chainCheck(repository);
  });

  test("T3: 500 reads at expiry make one new version, the same bytes for all", async () => {
    await published({ backEnd });
    server.clock.advance(14 * day);
    const answers = await Promise.all(
      Array.from({ length: 500 }, () => server.file(repository, "timestamp.json")),
    );
    expect(new Set(answers.map(({ status, body }) => `${status} ${body.toString()}`)).size).toBe(1);
    expect(await version("timestamp")).toBe(2);
    await server.chainCheck(repository);
  });

  test("P4: two servers of one store, both asked at expiry, give one version with one byte string", async () => {
    await published({ backEnd });
    const second = await startServer({ beside: server });
    try {
      for (let round = 2; round < 12; round++) {
        server.clock.advance(14 * day);
        const both = await Promise.all(
          [server, second, server, second].map((each) => each.file(repository, "timestamp.json")),
        );
        const fresh = both.map(({ body }) => body).filter((body) => expires(body) > server.clock.now());
        expect(new Set(fresh.map(String)).size).toBe(1);
        expect(await version("timestamp")).toBe(round);
      }
    } finally {
      await second.close();
    }
  });

  test("T2: sixty repositories that are due together are all renewed", async () => {
    await published({ backEnd, refreshInterval: 5 });
    const names = Array.from({ length: 60 }, (_, i) => `example.org/due/${i}`);
    for (const name of names) await server.publish(name, (await server.owner(name)).first());
    server.clock.advance(14 * day);
    await server.service.start();
    await until(async () => {
      const states = await Promise.all(names.map((name) => server.store.state(name)));
      return states.every(({ current }) => current.get("timestamp")?.version === 2);
    });
    await server.chainCheck(names[59] ?? "");
  });
});

test("a read before expiry never signs", async () => {
  let signed = 0;
  await published({
    wrapSigner: (signer) => ({
      generate: (algorithm, binding) => signer.generate(algorithm, binding),
      adopt: (privateKey, binding) => signer.adopt(privateKey, binding),
      sign: (key, message) => {
        signed++;
        return signer.sign(key, message);
      },
      check: () => signer.check(),
      close: () => signer.close(),
    }),
  });
  const before = signed;
  server.clock.advance(14 * day - 1);
  for (const role of ["timestamp", "snapshot", "root", "targets"]) await served(role);
  expect(signed).toBe(before);
});

describe("what cannot be renewed is served as it is", () => {
  test("an expired root: 200, the same bytes, no new version (D12)", async () => {
    const owner = await published();
    owner.root.expires = server.clock.now() + 20 * day;
    await server.publish(repository, owner.next("root"));
    const before = await Promise.all(["timestamp", "snapshot", "root", "targets"].map(served));
    server.clock.advance(40 * day);
    await server.storesNothing(repository, async () => {
      expect(await Promise.all(["timestamp", "snapshot", "root", "targets"].map(served))).toEqual(before);
    });
    const said = server.log.filter((line) =>
      line.includes("cannot be renewed before its owner publishes a new root"),
    );
    expect(said.length).toBe(1);
    expect(await server.service.renewalLag()).toBe(0);
  });

  test("an expired root can be replaced", async () => {
    const owner = await published();
    owner.root.expires = server.clock.now() + 20 * day;
    await server.publish(repository, owner.next("root"));
    server.clock.advance(40 * day);
    owner.root.expires += year;
    expect((await server.publish(repository, owner.next("root"))).status).toBe(200);
  });

  test("an expired snapshot that its publisher signs: the timestamp goes on being fresh (D12)", async () => {
    const owner = await published({}, "client");
    owner.snapshot.expires = server.clock.now() + 20 * day;
    await server.publish(repository, owner.next("snapshot"));
    const snapshot = await served("snapshot");
    server.clock.advance(40 * day);
    expect(expires(await served("timestamp"))).toBeGreaterThan(server.clock.now());
    expect(await served("snapshot")).toEqual(snapshot);
    await server.chainCheck(repository, { expired: ["snapshot"] });
  });

  test("an expired snapshot that its publisher signs: reading it makes no versions", async () => {
    const owner = await published({}, "client");
    owner.snapshot.expires = server.clock.now() + day;
    await server.publish(repository, owner.next("snapshot"));
    server.clock.advance(2 * day);
    await server.storesNothing(repository, async () => {
      for (let i = 0; i < 5; i++) await served("snapshot");
    });
    expect(await version("timestamp")).toBe(2);
  });

  test("the publisher's next snapshot ends it", async () => {
    const owner = await published({}, "client");
    owner.snapshot.expires = server.clock.now() + day;
    await server.publish(repository, owner.next("snapshot"));
    server.clock.advance(2 * day);
    await served("snapshot");
    owner.snapshot.expires += year;
    expect((await server.publish(repository, owner.next("targets", "snapshot"))).status).toBe(200);
  });

  test("a signer that is down: the expired timestamp, and the next one when it is back", async () => {
    let down = false;
    await published({ wrapSigner: (signer) => failing(signer, () => down) });
    server.clock.advance(15 * day);
    down = true;
    expect((await server.file(repository, "timestamp.json")).status).toBe(200);
    expect(await version("timestamp")).toBe(1);
    down = false;
    server.clock.advance(11_000);
    await server.chainCheck(repository);
    expect(await version("timestamp")).toBe(2);
  });

  test("T1: a failure is not remembered past a clock that was set back", async () => {
    let down = false;
    await published({ wrapSigner: (signer) => failing(signer, () => down) });
    server.clock.advance(400 * day);
    down = true;
    await served("timestamp");
    server.clock.advance(-385 * day);
    down = false;
    await server.chainCheck(repository);
  });

  test("a store that fails while reads renew: the expired bytes, and later the fresh ones", async () => {
    let down = false;
    await published({
      wrapStore: (store) => ({
        ...store,
        async commit(publication) {
          if (down) throw new StoreError("STORE_UNAVAILABLE", "The store cannot be used now.");
          return await store.commit(publication);
        },
      }),
    });
    server.clock.advance(15 * day);
    down = true;
    expect((await server.file(repository, "timestamp.json")).status).toBe(200);
    down = false;
    server.clock.advance(11_000);
    await server.chainCheck(repository);
  });
});

describe("T1: the clock jumps", () => {
  test.each([
    ["an hour back", -hour],
    ["400 days back", -400 * day],
  ])("%s: versions never fall, and no timestamp of the past is made", async (_what, jump) => {
    const owner = await published();
    server.clock.advance(jump);
    expect(await version("timestamp")).toBe(1);
    await served("timestamp");
    expect((await server.publish(repository, owner.next("targets"))).status).toBe(200);
    expect(await version("timestamp")).toBe(2);
    expect(expires(await served("timestamp"))).toBe(server.clock.now() + 14 * day);
  });

  test.each([
    ["30 days forward", 30 * day],
    ["past 2038", 9 * year],
  ])("%s: what is read has not expired", async (_what, jump) => {
    await published();
    server.clock.advance(jump);
    expect(expires(await served("timestamp"))).toBeGreaterThan(server.clock.now());
  });

  test("forward and back: one renewal each way at most", async () => {
    await published({ refreshInterval: 5 });
    await server.service.start();
    server.clock.advance(30 * day);
    await served("timestamp");
    server.clock.advance(-30 * day);
    await served("timestamp");
    expect(await version("timestamp")).toBeLessThanOrEqual(3);
    await server.chainCheck(repository);
  });
});

function failing(signer: Signer, down: () => boolean): Signer {
  return {
    generate: (algorithm, binding) => signer.generate(algorithm, binding),
    adopt: (privateKey, binding) => signer.adopt(privateKey, binding),
    async sign(key, message) {
      if (down()) throw new Error("connect ECONNREFUSED 127.0.0.1:4444");
      return await signer.sign(key, message);
    },
    check: () => signer.check(),
    close: () => signer.close(),
  };
}
