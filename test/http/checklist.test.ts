/** What breaks drop-in compatibility and is about files, not routes (notary-protocol.md chapter 11). */
import { X509Certificate } from "node:crypto";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Json } from "../../src/core/json.ts";
import { day, newRootKey, type Owner, signedOf, signJson, year } from "../support/publisher.ts";
import { start, startServer, type TestServer } from "../support/server.ts";

const repository = "example.org/checklist";
let server: TestServer;
let owner: Owner;

beforeEach(async () => {
  server = await startServer();
  owner = await server.owner(repository);
});
afterEach(async () => await server.close());

async function publishFirst(): Promise<void> {
  expect((await server.publish(repository, owner.first())).status).toBe(200);
}

// biome-ignore lint/suspicious/noExplicitAny: files as they were served
async function served(name: string): Promise<any> {
  return JSON.parse((await server.file(repository, name)).body.toString("utf8"));
}

test("checklist 6: a reader finds older roots by number", async () => {
  await publishFirst();
  const first = await server.file(repository, "1.root.json");
  await server.publish(repository, owner.next("root"));
  expect((await server.file(repository, "1.root.json")).body).toEqual(first.body);
  expect((await served("root.json")).signed.version).toBe(2);
});

test("checklist 7: types have a capital, and there is no spec_version", async () => {
  await publishFirst();
  for (const [role, type] of [
    ["timestamp", "Timestamp"],
    ["snapshot", "Snapshot"],
  ]) {
    const { signed } = await served(`${role}.json`);
    expect([signed._type, "spec_version" in signed]).toEqual([type, false]);
  }
});

test("checklist 8: what the server signs is fixed-width r and s, by a named method", async () => {
  await publishFirst();
  const { signatures } = await served("timestamp.json");
  expect(
    signatures.map(({ method, sig }: Record<string, string>) => [
      method,
      Buffer.from(sig ?? "", "base64").length,
    ]),
  ).toEqual([["ecdsa", 64]]);
});

test("checklist 8: with Ed25519 the method is eddsa", async () => {
  const other = await startServer({ keys: { algorithm: "ed25519" } });
  try {
    await other.publish("x", (await other.owner("x")).first());
    const { signatures } = JSON.parse((await other.file("x", "timestamp.json")).body.toString());
    expect(signatures[0].method).toBe("eddsa");
  } finally {
    await other.close();
  }
});

test("checklist 9: what the server writes is in the form of Go's encoder", async () => {
  await publishFirst();
  const text = (await server.file(repository, "timestamp.json")).body.toString();
  expect(text).toMatch(
    /^\{"signed":\{"_type":"Timestamp","expires":"2030-01-15T00:00:00Z","meta":\{"snapshot":\{"hashes":\{"sha256":"[^"]+","sha512":"[^"]+"\},"length":\d+\}\},"version":1\},"signatures":\[\{"keyid":"[0-9a-f]{64}","method":"ecdsa","sig":"[^"]+"\}\]\}$/,
  );
});

test.each<[string, Record<string, Json>]>([
  ["null for targets", { targets: null }],
  ["null for the roles of delegations", { delegations: { keys: {}, roles: null } }],
  ["no delegations at all", { delegations: null }],
  ["a date with an offset and nanoseconds", { expires: "2031-05-31T17:25:16.770584584+02:00" }],
  ["a member nobody knows", { custom_field: { deep: [1, "two", null] } }],
])("checklist 10: %s", async (_what, members) => {
  const files = new Map(owner.first());
  files.set("targets", signJson({ ...signedOf(owner.targetsFile()), ...members }, [owner.targetsKey]));
  expect((await server.publish(repository, files)).status).toBe(200);
});

test("checklist 10: a delegation without paths and with null for its keys", async () => {
  const signed = signedOf(owner.targetsFile());
  signed.delegations = { keys: {}, roles: [{ name: "targets/a", keyids: null, threshold: 1 }] };
  const files = new Map(owner.first()).set("targets", signJson(signed, [owner.targetsKey]));
  expect((await server.publish(repository, files)).status).toBe(200);
});

test.each([1, 2])(
  "checklist 11: a first root of version %i, with targets and snapshot of version 2",
  async (version) => {
    const own = await server.owner(repository, "client");
    own.root.version = version;
    own.targets.version = 2;
    own.snapshot.version = 2;
    expect((await server.publish(repository, own.first())).status).toBe(200);
  },
);

test("checklist 11: a first root of version 3 is refused", async () => {
  owner.root.version = 3;
  expect((await server.publish(repository, owner.first())).code).toBe("ROOT_VERSION");
});

test("checklist 12: a certificate may name a path above the repository", async () => {
  const key = await newRootKey("example.org/*", start);
  owner.root.keys.root = [key.listed];
  owner.root.signers = [key];
  await publishFirst();
});

test("checklist 12: the certificate of the previous root may have expired", async () => {
  await publishFirst();
  const pem = Buffer.from(owner.rootKey.listed.public, "base64");
  server.clock.set(new X509Certificate(pem).validToDate.getTime() + day);
  const key = await newRootKey(repository, server.clock.now());
  owner.root.keys.root = [key.listed];
  owner.root.signers = [owner.rootKey, key];
  owner.root.expires = server.clock.now() + 10 * year;
  owner.targets.expires = server.clock.now() + year;
  const { status } = await server.publish(repository, owner.next("root", "targets"));
  expect(status).toBe(200);
});

test("checklist 15: one error, in at most 1,024 bytes, with a name and a message", async () => {
  owner.role("targets").signers = [];
  const { body, error } = await server.publish(repository, owner.first());
  expect(body.length).toBeLessThanOrEqual(1_024);
  expect(JSON.parse(body.toString()).errors.length).toBe(1);
  expect(error?.detail).toEqual({ Name: "ErrBadTargets", Error: { Msg: "tuf: data has no signatures" } });
});

test("checklist 15: a long repository name and role do not make it longer", async () => {
  const long = `example.org/${"n".repeat(240)}`;
  const mine = await server.owner(long);
  mine.delegate(`targets/${"r".repeat(240)}`).signers = [];
  const { body, status } = await server.publish(long, mine.first());
  expect([status, body.length <= 1_024]).toEqual([400, true]);
});

test("checklist 16: each renewal is one version further", async () => {
  await publishFirst();
  for (const version of [2, 3]) {
    server.clock.advance(15 * day);
    expect((await served("timestamp.json")).signed.version).toBe(version);
  }
});
