/** What a path means, from outside: names, normalisation, methods, heads of requests (threats N1 to N10, M9, M10). */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { statusOf } from "../support/client.ts";
import { multipart, multipartType, part } from "../support/multipart.ts";
import { startServer, type TestServer } from "../support/server.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
  for (const name of ["a", "a/b", "b", "c", "A/b"]) {
    await server.publish(name, (await server.owner(name)).first());
  }
});
afterAll(async () => await server.close());

const raw = (line: string, headers = "Host: x\r\n") =>
  server.raw(`${line} HTTP/1.1\r\n${headers}Connection: close\r\n\r\n`);
const get = (path: string) => raw(`GET ${path}`);
const root = "/_trust/tuf/root.json";

/** The API's and our code for a publish under a name. */
async function publishUnder(name: string): Promise<readonly unknown[]> {
  const { status, error, code } = await server.request(`/v2/${name}/_trust/tuf/`, {
    method: "POST",
    headers: { "content-type": multipartType },
    body: multipart([part("root", "{}")]),
  });
  return [status, error?.code, code];
}
const refusedName = [400, "INVALID_GUN", "BAD_REPOSITORY_NAME"];
const readName = [400, "MALFORMED_JSON", "BAD_SHAPE"];

describe("N1: a path that somebody else would normalise", () => {
  test.each([
    `/v2/a/../b${root}`,
    `/v2/a/%2e%2e/b${root}`,
    `/v2/a/%2E%2E/b${root}`,
    `/v2/a%2f..%2fb${root}`,
    `/v2/a/./b${root}`,
    `/v2/a/%2e/b${root}`,
    `/v2/a/%2fb${root}`,
    `/v2//a${root}`,
    "/v2/a/b/../../c/_trust/tuf/root.json",
    "/v2/a/b/_trust/tuf/../tuf/root.json",
  ])("is redirected: %s", async (path) => {
    const answer = await get(path);
    expect(statusOf(answer)).toBe(301);
    expect(answer).toMatch(/\r\nlocation: \/v2\/[abc](\/b)?\/_trust\/tuf\/root\.json\r\n/);
  });

  test("an escaped slash is a slash", async () => {
    const { body } = await server.file("a/b", "root.json");
    expect(await get(`/v2/a%2fb${root}`)).toContain(body.toString("latin1"));
  });

  test("a redirect never leaves the server", async () => {
    for (const path of ["//evil.example/%2e%2e/x", "/%2f%2fevil.example//", "/\\\\evil.example//x"]) {
      const location = /\r\nlocation: (.*)\r\n/.exec(await get(path))?.[1];
      expect(location ?? "/").toMatch(/^\/(?![/\\])/);
    }
  });

  test.each([
    `/v2/a%${root}`,
    `/v2/a%2${root}`,
    `/v2/%ff${root}`,
    `/v2/%c0%af${root}`,
    `/v2/%ed%a0%80${root}`,
  ])("is not found when it cannot be decoded: %s", async (path) => {
    expect(statusOf(await get(path))).toBe(404);
  });
});

describe("N2: the length of a name", () => {
  const segments = (count: number, length: number) => {
    const each = Math.floor((length - (count - 1)) / count);
    const names = Array.from({ length: count }, () => "n".repeat(each));
    names[0] += "n".repeat(length - (count - 1) - each * count);
    return names.join("/");
  };
  test.each([
    [100, 1],
    [101, 1],
    [255, 1],
    [100, 20],
    [255, 20],
  ])("%i bytes in %i segments are one repository", async (length, count) => {
    expect(await publishUnder(segments(count, length))).toEqual(readName);
  });
  test.each([
    [256, 1],
    [256, 20],
    [4_000, 1],
  ])("%i bytes in %i segments are refused", async (length, count) => {
    expect(await publishUnder(segments(count, length))).toEqual(refusedName);
  });
  test("a path beyond every name is not found", async () => {
    expect(statusOf(await get(`/v2/${"n".repeat(5_000)}${root}`))).toBe(404);
  });
});

describe("N3: prefixes", () => {
  let prefixed: TestServer;
  beforeAll(async () => {
    prefixed = await startServer({ repositories: { prefixes: ["example.com/"] } });
  });
  afterAll(async () => await prefixed.close());

  test.each(["example.com", "example.com.evil/x", "example.comx/x", "EXAMPLE.COM/x", "x/example.com/y"])(
    "N3: %s is outside of example.com/",
    async (name) => {
      const { error, status, code } = await prefixed.request(`/v2/${name}/_trust/tuf/`, {
        method: "POST",
        headers: { "content-type": multipartType },
        body: multipart([]),
      });
      expect([status, error?.code, code]).toEqual([400, "INVALID_GUN", "REPOSITORY_NOT_SERVED"]);
    },
  );
  test.each([
    ["GET", "timestamp.key"],
    ["POST", "timestamp.key"],
    ["GET", "root.json"],
    ["DELETE", ""],
  ])("outside, %s %s is not found", async (method, file) => {
    const { status } = await prefixed.request(`/v2/other/x/_trust/tuf/${file}`, { method });
    expect(status).toBe(404);
  });
  test("inside, a publish is read", async () => {
    const owner = await prefixed.owner("example.com/x");
    expect((await prefixed.publish("example.com/x", owner.first())).status).toBe(200);
  });
});

