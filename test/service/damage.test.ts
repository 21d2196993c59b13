/** A store whose content was changed behind the server's back: nothing of it is served as good, and nobody else is blamed. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { RepositoryState, Store, StoredMetadata } from "../../src/store/contract/store.ts";
import type { Owner } from "../support/publisher.ts";
import { startServer, type TestServer } from "../support/server.ts";

const repository = "example.org/damage";

type Change = (file: StoredMetadata) => Uint8Array;

const flipped: Change = ({ bytes }) => {
  const copy = Buffer.from(bytes);
  copy[copy.length - 20] = (copy[copy.length - 20] ?? 0) ^ 1;
  return copy;
};
const shortened: Change = ({ bytes }) => bytes.subarray(0, bytes.length >> 1);

/** Damage by role; `moved`: the pointer of this role leads to its first version. */
interface Damage {
  role?: string;
  change?: Change;
  moved?: string;
  /** What is said beside every current file of its expiry. */
  expires?: number;
}

let damage: Damage;
let server: TestServer;
let beside: TestServer;
let owner: Owner;

function damaged(store: Store): Store {
  const spoil = <File extends StoredMetadata>(file: File | undefined) =>
    file === undefined || damage.change === undefined || file.role !== damage.role
      ? file
      : { ...file, bytes: damage.change(file) };
  return {
    ...store,
    async current(...given) {
      const file = spoil(await store.current(...given));
      return file && { ...file, expires: damage.expires ?? file.expires };
    },
    byVersion: async (...given) => spoil(await store.byVersion(...given)),
    byDigest: async (...given) => spoil(await store.byDigest(...given)),
    async state(name): Promise<RepositoryState> {
      const state = await store.state(name);
      const first = damage.moved && (await store.byVersion(name, damage.moved, 1));
      return first ? { ...state, current: new Map(state.current).set(first.role, first) } : state;
    },
  };
}

beforeEach(async () => {
  damage = {};
  server = await startServer({ backEnd: "sqlite" });
  owner = await server.owner(repository);
  await server.publish(repository, owner.first());
  await server.publish(repository, owner.next("targets"));
  // Started after the damage, so that nothing is at hand.
  beside = await startServer({ beside: server, wrapStore: damaged });
});
afterEach(async () => {
  await beside.close();
  await server.close();
});

const answerOf = async (name: string) => {
  const { status, code } = await beside.request(`/v2/${repository}/_trust/tuf/${name}`);
  return [status, code];
};
const digestOf = async (role: string) =>
  (await server.store.state(repository)).current.get(role)?.sha256 ?? "";

describe.each([
  ["flipped", flipped],
  ["shortened", shortened],
])("a file that was %s", (_, change) => {
  test.each(["root", "targets", "snapshot", "timestamp"])(
    "%s is not served, and is the store's fault",
    async (role) => {
      const sha256 = await digestOf(role);
      damage = { role, change };
      expect(await answerOf(`${role}.json`)).toEqual([500, "STORE_CORRUPT"]);
      expect(await answerOf(`${role}.${sha256}.json`)).toEqual([500, "STORE_CORRUPT"]);
      expect(beside.log.some((line) => line.includes("STORE_CORRUPT") && line.includes('"level":50'))).toBe(
        true,
      );
    },
  );

  test.each(["root", "snapshot"])("a publisher is not blamed for a damaged %s", async (role) => {
    damage = { role, change };
    const { status, code } = await beside.publish(repository, owner.next("targets"));
    expect([status, code]).toEqual([500, "STORE_CORRUPT"]);
  });
});

test("a pointer that was moved back to an older file is noticed before anything is signed over it", async () => {
  damage = { moved: "targets" };
  const { status, code } = await beside.publish(repository, owner.next("targets"));
  expect([status, code]).toEqual([500, "STORE_CORRUPT"]);
});

test.each(["timestamp", "snapshot"])(
  "an expiry that is too early beside a %s makes no new one: what is signed decides",
  async (role) => {
    damage = { expires: 0 };
    const sha256 = await digestOf(role);
    for (let i = 0; i < 3; i++) {
      const { status, headers } = await beside.file(repository, `${role}.json`);
      expect([status, headers.etag]).toEqual([200, `"${sha256}"`]);
    }
    expect(await digestOf(role)).toBe(sha256);
  },
);

describe("damage that was met", () => {
  const readyz = async () => {
    const { status, body } = await beside.request("/readyz");
    return [status, JSON.parse(body.toString())];
  };
  const count = async () => {
    const { body } = await beside.request("/metrics");
    return /^vidimus_store_damage_total (\d+)$/m.exec(body.toString())?.[1];
  };

  test("is counted and noted by whoever asks about readiness, while the rest is served", async () => {
    expect([await readyz(), await count()]).toEqual([[200, {}], "0"]);
    damage = { role: "root", change: flipped };
    expect(await answerOf("root.json")).toEqual([500, "STORE_CORRUPT"]);
    const { status } = await beside.publish(repository, owner.next("targets"));
    expect(status).toBe(500);
    expect(await count()).toBe("2");
    const note = { "Stored files": expect.stringContaining("vidimus fsck") };
    expect(await readyz()).toEqual([200, note]);
    expect((await beside.request("/_notary_server/health")).body.toString()).toBe("{}");
    expect((await beside.file(repository, "snapshot.json")).status).toBe(200);
  });

  test("is counted by the refresher as well, whom nobody asked", async () => {
    damage = { role: "snapshot", change: flipped };
    server.clock.advance(20 * 86_400_000);
    await beside.service.start();
    await expect.poll(() => beside.service.damageMet()).toBeGreaterThan(0);
    expect(Number(await count())).toBeGreaterThan(0);
  });
});
