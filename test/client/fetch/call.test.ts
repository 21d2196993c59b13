import { expect, it } from "vitest";
import type { CallRequest, Fetcher } from "../../../src/client/fetch/fetcher.ts";
import { deadPort, fetcherFor, type Handler, plainServer, trustCodeOf } from "../../support/fetching.ts";

const repository = "registry.example.test/org/app";

function call(fetcher: Fetcher, wish: Partial<CallRequest> = {}) {
  return fetcher.call({
    right: { of: "repository", repository, actions: "pull,push" },
    method: "POST",
    path: "/v2/x/_trust/tuf/",
    body: { type: "text/plain", bytes: Buffer.from("sent") },
    maxBytes: 100,
    signal: new AbortController().signal,
    ...wish,
  });
}

it("sends a body with its type, and gives any answer whole, with the server's code", async () => {
  const server = await plainServer((_request, response) => {
    response
      .writeHead(400, { "vidimus-code": "THRESHOLD", "content-type": "text/plain; charset=utf-8" })
      .end("why");
  });
  expect(await call(fetcherFor(server.url))).toEqual({
    status: 400,
    type: "text/plain",
    code: "THRESHOLD",
    body: Buffer.from("why"),
  });
  expect(server.seen).toMatchObject([
    { method: "POST", url: "/v2/x/_trust/tuf/", body: "sent", headers: { "content-type": "text/plain" } },
  ]);
});

it.each<[string, Handler, number]>([
  ["a server that cannot", (_request, response) => void response.writeHead(503).end(), 503],
  ["a redirect", (_request, response) => void response.writeHead(307, { location: "/other" }).end(), 307],
])("sends nothing twice: %s", async (_what, handler, status) => {
  const server = await plainServer(handler);
  expect((await call(fetcherFor(server.url))).status).toBe(status);
  expect(server.seen).toHaveLength(1);
});

it("asks for a token for what is to be done, keeps it, and never takes one for reading", async () => {
  const server = await plainServer((request, response) => {
    const scope = new URL(request.url, "http://127.0.0.1").searchParams.get("scope") ?? "";
    const actions = scope.split(":").at(-1);
    if (request.url.startsWith("/token")) response.end(JSON.stringify({ token: `for-${actions}` }));
    else if (request.authorization === "Bearer for-pull,push" && request.method === "POST")
      response.end("ok");
    else if (request.authorization === "Bearer for-pull" && request.method === "GET") response.end("file");
    else
      response
        .writeHead(401, { "www-authenticate": `Bearer realm="${server.url}/token",service="notary"` })
        .end();
  });
  const fetcher = fetcherFor(server.url);
  const signal = new AbortController().signal;
  const read = () => fetcher.get({ repository, file: "root.json", maxBytes: 100, signal });
  expect((await read())?.toString()).toBe("file");
  expect((await call(fetcher)).status).toBe(200);
  expect((await call(fetcher)).status).toBe(200);
  expect((await read())?.toString()).toBe("file");
  expect(server.seen.filter(({ url }) => url.startsWith("/token"))).toHaveLength(2);
  expect(await trustCodeOf(call(fetcher, { method: "DELETE" }))).toBe("UNAUTHORIZED");
});

it("is bounded, and fails as every request does", async () => {
  const server = await plainServer((_request, response) => void response.writeHead(400).end("x".repeat(101)));
  expect(await trustCodeOf(call(fetcherFor(server.url)))).toBe("ANSWER_TOO_LARGE");
  expect(await trustCodeOf(call(fetcherFor(`http://127.0.0.1:${await deadPort()}`)))).toBe("UNREACHABLE");
  const silent = await plainServer(() => {});
  const slow = fetcherFor(silent.url, { limits: { requestTime: 50 } });
  expect(await trustCodeOf(call(slow))).toBe("TIMEOUT");
});
