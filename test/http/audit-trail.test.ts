/** The audit trail over a connection: what publishing and deleting left in it, its pages, its refusals. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { z } from "zod";
import { entryHash, startOfTrail } from "../../src/core/audit-chain.ts";
import * as schemas from "../../src/http/manage/schemas.ts";
import { newKey, type Owner } from "../support/publisher.ts";
import { start, startServer, type TestServer } from "../support/server.ts";

const repository = "example.org/app";
let server: TestServer;
let owner: Owner;
beforeEach(async () => {
  server = await startServer({ backEnd: "sqlite" });
  owner = await server.owner(repository);
  await server.publish(repository, owner.first());
});
afterEach(() => server.close());

async function trail(query = ""): Promise<z.output<typeof schemas.trail>> {
  const { status, body } = await server.request(`/api/v1/audit/trail${query}`);
  expect(status).toBe(200);
  return schemas.trail.parse(JSON.parse(body.toString("utf8")));
}
const detailOf = async (kind: string) => {
  const { entries } = await trail(`?kind=${kind}`);
  return JSON.parse(entries.at(-1)?.detail ?? "null");
};

describe("the audit trail over HTTP", () => {
  it("tells of a publication: who, which versions, whose signatures, what differs", async () => {
    owner.addTarget("app");
    const second = newKey("ecdsa");
    owner.root.keys.targets.push(second.listed);
    await server.publish(repository, owner.next("root", "targets"));
    const { entries } = await trail(
      `?kind=repository.published&repository=${encodeURIComponent(repository)}`,
    );
    expect(entries).toHaveLength(2);
    expect(entries[1]).toMatchObject({
      at: start,
      repository,
      actor: { name: "anonymous", method: "none" },
    });
    const { files, changes } = JSON.parse(entries[1]?.detail ?? "");
    expect(files).toContainEqual({ role: "root", from: 1, to: 2, keys: [owner.rootKey.listed.id] });
    expect(files).toContainEqual({ role: "targets", from: 1, to: 2, keys: [owner.targetsKey.listed.id] });
    expect(files.map(({ role, from, to }: Record<string, unknown>) => [role, from, to])).toContainEqual([
      "timestamp",
      1,
      2,
    ]);
    expect(changes[0]).toMatchObject({ kind: "key-added", subject: "targets", weakens: true });
    expect(changes).toContainEqual(expect.objectContaining({ kind: "target-added", subject: "app" }));
  });

  it("names no key whose signature is not good", async () => {
    const stranger = newKey("ecdsa");
    owner.addTarget("app");
    owner.targets.signers = [owner.targetsKey, stranger];
    await server.publish(repository, owner.next("targets"));
    const { files } = await detailOf("repository.published");
    const keys = files.find(({ role }: { role: string }) => role === "targets").keys;
    expect(keys).toEqual([owner.targetsKey.listed.id]);
  });

  it("keeps a record of thousands of changes within its bound, and counts what it leaves out", async () => {
    for (let index = 0; index < 1_500; index++) owner.addTarget(`target-${index}`);
    await server.publish(repository, owner.next("targets"));
    const { changes, changesLeftOut } = await detailOf("repository.published");
    expect(changes.length + changesLeftOut).toBe(1_500);
    expect(changesLeftOut).toBeGreaterThan(0);
    for (let index = 0; index < 600; index++) owner.addTarget(`more-${index}`);
    await server.publish(repository, owner.next("targets"));
    expect(await detailOf("repository.published")).toMatchObject({
      changes: [],
      notCompared: [{ role: "targets", from: 1_500, to: 2_100 }],
    });
  });

  it("tells of keys and deletions, and of nothing that was refused", async () => {
    await server.request(`/v2/${repository}/_trust/tuf/`, { method: "DELETE" });
    const { entries } = await trail();
    expect(entries.map(({ kind }) => kind)).toEqual([
      "key.created",
      "key.created",
      "repository.published",
      "repository.removed",
    ]);
  });

  it("is a chain whose hashes can be made again from what is served, up to the head", async () => {
    let [hash, after] = [startOfTrail, 0];
    for (;;) {
      const page = await trail(`?limit=1&after=${after}`);
      for (const entry of page.entries) {
        hash = entryHash(hash, entry);
        expect(entry.hash).toBe(hash);
      }
      if (page.next === undefined) break;
      after = page.next;
    }
    const { body } = await server.request("/api/v1/audit/head");
    expect(schemas.trailHead.parse(JSON.parse(body.toString("utf8")))).toMatchObject({ number: 3, hash });
  });

  it.each([
    "?limit=0",
    "?limit=1001",
    "?after=x",
    "?since=yesterday",
    "?until=1",
    "?what=x",
    "?kind=a&kind=b",
  ])("refuses %s", async (query) => {
    const answer = await server.request(`/api/v1/audit/trail${query}`);
    expect([answer.status, answer.code]).toEqual([400, "BAD_PARAMETER"]);
  });
});
