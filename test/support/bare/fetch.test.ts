import { describe, expect, it } from "vitest";
import { httpsServer } from "../https-server.ts";
import { codeOf } from "../refusal.ts";
import { ExchangeError } from "./exchange.ts";
import { fetchFile, fetchOnlineKey, ping } from "./fetch.ts";

const answering = (status: number, body = "{}") =>
  httpsServer((_request, response) => {
    response.writeHead(status).end(body);
  });

describe("ping", () => {
  it.each([
    [200, true],
    [401, true],
    [404, false],
    [503, false],
  ])("of a server that answers %i is %s", async (status, expected) => {
    expect(await ping(await answering(status))).toBe(expected);
  });
});

describe("fetchFile", () => {
  it("asks for the file under the repository's name", async () => {
    const asked: string[] = [];
    const server = await httpsServer((request, response) => {
      asked.push(`${request.method} ${request.url}`);
      response.end("bytes");
    });
    expect(await fetchFile(server, "registry.example.test/a/b", "2.root.json")).toEqual(Buffer.from("bytes"));
    expect(asked).toEqual(["GET /v2/registry.example.test/a/b/_trust/tuf/2.root.json"]);
  });

  it("gives nothing for a file that is not there", async () => {
    expect(await fetchFile(await answering(404), "a/b", "root.json")).toBeUndefined();
  });

  it("fails on any other status", async () => {
    const work = fetchFile(await answering(500), "a/b", "root.json");
    await expect(work).rejects.toBeInstanceOf(ExchangeError);
    await expect(work).rejects.toMatchObject({ code: "REFUSED", answer: { status: 500 } });
  });
});

describe("fetchOnlineKey", () => {
  it("reads the key and names it by its content", async () => {
    const server = await answering(200, '{"keytype":"ed25519","keyval":{"public":"AAAA","private":null}}');
    expect(await fetchOnlineKey(server, "a/b", "timestamp")).toEqual({
      id: "f04fce5634375f65ea415f0a316802fbdbb8ff3408b41226cda01f5663433267",
      keytype: "ed25519",
      public: "AAAA",
    });
  });

  it.each(["[]", "{}", '{"keytype":"ed25519"}', '{"keytype":1,"keyval":{"public":"AAAA"}}'])(
    "refuses %s",
    async (body) => {
      expect(await codeOf(fetchOnlineKey(await answering(200, body), "a/b", "snapshot"))).toBe("BAD_SHAPE");
    },
  );
});
