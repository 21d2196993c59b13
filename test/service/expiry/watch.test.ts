/** What nears its end is counted and announced, once at each distance; what was signed long ago is told. */

import { generateKeyPairSync } from "node:crypto";
import { afterEach, describe, expect, test } from "vitest";
import { defaultPolicy } from "../../../src/policy/policy.ts";
import { readPolicy } from "../../../src/policy/schema.ts";
import type { TrustPolicy } from "../../../src/policy/trust-policy.ts";
import { facts } from "../../../src/publisher/files.ts";
import type { Announcement } from "../../../src/service/announce.ts";
import type { Expiry } from "../../../src/service/expiry/expiry-service.ts";
import type { Watch } from "../../../src/service/expiry/watch.ts";
import { certificate } from "../../support/certificates.ts";
import { tester } from "../../support/publications.ts";
import { day, type Owner, year } from "../../support/publisher.ts";
import { backEnds, type ServerOptions, start, startServer, type TestServer } from "../../support/server.ts";

const target = (text: string) => facts(Buffer.from(text));
const repository = "example.org/ends";
let server: TestServer;
let told: Announcement[];
afterEach(async () => await server.close());

async function published(
  options: ServerOptions = {},
  snapshot: "server" | "client" = "server",
  edit: (owner: Owner) => void = () => {},
): Promise<Owner> {
  told = [];
  const known = new Set<string>();
  server = await startServer({
    ...options,
    announcer: {
      async announce(announcement) {
        if (known.has(announcement.id)) return;
        known.add(announcement.id);
        told.push(announcement);
      },
    },
  });
  const owner = await server.owner(repository, snapshot);
  edit(owner);
  await server.publish(repository, owner.first());
  return owner;
}

const watch = () => server.service.expiry as Watch;
const at = async (instant: number) => {
  server.clock.set(instant);
  await watch().look();
};
const said = () =>
  told.map(
    ({ type, data }) => `${type.split(".").at(-1)} ${data.kind} ${data.role ?? ""} ${data.days ?? ""}`,
  );

describe.each(backEnds)("on %s", (backEnd) => {
  test("an offline role is announced at each distance, once, and when it is over", async () => {
    const owner = await published({ backEnd });
    const end = owner.targets.expires;
    await at(end - 90 * day - 1_000);
    expect(told).toEqual([]);
    for (const days of [90, 30, 14, 7, 3, 1]) {
      await at(end - days * day);
      await at(end - days * day + 3_600_000);
    }
    await at(end);
    await at(end + day);
    expect(said().filter((each) => each.includes("targets"))).toEqual([
      "approaching targets targets 90",
      "approaching targets targets 30",
      "approaching targets targets 14",
      "approaching targets targets 7",
      "approaching targets targets 3",
      "approaching targets targets 1",
      "passed targets targets ",
    ]);
    expect(told[0]).toMatchObject({
      subject: repository,
      data: { repository, role: "targets", name: "1", expires: new Date(end).toISOString() },
    });
  });

  test("what was passed over while nobody looked is told once, at the nearest distance", async () => {
    const owner = await published({ backEnd });
    await at(owner.targets.expires - 5 * day);
    expect(said()).toEqual(["approaching targets targets 7"]);
  });

  test("what was renewed is announced again in its time, and not before", async () => {
    const owner = await published({ backEnd });
    const end = owner.targets.expires;
    await at(end - 7 * day);
    owner.targets.expires = end + 3 * year;
    await server.publish(repository, owner.next("targets"));
    await at(end - day);
    expect(said()).toEqual(["approaching targets targets 7"]);
    await at(end + 3 * year - 7 * day);
    expect(said().filter((each) => each.includes("targets"))).toEqual(
      Array(2).fill("approaching targets targets 7"),
    );
  });

  test("pages of what ends have every repository once", async () => {
    await published({ backEnd });
    const names = Array.from({ length: 7 }, (_, i) => `example.org/more/${i}`);
    for (const name of names) await server.publish(name, (await server.owner(name)).first());
    const found: Expiry[] = [];
    for (let after: string | undefined; ; ) {
      const page = await server.service.expiry.expiring({ before: start + 100 * year, after, limit: 3 });
      found.push(...page.found);
      if (page.next === undefined) break;
      after = page.next;
    }
    const roots = found.filter(({ kind }) => kind === "root").map((each) => each.repository);
    expect(roots).toEqual([repository, ...names].sort());
    const none = await server.service.expiry.expiring({ before: start + day, after: undefined, limit: 200 });
    expect(none).toEqual({ found: [], next: undefined });
  });
});

