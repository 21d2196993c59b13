/**
 * Proposals at a server of several processes: people who sign at once at different readers, a key that is allowed again at one of
 * them, and a writer that is killed.
 */
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Answer, defaultLimits, exchange } from "../support/bare/exchange.ts";
import type { PublisherKey } from "../support/bare/keys.ts";
import { multipart, multipartType, parts } from "../support/multipart.ts";
import { proposalBody, signedBytes, wireSignature } from "../support/proposing.ts";
import { type Files, listed, newKey, Owner } from "../support/publisher.ts";
import { startWorkers, type Workers } from "../support/workers.ts";

const repository = "example/quorum";
const path = `/api/v1/repositories/${encodeURIComponent(repository)}/proposals`;
const long = 120_000;

let server: Workers;
let owner: Owner;
let keys: PublisherKey[];

beforeAll(async () => {
  server = await startWorkers(["--workers", "2"]);
  const key = async (role: string) => {
    const { bytes } = await exchange(server, "GET", `/v2/${repository}/_trust/tuf/${role}.key`);
    const { keytype, keyval } = JSON.parse(bytes.toString("utf8"));
    return listed(keytype, keyval.public);
  };
  const [timestamp, snapshot] = [await key("timestamp"), await key("snapshot")];
  owner = await Owner.make(repository, { at: Date.now(), timestamp, snapshot });
  keys = Array.from({ length: 4 }, () => newKey());
  owner.root.keys.targets = keys.map((each) => each.listed);
  owner.root.thresholds.targets = 4;
  owner.targets.signers = keys;
  const body = { type: multipartType, bytes: multipart(parts(owner.first())) };
  const { status } = await exchange(server, "POST", `/v2/${repository}/_trust/tuf/`, defaultLimits, body);
  expect(status).toBe(200);
}, long);
afterAll(async () => {
  process.kill(server.processes().supervisor, "SIGTERM");
  await server.ended;
});

const parsed = ({ bytes }: Answer) => JSON.parse(bytes.toString("utf8"));
/** Each on a connection of its own, at whichever reader takes it. */
const post = async (to: string, body: unknown) =>
  await exchange(server, "POST", to, defaultLimits, {
    type: "application/json",
    bytes: Buffer.from(JSON.stringify(body)),
  });
async function next(): Promise<{ files: Files; id: string }> {
  owner.addTarget(`name-${owner.targets.version}`);
  const files = owner.next("targets");
  return { files, id: parsed(await post(path, proposalBody(files))).id };
}
const sign = (id: string, files: Files, key: PublisherKey) =>
  post(`${path}/${id}/signatures`, {
    files: [
      {
        role: "targets",
        signatures: [wireSignature(key, signedBytes("targets", files.get("targets") as Buffer))],
      },
    ],
  });
const get = async (id: string, query = "") => parsed(await exchange(server, "GET", `${path}/${id}${query}`));
async function servedVersion(): Promise<number> {
  const answer = await exchange(server, "GET", `/v2/${repository}/_trust/tuf/targets.json`);
  return parsed(answer).signed.version;
}

it(
  "four who sign at once, at all readers, all count, and it is published once",
  async () => {
    for (let round = 0; round < 5; round++) {
      const { files, id } = await next();
      const watching = get(id, "?wait=20&since=1");
      const answers = await Promise.all(keys.map((key) => sign(id, files, key)));
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
      expect((await watching).revision).toBeGreaterThan(1);
      const end = await get(id);
      expect(end.state).toBe("published");
      expect(end.files[0].signatures).toHaveLength(4);
      expect(end.events.filter(({ kind }: { kind: string }) => kind === "published")).toHaveLength(1);
      expect(await servedVersion()).toBe(owner.targets.version);
    }
  },
  long,
);

