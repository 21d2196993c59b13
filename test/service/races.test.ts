/** Publications that meet others: between processes, in one process, and readers beside them (threats W1, W3, W6 and R4). */
import { afterEach, describe, expect, test } from "vitest";
import type { Store } from "../../src/store/contract/store.ts";
import { barrier } from "../support/barrier.ts";
import type { Answer } from "../support/client.ts";
import { uploadOf } from "../support/multipart.ts";
import { day, newKey } from "../support/publisher.ts";
import { backEnds, startServer, type TestServer } from "../support/server.ts";

const repository = "example.org/races";

let server: TestServer;
let second: TestServer;
afterEach(async () => {
  await second?.close();
  await server.close();
});

const version = async (role: string) => (await server.store.state(repository)).current.get(role)?.version;

describe.each(backEnds)("races on %s", (backEnd) => {
  test("a publish that lost only to the refresher succeeds", async () => {
    const gate = barrier();
    server = await startServer({ backEnd, wrapStore: gate.wrapStore });
    second = await startServer({ beside: server });
    const owner = await server.owner(repository);
    await server.publish(repository, owner.first());
    server.clock.advance(15 * day);
    gate.before("publish", () => second.file(repository, "timestamp.json"));
    expect((await server.publish(repository, owner.next("targets"))).status).toBe(200);
    // The renewal took version 2.
    expect([await version("timestamp"), await version("targets")]).toEqual([3, 2]);
  });

  test("a publish that lost to another role's publish succeeds, and both are in the snapshot", async () => {
    const gate = barrier();
    server = await startServer({ backEnd, wrapStore: gate.wrapStore });
    second = await startServer({ beside: server });
    const owner = await server.owner(repository);
    owner.delegate("targets/releases");
    await server.publish(repository, owner.first());
    const delegated = owner.next("targets/releases");
    gate.before("publish", () => second.publish(repository, delegated));
    expect((await server.publish(repository, owner.next("targets"))).status).toBe(200);
    expect([await version("targets"), await version("targets/releases")]).toEqual([2, 2]);
  });

  test("a publish of the same version that lost is refused as VERSION", async () => {
    const gate = barrier();
    server = await startServer({ backEnd, wrapStore: gate.wrapStore });
    second = await startServer({ beside: server });
    const owner = await server.owner(repository);
    await server.publish(repository, owner.first());
    owner.addTarget("first");
    const first = owner.next("targets");
    owner.addTarget("second");
    gate.before("publish", () => second.publish(repository, first));
    const answer = await server.request(`/v2/${repository}/_trust/tuf/`, uploadOf(owner.files("targets")));
    expect([answer.status, answer.error?.code, answer.code]).toEqual([400, "VERSION", "ROLLBACK"]);
    expect(answer.error?.detail).toMatchObject({ Role: "targets" });
    expect((await second.file(repository, "targets.json")).body).toEqual(first.get("targets"));
  });

  test("a loser is told before the store is asked, in the words of a server that knows nothing yet", async () => {
    let asked = 0;
    const wrapStore = (store: Store): Store => ({
      ...store,
      state: (name) => {
        asked++;
        return store.state(name);
      },
    });
    server = await startServer({ backEnd, wrapStore });
    second = await startServer({ beside: server });
    const owner = await server.owner(repository);
    await server.publish(repository, owner.first());
    const lost = uploadOf(owner.next("targets"));
    await server.publish(repository, owner.files("targets"));
    asked = 0;
    const early = await server.request(`/v2/${repository}/_trust/tuf/`, lost);
    expect(asked).toBe(0);
    const ordinary = await second.request(`/v2/${repository}/_trust/tuf/`, lost);
    expect([early.status, early.code, early.error]).toEqual([ordinary.status, ordinary.code, ordinary.error]);
    expect([early.status, early.error?.code, early.code]).toEqual([400, "VERSION", "ROLLBACK"]);
  });

  test("a loser does not wait for the publish in front of it, and who steps beyond what is known does", async () => {
    const gate = barrier();
    server = await startServer({ backEnd, wrapStore: gate.wrapStore });
    second = await startServer({ beside: server });
    const owner = await server.owner(repository);
    const first = owner.first();
    await server.publish(repository, first);
    owner.targets.version = 600;
    const step = owner.files("targets");
    owner.targets.version = 1_500;
    const farther = owner.files("targets");
    let waiting: Promise<Answer> | undefined;
    gate.before("publish", async () => {
      waiting = server.request(`/v2/${repository}/_trust/tuf/`, uploadOf(farther));
      const lost = await server.request(
        `/v2/${repository}/_trust/tuf/`,
        uploadOf(new Map([["targets", first.get("targets") as Buffer]])),
      );
      expect([lost.status, lost.code]).toEqual([400, "ROLLBACK"]);
    });
    expect((await server.request(`/v2/${repository}/_trust/tuf/`, uploadOf(step))).status).toBe(200);
    expect((await waiting)?.status).toBe(200);
    expect(await version("targets")).toBe(1_500);
  });

  test("versions of a life that ended elsewhere refuse nothing", async () => {
    server = await startServer({ backEnd });
    second = await startServer({ beside: server });
    const owner = await server.owner(repository);
    await server.publish(repository, owner.first());
    await server.publish(repository, owner.next("targets"));
    expect((await server.file(repository, "targets.json")).status).toBe(200);
    expect((await second.request(`/v2/${repository}/_trust/tuf/`, { method: "DELETE" })).status).toBe(200);
    const heir = await server.owner(repository);
    // What this server keeps at hand is of the former life: two over one store do not hear of each other here.
    const answer = await server.request(`/v2/${repository}/_trust/tuf/`, uploadOf(heir.first()));
    expect([answer.status, answer.code]).toEqual([200, undefined]);
    await second.chainCheck(repository);
  });

  test("W3: a rotation between examination and commit: what the revoked key signed is refused", async () => {
    const gate = barrier();
    server = await startServer({ backEnd, wrapStore: gate.wrapStore });
    second = await startServer({ beside: server });
    const owner = await server.owner(repository);
    await server.publish(repository, owner.first());
    owner.targets.version = 3;
    const revoked = owner.files("targets");
    owner.targets.version = 2;
    const key = newKey();
    owner.root.keys.targets = [key.listed];
    owner.targets.signers = [key];
    owner.root.version = 2;
    const rotation = owner.files("root", "targets");
    gate.before("publish", () => second.publish(repository, rotation));
    const answer = await server.request(`/v2/${repository}/_trust/tuf/`, uploadOf(revoked));
    expect([answer.status, answer.code]).toEqual([400, "THRESHOLD"]);
    await second.chainCheck(repository);
    expect(await version("targets")).toBe(2);
  });

  test("W3: a delegation's key exchanged between examination and commit", async () => {
    const gate = barrier();
    server = await startServer({ backEnd, wrapStore: gate.wrapStore });
    second = await startServer({ beside: server });
    const owner = await server.owner(repository);
    const releases = owner.delegate("targets/releases");
    await server.publish(repository, owner.first());
    releases.version = 3;
    const revoked = owner.files("targets/releases");
    const key = newKey();
    releases.version = 1;
    releases.signers = [key];
    (owner.targets.delegations[0] as { keys: unknown }).keys = [key.listed];
    const exchange = owner.next("targets", "targets/releases");
    gate.before("publish", () => second.publish(repository, exchange));
    const answer = await server.request(`/v2/${repository}/_trust/tuf/`, uploadOf(revoked));
    expect([answer.status, answer.code]).toEqual([400, "THRESHOLD"]);
    await second.chainCheck(repository);
  });

  test("R4: two rotations at once: one wins, the other is told VERSION", async () => {
    server = await startServer({ backEnd });
    second = await startServer({ beside: server });
    const owner = await server.owner(repository);
    await server.publish(repository, owner.first());
    const rotation = () => {
      const key = newKey();
      owner.root.keys.targets = [key.listed];
      owner.targets.signers = [key];
      return owner.files("root", "targets");
    };
    owner.root.version++;
    owner.targets.version++;
    const answers = await server.publishTogether(repository, [rotation(), rotation()], [second]);
    expect(answers.map(({ status, error }) => `${status} ${error?.code}`).sort()).toEqual([
      "200 undefined",
      "400 VERSION",
    ]);
  });

  test("W1: 100 publishers of one version, 20 rounds, two processes: one 200 a round, all others VERSION", async () => {
    server = await startServer({ backEnd });
    second = await startServer({ beside: server });
    const owner = await server.owner(repository);
    await server.publish(repository, owner.first());
    for (let round = 0; round < 20; round++) {
      owner.targets.version++;
      const uploads = Array.from({ length: 100 }, (_, i) => {
        owner.targets.targets.clear();
        owner.addTarget(`round ${round}, publisher ${i}`);
        return owner.files("targets");
      });
      const answers = await server.publishTogether(repository, uploads, [second]);
      const counts = new Map<string, number>();
      for (const { status, error } of answers) {
        const verdict = `${status} ${error?.code}`;
        counts.set(verdict, (counts.get(verdict) ?? 0) + 1);
      }
      expect(Object.fromEntries(counts)).toEqual({ "200 undefined": 1, "400 VERSION": 99 });
    }
  }, 120_000);

  test("V18: two files of one version: exactly one is accepted", async () => {
    server = await startServer({ backEnd });
    second = await startServer({ beside: server });
    const owner = await server.owner(repository);
    await server.publish(repository, owner.first());
    const one = owner.next("targets");
    owner.addTarget("other");
    const answers = await server.publishTogether(repository, [one, owner.files("targets")]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 400]);
  });

  test("publishes of many repositories at once all succeed", async () => {
    server = await startServer({ backEnd });
    second = await startServer({ beside: server });
    const names = Array.from({ length: 30 }, (_, i) => `example.org/many/${i}`);
    const owners = await Promise.all(names.map((name) => server.owner(name)));
    const answers = await Promise.all(owners.map((each) => server.publish(each.repository, each.first())));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  });

  test("W6, S8: readers beside a publisher always resolve a whole chain", async () => {
    server = await startServer({ backEnd });
    second = await startServer({ beside: server });
    const owner = await server.owner(repository);
    owner.delegate("targets/releases");
    await server.publish(repository, owner.first());
    let publishing = true;
    let chains = 0;
    let newest = 0;
    const reader = async () => {
      while (publishing) {
        newest = Math.max(newest, await resolve());
        chains++;
      }
    };
    const readers = [reader(), reader(), reader()];
    for (let i = 0; i < 25; i++) {
      const { status } = await server.request(
        `/v2/${repository}/_trust/tuf/`,
        uploadOf(owner.next(...(i % 2 === 0 ? ["targets"] : ["targets", "targets/releases"]))),
      );
      expect(status).toBe(200);
    }
    publishing = false;
    await Promise.all(readers);
    expect(chains).toBeGreaterThan(25);
    expect(newest).toBeGreaterThan(10);
    await server.chainCheck(repository);
  });
});

/** Timestamp, then everything by digest; throws unless all of it is there. The timestamp's version. */
async function resolve(): Promise<number> {
  const json = async (name: string) => {
    const { status, body } = await server.file(repository, name);
    if (status !== 200) throw new Error(`${name} is ${status}`);
    return JSON.parse(body.toString("utf8"));
  };
  const hex = (reference: { hashes: { sha256: string } }) =>
    Buffer.from(reference.hashes.sha256, "base64").toString("hex");
  const timestamp = await json("timestamp.json");
  const snapshot = await json(`snapshot.${hex(timestamp.signed.meta.snapshot)}.json`);
  for (const [role, reference] of Object.entries(snapshot.signed.meta)) {
    await json(`${role}.${hex(reference as { hashes: { sha256: string } })}.json`);
  }
  return timestamp.signed.version;
}
