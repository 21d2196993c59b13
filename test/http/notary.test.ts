/** Success answers, their headers, and who is told what when a file is missing (notary-protocol.md 1.1, 1.2, 11). */
import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Owner } from "../support/publisher.ts";
import { backEnds, startServer, type TestServer } from "../support/server.ts";

const repository = "127.0.0.1:5000/library/alpine";
const missing = "METADATA_NOT_FOUND";

describe.each(backEnds)("the Notary API on %s", (backEnd) => {
  let server: TestServer;
  let owner: Owner;
  let targetsDigest: string;

  beforeAll(async () => {
    server = await startServer({ backEnd });
    owner = await server.owner(repository);
    owner.delegate("targets/releases");
    await server.publish(repository, owner.first());
    const { body } = await server.file(repository, "targets.json");
    targetsDigest = createHash("sha256").update(body).digest("hex");
  });
  afterAll(async () => await server.close());

  test("checklist 2: GET /v2/ is 200 with {}", async () => {
    const { status, body } = await server.get("/v2/");
    expect([status, body.toString()]).toEqual([200, "{}"]);
  });

  test("checklist 1: a publish is 200 with an empty body", async () => {
    owner.addTarget("one");
    const { status, headers, body } = await server.publish(repository, owner.next("targets"));
    expect([status, headers["content-length"], body.length]).toEqual([200, "0", 0]);
  });

  test("checklist 1: a deletion is 200 with an empty body, and so is that of nothing", async () => {
    for (const name of ["gone", "never-was"]) {
      if (name === "gone") await server.publish(name, (await server.owner(name)).first());
      const { status, headers } = await server.request(`/v2/${name}/_trust/tuf/`, { method: "DELETE" });
      expect([status, headers["content-length"]]).toEqual([200, "0"]);
    }
  });

  test("checklist 3: names with port, slashes and escapes are one repository", async () => {
    const plain = await server.file(repository, "root.json");
    const escaped = await server.get("/v2/127.0.0.1%3A5000/library%2Falpine/_trust/tuf/root.json");
    expect(escaped.body).toEqual(plain.body);
  });

  test("checklist 3: a delegation has a slash inside its file name", async () => {
    const { body, status } = await server.file(repository, "targets/releases.json");
    const digest = createHash("sha256").update(body).digest("hex");
    const byDigest = await server.file(repository, `targets/releases.${digest}.json`);
    expect([status, byDigest.status, byDigest.body]).toEqual([200, 200, body]);
  });

  test("checklist 5: the bytes received are the bytes served, by digest, version and name", async () => {
    const files = owner.next("targets");
    const sent = files.get("targets") as Buffer;
    await server.publish(repository, files);
    const digest = createHash("sha256").update(sent).digest("hex");
    const names = ["targets.json", `${owner.targets.version}.targets.json`, `targets.${digest}.json`];
    for (const name of names) expect((await server.file(repository, name)).body).toEqual(sent);
  });

  test("checklist 5: a superseded file is still served by digest", async () => {
    await server.publish(repository, owner.next("targets"));
    const { status } = await server.file(repository, `targets.${targetsDigest}.json`);
    expect(status).toBe(200);
  });

  test("checklist 6: the snapshot names root and roles without .json", async () => {
    const { body } = await server.file(repository, "snapshot.json");
    expect(Object.keys(JSON.parse(body.toString()).signed.meta).sort()).toEqual([
      "root",
      "targets",
      "targets/releases",
    ]);
  });

  test("a file is sent with type, length, validator and a date in GMT", async () => {
    const { headers, body } = await server.file(repository, "root.json");
    expect(headers).toMatchObject({
      "content-type": "application/json",
      "content-length": String(body.length),
      etag: `"${createHash("sha256").update(body).digest("hex")}"`,
      "last-modified": "Tue, 01 Jan 2030 00:00:00 GMT",
      "x-content-type-options": "nosniff",
    });
  });

  test("what has no content of its own address may not be kept, what is addressed by digest may", async () => {
    const names = ["timestamp.json", "1.root.json", `targets.${targetsDigest}.json`];
    const caching = await Promise.all(
      names.map(async (name) => (await server.file(repository, name)).headers["cache-control"]),
    );
    expect(caching).toEqual([
      "public, no-cache",
      "public, no-cache",
      "public, max-age=2592000, s-maxage=2592000, immutable",
    ]);
  });

  test.each(["1.root.json", "root.json", "timestamp.json"])("304 for %s with its validator", async (name) => {
    const first = await server.file(repository, name);
    const { status, headers, body } = await server.file(repository, name, {
      "if-none-match": `"other", W/${first.headers.etag}`,
    });
    expect([status, body.length, headers.etag]).toEqual([304, 0, first.headers.etag]);
  });

  test("200 with another validator", async () => {
    const { status } = await server.file(repository, "root.json", { "if-none-match": '"0000"' });
    expect(status).toBe(200);
  });

  test.each(["root.json", "1.root.json", "nothing.json", "9.root.json"])(
    "HEAD of %s has the headers of GET and no body",
    async (name) => {
      const path = `/v2/${repository}/_trust/tuf/${name}`;
      const get = await server.get(path);
      const head = await server.request(path, { method: "HEAD" });
      expect([head.status, head.body.length, head.headers.etag, head.headers["content-type"]]).toEqual([
        get.status,
        0,
        get.headers.etag,
        get.headers["content-type"],
      ]);
    },
  );

  test.each([
    "9.root.json",
    "targets/nobody.json",
    `root.${"0".repeat(64)}.json`,
    `root.${"A".repeat(64)}.json`,
    `root.${"0".repeat(96)}.json`,
    `root.${"0".repeat(128)}.json`,
    "99999999999999999999.root.json",
  ])("404 with an empty detail for %s of a known repository", async (name) => {
    const { status, error } = await server.file(repository, name);
    expect([status, error?.code, error?.detail]).toEqual([404, missing, {}]);
  });

  test("404 with an empty detail for a file of an unknown repository", async () => {
    const { status, error } = await server.file("nobody/home", "root.json");
    expect([status, error?.detail]).toEqual([404, {}]);
  });

  test.each([
    ["GET", "/"],
    ["GET", "/v2"],
    ["POST", "/v2/"],
    ["GET", "/v2/a/_trust/tuf"],
    ["POST", "/v2/a/_trust/tuf"],
    ["DELETE", "/v2/a/_trust/tuf"],
    ["GET", "/v2/a/_trust/tuf/"],
    ["PUT", "/v2/a/_trust/tuf/"],
    ["GET", "/v2/a/_trust/tuf/root.json/"],
    ["GET", "/v2/a/_trust/changefeed/"],
    ["GET", "/v2/a/_trust/tuf/root.key"],
    ["GET", "/v2/a/_trust/tuf/targets.key"],
    ["DELETE", "/v2/a/_trust/tuf/snapshot.key"],
    ["POST", "/v2/a/_trust/tuf/root.json"],
    ["GET", "/v2/_trust/tuf/root.json"],
    ["POST", "/_notary_server/health"],
    ["GET", "/v2/a/_trust/tuf/mirrors.json"],
  ])("404 without a detail for %s %s", async (method, path) => {
    const { status, error } = await server.request(path, { method });
    expect([status, error?.code, error !== undefined && "detail" in error]).toEqual([404, missing, false]);
  });

  test.each(["PATCH", "OPTIONS", "TRACE"])("405 and an empty body for %s", async (method) => {
    const { status, body } = await server.request("/v2/", { method });
    expect([status, body.length]).toEqual([405, 0]);
  });

  test("errors carry a code of their own and may not be kept", async () => {
    const { headers } = await server.file(repository, "9.root.json");
    expect([headers["vidimus-code"], headers["cache-control"], headers["content-type"]]).toEqual([
      "NOT_FOUND",
      "no-store",
      "application/json; charset=utf-8",
    ]);
  });

  test.each(["/v2//x", "/v2/a/./_trust/tuf/root.json", "/v2/a/b/../_trust/tuf/root.json", "/x//"])(
    "301 for %s, which needs cleaning",
    async (path) => {
      const { status, headers } = await server.get(path);
      expect([status, headers.location]).toEqual([
        301,
        new URL(path.replace("//", "/"), "http://x").pathname,
      ]);
    },
  );

  test("a doubled slash in front is forgiven", async () => {
    const { status } = await server.get(`//v2/${repository}/_trust/tuf/root.json`);
    expect(status).toBe(200);
  });

  test("checklist 16: each new timestamp is one row of the changefeed", async () => {
    const rows = async () =>
      JSON.parse((await server.get(`/v2/${repository}/_trust/changefeed?records=0`)).body.toString()).count;
    const before = await rows();
    await server.publish(repository, owner.next("targets"));
    expect(await rows()).toBe(before + 1);
  });

  test.each(["/_notary_server/health", "/livez", "/readyz", "/startupz"])(
    "%s is 200 with {}",
    async (path) => {
      const { status, body } = await server.get(path);
      expect([status, body.toString()]).toEqual([200, "{}"]);
    },
  );

  test("metrics carry the names of the original", async () => {
    const { body } = await server.get("/metrics");
    expect(body.toString()).toMatch(
      /notary_server_http_requests_total\{operation="GetRole",method="GET",code="200"\}/,
    );
  });
});

test("caches are told for how long, as configured", async () => {
  const server = await startServer({ caching: { current: 300, consistent: 0 } });
  try {
    await server.publish("a", (await server.owner("a")).first());
    const { body, headers } = await server.file("a", "targets.json");
    const digest = createHash("sha256").update(body).digest("hex");
    const byDigest = await server.file("a", `targets.${digest}.json`);
    expect([headers["cache-control"], byDigest.headers["cache-control"]]).toEqual([
      "public, max-age=300, s-maxage=300, must-revalidate",
      "no-cache",
    ]);
  } finally {
    await server.close();
  }
});
