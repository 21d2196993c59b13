/** Expiry, old signatures and retention by the management API. */
import { afterEach, expect, test } from "vitest";
import { day, type Owner, year } from "../support/publisher.ts";
import { type ServerOptions, start, startServer, type TestServer } from "../support/server.ts";

const repository = "example.org/api";
let server: TestServer;
afterEach(async () => await server.close());

async function published(options: ServerOptions = {}): Promise<Owner> {
  server = await startServer(options);
  const owner = await server.owner(repository);
  owner.addTarget("one");
  await server.publish(repository, owner.first());
  return owner;
}

async function asked(path: string) {
  const { status, body } = await server.get(`/api/v1/${path}`);
  return { status, document: JSON.parse(body.toString()) };
}

const code = ({ document }: { document: { errors?: { code: string }[] } }) => document.errors?.[0]?.code;

test("what ends is listed soonest first, with what it is", async () => {
  const owner = await published();
  server.clock.set(owner.targets.expires - 30 * day);
  expect((await asked("expiring?within=29d")).document.expiring).toEqual([]);
  const { status, document } = await asked("expiring?within=31d");
  expect(status).toBe(200);
  expect(document).toEqual({
    format: "vidimus-expiring/1",
    at: new Date(server.clock.now()).toISOString(),
    before: new Date(server.clock.now() + 31 * day).toISOString(),
    expiring: [
      {
        kind: "targets",
        expires: new Date(owner.targets.expires).toISOString(),
        repository,
        role: "targets",
        name: "1",
      },
    ],
  });
  const all = (await asked("expiring?within=99999d")).document.expiring as {
    kind: string;
    expires: string;
    name: string;
  }[];
  expect(all.map(({ expires }) => expires)).toEqual(all.map(({ expires }) => expires).toSorted());
  expect(all.find(({ kind }) => kind === "root_certificate")?.name).toBe(`CN=${repository}`);
});

test("auditors are told the same of repositories, with the online roles, and for any instant", async () => {
  const owner = await published();
  const other = await server.owner("example.org/other");
  await server.publish("example.org/other", other.first());
  const before = server.clock.now();
  server.clock.advance(10 * day);
  owner.addTarget("two");
  await server.publish(repository, owner.next("targets"));
  type Line = Readonly<Record<string, string | number | boolean | null>>;
  const table = async (query: string) =>
    (await asked(`audit/expiring?${query}`)).document.lines as readonly Line[];
  const online = (line: Line) => line.role === "timestamp" || line.role === "snapshot";
  for (const days of [0, 300, 400, 4_000, 36_500]) {
    const now = (await asked(`expiring?within=${days}d`)).document.expiring as readonly Line[];
    const lines = (await table(`days=${days}`)).filter((line) => !online(line));
    const told = lines.map(({ kind, expires, repository: of, role, version, name, key }) =>
      key === null
        ? { kind, expires, repository: of, role, name: String(version) }
        : { kind, expires, repository: of, role, name, keyId: key },
    );
    const inOrder = (all: readonly object[]) => all.map((each) => JSON.stringify(each)).sort();
    expect(inOrder(told)).toEqual(inOrder(now));
    expect(told.length > 0).toBe(days >= 4_000 || now.length > 0);
  }
  const all = await table("days=36500");
  expect(new Set(all.map(({ kind }) => kind))).toEqual(
    new Set(["root", "root_certificate", "snapshot", "targets", "timestamp"]),
  );
  const targetsAt = async (at: number) =>
    (await table(`days=36500&at=${new Date(at).toISOString()}`)).find(
      (line) => line.repository === repository && line.role === "targets",
    )?.version;
  expect([await targetsAt(before), await targetsAt(server.clock.now())]).toEqual([1, 2]);
});

