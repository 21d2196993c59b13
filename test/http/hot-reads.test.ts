/**
 * The short way for files beside the ordinary one: two applications over one service, one of them reached without
 * it, are asked the same, and give the same bytes and the same counts.
 */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { FastifyInstance } from "fastify";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { StoreError } from "../../src/core/errors.ts";
import { createApp } from "../../src/http/app.ts";
import { HttpMetrics } from "../../src/http/metrics.ts";
import type { TrustService } from "../../src/service/service.ts";
import type { Store } from "../../src/store/contract/store.ts";
import { HttpClient } from "../support/client.ts";
import { startServer, type TestServer } from "../support/server.ts";

const repository = "127.0.0.1:5000/library/alpine";
const path = `/v2/${repository}/_trust/tuf/`;
const day = 86_400_000;

interface Reached {
  readonly app: FastifyInstance;
  readonly client: HttpClient;
  readonly metrics: HttpMetrics;
  /** Requests that came to the framework: it makes a logger for each. */
  seen(): number;
  close(): Promise<void>;
}

let server: TestServer;
let hot: Reached;
let ordinary: Reached;

async function reach(
  service: TrustService,
  isShort: boolean,
  { level = "info", prefixes = [] as readonly string[], notary = true } = {},
): Promise<Reached> {
  let seen = 0;
  const logger = pino({ level, onChild: () => void seen++ }, { write: () => undefined });
  const metrics = new HttpMetrics(service);
  let made: Server | undefined;
  const app = await createApp({
    service,
    logger,
    metrics,
    trustedProxies: [],
    repositories: { prefixes, olderNames: false },
    caching: { current: 0, consistent: 60 },
    limits: { uploadBytes: 1e6, uploadFiles: 9, uploadsInMemory: 1e6, uploadsExamined: 9 },
    apis: { notary, metrics: true, probes: true },
    ...(isShort && {
      serverFactory: (handler) => {
        // It is in the answers: the framework's own.
        made = createServer({ keepAliveTimeout: 72_000 }, handler);
        return made;
      },
    }),
  });
  await app.ready();
  const listening = made ?? app.server;
  await new Promise<void>((resolve) => listening.listen(0, "127.0.0.1", resolve));
  const client = new HttpClient((listening.address() as AddressInfo).port);
  seen = 0;
  return {
    app,
    client,
    metrics,
    seen: () => seen,
    async close() {
      client.close();
      await app.close();
      await new Promise((resolve) => listening.close(resolve));
    },
  };
}

/** The time of the answer aside. */
const same = (raw: string) => raw.replace(/^Date: .*$/gm, "Date:");

async function counts(of: Reached): Promise<string[]> {
  const { body } = await of.metrics.text();
  return body
    .split("\n")
    .filter((line) => /^(notary_server_http_requests_total|vidimus_refusals)/.test(line));
}

/** Who says that it is the last one waits for the end; a server may leave what is still to be compressed to whoever hangs up. */
async function both(bytes: string): Promise<string> {
  const ending = { halfClose: !/^connection: close/im.test(bytes) };
  const [one, two] = await Promise.all([hot.client.raw(bytes, ending), ordinary.client.raw(bytes, ending)]);
  expect(one).not.toBe("");
  expect(same(one)).toBe(same(two));
  return one;
}

const request = (target: string, { method = "GET", version = "1.1", headers = [] as string[] } = {}) =>
  `${[`${method} ${target} HTTP/${version}`, "Host: a", ...headers].join("\r\n")}\r\n\r\n`;
const last = ["Connection: close"];

beforeEach(async () => {
  server = await startServer({ backEnd: "sqlite" });
  const owner = await server.owner(repository);
  owner.delegate("targets/releases");
  for (let i = 0; i < 40; i++) owner.addTarget(`target ${i}`);
  await server.publish(repository, owner.first());
  hot = await reach(server.service, true);
  ordinary = await reach(server.service, false);
});
afterEach(async () => {
  await hot.close();
  await ordinary.close();
  await server.close();
});

