/** Proposals that hold the signature of a key that is denied afterwards, and perhaps allowed again. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Proposals } from "../../../src/service/proposals.ts";
import type { PublisherKey } from "../../support/bare/keys.ts";
import { openRequest, signaturesBy } from "../../support/proposing.ts";
import { told } from "../../support/publications.ts";
import { type Files, newKey, newRootKey, type Owner } from "../../support/publisher.ts";
import { codeOf } from "../../support/refusal.ts";
import { backEnds, startServer, type TestServer } from "../../support/server.ts";
import { check } from "../../support/stored.ts";

const repository = "example.org/denied";
const who = { name: "tester", method: "none", address: "" } as const;

describe.each(backEnds)("a proposal with a denied key's signature on %s", (backEnd) => {
  let server: TestServer;
  let owner: Owner;
  let others: TestServer[];
  let stolen: PublisherKey;
  let second: PublisherKey;
  let rootB: PublisherKey;

  beforeEach(async () => {
    others = [];
    server = await startServer({ backEnd });
    owner = await server.owner(repository);
    stolen = owner.targetsKey;
    second = newKey("ecdsa");
    owner.root.keys.targets.push(second.listed);
    owner.targets.signers = [stolen, second];
    rootB = await newRootKey(repository, server.clock.now());
    owner.root.keys.root.push(rootB.listed);
    owner.root.thresholds.root = 2;
    owner.root.signers = [owner.rootKey, rootB];
  });
  afterEach(async () => {
    for (const each of others) await each.close();
    await server.close();
  });

  const proposals = (of = server) => of.service.proposals as Proposals;
  const open = (files: Files, signers: ReadonlyMap<string, readonly PublisherKey[]>) =>
    proposals().open(repository, openRequest(files, signers), who, true);
  const sign = (id: string, key: PublisherKey, files: Files, role: string) =>
    proposals().sign(repository, id, signaturesBy(key, files, role), who, true);
  const get = (id: string) => proposals().get(repository, id);
  const deny = (key: PublisherKey) => server.service.audit.deny(key.listed.id, "stolen", who);
  /** By a process that dies right after. */
  const allow = (key: PublisherKey) =>
    server.store.register.lift({
      keyId: key.listed.id,
      at: server.clock.now(),
      by: who.name,
      audit: told("", { kind: "key.allowed" }),
    });

  /** What fsck finds; without a file there is nothing to examine. */
  async function damages(): Promise<readonly string[]> {
    if (backEnd !== "sqlite") return [];
    const found = await check(server.directory ?? "", server.secret, server.clock.now());
    return found.damages.map(({ code }) => code);
  }

  /** Root and targets of a new version: the stolen key signed targets, and one root key is missing. */
  async function half(): Promise<{ files: Files; id: string }> {
    expect((await server.publish(repository, owner.first())).status).toBe(200);
    owner.addTarget("app");
    const files = new Map([...owner.next("root"), ...owner.next("targets")]);
    const signers = new Map([
      ["root", [owner.rootKey]],
      ["targets", [stolen]],
    ]);
    return { files, id: (await open(files, signers)).id };
  }

  it("says that it does not count, is no damage, and is completed by another key", async () => {
    const { files, id } = await half();
    await deny(stolen);
    const left = await sign(id, rootB, files, "root");
    expect(left).toMatchObject({ state: "open", complete: false });
    expect(left.files.map(({ role, denied }) => [role, denied])).toEqual([
      ["root", []],
      ["targets", [stolen.listed.id]],
    ]);
    expect(left.files[1]?.needs).toMatchObject([{ signed: [], missing: [second.listed.id], met: false }]);
    expect(await damages()).toEqual([]);
    expect(await codeOf(sign(id, stolen, files, "targets"))).toBe("KEY_DENIED");
    const done = await sign(id, second, files, "targets");
    expect(done).toMatchObject({ state: "published", reason: "" });
    expect(await damages()).toEqual([]);
  });

  it.each(["this process", "another"])("is published by %s once the key is allowed again", async (which) => {
    const { files, id } = await half();
    const looker = which === "another" ? await startServer({ backEnd, beside: server }) : server;
    if (looker !== server) others.push(looker);
    await proposals(looker).tend();
    await deny(stolen);
    await sign(id, rootB, files, "root");
    await proposals(looker).tend();
    expect((await get(id)).state).toBe("open");
    await allow(stolen);
    expect(await damages()).toEqual([]);
    await proposals(looker).tend();
    expect(await get(id)).toMatchObject({ state: "published", reason: "" });
    expect(await damages()).toEqual([]);
  });

  it("is published by whoever lifts the denial", async () => {
    const { files, id } = await half();
    await deny(stolen);
    await sign(id, rootB, files, "root");
    expect(await server.service.audit.allow(stolen.listed.id, who)).toBe(true);
    expect(await get(id)).toMatchObject({ state: "published", reason: "" });
    expect(await damages()).toEqual([]);
  });

  it("is not published so where nobody who may publish has taken part", async () => {
    const { files } = await half();
    const { id: old } = (await proposals().list({ repository, state: "open", limit: 1 }))[0] ?? { id: "" };
    await proposals().cancel(repository, old, who);
    const signers = new Map([
      ["root", [owner.rootKey]],
      ["targets", [stolen]],
    ]);
    const { id } = await proposals().open(repository, openRequest(files, signers), who, false);
    await deny(stolen);
    await proposals().sign(repository, id, signaturesBy(rootB, files, "root"), who, false);
    expect(await server.service.audit.allow(stolen.listed.id, who)).toBe(true);
    expect(await get(id)).toMatchObject({ state: "open", complete: false });
    expect(await damages()).toEqual([]);
  });

  it("is published once the key is allowed by whoever sends a signature that it has", async () => {
    const { files, id } = await half();
    await deny(stolen);
    await sign(id, rootB, files, "root");
    await allow(stolen);
    expect(await sign(id, rootB, files, "root")).toMatchObject({ state: "published" });
  });

  it("says why it was refused where its root newly lists the key, and is published once that is allowed", async () => {
    const files = owner.first();
    const signers = new Map([
      ["root", [owner.rootKey]],
      ["targets", [stolen]],
    ]);
    const { id } = await open(files, signers);
    await deny(stolen);
    expect(await sign(id, rootB, files, "root")).toMatchObject({ state: "open", reason: "" });
    expect(await damages()).toEqual([]);
    const refused = await sign(id, second, files, "targets");
    expect(refused).toMatchObject({ state: "open", complete: false });
    expect(refused.reason).toMatch(/^KEY_DENIED: /);
    await proposals().tend();
    expect((await get(id)).revision).toBe(refused.revision);
    expect(await damages()).toEqual([]);
    await allow(stolen);
    await proposals().tend();
    expect(await get(id)).toMatchObject({ state: "published", reason: "" });
    expect(await damages()).toEqual([]);
  });
});

