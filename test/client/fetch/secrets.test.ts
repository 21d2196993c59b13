/** No password and no token is ever in an error, however deep one looks. */
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { inspect } from "node:util";
import { expect, it } from "vitest";
import { explain, type TrustError } from "../../../src/client/errors.ts";
import type { Credentials } from "../../../src/client/fetch/credentials.ts";
import { dockerCredentials } from "../../../src/client/fetch/docker-credentials.ts";
import { temporaryDirectory } from "../../support/directory.ts";
import { fetcherFor, get, type Handler, plainServer, trustErrorOf } from "../../support/fetching.ts";

const canary = "cAnArY-0123456789";
const hidden = [
  canary,
  Buffer.from(canary).toString("base64"),
  Buffer.from(`ann:${canary}`).toString("base64"),
];

function textsOf(error: TrustError): string {
  const chain: unknown[] = [];
  for (let each: unknown = error; each instanceof Error; each = each.cause) chain.push(each);
  return [
    inspect(error, { depth: null, showHidden: true, maxArrayLength: null, maxStringLength: null }),
    ...chain.map((each) => `${String(each)} ${(each as Error).stack} ${JSON.stringify(each)}`),
    JSON.stringify(explain(error)),
  ].join("\n");
}

function expectHidden(error: TrustError): void {
  const text = textsOf(error);
  for (const secret of hidden) expect(text).not.toContain(secret);
}

/** A server that takes credentials and then does this. */
function takingServer(kind: "Bearer" | "Basic", afterwards: Handler, token = `{"token":"${canary}"}`) {
  return plainServer((request, response) => {
    if (request.url.startsWith("/token")) response.end(token);
    else if (request.authorization !== undefined) afterwards(request, response);
    else {
      const realm = `http://${request.headers.host}/token`;
      response.writeHead(401, { "www-authenticate": `${kind} realm="${realm}"` }).end();
    }
  });
}

const all: readonly Credentials[] = [
  { kind: "user", username: "ann", password: canary },
  { kind: "identity", token: canary },
  { kind: "registry", token: canary },
];

const echo: Handler = ({ authorization = "" }, response) => void response.writeHead(500).end(authorization);

it.each<[string, Handler]>([
  ["refuses them", (_request, response) => void response.writeHead(401, { "x-a": canary }).end(canary)],
  ["forbids", (_request, response) => void response.writeHead(403).end(canary)],
  ["fails", echo],
  [
    "breaks off",
    ({ authorization = "" }, response) => void response.socket?.end(`HTTP/1.1 2 ${authorization}`),
  ],
  [
    "answers in no HTTP",
    ({ authorization = "" }, response) => void response.socket?.end(`${authorization}\r\n\r\n`),
  ],
  ["hangs up", (_request, response) => void response.destroy()],
  ["redirects", (_request, response) => void response.writeHead(302, { location: `ftp://${canary}/` }).end()],
  [
    "says what its encoding is",
    (_request, response) => void response.writeHead(200, { "content-encoding": canary }).end(),
  ],
])("They are in no error of a server that %s", async (_what, afterwards) => {
  for (const kind of ["Bearer", "Basic"] as const) {
    const server = await takingServer(kind, afterwards);
    for (const credentials of all) {
      const fetcher = fetcherFor(server.url, {
        credentials: { find: async () => credentials },
        limits: { tries: 2 },
      });
      expectHidden(await trustErrorOf(get(fetcher)));
    }
  }
});

it.each([canary, `{"token":"${canary} x"}`, `{"token":{"${canary}":1}}`])(
  "They are in no error about a token such as %j",
  async (token) => {
    const server = await takingServer("Bearer", echo, token);
    expectHidden(await trustErrorOf(get(fetcherFor(server.url))));
  },
);

it("They are in no error about a realm that holds them", async () => {
  const server = await plainServer((_request, response) => {
    response
      .writeHead(401, { "www-authenticate": `Bearer realm="https://ann:${canary}@127.0.0.1/${canary}"` })
      .end();
  });
  expectHidden(await trustErrorOf(get(fetcherFor(server.url))));
});

it.each([
  `{"auths":{"registry.example.test":{"auth":"${hidden[2]}"}}`,
  `{"auths":{"registry.example.test":{"auth":"${hidden[1]}"}}}`,
  `{"auths":{"registry.example.test":"${canary}"}}`,
  `{"credsStore":"a","x":"${canary}"}`,
])("They are in no error about a configuration such as %s", async (config) => {
  const directory = temporaryDirectory();
  writeFileSync(join(directory, "config.json"), config);
  writeFileSync(join(directory, "docker-credential-a"), `#!/bin/sh\necho '{"Secret":"${canary}"}'\n`);
  chmodSync(join(directory, "docker-credential-a"), 0o755);
  const credentials = dockerCredentials({ directory, environment: { PATH: `${directory}:/usr/bin:/bin` } });
  const server = await takingServer("Basic", echo);
  const error = await trustErrorOf(get(fetcherFor(server.url, { credentials })));
  expect(error.code).toBe("CREDENTIALS");
  expectHidden(error);
});