describe("the same bytes and the same counts", () => {
  const root = `${path}root.json`;
  const large = `${path}targets.json`;
  const cases: readonly (readonly [name: string, isHot: boolean, bytes: string])[] = [
    ["a file", true, request(root, { headers: last })],
    ["its head", true, request(root, { method: "HEAD", headers: last })],
    ["a delegation", true, request(`${path}targets/releases.json`, { headers: last })],
    ["a file with a query", true, request(`${root}?a=b`, { headers: last })],
    [
      "an encoded name",
      true,
      request(root.replaceAll(":", "%3A").replace("library/", "library%2F"), { headers: last }),
    ],
    ["a target with its origin", true, request(`http://other.example.test${root}`, { headers: last })],
    ["slashes at the beginning", true, request(`//${root}`, { headers: last })],
    ["any validator", true, request(root, { headers: ['If-None-Match: "x", *', ...last] })],
    ["another validator", true, request(root, { headers: ['If-None-Match: "x"', ...last] })],
    ["two validators", true, request(root, { headers: ['If-None-Match: "x"', "If-None-Match: *", ...last] })],
    [
      "the head of a known file",
      true,
      request(root, { method: "HEAD", headers: ["If-None-Match: *", ...last] }),
    ],
    ["a file by version", true, request(`${path}1.root.json`, { headers: last })],
    [
      "a large file by version",
      true,
      request(`${path}1.targets.json`, { headers: ["Accept-Encoding: gzip", ...last] }),
    ],
    ["a file by checksum", true, request(`${path}root.DIGEST.json`, { headers: last })],
    ["the head of it", true, request(`${path}root.DIGEST.json`, { method: "HEAD", headers: last })],
    [
      "a file by checksum that is known",
      true,
      request(`${path}root.DIGEST.json`, { headers: ["If-None-Match: *", ...last] }),
    ],
    ["a large file", true, request(large, { headers: last })],
    ["a large file compressed", true, request(large, { headers: ["Accept-Encoding: gzip", ...last] })],
    ["the head of it", true, request(large, { method: "HEAD", headers: ["Accept-Encoding: gzip", ...last] })],
    ["a small file compressed", true, request(root, { headers: ["Accept-Encoding: gzip;q=0, *", ...last] })],
    ["the older version", true, request(root, { version: "1.0" })],
    [
      "the older version kept open",
      true,
      request(root, { version: "1.0", headers: ["Connection: keep-alive"] }),
    ],
    ["a version that is asked for", true, request(root, { headers: ["Accept-Version: 9", ...last] })],
    [
      "a wish to go on with another protocol",
      true,
      request(root, { headers: ["Upgrade: h2c", "Connection: close, upgrade"] }),
    ],
    [
      "a body",
      true,
      `${request(root, { headers: ["Content-Length: 4"] })}body${request(root, { headers: last })}`,
    ],
    [
      "a promise of a body",
      true,
      `${request(root, { headers: ["Expect: 100-continue", "Content-Length: 1", ...last] })}b`,
    ],
    [
      "several at once",
      true,
      request(root) + request(large) + request(root, { method: "HEAD", headers: last }),
    ],
    ["kept open", true, request(root) + request(root)],
    [
      "several at once, some of nothing",
      false,
      request(root) + request(`${path}no.json`) + request(root, { headers: last }),
    ],
    [
      "compressed before small",
      true,
      request(large, { headers: ["Accept-Encoding: gzip"] }) + request(root, { headers: last }),
    ],
    ["a repository of nobody", false, request("/v2/nobody/_trust/tuf/root.json", { headers: last })],
    ["a role that is not there", false, request(`${path}targets/none.json`, { headers: last })],
    ["a name that may not be", false, request("/v2/no%20name/_trust/tuf/root.json", { headers: last })],
    ["a path to be cleaned", false, request(`${path}../tuf/root.json`, { headers: last })],
    ["a path that cannot be decoded", false, request(`${path}root.json%`, { headers: last })],
    ["a version that is not there", false, request(`${path}9.root.json`, { headers: last })],
    ["a checksum that is not there", false, request(`${path}root.${"0".repeat(64)}.json`, { headers: last })],
    ["another role's checksum", false, request(`${path}targets.DIGEST.json`, { headers: last })],
    ["another method", false, request(root, { method: "DELETE", headers: last })],
    ["a method that is not served", false, request(root, { method: "PATCH", headers: last })],
    ["the ping", false, request("/v2/", { headers: last })],
    ["no host", false, `GET ${root} HTTP/1.1\r\n\r\n`],
    ["no HTTP", false, "nonsense\r\n\r\n"],
  ];

  it.each(cases)("for %s", async (_, isHot, written) => {
    const { current } = await server.store.state(repository);
    const bytes = written.replaceAll("DIGEST", current.get("root")?.sha256 ?? "");
    // Once to have it at hand, by the way that both have.
    for (const each of ["root", "targets", "targets/releases"]) await server.file(repository, `${each}.json`);
    for (let i = 0; i < 3; i++) await both(bytes);
    expect(await counts(hot)).toEqual(await counts(ordinary));
    const framework = hot.seen();
    if (isHot) expect(framework).toBe(0);
    expect(ordinary.seen()).toBeGreaterThanOrEqual(framework);
  });

  it("for a file that is known by the tag of either form", async () => {
    const { headers } = await hot.client.request(large, { headers: { "accept-encoding": "gzip" } });
    expect(headers["content-encoding"]).toBe("gzip");
    const tag = headers.etag as string;
    for (const each of [tag, tag.replace("-gzip", ""), `W/${tag}`]) {
      const raw = await both(request(large, { headers: [`If-None-Match: ${each}`, ...last] }));
      expect(raw).toMatch(/^HTTP\/1\.1 304 /);
    }
    expect(hot.seen()).toBeLessThanOrEqual(1);
  });
});