test("a snapshot is announced if its owner signs it, and not if this server renews it", async () => {
  const ofServer = await published({ roles: { snapshotLifetime: 20 * day } });
  await at(start + 10 * day);
  expect(said()).toEqual([]);
  expect(ofServer.targets.expires).toBeGreaterThan(start + 200 * day);
  await server.close();
  await published({}, "client");
  const [snapshot] = (
    await server.service.expiry.expiring({ before: start + 100 * year, after: undefined, limit: 200 })
  ).found.filter(({ kind }) => kind === "snapshot");
  await at((snapshot?.expires ?? 0) - 3 * day);
  expect(said()).toContain("approaching snapshot snapshot 3");
});

test("metrics have the next end of each kind, and how much is over or near", async () => {
  const owner = await published();
  await at(owner.targets.expires - 10 * day);
  const near = watch().facts();
  expect(near?.next.get("targets")).toBe(owner.targets.expires);
  expect([...(near?.within ?? [])]).toEqual([
    [90, 1],
    [30, 1],
    [14, 1],
    [7, 0],
    [3, 0],
    [1, 0],
  ]);
  expect(near?.expired.size).toBe(0);
  await at(owner.targets.expires);
  const over = watch().facts();
  expect(over?.expired.get("targets")).toBe(1);
  expect(over?.next.has("targets")).toBe(false);
  expect(over?.at).toBe(owner.targets.expires);
});

test("sources of the server's own are asked, and pinned authorities are looked at", async () => {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const to = start + 80 * day;
  const pem = await certificate({ key: privateKey, cn: ["Acme CA"], to, ca: true });
  const { X509Certificate } = await import("node:crypto");
  const policy = { default: "unverified", repositories: [{ match: "other.example/**", tofu: true }] };
  const read = readPolicy(policy) as TrustPolicy;
  const pins = new Map([
    ["repositories[0]", { keys: [], certificates: [], authorities: [new X509Certificate(pem)] }],
  ]);
  const expires = start + 20 * day;
  await published({
    policy: { ...defaultPolicy, file: { policy: read, pins } },
    expirySources: [
      {
        expiries: async () => [
          { kind: "machine_token", repository: "", role: "", name: "ci", keyId: "", expires },
        ],
      },
    ],
  });
  await at(start);
  expect(told.map(({ subject, data }) => [subject, data.name, data.days])).toEqual([
    ["pinned_ca", "CN=Acme CA", 90],
    ["machine_token", "ci", 30],
  ]);
  expect(watch().facts()?.next.get("pinned_ca")).toBe(to);
});

test("a repository that cannot be looked at keeps nothing from the others", async () => {
  const { StoreError } = await import("../../../src/core/errors.ts");
  const owner = await published({
    wrapStore: (store) => ({
      ...store,
      async state(name) {
        const state = await store.state(name);
        if (name !== "example.org/bad") return state;
        return {
          ...state,
          get current(): never {
            throw new StoreError("STORE_CORRUPT", "Restore.");
          },
        };
      },
    }),
  });
  const bad = await startServer({ beside: server });
  await bad.publish("example.org/bad", (await bad.owner("example.org/bad")).first());
  await at(owner.targets.expires - day);
  expect(said()).toContain("approaching targets targets 1");
  await bad.close();
});

