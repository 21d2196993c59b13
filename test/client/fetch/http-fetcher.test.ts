import { createServer } from "node:net";
import { describe, expect, it } from "vitest";
import { TrustError } from "../../../src/client/errors.ts";
import type { RequestEvent } from "../../../src/client/fetch/options.ts";
import {
  deadPort,
  fetcherFor,
  get,
  type Handler,
  listening,
  plainServer,
  type TestServer,
  trustCodeOf,
  trustErrorOf,
} from "../../support/fetching.ts";

const once = { limits: { tries: 1 } };
const quick = { limits: { tries: 1, requestTime: 150 } };

/** A server that writes these bytes to whoever connects, and then ends. */
function rawServer(answer: string): Promise<TestServer> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => socket.end(answer));
  });
  return listening(server, "http");
}

const status =
  (code: number, headers: Record<string, string> = {}): Handler =>
  (_request, response) =>
    void response.writeHead(code, headers).end("some text");

describe("a file", () => {
  it("comes as it was sent, from its path", async () => {
    const server = await plainServer((_request, response) => response.end("{ }\n"));
    const found = await get(fetcherFor(server.url), {
      repository: "registry.example.test:5000/org/app",
      file: "targets/releases.0a.json",
    });
    expect(found?.toString("latin1")).toBe("{ }\n");
    expect(server.seen[0]?.url).toBe(
      "/v2/registry.example.test:5000/org/app/_trust/tuf/targets/releases.0a.json",
    );
  });

  it("is asked for below the path of the server, unencoded, without credentials", async () => {
    const server = await plainServer((_request, response) => response.end());
    const fetcher = fetcherFor(`${server.url}/notary/`, { userAgent: "builder/2" });
    await get(fetcher);
    expect(fetcher.origin).toBe(`${server.url}/notary`);
    expect(server.seen[0]?.url).toMatch(/^\/notary\/v2\//);
    expect(server.seen[0]?.headers).toMatchObject({
      "accept-encoding": "identity",
      "user-agent": "builder/2",
    });
    expect(server.seen[0]?.authorization).toBeUndefined();
  });

  it("is undefined when the server says that there is none", async () => {
    const server = await plainServer(status(404));
    expect(await get(fetcherFor(server.url))).toBeUndefined();
  });

  it("of a repository that cannot be named so is not asked for", async () => {
    const server = await plainServer(status(200));
    expect(await trustCodeOf(get(fetcherFor(server.url), { repository: "a/../b" }))).toBe(
      "BAD_REPOSITORY_NAME",
    );
    expect(server.seen).toHaveLength(0);
  });

  it.each(["../root.json", "root.json?x", "/root.json", "a/../b.json", ""])(
    "cannot be named %j",
    async (file) => {
      await expect(get(fetcherFor("http://127.0.0.1:1"), { file })).rejects.toThrow(TypeError);
    },
  );

  it("comes over the connection of the one before", async () => {
    const server = await plainServer((request, response) => {
      response.writeHead(request.url.endsWith("/2.root.json") ? 404 : 200).end("a body");
    });
    const fetcher = fetcherFor(server.url);
    await get(fetcher);
    await get(fetcher, { file: "2.root.json" });
    await get(fetcher, { file: "timestamp.json" });
    expect(server.seen).toHaveLength(3);
    expect(server.connections()).toBe(1);
  });

  it("waits for one of the connections allowed", async () => {
    const held: (() => void)[] = [];
    let most = 0;
    const server = await plainServer((_request, response) => {
      most = Math.max(
        most,
        held.push(() => response.end()),
      );
      if (held.length === 2) setImmediate(() => held.splice(0).forEach((answer) => void answer()));
    });
    const fetcher = fetcherFor(server.url, { limits: { connections: 2 } });
    await Promise.all(Array.from({ length: 12 }, () => get(fetcher)));
    expect(most).toBe(2);
    expect(server.connections()).toBe(2);
  });

  it("is told of, with its status and length", async () => {
    const server = await plainServer((request, response) => {
      if (server.seen.length === 1) response.writeHead(302, { location: `${request.url}?again` }).end();
      else response.end("12345");
    });
    const events: RequestEvent[] = [];
    await get(fetcherFor(server.url, { onRequest: (event) => events.push(event) }));
    expect(events).toMatchObject([
      { file: "root.json", repository: "registry.example.test/org/app", status: 302, bytes: 0 },
      { file: "root.json", repository: "registry.example.test/org/app", status: 200, bytes: 5 },
    ]);
    expect(events.every(({ milliseconds }) => milliseconds >= 0)).toBe(true);
  });
});

describe("an answer", () => {
  it.each([
    [204, "BAD_ANSWER"],
    [206, "BAD_ANSWER"],
    [304, "BAD_ANSWER"],
    [400, "BAD_ANSWER"],
    [403, "FORBIDDEN"],
    [410, "BAD_ANSWER"],
    [429, "TOO_MANY_REQUESTS"],
    [500, "SERVER_ERROR"],
    [503, "SERVER_ERROR"],
  ])("of status %i is %s", async (code, expected) => {
    const server = await plainServer(status(code));
    const error = await trustErrorOf(get(fetcherFor(server.url, once)));
    expect(error.code).toBe(expected);
    expect(error.detail).toMatchObject({ status: code });
    expect(error.message).not.toContain("some text");
  });

  it("of exactly the bytes allowed is taken", async () => {
    const server = await plainServer((_request, response) => response.end("x".repeat(1_000)));
    expect(await get(fetcherFor(server.url, once))).toHaveLength(1_000);
  });

  it("that says it is too long is refused before its body comes", async () => {
    const server = await plainServer((_request, response) => {
      response.writeHead(200, { "content-length": "1001" }).flushHeaders();
    });
    expect(await trustCodeOf(get(fetcherFor(server.url)))).toBe("ANSWER_TOO_LARGE");
    expect(server.seen).toHaveLength(1);
  });

  it("that never ends is cut off where it becomes too long", async () => {
    const gone = Promise.withResolvers<number>();
    const server = await plainServer((_request, response) => {
      let written = 0;
      const more = () => {
        while (!response.destroyed && response.write("x".repeat(65_536))) written += 65_536;
      };
      response.on("drain", more);
      response.on("close", () => gone.resolve(written));
      more();
    });
    expect(await trustCodeOf(get(fetcherFor(server.url)))).toBe("ANSWER_TOO_LARGE");
    expect(await gone.promise).toBeLessThan(64 * 1_024 * 1_024);
    expect(server.seen).toHaveLength(1);
  });

  it("that comes drop by drop is given up after the time of a request", async () => {
    const server = await plainServer((_request, response) => {
      const drip = setInterval(() => response.write("x"), 5);
      response.on("close", () => clearInterval(drip));
    });
    expect(await trustCodeOf(get(fetcherFor(server.url, quick)))).toBe("TIMEOUT");
  });

  it("that never begins is given up after the time of a request", async () => {
    const server = await plainServer(() => {});
    expect(await trustCodeOf(get(fetcherFor(server.url, quick)))).toBe("TIMEOUT");
  });

  it("of 404 with an endless body is a 404", async () => {
    const server = await plainServer((_request, response) => {
      response.writeHead(404);
      const more = () => {
        while (!response.destroyed && response.write("x".repeat(65_536)));
      };
      response.on("drain", more);
      more();
    });
    expect(await get(fetcherFor(server.url, once))).toBeUndefined();
  });

  it("in an encoding is refused", async () => {
    const server = await plainServer(status(200, { "content-encoding": "gzip" }));
    expect(await trustCodeOf(get(fetcherFor(server.url)))).toBe("BAD_ANSWER");
    expect(server.seen).toHaveLength(1);
  });

  it.each([
    ["shorter than it says", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbeginning"],
    ["without the last chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\n"],
    ["without anything", ""],
    ["that ends in the headers", "HTTP/1.1 200 OK\r\nContent-Le"],
    ["that wants another protocol", "HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"],
  ])("%s is broken off", async (_what, answer) => {
    const server = await rawServer(answer);
    expect(await trustCodeOf(get(fetcherFor(server.url)))).toBe("UNREACHABLE");
    expect(server.connections()).toBe(3);
  });

  it.each([
    ["is not HTTP", "SSH-2.0-something\r\n"],
    ["has endless headers", `HTTP/1.1 200 OK\r\nX: ${"x".repeat(40_000)}\r\n\r\n`],
    ["says two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"],
  ])("that %s is refused", async (_what, answer) => {
    const server = await rawServer(answer);
    expect(await trustCodeOf(get(fetcherFor(server.url)))).toBe("BAD_ANSWER");
    expect(server.connections()).toBe(1);
  });
});

describe("trying again", () => {
  it("gives the file when the server comes back", async () => {
    const server = await plainServer((_request, response) => {
      if (server.seen.length < 3) response.writeHead(503).end();
      else response.end("here");
    });
    expect(String(await get(fetcherFor(server.url)))).toBe("here");
    expect(server.seen).toHaveLength(3);
  });

  it.each([
    [503, 4],
    [429, 4],
    [400, 1],
    [403, 1],
    [404, 1],
  ])("after %i makes %i requests in all", async (code, requests) => {
    const server = await plainServer(status(code));
    await get(fetcherFor(server.url, { limits: { tries: 4 } })).catch(() => {});
    expect(server.seen).toHaveLength(requests);
  });

  it("happens after a time-out", async () => {
    const server = await plainServer((_request, response) => {
      if (server.seen.length === 2) response.end("late");
    });
    const fetcher = fetcherFor(server.url, { limits: { tries: 2, requestTime: 200 } });
    expect(String(await get(fetcher))).toBe("late");
  });

  it("ends as UNREACHABLE when nobody listens", async () => {
    expect(await trustCodeOf(get(fetcherFor(`http://127.0.0.1:${await deadPort()}`)))).toBe("UNREACHABLE");
  });

  it("tells what the server said about when", async () => {
    const server = await plainServer(status(503, { "retry-after": "7" }));
    const error = await trustErrorOf(get(fetcherFor(server.url, once)));
    expect(error.detail).toEqual({ status: 503, retryAfter: 7 });
  });
});

describe("being called off", () => {
  it("gives the caller's reason", async () => {
    const caller = new AbortController();
    const reason = new TrustError("OFFLINE_TOO_OLD", "Enough.");
    const server = await plainServer(() => caller.abort(reason));
    await expect(get(fetcherFor(server.url), { signal: caller.signal })).rejects.toBe(reason);
    expect(server.seen).toHaveLength(1);
  });

  it("is a time-out when the reason is anything else", async () => {
    const caller = new AbortController();
    const server = await plainServer(() => caller.abort());
    expect(await trustCodeOf(get(fetcherFor(server.url), { signal: caller.signal }))).toBe("TIMEOUT");
  });

  it("ends the waiting between tries", async () => {
    const caller = new AbortController();
    const server = await plainServer((_request, response) => {
      response.on("finish", () => setImmediate(() => caller.abort()));
      response.writeHead(503, { "retry-after": "5" }).end();
    });
    const fetcher = fetcherFor(server.url, { testingOnlyFirstDelay: 60_000 });
    expect(await trustCodeOf(get(fetcher, { signal: caller.signal }))).toBe("TIMEOUT");
  });

  it("sends nothing when it came first", async () => {
    const server = await plainServer(status(200));
    expect(await trustCodeOf(get(fetcherFor(server.url), { signal: AbortSignal.abort() }))).toBe("TIMEOUT");
    expect(server.connections()).toBe(0);
  });

  it("lets those who wait for a connection go", async () => {
    const caller = new AbortController();
    const server = await plainServer(() => caller.abort());
    const fetcher = fetcherFor(server.url, { limits: { connections: 1 } });
    const both = [1, 2].map(() => trustCodeOf(get(fetcher, { signal: caller.signal })));
    expect(await Promise.all(both)).toEqual(["TIMEOUT", "TIMEOUT"]);
    expect(server.seen).toHaveLength(1);
  });

  it("by closing is UNREACHABLE, at once and later", async () => {
    const server = await plainServer(() => fetcher.close());
    const fetcher = fetcherFor(server.url);
    expect(await trustCodeOf(get(fetcher))).toBe("UNREACHABLE");
    expect(await trustCodeOf(get(fetcher))).toBe("UNREACHABLE");
    expect(server.seen).toHaveLength(1);
  });
});
