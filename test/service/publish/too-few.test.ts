/** Publishing directly with too few signatures: the refusal names who is missing, within what stock clients read. */
import { afterEach, beforeEach, expect, it } from "vitest";
import type { PublisherKey } from "../../support/bare/keys.ts";
import { newKey, newRootKey, type Owner } from "../../support/publisher.ts";
import { startServer, type TestServer } from "../../support/server.ts";

const repository = "example.org/too-few";
let server: TestServer;
let owner: Owner;
let keys: PublisherKey[];

beforeEach(async () => {
  server = await startServer();
  owner = await server.owner(repository);
  keys = Array.from({ length: 9 }, () => newKey());
  owner.root.keys.targets.push(...keys.map(({ listed }) => listed));
  owner.root.thresholds.targets = 3;
  owner.targets.signers = [owner.targetsKey, ...keys.slice(0, 2)];
  expect((await server.publish(repository, owner.first())).status).toBe(200);
});
afterEach(() => server.close());

const message = (detail: unknown) => (detail as { Error: { Msg: string } }).Error.Msg;

it("of targets it names the keys that have not signed, and the command, in at most 1,024 bytes", async () => {
  owner.targets.signers = [owner.targetsKey];
  const answer = await server.publish(repository, owner.next("targets"));
  expect([answer.status, answer.code, answer.error?.code]).toEqual([400, "THRESHOLD", "INVALID_UPDATE"]);
  expect(answer.body.length).toBeLessThanOrEqual(1_024);
  const text = message(answer.error?.detail);
  expect(text).toMatch(/^valid signatures did not meet threshold for targets: 1 of 3 signatures are there/);
  for (const { listed } of keys.slice(0, 4)) expect(text).toContain(listed.id);
  expect(text).not.toContain(owner.targetsKey.listed.id);
  expect(text).toContain("and 5 more");
  expect(text).toContain("vidimus proposal open");
});

it("of a file without any signature it says the same", async () => {
  owner.targets.signers = [];
  const answer = await server.publish(repository, owner.next("targets"));
  expect(answer.code).toBe("THRESHOLD");
  expect(answer.body.length).toBeLessThanOrEqual(1_024);
  expect(message(answer.error?.detail)).toContain("vidimus proposal open");
});

it.each([
  ["ROOT_NOT_SELF_SIGNED", [0, 1]],
  ["ROOT_NOT_SIGNED_BY_PREVIOUS", [2, 3]],
] as const)("of a root (%s) it names the keys, old or new", async (code, signing) => {
  const root = await Promise.all(Array.from({ length: 4 }, () => newRootKey(repository, server.clock.now())));
  const ids = (from: number) => root.slice(from, from + 2).map(({ listed }) => listed);
  owner.root.thresholds.root = 2;
  owner.root.keys.root = ids(0);
  owner.root.signers = [owner.rootKey, ...root.slice(0, 2)];
  expect((await server.publish(repository, owner.next("root"))).status).toBe(200);
  owner.root.keys.root = ids(2);
  owner.root.signers = signing.map((i) => root[i] as PublisherKey);
  const answer = await server.publish(repository, owner.next("root"));
  expect(answer.code).toBe(code);
  expect(answer.body.length).toBeLessThanOrEqual(1_024);
  for (const [i, { listed }] of root.entries()) {
    const isMissing = !(signing as readonly number[]).includes(i);
    expect(message(answer.error?.detail).includes(listed.id)).toBe(isMissing);
  }
});

it("one person who can do it alone hears what the original says", async () => {
  const other = "example.org/alone";
  const alone = await server.owner(other);
  alone.targets.signers = [newKey()];
  const answer = await server.publish(other, alone.first());
  expect(message(answer.error?.detail)).toBe("valid signatures did not meet threshold for targets");
});