test("pages lead from one to the next", async () => {
  await published();
  for (const name of ["example.org/b", "example.org/c"]) {
    await server.publish(name, (await server.owner(name)).first());
  }
  const first = (await asked("expiring?within=99999d&limit=2")).document;
  expect(first.next).toBe("example.org/b");
  const second = (await asked(`expiring?within=99999d&limit=2&after=${encodeURIComponent(first.next)}`))
    .document;
  expect(second.next).toBeUndefined();
  expect(new Set(second.expiring.map((each: { repository: string }) => each.repository))).toEqual(
    new Set(["example.org/c"]),
  );
});

test("old signatures are listed by when they were first seen", async () => {
  await published();
  server.clock.advance(200 * day);
  expect((await asked("old-signatures")).document.signatures).toEqual([
    { repository, role: "targets", target: "one", firstSeen: new Date(start).toISOString(), orOlder: false },
  ]);
  expect((await asked("old-signatures?olderThan=201d")).document.signatures).toEqual([]);
});

test("retention is planned by GET, and done by POST alone", async () => {
  const owner = await published();
  for (let i = 0; i < 3; i++) {
    server.clock.advance(20 * day);
    await server.publish(repository, owner.next("targets"));
  }
  const plan = (await asked("retention")).document;
  expect(plan).toMatchObject({ format: "vidimus-retention/1", done: false });
  expect(plan.files.map((file: { role: string; version: number }) => `${file.role} ${file.version}`)).toEqual(
    ["snapshot 1", "timestamp 1"],
  );
  expect((await asked("retention?targets=1d")).document.files).toHaveLength(4);
  const headers = { "content-type": "application/json" };
  const { status, body } = await server.request("/api/v1/retention", {
    method: "POST",
    headers,
    body: Buffer.from("{}"),
  });
  expect(status).toBe(200);
  expect(JSON.parse(body.toString())).toEqual({ ...plan, done: true });
  expect((await asked("retention")).document.files).toEqual([]);
  expect((await server.file(repository, "1.timestamp.json")).status).toBe(404);
});

test.each([
  "expiring?within=90",
  "expiring?within=1y",
  "expiring?limit=0",
  "expiring?limit=201",
  "expiring?limit=1&limit=2",
  "expiring?other=1",
  "old-signatures?olderThan=-1d",
  "retention?limit=51",
])("%s is refused", async (path) => {
  await published();
  const answer = await asked(path);
  expect([answer.status, code(answer)]).toEqual([400, "BAD_PARAMETER"]);
});

test("a body that is not as documented takes nothing away", async () => {
  const owner = await published();
  server.clock.advance(50 * day);
  await server.publish(repository, owner.next("targets"));
  server.clock.advance(50 * day);
  const body = Buffer.from('{"targets":"all"}');
  const { status } = await server.request("/api/v1/retention", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
  });
  expect(status).toBe(400);
  expect((await asked("retention")).document.files.length).toBeGreaterThan(0);
});

test("a store that is behind is planned for, and nothing is taken away", async () => {
  await published();
  const behind = await startServer({ beside: server, behind: true });
  server.clock.advance(2 * year);
  const { status, body } = await behind.request("/api/v1/retention", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: Buffer.from("{}"),
  });
  expect([status, JSON.parse(body.toString()).errors[0].code]).toEqual([503, "STORE_BEHIND"]);
  await behind.close();
});

test("more walks at once than four are told to come again", async () => {
  let go = () => {};
  const gone = new Promise<void>((resolve) => {
    go = resolve;
  });
  let waiting = 0;
  await published({
    wrapStore: (store) => ({
      ...store,
      async repositories(query) {
        waiting++;
        await gone;
        return await store.repositories(query);
      },
    }),
  });
  const first = Array.from({ length: 4 }, () => asked("expiring"));
  while (waiting < 4) await new Promise((resolve) => setTimeout(resolve, 2));
  const fifth = await asked("old-signatures");
  expect([fifth.status, code(fifth)]).toEqual([503, "OVERLOADED"]);
  go();
  expect((await Promise.all(first)).map(({ status }) => status)).toEqual([200, 200, 200, 200]);
});
