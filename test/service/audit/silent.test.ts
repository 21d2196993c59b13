/** Keys that have not signed, in a role with more versions than one look takes. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { notary } from "../../../src/core/format/notary.ts";
import { canonicalKeyId } from "../../../src/core/keys.ts";
import type { AuditRequest } from "../../../src/service/audit/audit-service.ts";
import { HistoryReader } from "../../../src/service/audit/reader.ts";
import { silentIn } from "../../../src/service/audit/silent.ts";
import { readingHere } from "../../../src/service/reading.ts";
import type { PublisherKey } from "../../support/bare/keys.ts";
import { day, newKey, type Owner } from "../../support/publisher.ts";
import { start, startServer, type TestServer } from "../../support/server.ts";

const repository = "example.org/busy";
const versions = 202;
const who = { name: "tester", method: "none", address: "" } as const;

let server: TestServer;
let owner: Owner;
let busy: PublisherKey;
let rare: PublisherKey;

/** The rare key signs version 1 at day 0, the busy one all others, a minute apart from day 10 on. */
beforeAll(async () => {
  server = await startServer();
  owner = await server.owner(repository);
  [rare, busy] = [owner.targetsKey, newKey()];
  owner.root.keys.targets.push(busy.listed);
  expect((await server.publish(repository, owner.first())).status).toBe(200);
  owner.targets.signers = [busy];
  for (let i = 1; i < versions; i++) {
    server.clock.set(at(i));
    await server.service.publish(
      repository,
      [...owner.next("targets")].map(([role, bytes]) => ({ role, bytes })),
      who,
    );
  }
}, 60_000);
afterAll(() => server.close());

/** When a version was published. */
const at = (index: number) => start + 10 * day + index * 60_000;
const iso = (instant: number) => new Date(instant).toISOString();

async function silent(days: number, most?: number) {
  const reader = await new HistoryReader(server.store, notary, readingHere(notary)).read(repository);
  const request = { question: "silent-keys", repository, role: "targets", days } as AuditRequest;
  const { lines } = await silentIn(reader, request, server.clock.now(), most);
  return lines
    .filter(({ role }) => role === "targets")
    .map(({ key, lastSigned, lookedBackTo }) => [key, lastSigned, lookedBackTo]);
}

it("are not among the silent where they signed within these days, however many versions came since", async () => {
  expect(await silent(30)).toEqual([]);
});

it("are told with how far back was looked, where there is more before these days", async () => {
  expect(await silent(5)).toEqual([[canonicalKeyId(rare.listed), null, iso(at(1))]]);
});

it("are told so where there are more versions in these days than are looked through", async () => {
  expect(await silent(30, 201)).toEqual([[canonicalKeyId(rare.listed), null, iso(at(versions - 201))]]);
  expect(await silent(30, 202)).toEqual([]);
});