describe("a file that is not in memory", () => {
  const addresses = async () => {
    const sha256 = (await server.store.state(repository)).current.get("root")?.sha256;
    return [`${path}targets.json`, `${path}1.timestamp.json`, `${path}root.${sha256}.json`];
  };

  it("goes the short way if the store reads at once", async () => {
    const fresh = await startServer({ beside: server });
    const cold = await reach(fresh.service, true);
    for (const address of await addresses()) {
      const { body } = await server.get(address);
      const answer = await cold.client.request(address);
      expect([answer.status, answer.body.equals(body)]).toEqual([200, true]);
    }
    expect(cold.seen()).toBe(0);
    await cold.close();
    await fresh.close();
  });

  it("is waited for on the ordinary way if the store has to ask, once; from then on it goes the short way", async () => {
    const asked: string[] = [];
    const asking = (store: Store): Store => ({
      ...store,
      async current(name, role) {
        asked.push(role);
        return await store.current(name, role);
      },
      async byVersion(name, role, version) {
        asked.push(role);
        return await store.byVersion(name, role, version);
      },
      async byDigest(name, role, sha256) {
        asked.push(role);
        return await store.byDigest(name, role, sha256);
      },
    });
    const fresh = await startServer({ beside: server, wrapStore: asking });
    const cold = await reach(fresh.service, true);
    const status = async (address: string) => (await cold.client.request(address)).status;
    for (const address of await addresses()) expect(await status(address)).toBe(200);
    expect([cold.seen(), asked]).toEqual([3, ["targets", "timestamp", "root"]]);
    for (const address of await addresses()) expect(await status(address)).toBe(200);
    expect([cold.seen(), asked.length]).toEqual([3, 3]);
    await cold.close();
    await fresh.close();
  });

  it.each([
    ["reads at once", (store: Store): Store => store],
    [
      "has to ask",
      (store: Store): Store => ({ ...store, current: async (...of) => await store.current(...of) }),
    ],
  ])("and is nowhere is looked for once, and not found, by a store that %s", async (_, wrap) => {
    let asked = 0;
    const counting = (store: Store): Store => {
      const inner = wrap(store);
      return {
        ...inner,
        current(...of) {
          asked++;
          return inner.current(...of);
        },
      };
    };
    const fresh = await startServer({ beside: server, wrapStore: counting });
    const cold = await reach(fresh.service, true);
    const { status, code } = await cold.client.request(`${path}targets/none.json`);
    expect([status, code, asked, cold.seen()]).toEqual([404, "NOT_FOUND", 1, 1]);
    await cold.close();
    await fresh.close();
  });

  it.each([
    [
      "throws",
      (error: Error) => () => {
        throw error;
      },
    ],
    ["rejects", (error: Error) => async () => await Promise.reject(error)],
  ])("in a store that %s is an error, in the words of the ordinary way", async (_, failing) => {
    const broken = failing(new StoreError("STORE_UNAVAILABLE", "Planted."));
    const fresh = await startServer({
      beside: server,
      wrapStore: (store) => ({ ...store, current: broken }),
    });
    const cold = await reach(fresh.service, true);
    const { status, code } = await cold.client.request(`${path}root.json`);
    expect([status, code]).toEqual([503, "STORE_UNAVAILABLE"]);
    await cold.close();
    await fresh.close();
  });
});

