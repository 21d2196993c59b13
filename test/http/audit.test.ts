/** Questions about the past and the register of keys, over HTTP, held against a repository whose story is known. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { z } from "zod";
import { canonicalKeyId } from "../../src/core/keys.ts";
import { auditAnswer, auditQueries } from "../../src/http/manage/audit-schemas.ts";
import { auditQuestions } from "../../src/service/audit/audit-service.ts";
import type { PublisherKey } from "../support/bare/keys.ts";
import { openRequest, proposalBody, signedBytes, wireSignature } from "../support/proposing.ts";
import { tester } from "../support/publications.ts";
import { day, newKey, newRootKey, type Owner } from "../support/publisher.ts";
import { codeOf } from "../support/refusal.ts";
import { start, startServer, type TestServer } from "../support/server.ts";

const app = "example.org/app";
const other = "example.org/other";
const releases = "targets/releases";
const id = (key: PublisherKey) => canonicalKeyId(key.listed);
const iso = (days: number) => new Date(start + days * day).toISOString();

let server: TestServer;
let owner: Owner;
let ann: PublisherKey;
let bob: PublisherKey;
let oldTargets: PublisherKey;
let newTargets: PublisherKey;

type Line = Record<string, string | number | boolean | null | string[]>;

async function ask(question: string, query: Record<string, string | number>) {
  const parameters = new URLSearchParams(
    Object.entries(query).map(([name, value]) => [name, `${value}`] as [string, string]),
  );
  const { status, body, headers } = await server.get(`/api/v1/audit/${question}?${parameters.toString()}`);
  const document = JSON.parse(body.toString("utf8"));
  if (status === 200) expect(auditAnswer.safeParse(document).error).toBeUndefined();
  return { status, code: headers["vidimus-code"], document, lines: (document.lines ?? []) as Line[] };
}

async function post(path: string, value: object) {
  const body = Buffer.from(JSON.stringify(value));
  const headers = { "content-type": "application/json" };
  const answer = await server.request(path, { method: "POST", headers, body });
  return {
    status: answer.status,
    code: answer.headers["vidimus-code"],
    document: JSON.parse(answer.body.toString("utf8")),
  };
}

/**
 * Day 0: root, targets, and releases for `a…`, of which ann and bob have to sign one. Day 1: ann signs `app`. Day 2: targets
 * changes hands. Day 3: bob's key is taken out. Day 4: the other repository, whose targets are ann's, too.
 */
beforeAll(async () => {
  server = await startServer();
  owner = await server.owner(app);
  ann = newKey();
  bob = newKey();
  oldTargets = owner.targetsKey;
  owner.delegate(releases, [ann], 1);
  const [delegation] = owner.targets.delegations;
  if (delegation === undefined) throw new Error("no delegation");
  delegation.keys.push(bob.listed);
  delegation.paths = ["a"];
  expect((await server.publish(app, owner.first())).status).toBe(200);
  server.clock.set(start + day);
  owner.addTarget("app", releases);
  expect((await server.publish(app, owner.next(releases))).status).toBe(200);
  server.clock.set(start + 2 * day);
  newTargets = newKey();
  owner.root.keys.targets = [newTargets.listed];
  owner.targets.signers = [newTargets];
  expect((await server.publish(app, owner.next("root", "targets"))).status).toBe(200);
  server.clock.set(start + 3 * day);
  delegation.keys.pop();
  expect((await server.publish(app, owner.next("targets"))).status).toBe(200);
  server.clock.set(start + 4 * day);
  const second = await server.owner(other);
  second.root.keys.targets = [ann.listed];
  second.targets.signers = [ann];
  expect((await server.publish(other, second.first())).status).toBe(200);
  server.clock.set(start + 5 * day);
});

afterAll(() => server.close());

