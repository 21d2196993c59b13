/** Attacks on proposals (docs/threats.md, chapter 13). */
import { afterEach, beforeEach, describe, expect, it, test } from "vitest";
import { canonicalBytes } from "../../src/core/canonical.ts";
import { rejectionStatement } from "../../src/core/rejection.ts";
import {
  bareKey,
  certificateKey,
  generatePrivateKey,
  makeRootCertificate,
  type PublisherKey,
} from "../support/bare/keys.ts";
import type { Answer } from "../support/client.ts";
import { proposalBody, signedBytes, wireSignature } from "../support/proposing.ts";
import { type Files, newKey, type Owner } from "../support/publisher.ts";
import { startServer, type TestServer } from "../support/server.ts";

const repository = "example.org/attacked";
const json = { "content-type": "application/json" };
const pathOf = (name: string) => `/api/v1/repositories/${encodeURIComponent(name)}/proposals`;

let server: TestServer;
let owner: Owner;
let second: PublisherKey;

beforeEach(async () => {
  server = await startServer({ proposals: { openHere: 5, openInAll: 12 } });
  [owner, second] = await twoPeople(repository);
});
afterEach(() => server.close());

/** A published repository whose targets need two people. */
async function twoPeople(name: string): Promise<[Owner, PublisherKey]> {
  const made = await server.owner(name);
  const key = newKey("ecdsa");
  made.root.keys.targets.push(key.listed);
  made.root.thresholds.targets = 2;
  made.targets.signers = [made.targetsKey, key];
  await server.publish(name, made.first());
  return [made, key];
}

const post = (path: string, body: unknown) =>
  server.request(path, { method: "POST", headers: json, body: JSON.stringify(body) });
const parsed = ({ body }: Answer) => JSON.parse(body.toString("utf8"));
const open = async (files: Files, name = repository) => parsed(await post(pathOf(name), proposalBody(files)));
const signed = (files: Files, role = "targets") => signedBytes(role, files.get(role) as Buffer);
const sign = (id: string, signatures: unknown[], name = repository, role = "targets") =>
  post(`${pathOf(name)}/${id}/signatures`, { files: [{ role, signatures }] });
/** What a refused attack leaves: nothing signed, nothing published. */
async function untouched(id: string, name = repository): Promise<void> {
  const { state, files, revision } = parsed(await server.get(`${pathOf(name)}/${id}`));
  expect([state, revision, files.flatMap((file: { signatures: unknown[] }) => file.signatures)]).toEqual([
    "open",
    1,
    [],
  ]);
}

describe("a signature that is none", () => {
  let files: Files;
  let id: string;
  beforeEach(async () => {
    files = owner.next("targets");
    ({ id } = await open(files));
  });

  it.each(["a stranger", "the root's owner", "the server"])("Q1: by %s is refused", async (who) => {
    const server = { listed: owner.root.keys.timestamp[0] } as PublisherKey;
    const by = { "a stranger": newKey(), "the root's owner": owner.rootKey, "the server": second }[who];
    const entry = wireSignature(by as PublisherKey, signed(files));
    const named = who === "the server" ? { ...entry, keyid: server.listed.id } : entry;
    expect((await sign(id, [named])).code).toBe("UNKNOWN_SIGNER");
    await untouched(id);
  });

  it("Q1: by another key under the ID of one that may is refused", async () => {
    const entry = { ...wireSignature(newKey("ecdsa"), signed(files)), keyid: second.listed.id };
    expect((await sign(id, [entry])).code).toBe("BAD_SIGNATURE");
    await untouched(id);
  });

  it("Q2: over the bytes of another proposal is refused", async () => {
    owner.addTarget("other");
    const others = owner.files("targets");
    const entry = wireSignature(second, signed(others));
    expect((await sign(id, [entry])).code).toBe("BAD_SIGNATURE");
    const other = await open(others);
    expect((await sign(other.id, [entry])).status).toBe(200);
    await untouched(id);
  });

  it("Q2: of a rejection is no signature of a file, and a file's no rejection", async () => {
    const { digest } = parsed(await server.get(`${pathOf(repository)}/${id}`));
    const statement = rejectionStatement({ repository, proposal: id, digest, reason: "no" });
    expect((await sign(id, [wireSignature(second, statement)])).code).toBe("BAD_SIGNATURE");
    const asStatement = {
      role: "targets",
      statement: statement.toString("utf8"),
      signature: wireSignature(second, signed(files)),
    };
    expect((await post(`${pathOf(repository)}/${id}/rejection`, asStatement)).code).toBe("BAD_REJECTION");
    const asFile = canonicalBytes(JSON.parse(statement.toString("utf8"))).toString("utf8");
    expect((await post(pathOf(repository), { files: [{ role: "targets", signed: asFile }] })).code).toBe(
      "BAD_TYPE",
    );
    await untouched(id);
  });

  it("Q3: brought to another repository is refused, and so is its rejection", async () => {
    const elsewhere = "example.org/elsewhere";
    const [other] = await twoPeople(elsewhere);
    const theirs = await open(other.next("targets"), elsewhere);
    const entry = wireSignature(second, signed(files));
    expect((await sign(theirs.id, [entry], elsewhere)).code).toBe("UNKNOWN_SIGNER");
    expect((await sign(id, [entry], elsewhere)).code).toBe("NOT_FOUND");
    const statement = rejectionStatement({
      repository: elsewhere,
      proposal: theirs.id,
      digest: theirs.digest,
      reason: "no",
    });
    const rejection = {
      role: "targets",
      statement: statement.toString("utf8"),
      signature: wireSignature(second, statement),
    };
    expect((await post(`${pathOf(repository)}/${id}/rejection`, rejection)).code).toBe("BAD_REJECTION");
    await untouched(id);
    await untouched(theirs.id, elsewhere);
  });

  it("Q7: a rejection by a stranger is refused", async () => {
    const { digest } = parsed(await server.get(`${pathOf(repository)}/${id}`));
    const statement = rejectionStatement({ repository, proposal: id, digest, reason: "no" });
    for (const key of [newKey(), owner.rootKey]) {
      const body = {
        role: "targets",
        statement: statement.toString("utf8"),
        signature: wireSignature(key, statement),
      };
      expect((await post(`${pathOf(repository)}/${id}/rejection`, body)).code).toBe("BAD_REJECTION");
    }
    await untouched(id);
  });
});

