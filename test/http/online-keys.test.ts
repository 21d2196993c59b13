/** Taking in the online keys of a repository that another server has served, over a connection. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { onlineKeys } from "../../src/http/manage/schemas.ts";
import type { Answer } from "../support/client.ts";
import { foreignKey, foreignRepository } from "../support/foreign-repository.ts";
import { day } from "../support/publisher.ts";
import { type ServerOptions, start, startServer, type TestServer } from "../support/server.ts";

const repository = "registry.example.org:5000/team/app";
const path = `/api/v1/repositories/${encodeURIComponent(repository)}/online-keys`;

let server: TestServer;
const begin = async (options: ServerOptions = {}) => {
  server = await startServer(options);
};
beforeEach(() => begin());
afterEach(() => server.close());

type Given = { readonly role: string; readonly pkcs8: Buffer };

const send = (body: unknown) =>
  server.request(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
const adopt = (...keys: readonly Given[]) =>
  send({ keys: keys.map(({ role, pkcs8 }) => ({ role, private: pkcs8.toString("base64") })) });
const outcome = (answer: Answer) => [answer.status, answer.code];
const version = async (role: string) =>
  JSON.parse((await server.file(repository, `${role}.json`)).body.toString("utf8")).signed.version;
const held = async () => {
  const { roles } = onlineKeys.parse(JSON.parse((await server.get(path)).body.toString("utf8")));
  return Object.fromEntries(roles.map(({ role, keys }) => [role, keys.map((key) => key.held)]));
};

describe.each(["ecdsa", "ed25519"] as const)("online keys of %s", (kind) => {
  it("are taken in, and versions go on from there", async () => {
    const { owner, timestamp, snapshot } = await foreignRepository(server.store, repository, {
      at: start,
      timestamp: foreignKey(kind),
      snapshot: foreignKey(kind),
    });
    await server.chainCheck(repository);
    expect(await held()).toEqual({ timestamp: [false], snapshot: [false] });
    const before = (await server.file(repository, "timestamp.json")).body;
    const answer = await adopt({ role: "timestamp", ...timestamp }, { role: "snapshot", ...snapshot });
    expect(answer.status).toBe(200);
    expect(onlineKeys.parse(JSON.parse(answer.body.toString("utf8")))).toEqual({
      format: "vidimus-online-keys/1",
      repository,
      roles: [
        { role: "timestamp", threshold: 1, keys: [{ id: timestamp.listed.id, held: true }] },
        { role: "snapshot", threshold: 1, keys: [{ id: snapshot.listed.id, held: true }] },
      ],
    });
    expect(answer.body.includes(timestamp.pkcs8.toString("base64"))).toBe(false);
    // Readers notice nothing until there is something new.
    expect((await server.file(repository, "timestamp.json")).body).toEqual(before);
    owner.addTarget("another");
    expect((await server.publish(repository, owner.next("targets"))).status).toBe(200);
    expect([await version("timestamp"), await version("snapshot")]).toEqual([8, 8]);
  });
});

it("a timestamp that has expired meanwhile is renewed at once", async () => {
  const { timestamp } = await foreignRepository(server.store, repository, { at: start - 30 * day });
  expect((await server.file(repository, "timestamp.json")).status).toBe(200);
  expect((await adopt({ role: "timestamp", ...timestamp })).status).toBe(200);
  expect(await version("timestamp")).toBe(8);
  expect(await held()).toEqual({ timestamp: [true], snapshot: [false] });
  await server.chainCheck(repository);
});

it("the same keys again change nothing", async () => {
  const { timestamp } = await foreignRepository(server.store, repository, { at: start });
  await adopt({ role: "timestamp", ...timestamp });
  const again = await server.storesNothing(repository, () => adopt({ role: "timestamp", ...timestamp }));
  expect(again.status).toBe(200);
});

describe("what is refused leaves nothing behind", () => {
  const refusedKeys = async (expected: readonly unknown[], ...keys: readonly Given[]) => {
    expect(outcome(await server.storesNothing(repository, () => adopt(...keys)))).toEqual(expected);
    expect(await held()).toEqual({ timestamp: [false], snapshot: [false] });
  };

  it("a key that the root does not list, beside one that it does", async () => {
    const { timestamp } = await foreignRepository(server.store, repository, { at: start });
    await refusedKeys(
      [400, "ONLINE_KEY_UNLISTED"],
      { role: "timestamp", ...timestamp },
      { role: "snapshot", ...foreignKey() },
    );
  });

  it("a key that the root lists for another role", async () => {
    const { timestamp } = await foreignRepository(server.store, repository, { at: start });
    await refusedKeys([400, "ONLINE_KEY_UNLISTED"], { role: "snapshot", ...timestamp });
  });

  it("what is no key", async () => {
    await foreignRepository(server.store, repository, { at: start });
    await refusedKeys([400, "KEY_UNSUITABLE"], { role: "timestamp", pkcs8: Buffer.from("no key") });
  });

  it.each([
    ["a role that people sign", { keys: [{ role: "targets", private: "AAAA" }] }],
    ["no keys", { keys: [] }],
    ["what is no Base64", { keys: [{ role: "timestamp", private: "-" }] }],
    ["another member", { keys: [{ role: "timestamp", private: "AAAA", passphrase: "x" }] }],
  ])("%s", async (_, body) => {
    await foreignRepository(server.store, repository, { at: start });
    expect(outcome(await server.storesNothing(repository, () => send(body)))).toEqual([400, "BAD_PARAMETER"]);
  });
});

it("a repository that is not there has no keys", async () => {
  expect(outcome(await server.get(path))).toEqual([404, "NOT_FOUND"]);
  expect(outcome(await adopt({ role: "timestamp", ...foreignKey() }))).toEqual([404, "NOT_FOUND"]);
  expect(await server.store.onlineKeys(repository, [])).toEqual([]);
});

it("no private key is written to the log", async () => {
  const { timestamp } = await foreignRepository(server.store, repository, { at: start });
  await adopt({ role: "timestamp", ...timestamp });
  await adopt({ role: "timestamp", ...foreignKey() });
  expect(server.log.join("\n")).toContain(timestamp.listed.id);
  expect(server.log.join("\n")).not.toContain(timestamp.pkcs8.toString("base64").slice(40, 80));
});

it("the schema of what is sent is part of the document", async () => {
  const { paths } = z
    .looseObject({ paths: z.record(z.string(), z.unknown()) })
    .parse(JSON.parse((await server.get("/api/v1/openapi.json")).body.toString("utf8")));
  expect(Object.keys(paths)).toContain("/api/v1/repositories/{name}/online-keys");
});