describe("who could sign", () => {
  it("a path, now and on any day before", async () => {
    const signers = async (days: number, path = "app") => {
      const { lines } = await ask("could-sign", { repository: app, path, at: iso(days) });
      return lines.map(({ role, keys, inForce }) => [role, keys, inForce]);
    };
    const root = ["root", [id(owner.rootKey)], true];
    const [old, now] = [
      ["targets", [id(oldTargets)], true],
      ["targets", [id(newTargets)], true],
    ];
    expect(await signers(0)).toEqual([root, old, [releases, [id(ann), id(bob)], true]]);
    expect(await signers(2)).toEqual([root, now, [releases, [id(ann), id(bob)], true]]);
    expect(await signers(3)).toEqual([root, now, [releases, [id(ann)], true]]);
    expect(await signers(5, "other")).toEqual([root, now]);
    expect(await signers(-1)).toEqual([]);
  });

  it("through which files, since when, and what was signed then", async () => {
    const { lines } = await ask("could-sign", { repository: app, path: "app", at: iso(4) });
    expect(lines.at(-1)).toMatchObject({
      role: releases,
      threshold: 1,
      usable: 1,
      paths: ["a"],
      through: ["root 2", "targets 3"],
      since: iso(0),
      keysSince: [iso(0)],
      standing: "counts",
      version: 2,
      digest: `sha256:${owner.role(releases).targets.get("app")?.sha256}`,
    });
    const far = await ask("could-sign", { repository: app, path: "app", at: iso(4_000) });
    expect(far.lines.map(({ role, standing, inForce }) => [role, standing, inForce])).toEqual([
      ["root", "expired", false],
      ["targets", "expired", false],
      [releases, "expired", false],
    ]);
  });
});

describe("who signed", () => {
  it("what, when, with which key, since when it counts", async () => {
    const { lines, document } = await ask("signatures", { repository: app, role: releases });
    expect(document).toMatchObject({ notKept: false });
    expect(lines).toEqual([
      expect.objectContaining({
        repository: app,
        role: releases,
        version: 1,
        key: id(ann),
        as: [releases],
        publishedAt: iso(0),
        publishedBy: "anonymous",
        validSince: iso(0),
        currentUntil: iso(1),
        needed: 1,
        counted: 1,
        kept: true,
      }),
      expect.objectContaining({ version: 2, key: id(ann), publishedAt: iso(1), currentUntil: null }),
    ]);
  });

  it("everything that a key ever signed, in all repositories", async () => {
    const { lines } = await ask("signatures", { key: id(ann) });
    expect(lines.map(({ repository, role, version }) => [repository, role, version])).toEqual([
      [app, releases, 1],
      [app, releases, 2],
      [other, "targets", 1],
    ]);
    const past = await ask("signatures", { key: id(ann), at: iso(0) });
    expect(past.lines.map(({ version, currentUntil }) => [version, currentUntil])).toEqual([[1, null]]);
  });

  it("a root counts by the root before it and by itself", async () => {
    const { lines } = await ask("signatures", { repository: app, role: "root" });
    expect(lines.map(({ version, key, as }) => [version, key, as])).toEqual([
      [1, id(owner.rootKey), ["root"]],
      [2, id(owner.rootKey), ["root", "root before"]],
    ]);
  });
});