test("Q4: one key as a certificate and bare fills one of two seats", async () => {
  const privateKey = generatePrivateKey("ecdsa");
  const at = new Date(server.clock.now());
  const bare = bareKey(privateKey);
  const wrapped = certificateKey(privateKey, await makeRootCertificate(privateKey, repository, at));
  owner.delegate("targets/releases", [bare, wrapped, second], 2);
  const files = owner.next("targets", "targets/releases");
  const { id } = await open(files);
  const entries = [bare, wrapped].map((key) => wireSignature(key, signed(files, "targets/releases")));
  const answer = parsed(await sign(id, entries, repository, "targets/releases"));
  const releases = answer.files.find(({ role }: { role: string }) => role === "targets/releases");
  expect(releases.needs).toEqual([expect.objectContaining({ met: false, signed: [bare.listed.id] })]);
  expect(releases.needs[0].missing).toEqual([second.listed.id]);
});

test("Q5: a delegation cannot give itself paths, nor its children more than it has", async () => {
  owner.delegate("targets/releases", [second]);
  (owner.targets.delegations[0] as { paths: string[] }).paths = ["v1/"];
  await server.publish(repository, owner.next("targets"));
  await server.publish(repository, owner.files("targets/releases"));
  owner.addTarget("v2/app", "targets/releases");
  const wide = await post(pathOf(repository), proposalBody(owner.next("targets/releases")));
  expect(wide.code).toBe("OUTSIDE_PATHS");
  owner.role("targets/releases").targets.clear();
  owner.delegate("targets/releases/all");
  expect((await post(pathOf(repository), proposalBody(owner.files("targets/releases")))).code).toBe(
    "OUTSIDE_PATHS",
  );
});

test("Q6: thousands of proposals are bounded, here and in all, and the honest publish goes on", async () => {
  const names = [repository, "example.org/b", "example.org/c"];
  const owners = [
    owner,
    ...(await Promise.all(names.slice(1).map(async (name) => (await twoPeople(name))[0]))),
  ];
  const codes = new Map<string, number>();
  for (let round = 0; round < 40; round++) {
    const answers = await Promise.all(
      owners.map(async (each, i) => {
        each.targets.version = 2;
        each.addTarget(`flood-${round}`);
        return await post(pathOf(names[i] as string), proposalBody(each.files("targets")));
      }),
    );
    for (const { code = "opened" } of answers) codes.set(code, (codes.get(code) ?? 0) + 1);
  }
  expect(Object.fromEntries(codes)).toEqual({ opened: 12, TOO_MANY_PROPOSALS: 108 });
  expect((await server.publish(repository, owner.files("targets"))).status).toBe(200);
  // The publish has ended what rested on the same, so that there is room again.
  expect((await open(owner.next("targets"))).state).toBe("open");
});

test("Q6: a proposal beyond the largest is refused before it is read", async () => {
  await server.close();
  server = await startServer({ proposals: { bytes: 10_000 }, limits: { uploadBytes: 100_000 } });
  [owner, second] = await twoPeople(repository);
  const huge = await post(pathOf(repository), { files: [{ role: "targets", signed: "x".repeat(200_000) }] });
  expect([huge.status, huge.code]).toEqual([413, "UPLOAD_TOO_LARGE"]);
  for (let i = 0; i < 100; i++) owner.addTarget(`name-${i}`);
  const large = await post(pathOf(repository), proposalBody(owner.next("targets")));
  expect([large.status, large.code]).toEqual([413, "UPLOAD_TOO_LARGE"]);
});

test("Q8: keys of the server never count, whatever role lists them", async () => {
  const online = owner.root.keys.snapshot[0];
  owner.delegate("targets/releases", [second], 2);
  (owner.targets.delegations[0] as { keys: unknown[] }).keys.push(online);
  const files = owner.next("targets", "targets/releases");
  expect((await post(pathOf(repository), proposalBody(files))).code).toBe("UNREACHABLE_THRESHOLD");
});

test("Q9: what could never be published is not kept for anybody to sign", async () => {
  owner.root.keys.timestamp = [newKey().listed];
  const answer = await post(pathOf(repository), proposalBody(owner.next("root")));
  expect(answer.code).toBe("ONLINE_KEY_UNKNOWN");
  expect(parsed(await server.get(pathOf(repository))).proposals).toEqual([]);
});