describe("the name of a repository", () => {
  test.each(["a/_trust/tuf/b", "a/_trust/b", "_trust", "_trust/tuf"])("N4: %s is refused", async (name) => {
    expect(await publishUnder(name)).toEqual(refusedName);
  });

  test.each([
    ["NUL", "a%00b"],
    ["LF", "a%0ab"],
    ["CR", "a%0db"],
    ["ESC", "a%1bb"],
    ["an override of direction", "a%e2%80%aeb"],
    ["a composed letter", "a%c3%a9"],
    ["a decomposed letter", "ae%cc%81"],
    ["full width", "%ef%bd%81"],
    ["a blank", "a%20b"],
    ["a star", "a*"],
    ["a backslash", "a%5cb"],
    ["a colon in the middle", "a/b:1"],
    ["a leading dash", "-a"],
    ["a query in the name", "a%3fb"],
  ])("N5: %s is refused", async (_what, name) => {
    expect(await publishUnder(name)).toEqual(refusedName);
  });

  test("N5: bytes that are no UTF-8 are not found", async () => {
    const line = Buffer.from(
      `GET /v2/\xff\xfe${root} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
      "latin1",
    );
    expect([400, 404]).toContain(statusOf(await server.raw(line)));
  });

  test("N6: case makes two repositories", async () => {
    const [small, large] = [await server.file("a/b", "root.json"), await server.file("A/b", "root.json")];
    expect(small.body.equals(large.body)).toBe(false);
  });

  test.each(["constructor", "toString", "hasOwnProperty", "valueOf"])(
    "N9: %s is a name like any other",
    async (name) => {
      expect((await server.file(name, "root.json")).status).toBe(404);
      expect((await server.publish(name, (await server.owner(name)).first())).status).toBe(200);
    },
  );

  test("N9: __proto__ is refused by the grammar", async () => {
    expect(await publishUnder("__proto__")).toEqual(refusedName);
  });
});

test.each([
  "0.root.json",
  "-1.root.json",
  "1e0.root.json",
  "99999999999999999999.root.json",
  "1.ROOT.json",
  "1..root.json",
  "1.root.JSON",
  "root.JSON",
  `root.${"0".repeat(63)}.json`,
  `root.${"0".repeat(65)}.json`,
  `root.${"0".repeat(96)}.json`,
  `root.${"0".repeat(128)}.json`,
  `root.${"F".repeat(64)}.json`,
])("N10: %s is not found, and says nothing of the inside", async (name) => {
  const { status, error } = await server.file("a", name);
  expect([status, error?.code, JSON.stringify(error?.detail ?? {})]).toEqual([
    404,
    "METADATA_NOT_FOUND",
    "{}",
  ]);
});

test("N10: 01.root.json is version 1, as for the original", async () => {
  expect((await server.file("a", "01.root.json")).body).toEqual((await server.file("a", "1.root.json")).body);
});

describe("M9: the head of a request", () => {
  const head = `GET /v2/a${root} HTTP/1.1\r\nHost: x\r\n`;
  const publish = "POST /v2/a/_trust/tuf/ HTTP/1.1\r\nHost: x\r\n";
  test.each([
    ["length and chunks", `${publish}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ["two lengths", `${publish}Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcd`],
    ["a bare LF", `GET /v2/a${root} HTTP/1.1\nHost: x\n\n`],
    ["a folded header", `${head}X-Folded: a\r\n b\r\n\r\n`],
    ["no host", `GET /v2/a${root} HTTP/1.1\r\n\r\n`],
    ["a negative length", `${publish}Content-Length: -1\r\n\r\n`],
    ["chunks after other encodings", `${publish}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`],
  ])("M9: %s is 400", async (_what, bytes) => {
    expect(statusOf(await server.raw(bytes))).toBe(400);
  });

  test("M9: a whole address instead of a path is read, whatever the host", async () => {
    expect(statusOf(await get(`http://evil.example/v2/a${root}`))).toBe(200);
  });

  test("M9: X-HTTP-Method-Override is ignored", async () => {
    const { status } = await server.request("/v2/c/_trust/tuf/root.json", {
      headers: { "x-http-method-override": "DELETE" },
    });
    expect([status, (await server.file("c", "root.json")).status]).toEqual([200, 200]);
  });

  test("M10: a header of 17 kB is 431", async () => {
    expect(statusOf(await raw("GET /v2/", `Host: x\r\nX-Long: ${"x".repeat(17_000)}\r\n`))).toBe(431);
  });

  test("M10: 2,000 headers are answered", async () => {
    const headers = Array.from({ length: 2_000 }, (_, i) => `${i}:\r\n`).join("");
    expect([200, 431]).toContain(statusOf(await raw("GET /v2/", `Host: x\r\n${headers}`)));
  });
});

test("methods that nobody knows are answered, and the server lives", async () => {
  for (const method of ["PROPFIND", "SEARCH", "M-SEARCH", "LINK", "PURGE", "QUERY"]) {
    expect([400, 405], method).toContain(statusOf(await raw(`${method} /v2/`)));
  }
  await raw("CONNECT x:443");
  expect((await server.get("/v2/")).status).toBe(200);
});

test.each(["/_notary_server/health", "/metrics", "/livez", "/readyz", "/startupz"])(
  "HEAD %s is answered like GET",
  async (path) => {
    const { status, body } = await server.request(path, { method: "HEAD" });
    expect([status, body.length]).toEqual([200, 0]);
  },
);