describe("keys", () => {
  it("are listed where they may sign", async () => {
    const { lines } = await ask("keys", { key: id(bob), at: iso(2) });
    expect(lines).toEqual([
      {
        key: id(bob),
        repository: app,
        role: releases,
        threshold: 1,
        by: "targets 2",
        since: iso(0),
        orEarlier: false,
        inForce: true,
        listedAs: bob.listed.id,
      },
    ]);
    expect((await ask("keys", { key: id(bob) })).lines).toEqual([]);
  });

  it("that serve several repositories are told together", async () => {
    const { lines } = await ask("shared-keys", {});
    expect(lines.map(({ key, repository, role }) => [key, repository, role])).toEqual([
      [id(ann), app, releases],
      [id(ann), other, "targets"],
    ]);
    expect((await ask("shared-keys", { at: iso(3) })).lines).toEqual([]);
  });

  it("that have not signed for so long are told with their last signature", async () => {
    const silent = async (days: number, at: number) =>
      (await ask("silent-keys", { repository: app, days, at: iso(at) })).lines.map(
        ({ role, key, since, lastSigned }) => [role, key, since, lastSigned],
      );
    expect(await silent(3, 2)).toEqual([[releases, id(bob), iso(0), null]]);
    expect(await silent(3, 5)).toEqual([[releases, id(ann), iso(0), iso(1)]]);
    expect(await silent(1, 5)).toEqual([
      ["root", id(owner.rootKey), iso(0), iso(2)],
      ["targets", id(newTargets), iso(2), iso(3)],
      [releases, id(ann), iso(0), iso(1)],
    ]);
  });

  it("have owners, from one day to another", async () => {
    const entry = { key: id(bob), owner: "Bob B.", custody: "token 7", since: iso(0), until: iso(3) };
    expect(await post("/api/v1/keys", entry)).toMatchObject({ status: 200, document: { changed: true } });
    await post("/api/v1/keys", { key: id(ann), owner: "Ann A.", custody: "laptop", since: iso(0) });
    const listed = async (query: string) =>
      JSON.parse((await server.get(`/api/v1/keys${query}`)).body.toString());
    expect((await listed("?owner=Bob+B.")).keys).toEqual([
      { ...entry, registered: { at: iso(5), by: "anonymous" } },
    ]);
    expect((await listed("")).keys).toHaveLength(2);
    const of = async (person: string, at: number) =>
      (await ask("person", { owner: person, at: iso(at) })).lines.map(({ repository, role }) => [
        repository,
        role,
      ]);
    expect(await of("Bob B.", 2)).toEqual([[app, releases]]);
    expect(await of("Bob B.", 3)).toEqual([]);
    expect(await of("Ann A.", 5)).toEqual([
      [app, releases],
      [other, "targets"],
    ]);
    expect((await ask("person", { owner: "Ann A." })).lines[0]).toMatchObject({ custody: "laptop" });
  });
});

describe("what changed, what is old, what ends", () => {
  it("between two versions of a role, weakening marked", async () => {
    const { lines } = await ask("changes", { repository: app, role: "root", from: 1, to: 2 });
    expect(lines.map(({ kind, subject, after, weakens }) => [kind, subject, after, weakens])).toEqual([
      ["key-added", "targets", id(newTargets), true],
      ["key-removed", "targets", null, false],
    ]);
    const second = await ask("changes", { repository: app, role: "targets", to: 3 });
    expect(second.lines.map(({ kind, before }) => [kind, before])).toEqual([["key-removed", id(bob)]]);
    expect((await ask("changes", { repository: app, role: "targets", to: 9 })).code).toBe("NOT_FOUND");
    // As of an instant: up to what was current then, and of nothing that came later.
    expect((await ask("changes", { repository: app, role: "targets", at: iso(3) })).lines).toEqual(
      second.lines,
    );
    const early = { repository: app, role: "targets", at: iso(2) };
    expect((await ask("changes", early)).lines).toEqual(
      (await ask("changes", { repository: app, role: "targets", to: 2 })).lines,
    );
    expect((await ask("changes", { ...early, to: 3 })).code).toBe("NOT_FOUND");
  });

  it("entries count their age from what was first seen", async () => {
    const { lines } = await ask("old-signatures", { repository: app, days: 3, at: iso(5) });
    expect(lines).toMatchObject([
      { role: releases, name: "app", since: iso(1), by: "first seen", atLeast: false },
    ]);
    expect((await ask("old-signatures", { repository: app, days: 4, at: iso(5) })).lines).toEqual([]);
  });

  it("files that end within so many days, at any instant", async () => {
    const { lines } = await ask("expiring", { days: 14, at: iso(4) });
    expect(lines.map(({ repository, role }) => [repository, role])).toEqual([
      [app, "timestamp"],
      [other, "timestamp"],
    ]);
    expect((await ask("expiring", { days: 9, at: iso(4) })).lines).toEqual([]);
  });
});