it(
  "a writer that is killed loses no signature that was acknowledged, and what is complete is published once",
  async () => {
    for (let round = 0; round < 4; round++) {
      const { files, id } = await next();
      const acknowledged = new Set<string>();
      const { writer } = server.processes();
      const signing = keys.map(async (key) => {
        const answer = await sign(id, files, key).catch(() => undefined);
        if (answer?.status === 200) acknowledged.add(key.listed.id);
      });
      setTimeout(() => process.kill(writer as number, "SIGKILL"), round * 15);
      await Promise.all(signing);
      await expect.poll(() => server.processes().writer ?? writer, { timeout: 30_000 }).not.toBe(writer);
      const kept = (await get(id)).files[0].signatures.map(({ keyid }: { keyid: string }) => keyid);
      for (const keyId of acknowledged) expect(kept).toContain(keyId);
      // Everybody comes again, as people do who heard nothing.
      for (const key of keys) await sign(id, files, key);
      expect((await get(id)).state).toBe("published");
      expect(await servedVersion()).toBe(owner.targets.version);
      const { bytes } = await exchange(server, "GET", "/metrics");
      expect(bytes.toString()).toMatch(/^vidimus_proposals_open 0$/m);
    }
  },
  long,
);

/** Which processes said that they have published the proposal. */
const publishedBy = (id: string) =>
  server
    .log()
    .split("\n")
    .filter((line) => line.includes(`"proposal":"${id}"`) && line.includes('"msg":"proposal published"'))
    .map((line) => Number(JSON.parse(line).pid));
const ofKey = (key: PublisherKey, what: "deny" | "allow") => `/api/v1/keys/${key.listed.id}/${what}`;
const allow = (key: PublisherKey) => post(ofKey(key, "allow"), {});

/** Signed by all, of whom the first was denied afterwards. */
async function heldUp(): Promise<{ id: string; stolen: PublisherKey }> {
  const { files, id } = await next();
  const [stolen, ...others] = keys as [PublisherKey, ...PublisherKey[]];
  expect((await sign(id, files, stolen)).status).toBe(200);
  const denied = await post(ofKey(stolen, "deny"), { reason: "lost" });
  expect(denied.status).toBe(200);
  expect(parsed(denied).proposals).toEqual([{ repository, id, roles: ["targets"], outcome: "stuck" }]);
  for (const key of others) expect((await sign(id, files, key)).status).toBe(200);
  expect(await get(id)).toMatchObject({ state: "open", complete: false });
  return { id, stolen };
}

it(
  "a key that is allowed again at one reader, or at all of them at once, has what waited for it published, once, by who allows it",
  async () => {
    for (const atOnce of [1, 1, 4, 4]) {
      const { id, stolen } = await heldUp();
      const answers = await Promise.all(Array.from({ length: atOnce }, () => allow(stolen)));
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
      expect(answers.filter((answer) => parsed(answer).changed)).toHaveLength(1);
      const end = await get(id);
      expect(end).toMatchObject({ state: "published", reason: "" });
      expect(end.events.filter(({ kind }: { kind: string }) => kind === "published")).toHaveLength(1);
      expect(await servedVersion()).toBe(owner.targets.version);
      await expect.poll(() => publishedBy(id)).toHaveLength(1);
      expect(server.processes().readers).toContain(publishedBy(id)[0]);
    }
  },
  long,
);

it(
  "what waited for a key is published, once, also where the writer is killed while the key is allowed",
  async () => {
    for (let round = 0; round < 3; round++) {
      const { id, stolen } = await heldUp();
      const { writer } = server.processes();
      setTimeout(() => process.kill(writer as number, "SIGKILL"), round * 6);
      await allow(stolen).catch(() => undefined);
      await expect.poll(() => server.processes().writer ?? writer, { timeout: 30_000 }).not.toBe(writer);
      // Whoever heard nothing, or that it cannot be said, asks again.
      expect((await allow(stolen)).status).toBe(200);
      await expect.poll(async () => (await get(id)).state, { timeout: 30_000 }).toBe("published");
      expect(
        (await get(id)).events.filter(({ kind }: { kind: string }) => kind === "published"),
      ).toHaveLength(1);
      expect(await servedVersion()).toBe(owner.targets.version);
    }
  },
  long,
);
