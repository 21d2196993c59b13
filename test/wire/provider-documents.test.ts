/** Fetching what an identity provider publishes: the bounds, and whom it is fetched from. */
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { fetchKeySet } from "../../src/wire/provider-documents.ts";

const open: Server[] = [];
afterEach(async () => {
  for (const server of open.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

async function listening(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  open.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
/** A provider that answers with these documents, `$` standing for its own address. */
async function publishing(documents: Readonly<Record<string, object | string>>) {
  const seen: string[] = [];
  const issuer = await listening((request, response) => {
    seen.push(request.url ?? "");
    const found = documents[request.url ?? ""];
    if (found === undefined) response.statusCode = 404;
    const text = typeof found === "string" ? found : JSON.stringify(found ?? {});
    response.end(text.replaceAll("$", issuer));
  });
  return { issuer, seen };
}
const allowed = { allowPrivate: true, ca: undefined };
const discovery = "/.well-known/openid-configuration";
const keys = '{"keys":[]}';

describe("the keys", () => {
  it("are where the issuer's own document says", async () => {
    const { issuer, seen } = await publishing({
      [discovery]: { issuer: "$", jwks_uri: "$/keys" },
      "/keys": keys,
    });
    expect(await fetchKeySet(issuer, undefined, allowed)).toBe(keys);
    expect(seen).toEqual([discovery, "/keys"]);
  });

  it("are at the address that was configured, and nothing else is asked", async () => {
    const { issuer, seen } = await publishing({ "/mine": keys });
    expect(await fetchKeySet("https://ci.example.test", `${issuer}/mine`, allowed)).toBe(keys);
    expect(seen).toEqual(["/mine"]);
  });

  it.each<[string, object | string]>([
    ["of another issuer", { issuer: "https://evil.example.test", jwks_uri: "$/keys" }],
    ["of the issuer with a slash", { issuer: "$/", jwks_uri: "$/keys" }],
    ["without an address", { issuer: "$" }],
    ["with an address of another kind", { issuer: "$", jwks_uri: "file:///etc/passwd" }],
    ["with an address that is a list", { issuer: "$", jwks_uri: ["$/keys"] }],
    ["that is no JSON", "<html>"],
    ["that is null", "null"],
  ])("are not fetched by a document %s", async (_name, document) => {
    const { issuer, seen } = await publishing({ [discovery]: document, "/keys": keys });
    await expect(fetchKeySet(issuer, undefined, allowed)).rejects.toThrow();
    expect(seen).toEqual([discovery]);
  });
});

describe("nobody is led elsewhere", () => {
  it("A18: by a redirect", async () => {
    const seen: string[] = [];
    const other = await listening((request, response) => {
      seen.push(request.url ?? "");
      response.end(keys);
    });
    const first = await listening((_request, response) => {
      response.writeHead(302, { location: `${other}/keys` }).end();
    });
    await expect(fetchKeySet("https://x.test", `${first}/`, allowed)).rejects.toThrow("it answered 302");
    expect(seen).toEqual([]);
  });

  it.each(["127.0.0.1", "[::1]", "10.0.0.1", "169.254.169.254", "localhost"])(
    "A18: to %s, in this server's own network",
    async (host) => {
      const refused = { allowPrivate: false, ca: undefined };
      await expect(fetchKeySet("https://x.test", `http://${host}:1/`, refused)).rejects.toThrow("private");
      await expect(fetchKeySet(`http://${host}:1`, undefined, refused)).rejects.toThrow("private");
    },
  );
});

describe("what does not end", () => {
  it("is left at 256 KiB", async () => {
    const endless = await listening((_request, response) => {
      const write = () => {
        while (!response.destroyed && response.write(" ".repeat(65_536)));
      };
      response.on("drain", write);
      write();
    });
    await expect(fetchKeySet("https://x.test", endless, allowed)).rejects.toThrow("does not end");
  });

  it("is left when the time is over", async () => {
    const silent = await listening((_request, response) => void response.write("{"));
    const soon = { ...allowed, testingOnlyTime: 50 };
    await expect(fetchKeySet("https://x.test", silent, soon)).rejects.toThrow();
  });
});
