/** What the HTTP parser refuses before any route is asked: in the API's form all the same. */
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { refuseClientError } from "../../src/http/client-errors.ts";
import { tooManyConnections } from "../../src/http/options.ts";
import { startServer, type TestServer } from "../support/server.ts";

interface Parsed {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

function parse(answer: string): Parsed {
  const [head = "", body = ""] = answer.split("\r\n\r\n");
  const [line = "", ...lines] = head.split("\r\n");
  const headers = lines.map((each): [string, string] => {
    const colon = each.indexOf(":");
    return [each.slice(0, colon).toLowerCase(), each.slice(colon + 1).trim()];
  });
  return { status: Number(line.split(" ")[1]), headers: new Map(headers), body };
}

describe("a request that is no HTTP", () => {
  let server: TestServer;
  beforeEach(async () => {
    server = await startServer();
  });
  afterEach(async () => await server.close());

  const post = "POST /v2/a/b/_trust/tuf/ HTTP/1.1\r\nHost: x\r\n";
  const cases: readonly (readonly [string, string, number, string])[] = [
    [
      "two lengths",
      `${post}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      400,
      "BAD_REQUEST",
    ],
    ["a length that is none", `${post}Content-Length: 5x\r\n\r\nabcde`, 400, "BAD_REQUEST"],
    ["bare line feeds", "GET /v2/ HTTP/1.1\nHost: x\n\n", 400, "BAD_REQUEST"],
    ["no words of HTTP", "hello\r\n\r\n", 400, "BAD_REQUEST"],
    ["a chunk that is none", `${post}Transfer-Encoding: chunked\r\n\r\nzz\r\n`, 400, "BAD_REQUEST"],
    ["a URL of 20 kB", `GET /v2/${"x".repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`, 431, "HEADERS_TOO_LARGE"],
    [
      "300 headers",
      `GET /v2/ HTTP/1.1\r\nHost: x\r\n${Array.from({ length: 300 }, (_, i) => `X-${i}: ${"x".repeat(60)}\r\n`).join("")}\r\n`,
      431,
      "HEADERS_TOO_LARGE",
    ],
  ];

  test.each(cases)("with %s is refused in the API's form", async (_name, bytes, status, code) => {
    const answer = parse(await server.raw(bytes, { halfClose: false }));
    expect(answer.status).toBe(status);
    expect(answer.headers.get("vidimus-code")).toBe(code);
    expect(JSON.parse(answer.body)).toEqual({ errors: [{ code, message: expect.any(String) }] });
    expect(answer.headers.get("content-length")).toBe(String(Buffer.byteLength(answer.body)));
  });

  test("gets the headers of every refusal, and the connection is closed", async () => {
    const { headers } = parse(await server.raw("hello\r\n\r\n", { halfClose: false }));
    expect(headers.get("content-type")).toBe("application/json; charset=utf-8");
    expect(headers.get("cache-control")).toBe("no-store");
    expect(headers.get("connection")).toBe("close");
  });

  test("is counted", async () => {
    await server.raw("hello\r\n\r\n", { halfClose: false });
    const { body } = await server.get("/metrics");
    expect(body.toString()).toContain('vidimus_refusals_total{code="BAD_REQUEST"} 1');
  });
});

describe("a connection", () => {
  let bare: Server;
  let refused: string[];
  beforeEach(async () => {
    refused = [];
    bare = createServer(
      { headersTimeout: 100, requestTimeout: 200, connectionsCheckingInterval: 20 },
      (request, response) => {
        response.writeHead(200, { "content-length": "10" });
        if (request.url === "/half") response.write("half");
      },
    );
    const refuse = refuseClientError(
      { refused: (code) => void refused.push(code) },
      pino({ enabled: false }),
    );
    bare.on("clientError", refuse);
    bare.listen(0, "127.0.0.1");
    await once(bare, "listening");
  });
  afterEach(async () => {
    bare.closeAllConnections();
    bare.close();
    await once(bare, "close");
  });

  /** All that comes until the server closes. `then` is sent once something has come. */
  function exchange(first: string, then?: string): Promise<string> {
    return new Promise((resolve) => {
      let text = "";
      const socket = connect((bare.address() as AddressInfo).port, "127.0.0.1", () => socket.write(first));
      socket.on("data", (bytes) => {
        if (text === "" && then !== undefined) socket.write(then);
        text += bytes.toString();
      });
      socket.on("error", () => undefined);
      socket.on("close", () => resolve(text));
    });
  }

  test("whose head does not end in time is answered 408", async () => {
    const answer = parse(await exchange("GET / HTTP/1.1\r\nHost: x\r\n"));
    expect([answer.status, answer.headers.get("vidimus-code")]).toEqual([408, "REQUEST_TIMEOUT"]);
    expect(JSON.parse(answer.body)).toMatchObject({ errors: [{ code: "REQUEST_TIMEOUT" }] });
  });

  test("on which an answer has begun gets no second one into it", async () => {
    const text = await exchange("GET /half HTTP/1.1\r\nHost: x\r\n\r\n", "garbage\r\n\r\n");
    expect(text.match(/HTTP\/1\.1 \d{3}/g)).toHaveLength(1);
    expect(text.endsWith("half")).toBe(true);
    expect(refused).toEqual(["BAD_REQUEST"]);
  });

  test("that is one too many is told when to come again", async () => {
    bare.removeAllListeners("request");
    bare.on("request", ({ socket }) => {
      bare.emit("clientError", Object.assign(new Error(), { code: tooManyConnections }), socket);
    });
    const answer = parse(await exchange("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    expect([answer.status, answer.headers.get("vidimus-code")]).toEqual([503, "OVERLOADED"]);
    expect([answer.headers.get("retry-after"), answer.headers.get("connection")]).toEqual(["5", "close"]);
  });

  test("is refused once, however often the parser complains", async () => {
    const [refuse] = bare.listeners("clientError") as (() => void)[];
    bare.on("clientError", refuse ?? expect.unreachable);
    const text = await exchange("garbage\r\n\r\n");
    expect(text.match(/HTTP\/1\.1 \d{3}/g)).toHaveLength(1);
    expect(refused).toEqual(["BAD_REQUEST"]);
  });
});
