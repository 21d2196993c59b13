import { describe, expect, it } from "vitest";
import type { CredentialSource } from "../../../src/client/fetch/credentials.ts";
import {
  fetcherFor,
  get,
  plainServer,
  secureServer,
  serverPair,
  trustCodeOf,
} from "../../support/fetching.ts";

const user: CredentialSource = {
  find: async () => ({ kind: "user", username: "ann", password: "canary-password" }),
};

describe("a redirect", () => {
  it.each([301, 302, 303, 307, 308])("of status %i is followed", async (status) => {
    const server = await plainServer((request, response) => {
      if (request.url === "/elsewhere") response.end("found");
      else response.writeHead(status, { location: "/elsewhere" }).end();
    });
    expect(String(await get(fetcherFor(server.url)))).toBe("found");
  });

  it("that leads to itself is followed as often as allowed, and not tried again", async () => {
    const server = await plainServer((request, response) => {
      response.writeHead(302, { location: request.url }).end();
    });
    expect(await trustCodeOf(get(fetcherFor(server.url, { limits: { redirects: 2 } })))).toBe("BAD_ANSWER");
    expect(server.seen).toHaveLength(3);
  });

  it("is refused where none is allowed", async () => {
    const server = await plainServer((_request, response) => {
      response.writeHead(302, { location: "/elsewhere" }).end();
    });
    expect(await trustCodeOf(get(fetcherFor(server.url, { limits: { redirects: 0 } })))).toBe("BAD_ANSWER");
    expect(server.seen).toHaveLength(1);
  });

  it.each([
    ["nowhere", undefined],
    ["plain HTTP elsewhere", "http://registry.example.test/x"],
    ["an address with a password", "https://ann:canary@127.0.0.1:1/x"],
    ["another protocol", "file:///etc/hostname"],
    ["what is no address", "https://["],
  ])("to %s is refused", async (_what, location) => {
    const server = await plainServer((_request, response) => {
      response.writeHead(302, location === undefined ? {} : { location }).end();
    });
    expect(await trustCodeOf(get(fetcherFor(server.url)))).toBe("BAD_ANSWER");
    expect(server.seen).toHaveLength(1);
  });

  it("from HTTPS to plain HTTP on this machine is refused", async () => {
    const pair = await serverPair();
    const plain = await plainServer((_request, response) => response.end("plain"));
    const server = await secureServer((_request, response) => {
      response.writeHead(302, { location: `${plain.url}/x` }).end();
    }, pair);
    expect(await trustCodeOf(get(fetcherFor(server.url, { ca: pair.ca })))).toBe("BAD_ANSWER");
    expect(plain.connections()).toBe(0);
  });

  it("to another origin gives the file from there, without the credentials", async () => {
    const other = await plainServer((_request, response) => response.end("from there"));
    const server = await plainServer((request, response) => {
      if (request.authorization === undefined) {
        response.writeHead(401, { "www-authenticate": "Basic" }).end();
      } else response.writeHead(307, { location: `${other.url}/x` }).end();
    });
    expect(String(await get(fetcherFor(server.url, { credentials: user })))).toBe("from there");
    expect(server.seen[1]?.authorization).toMatch(/^Basic /);
    expect(other.seen).toHaveLength(1);
    expect(other.seen[0]?.authorization).toBeUndefined();
  });

  it("to another origin that wants credentials is refused", async () => {
    const other = await plainServer((_request, response) => {
      response.writeHead(401, { "www-authenticate": "Basic" }).end();
    });
    const server = await plainServer((_request, response) => {
      response.writeHead(307, { location: `${other.url}/x` }).end();
    });
    expect(await trustCodeOf(get(fetcherFor(server.url, { credentials: user })))).toBe("BAD_ANSWER");
    expect(other.seen.map(({ authorization }) => authorization)).toEqual([undefined]);
  });
});