describe("an answer", () => {
  it("says that files are not kept, and can be verified no more", async () => {
    const file = { role: "targets", version: 2 };
    await server.store.retention.remove({
      repository: app,
      incarnation: 1,
      at: start + 5 * day,
      actor: tester,
      files: [file],
    });
    const { document, lines } = await ask("signatures", { repository: app, role: "targets" });
    expect(document.notKept).toBe(true);
    expect(lines.map(({ version, kept, key }) => [version, kept, key])).toEqual([
      [1, true, id(oldTargets)],
      [2, false, null],
      [3, true, id(newTargets)],
    ]);
    expect((await ask("changes", { repository: app, role: "targets", to: 3 })).code).toBe("NOT_KEPT");
    const then = await ask("could-sign", { repository: app, path: "app", at: iso(2) });
    expect(then.document.notKept).toBe(true);
    expect(then.lines.map(({ role, standing }) => [role, standing])).toEqual([
      ["root", "counts"],
      ["targets", "not-kept"],
    ]);
  });

  it("goes on where it ended", async () => {
    const first = await ask("keys", {});
    expect(first.document.next).toBeUndefined();
    const after = Buffer.from(JSON.stringify([app])).toString("base64url");
    const rest = await ask("keys", { after });
    expect(new Set(rest.lines.map(({ repository }) => repository))).toEqual(new Set([other]));
    const within = Buffer.from(JSON.stringify([app, releases, 1])).toString("base64url");
    const signatures = await ask("signatures", { after: within });
    expect(
      signatures.lines.map(({ repository, role, version }) => [repository, role, version]),
    ).toContainEqual([app, releases, 2]);
    expect(signatures.lines).not.toContainEqual(expect.objectContaining({ repository: app, version: 1 }));
  });

  it.each([
    ["could-sign", { repository: app }, "BAD_PARAMETER"],
    ["could-sign", { repository: "example.org/never", path: "a" }, "NOT_FOUND"],
    ["could-sign", { repository: "a//b", path: "a" }, "BAD_REPOSITORY_NAME"],
    ["signatures", { key: "12" }, "BAD_PARAMETER"],
    ["signatures", { repository: app, role: "nobody" }, "BAD_PARAMETER"],
    ["signatures", { repository: app, after: "x" }, "BAD_PARAMETER"],
    ["keys", { at: "yesterday" }, "BAD_PARAMETER"],
    ["silent-keys", {}, "BAD_PARAMETER"],
    ["expiring", { days: 99_999 }, "BAD_PARAMETER"],
    ["changes", { repository: app, role: "timestamp", to: 1 }, "BAD_PARAMETER"],
    ["keys", { path: "app" }, "BAD_PARAMETER"],
    ["nothing", {}, "NOT_FOUND"],
  ])("to %s with %j is a refusal: %s", async (question, query, code) => {
    const answer = await ask(question, query as Record<string, string | number>);
    expect(answer.code).toBe(code);
  });

  it("is documented for each question, and what each must be given", async () => {
    const { paths } = JSON.parse((await server.get("/api/v1/openapi.json")).body.toString());
    for (const question of auditQuestions) {
      const { parameters = [] } = paths[`/api/v1/audit/${question}`].get;
      const required = parameters.flatMap((each: { name: string; required: boolean }) =>
        each.required ? [each.name] : [],
      );
      const shape = Object.entries<z.ZodType>(auditQueries[question].shape);
      expect(required).toEqual(shape.filter(([, schema]) => !schema.isOptional()).map(([name]) => name));
    }
  });
});

