/**
 * Real answers of the original to wrong requests, replayed (test/vectors/notary/exchanges/errors.json). Status and body
 * must be the original's; where they are not, the reason stands in `departures`, and what is answered instead.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Answer } from "../support/client.ts";
import { readFixture } from "../support/fixtures.ts";
import { multipart, multipartType, part } from "../support/multipart.ts";
import { signedOf, signJson } from "../support/publisher.ts";
import { startServer, type TestServer } from "../support/server.ts";

interface Exchange {
  readonly name: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const exchanges = JSON.parse(readFixture("exchanges/errors.json").toString("utf8")) as Exchange[];

const upload = (body: Buffer, repository = "a/b") => ({
  path: `/v2/${repository}/_trust/tuf/`,
  method: "POST",
  headers: { "content-type": multipartType },
  body,
});

let server: TestServer;
let prefixed: TestServer;
let rootOfVersion0: Buffer;

beforeAll(async () => {
  server = await startServer();
  prefixed = await startServer({
    repositories: { prefixes: ["docker.io/", "reg.example/"], olderNames: false },
  });
  const owner = await server.owner("a/b");
  rootOfVersion0 = signJson({ ...signedOf(owner.rootFile()), version: 0 }, [owner.rootKey]);
});
afterAll(async () => {
  await server.close();
  await prefixed.close();
});

const requests: Record<string, () => Promise<Answer>> = {
  "GET unknown collection root.json": () => server.get("/v2/a/b/_trust/tuf/root.json"),
  "GET path outside the routes": () => server.get("/v2/x"),
  "HEAD /v2/": () => server.request("/v2/", { method: "HEAD" }),
  "PATCH /v2/": () => server.request("/v2/", { method: "PATCH" }),
  "GET path that needs cleaning": () => server.get("/v2//x"),
  "POST without multipart": () => send({ ...upload(Buffer.from("{}")), headers: {} }),
  "POST part without filename": () =>
    send(upload(multipart([{ headers: ['Content-Disposition: form-data; name="files"'], body: "{}" }]))),
  "POST part with unknown role": () => send(upload(multipart([part("foo", "{}")]))),
  "POST part that is not JSON": () => send(upload(multipart([part("root", "not JSON")]))),
  "POST empty form for an unknown collection": () => send(upload(multipart([]))),
  "POST first root with version 0": () => send(upload(multipart([part("root", rootOfVersion0)]))),
  "DELETE unknown collection": () => server.request("/v2/a/b/_trust/tuf/", { method: "DELETE" }),
  "changefeed without records": () => server.get("/v2/a/b/_trust/changefeed"),
  "changefeed with bad change_id": () => server.get("/v2/a/b/_trust/changefeed?records=1&change_id=x"),
  "changefeed of an unknown collection": () => server.get("/v2/a/b/_trust/changefeed?records=1"),
  health: () => server.get("/_notary_server/health"),
  "gun_prefixes: POST outside": () => send(upload(multipart([]), "other/x"), prefixed),
  "gun_prefixes: GET outside": () => prefixed.get("/v2/other/x/_trust/tuf/root.json"),
};

/** Name → why the answer is another one, and its status and code. */
const departures: Record<string, { readonly why: string; readonly status: number; readonly body: RegExp }> = {
  "HEAD /v2/": { why: "HEAD is answered like GET", status: 200, body: /^$/ },
  "POST part that is not JSON": {
    why: "the detail says what is wrong with the file",
    status: 400,
    body: /"code":"MALFORMED_JSON","message":"JSON sent by the client could not be parsed by the server","detail":"root: /,
  },
  "POST empty form for an unknown collection": {
    why: "an empty publish is refused as such, whether the repository exists or not",
    status: 400,
    body: /"code":"INVALID_UPDATE".*"Name":"ErrValidation"/,
  },
  "POST first root with version 0": {
    why: "a version below one is malformed in every role",
    status: 400,
    body: /"code":"INVALID_UPDATE".*"Name":"ErrBadRoot".*"version cannot be less than one"/,
  },
  "changefeed without records": {
    why: "records is optional",
    status: 200,
    body: /^\{"count":0,"records":\[\]\}$/,
  },
  "changefeed with bad change_id": {
    why: "the detail says which parameter is wrong",
    status: 400,
    body: /"code":"INVALID_PARAMETERS","message":"The parameters provided are not valid."/,
  },
};

/** Exchanges that belong to access control. */
const elsewhere = ["token auth: GET without token", "token auth: GET /v2/ without token"];

test("every exchange is replayed or belongs to access control", () => {
  expect([...Object.keys(requests), ...elsewhere].sort()).toEqual(exchanges.map(({ name }) => name).sort());
});

const replayed = exchanges.filter(({ name }) => Object.hasOwn(requests, name));

test.each(replayed.filter(({ name }) => !Object.hasOwn(departures, name)))(
  "as the original: $name",
  async (each) => {
    const { status, body, headers } = await (requests[each.name] as () => Promise<Answer>)();
    expect([status, body.toString("utf8"), headers.location]).toEqual([
      each.status,
      each.body,
      each.headers.location,
    ]);
  },
);

test.each(replayed.filter(({ name }) => Object.hasOwn(departures, name)))(
  "not as the original: $name",
  async (each) => {
    const { status, body } = await (requests[each.name] as () => Promise<Answer>)();
    const departure = departures[each.name];
    expect(status).toBe(departure?.status);
    expect(body.toString("utf8")).toMatch(departure?.body ?? /^never$/);
  },
);

async function send(
  {
    path,
    ...options
  }:
    | ReturnType<typeof upload>
    | (Omit<ReturnType<typeof upload>, "headers"> & { headers: Record<string, string> }),
  to = server,
): Promise<Answer> {
  return await to.storesNothing("a/b", () => to.request(path, options));
}