describe("signatures", () => {
  const old = { default: "unverified", repositories: [{ match: "example.org/**", tofu: true }] };
  const withMaxAge = (maxAge: string) => {
    const policy = readPolicy({
      ...old,
      defaults: { signatures: { maxAge, unknownAge: "allow" } },
    }) as TrustPolicy;
    return { ...defaultPolicy, file: { policy, pins: new Map() } };
  };
  const dated = (instant: number, text: string) => ({
    ...target(text),
    custom: { vidimus: { signedAt: new Date(instant).toISOString() } },
  });
  const query = (before: number) => ({ before, after: undefined, limit: 200 });

  test("are told by the date inside the signed bytes", async () => {
    await published({}, "server", (owner) => {
      owner.targets.targets = new Map(
        Object.entries({ new: dated(start - day, "new"), old: dated(start - 200 * day, "old") }),
      );
    });
    const { found } = await server.service.expiry.oldSignatures(query(start - 180 * day));
    expect(found).toEqual([
      {
        repository,
        role: "targets",
        target: "old",
        signedAt: start - 200 * day,
        seenAt: undefined,
        orOlder: false,
      },
    ]);
  });

  test("without a date are told by when the server first saw the same digests, without a break", async () => {
    const owner = await published({}, "server", (each) => {
      each.targets.targets = new Map(Object.entries({ stays: target("a"), moves: target("b") }));
    });
    server.clock.advance(10 * day);
    owner.targets.targets = new Map(
      Object.entries({ stays: target("a"), moves: target("c"), comes: target("d") }),
    );
    await server.publish(repository, owner.next("targets"));
    server.clock.advance(10 * day);
    const { found } = await server.service.expiry.oldSignatures(query(start + 100 * day));
    expect(new Map(found.map((each) => [each.target, each.seenAt]))).toEqual(
      new Map([
        ["stays", start],
        ["moves", start + 10 * day],
        ["comes", start + 10 * day],
      ]),
    );
    expect((await server.service.expiry.oldSignatures(query(start + day))).found).toMatchObject([
      { target: "stays", signedAt: undefined, orOlder: false },
    ]);
  });

  test("are at least as old as what was taken away before them", async () => {
    const owner = await published({}, "server", (each) => {
      each.targets.targets = new Map(Object.entries({ stays: target("a") }));
    });
    server.clock.advance(10 * day);
    await server.publish(repository, owner.next("targets"));
    const removal = { repository, incarnation: 1, at: server.clock.now(), actor: tester };
    await server.store.retention.remove({ ...removal, files: [{ role: "targets", version: 1 }] });
    const { found } = await server.service.expiry.oldSignatures(query(start + 100 * day));
    expect(found).toMatchObject([{ target: "stays", seenAt: start + 10 * day, orOlder: true }]);
  });

  test("older than the policy allows are announced once for each version of a file, and counted", async () => {
    const owner = await published({ policy: withMaxAge("30d") }, "server", (each) => {
      each.targets.targets = new Map(Object.entries({ a: dated(start, "a"), b: target("b") }));
    });
    await at(start + 29 * day);
    expect(told).toEqual([]);
    expect(watch().facts()?.oldSignatures).toBe(0);
    await at(start + 31 * day);
    await at(start + 32 * day);
    expect(told).toMatchObject([
      {
        type: "dev.vidimus.signature.old",
        subject: repository,
        data: {
          role: "targets",
          version: 1,
          maxAgeDays: 30,
          oldestSigned: new Date(start).toISOString(),
          firstSeen: new Date(start).toISOString(),
        },
      },
    ]);
    expect(watch().facts()?.oldSignatures).toBe(1);
    owner.targets.targets = new Map(Object.entries({ a: dated(start + 32 * day, "a") }));
    await server.publish(repository, owner.next("targets"));
    await at(start + 33 * day);
    expect(watch().facts()?.oldSignatures).toBe(0);
  });
});