it("an expired file is never sent: it goes the ordinary way, is renewed there, and the new one goes the short way", async () => {
  const version = async () => {
    const { body } = await hot.client.request(`${path}timestamp.json`);
    return JSON.parse(body.toString()).signed.version;
  };
  const first = await version();
  expect([await version(), hot.seen()]).toEqual([first, 0]);
  server.clock.advance(15 * day);
  expect([await version(), hot.seen()]).toEqual([first + 1, 1]);
  expect([await version(), hot.seen()]).toEqual([first + 1, 1]);
});

it("a publish and a deletion are seen by the next read, although the meaning of its path is kept", async () => {
  const status = async () => (await hot.client.request(`${path}root.json`)).status;
  expect([await status(), await status(), hot.seen()]).toEqual([200, 200, 0]);
  await server.request(path, { method: "DELETE" });
  expect(await status()).toBe(404);
  await server.publish(repository, (await server.owner(repository)).first());
  expect([await status(), await status()]).toEqual([200, 200]);
});

it("a prefix that is not served stays so, whatever is at hand", async () => {
  const narrow = await reach(server.service, true, { prefixes: ["other/"] });
  expect((await hot.client.request(`${path}root.json`)).status).toBe(200);
  for (let i = 0; i < 2; i++) expect((await narrow.client.request(`${path}root.json`)).status).toBe(404);
  await narrow.close();
});

it("a listener without this API answers none of its files", async () => {
  const apart = await reach(server.service, true, { notary: false });
  expect((await hot.client.request(`${path}root.json`)).status).toBe(200);
  expect((await apart.client.request(`${path}root.json`)).status).toBe(404);
  await apart.close();
});

it("every request goes the ordinary way as long as each leaves a record", async () => {
  const told = await reach(server.service, true, { level: "debug" });
  for (let i = 0; i < 3; i++) expect((await told.client.request(`${path}root.json`)).status).toBe(200);
  expect(told.seen()).toBe(3);
  await told.close();
});

it("a store that cannot be asked is an error, in the words of the ordinary way", async () => {
  const broken: TrustService = {
    ...server.service,
    current: () => {
      throw new Error("planted");
    },
    noteDamage: (error) => server.service.noteDamage(error),
  };
  const failing = await reach(broken, true);
  const { status, code } = await failing.client.request(`${path}root.json`);
  expect([status, code]).toEqual([500, "INTERNAL"]);
  await failing.close();
});

it("while the application closes, nothing is answered but 503", async () => {
  const ending = await reach(server.service, true);
  expect((await ending.client.request(`${path}root.json`)).status).toBe(200);
  const closed = ending.app.close();
  await closed;
  // Whoever gave the server closes it: until then connections are open.
  expect((await ending.client.request(`${path}root.json`)).status).toBe(503);
  await ending.close();
});
