/** However proposals are opened, signed and ended: nothing of that is damage. What could be is in `columns.test.ts`. */

import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, expect, test } from "vitest";
import { notary } from "../../../src/core/format/notary.ts";
import { mostEvents } from "../../../src/store/contract/proposals.ts";
import type { PublisherKey } from "../../support/bare/keys.ts";
import { openRequest, rejectionBy, signaturesBy } from "../../support/proposing.ts";
import { told } from "../../support/publications.ts";
import { day, type Files, newKey, newRootKey, type Owner } from "../../support/publisher.ts";
import { startServer, type TestServer } from "../../support/server.ts";
import { check } from "../../support/stored.ts";

const repository = "example.org/quorum";
const who = { name: "tester", method: "none", address: "" } as const;

let server: TestServer;
let owner: Owner;
let second: PublisherKey;
beforeEach(async () => {
  server = await startServer({ backEnd: "sqlite" });
  owner = await server.owner(repository);
  second = newKey("ecdsa");
  owner.root.keys.targets.push(second.listed);
  owner.root.thresholds.targets = 2;
  owner.targets.signers = [owner.targetsKey, second];
});
afterEach(() => server.close());

const proposals = () => server.service.proposals;
const open = (files: Files, signers?: ReadonlyMap<string, readonly PublisherKey[]>, lifetime?: number) =>
  proposals().open(repository, openRequest(files, signers, { lifetime, note: "é😀" }), who, true);
const sign = (id: string, key: PublisherKey, files: Files, role = "targets") =>
  proposals().sign(repository, id, signaturesBy(key, files, role), who, true);

async function codes(): Promise<readonly string[]> {
  const { damages } = await check(server.directory ?? "", server.secret, server.clock.now());
  return damages.map(({ code }) => code);
}

/** The states that the store has, in the order of their opening. */
async function states(): Promise<readonly string[]> {
  const found = await server.store.proposals.list({ now: 0, limit: 200 });
  return found.map(({ state }) => state).reverse();
}

test("every end that a proposal can have", async () => {
  const first = owner.first();
  const begun = await open(first, new Map([["root", [owner.rootKey]]]));
  await sign(begun.id, owner.targetsKey, first);
  expect(await codes()).toEqual([]);
  await sign(begun.id, second, first);
  await open(owner.next("targets"), new Map([["targets", [owner.targetsKey, second]]]));
  const rejected = await open(owner.next("targets"));
  await proposals().reject(repository, rejected.id, rejectionBy(second, "targets", rejected), who);
  const cancelled = await open(owner.next("targets"));
  await sign(cancelled.id, second, await filesOf(cancelled.id));
  await proposals().cancel(repository, cancelled.id, who);
  await open(owner.next("targets"), undefined, day);
  server.clock.advance(2 * day);
  await server.service.start();
  await expect.poll(async () => (await states()).at(-1)).toBe("expired");
  await open(owner.next("targets"));
  owner.addTarget("else");
  await server.publish(repository, owner.next("targets"));
  const left = owner.next("targets");
  await sign((await open(left)).id, second, left);
  expect(await states()).toEqual([
    "published",
    "published",
    "rejected",
    "cancelled",
    "expired",
    "superseded",
    "open",
  ]);
  expect(await codes()).toEqual([]);
  await server.service.remove(repository, who);
  expect((await states()).at(-1)).toBe("superseded");
  expect(await codes()).toEqual([]);
});

async function filesOf(id: string): Promise<Files> {
  const { files } = await proposals().get(repository, id);
  return new Map(files.map(({ role, signed }) => [role, notary.seal(signed, [])]));
}

test("one that could not be published, and is signed once more", async () => {
  await server.publish(repository, owner.first());
  owner.targets.expires = server.clock.now() + day;
  const files = owner.next("targets");
  const { id } = await open(files);
  await sign(id, owner.targetsKey, files);
  server.clock.advance(2 * day);
  expect(await sign(id, second, files)).toMatchObject({ state: "open", complete: false });
  expect(await codes()).toEqual([]);
});

test("one that begins a repository, and a root of which a certificate has expired since", async () => {
  owner.root.thresholds.root = 2;
  owner.root.keys.root.push((await newRootKey(repository, server.clock.now())).listed);
  const files = owner.first();
  await open(files, new Map([["root", [owner.rootKey]]]));
  expect(await codes()).toEqual([]);
  server.clock.advance(20 * 365 * day);
  expect(await codes()).toEqual([]);
});

test("one that was proposed, signed by everybody, and waits for somebody who may publish", async () => {
  await server.publish(repository, owner.first());
  const files = owner.next("targets");
  const { id } = await proposals().open(repository, openRequest(files), who, false);
  for (const key of [owner.targetsKey, second]) {
    await proposals().sign(repository, id, signaturesBy(key, files, "targets"), who, false);
  }
  expect(await proposals().get(repository, id)).toMatchObject({ state: "open", complete: false });
  expect(await codes()).toEqual([]);
  // Marked as complete by somebody else it would be published at the next look.
  const database = new Database(join(server.directory ?? "", "vidimus.sqlite"));
  database.exec("UPDATE proposal SET complete = 1");
  database.close();
  expect(await codes()).toEqual(["PROPOSAL_RECORD_WRONG"]);
});

test("one with more events than are kept", async () => {
  await server.publish(repository, owner.first());
  const files = owner.next("targets");
  const { id } = await open(files);
  for (let revision = 1; revision <= mostEvents + 3; revision++) {
    await server.store.proposals.change({
      repository,
      id,
      expectedRevision: revision,
      at: server.clock.now(),
      principal: who.name,
      signatures: [],
      complete: false,
      settle: undefined,
      reason: "x: y",
      event: { kind: "failed", detail: "x: y" },
      audit: told(repository, { kind: "proposal.failed" }),
    });
  }
  await sign(id, second, files);
  expect(await codes()).toEqual([]);
  await proposals().cancel(repository, id, who);
  expect(await codes()).toEqual([]);
});
