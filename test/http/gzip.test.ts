/** Large files compressed, over real sockets: the bytes are the published ones whichever way they come. */
import { gunzipSync } from "node:zlib";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { acceptsGzip, compressed } from "../../src/http/gzip.ts";
import { compressibleFrom } from "../../src/service/service.ts";
import { startServer, type TestServer } from "../support/server.ts";

const repository = "docker.io/library/large";
let server: TestServer;
let published: Buffer;

beforeAll(async () => {
  server = await startServer();
  const owner = await server.owner(repository);
  for (let index = 0; index < 60; index++) owner.addTarget(`v${index}`);
  const files = owner.first();
  published = files.get("targets") as Buffer;
  await server.publish(repository, files);
});
afterAll(async () => await server.close());

const gzip = { "accept-encoding": "gzip" };
const addresses = async () => {
  const { headers } = await server.file(repository, "targets.json");
  return ["targets.json", "1.targets.json", `targets.${headers.etag?.slice(1, -1)}.json`];
};

describe("a large file", () => {
  it("goes out compressed to whoever takes that, and is the published bytes, at each of its addresses", async () => {
    for (const name of await addresses()) {
      const answers = await Promise.all(Array.from({ length: 5 }, () => server.file(repository, name, gzip)));
      for (const { status, headers, body } of answers) {
        expect([status, headers["content-encoding"]]).toEqual([200, "gzip"]);
        expect([headers["content-length"], headers["content-type"]]).toEqual([
          String(body.length),
          "application/json",
        ]);
        expect(body.length).toBeLessThan(published.length);
        expect(gunzipSync(body)).toEqual(published);
      }
    }
  });

  it("goes out as it is to everybody else", async () => {
    for (const headers of [{}, { "accept-encoding": "identity" }, { "accept-encoding": "gzip;q=0, br" }]) {
      const answer = await server.file(repository, "targets.json", headers);
      expect([answer.headers["content-encoding"], answer.body]).toEqual([undefined, published]);
    }
  });

  it("has a validator for each form, and caches are told what it depends on", async () => {
    const plain = await server.file(repository, "targets.json");
    const small = await server.file(repository, "targets.json", gzip);
    expect(plain.headers.etag).not.toBe(small.headers.etag);
    for (const { headers } of [plain, small]) expect(headers.vary).toBe("accept-encoding");
  });

  it("is not sent again to whoever has either form", async () => {
    for (const kept of [{}, gzip]) {
      const { etag } = (await server.file(repository, "targets.json", kept)).headers;
      for (const asked of [{}, gzip]) {
        const known = { ...asked, "if-none-match": `${etag}` };
        const { status, headers, body } = await server.file(repository, "targets.json", known);
        expect([status, headers.etag, headers.vary, body.length]).toEqual([304, etag, "accept-encoding", 0]);
      }
    }
  });

  it("has its length told by HEAD", async () => {
    const path = `/v2/${repository}/_trust/tuf/targets.json`;
    const get = await server.request(path, { headers: gzip });
    const head = await server.request(path, { method: "HEAD", headers: gzip });
    expect([head.body.length, head.headers]).toEqual([0, { ...get.headers, date: expect.any(String) }]);
  });
});

it("a small file goes out as it is, and depends on nothing", async () => {
  const { headers, body } = await server.file(repository, "timestamp.json", gzip);
  expect(body.length).toBeLessThan(compressibleFrom);
  expect([headers["content-encoding"], headers.vary]).toEqual([undefined, undefined]);
});

describe("who takes gzip", () => {
  it.each<[string, boolean]>([
    ["gzip", true],
    ["x-gzip", true],
    ["GZIP", true],
    ["deflate, gzip;q=1.0, *;q=0.5", true],
    ["br;q=1, gzip;q=0.001", true],
    ["*", true],
    ["", false],
    ["identity", false],
    ["br, deflate", false],
    ["gzip;q=0", false],
    ["gzip; q=0.000", false],
    ["*, gzip;q=0", false],
    ["*;q=0", false],
    ["gzipped", false],
  ])("%j", (header, taken) => {
    expect(acceptsGzip(header)).toBe(taken);
  });

  it("is answered for any text, at once", () => {
    fc.assert(fc.property(fc.string({ maxLength: 200 }), (text) => typeof acceptsGzip(text) === "boolean"));
    const begun = performance.now();
    acceptsGzip(`${";q=0,".repeat(3_000)}gzip`);
    acceptsGzip(`gzip${";a".repeat(8_000)}`);
    expect(performance.now() - begun).toBeLessThan(1_000);
  });
});

it("what would not become smaller stays as it is", async () => {
  expect(await compressed(Buffer.from("a"))).toBeUndefined();
});