describe("a denied key", () => {
  const denial = (key: PublisherKey) => `/api/v1/keys/${id(key)}`;

  it("counts in no publication from then on, and again once that is lifted", async () => {
    expect(await post(`${denial(ann)}/deny`, { reason: "stolen" })).toMatchObject({
      document: { changed: true },
    });
    expect(await post(`${denial(ann)}/deny`, { reason: "again" })).toMatchObject({
      document: { changed: false },
    });
    const denied = JSON.parse((await server.get("/api/v1/keys/denied")).body.toString());
    expect(denied.keys).toEqual([{ key: id(ann), at: iso(5), by: "anonymous", reason: "stolen" }]);
    const refused = await server.publish(app, owner.next(releases));
    expect(refused.headers["vidimus-code"]).toBe("KEY_DENIED");
    expect((await server.publish(app, owner.next("targets"))).status).toBe(200);
    await post(`${denial(ann)}/allow`, {});
    expect((await server.publish(app, owner.files(releases))).status).toBe(200);
  });

  it("may not be given anything by a new root", async () => {
    const stolen = await newRootKey(app, server.clock.now());
    await post(`${denial(stolen)}/deny`, { reason: "" });
    const before = owner.root.keys.root;
    owner.root.keys.root = [...before, stolen.listed];
    const refused = await server.publish(app, owner.next("root"));
    expect(refused.headers["vidimus-code"]).toBe("KEY_DENIED");
    owner.root.keys.root = before;
    owner.root.version--;
  });

  it("counts in no proposal, neither new nor open, and nobody waits for it", async () => {
    const people = [newKey(), newKey(), newKey()];
    const [first, second, third] = people as [PublisherKey, PublisherKey, PublisherKey];
    const two = "example.org/two";
    const theirs = await server.owner(two);
    theirs.root.keys.targets = people.map(({ listed }) => listed);
    theirs.root.thresholds.targets = 2;
    theirs.targets.signers = [first, second];
    expect((await server.publish(two, theirs.first())).status).toBe(200);
    theirs.addTarget("app");
    const files = theirs.next("targets");
    const { proposals } = server.service;
    const who = { name: "tester", method: "none", address: "" } as const;
    const open = await proposals.open(two, openRequest(files, new Map([["targets", [first]]])), who, true);
    await post(`${denial(first)}/deny`, { reason: "stolen" });
    const seen = await proposals.get(two, open.id);
    expect(seen.files[0]?.needs[0]).toMatchObject({
      signed: [],
      missing: [second.listed.id, third.listed.id],
      met: false,
    });
    const message = signedBytes("targets", files.get("targets") as Buffer);
    const sign = (key: PublisherKey) =>
      post(`/api/v1/repositories/${encodeURIComponent(two)}/proposals/${open.id}/signatures`, {
        files: [{ role: "targets", signatures: [wireSignature(key, message)] }],
      });
    expect((await sign(first)).code).toBe("KEY_DENIED");
    expect((await sign(second)).document.state).toBe("open");
    expect((await sign(third)).document.state).toBe("published");
    const next = theirs.next("targets");
    const body = proposalBody(next, new Map([["targets", [first]]]));
    expect((await post(`/api/v1/repositories/${encodeURIComponent(two)}/proposals`, body)).code).toBe(
      "KEY_DENIED",
    );
    expect(
      await codeOf(proposals.open(two, openRequest(next, new Map([["targets", [first]]])), who, true)),
    ).toBe("KEY_DENIED");
  });

  it.each([
    ["/api/v1/keys", { key: "a".repeat(64), owner: "", custody: "", since: iso(0) }],
    ["/api/v1/keys", { key: "a".repeat(64), owner: "x", custody: "", since: iso(1), until: iso(1) }],
    ["/api/v1/keys", { key: "A".repeat(64), owner: "x", custody: "", since: iso(1) }],
    [`/api/v1/keys/${"a".repeat(64)}/deny`, {}],
  ])("%s takes no %j", async (path, body) => {
    expect((await post(path, body)).code).toBe("BAD_PARAMETER");
  });
});