it("is damage as before where no key of it was ever denied", async () => {
  const server = await startServer({ backEnd: "sqlite" });
  try {
    const owner = await server.owner(repository);
    const [first, second] = [owner.targetsKey, newKey("ecdsa")];
    owner.root.keys.targets.push(second.listed);
    owner.root.thresholds.targets = 2;
    owner.targets.signers = [first, second];
    expect((await server.publish(repository, owner.first())).status).toBe(200);
    const files = owner.next("targets");
    const { id } = await server.service.proposals.open(
      repository,
      openRequest(files, new Map([["targets", [first]]])),
      who,
      true,
    );
    await server.service.audit.deny(newKey("ecdsa").listed.id, "stolen", who);
    const [signed] = signaturesBy(second, files, "targets");
    const { revision } = await server.service.proposals.get(repository, id);
    await server.store.proposals.change({
      repository,
      id,
      expectedRevision: revision,
      at: server.clock.now(),
      principal: who.name,
      signatures: (signed?.signatures ?? []).map((entry) => ({ role: "targets", ...entry })),
      complete: false,
      settle: undefined,
      reason: "",
      event: { kind: "signed", detail: `targets: ${second.listed.id}` },
      audit: told(repository, { kind: "proposal.signed" }),
    });
    const { damages } = await check(server.directory ?? "", server.secret, server.clock.now());
    expect(damages.map(({ code }) => code)).toEqual(["PROPOSAL_RECORD_WRONG"]);
  } finally {
    await server.close();
  }
});
