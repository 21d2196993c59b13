import { generateKeyPairSync } from "node:crypto";
import type { RequestListener } from "node:http";
import { createServer as createSecure } from "node:https";
import { connect, createServer, type Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { afterEach, describe, expect, it } from "vitest";
import { issueServerCertificate } from "../../../src/serve/authority.ts";
import { certificate } from "../../support/certificates.ts";
import {
  fetcherFor,
  get,
  type Handler,
  listening,
  plainServer,
  secureServer,
  serverPair,
  trustCodeOf,
  trustErrorOf,
} from "../../support/fetching.ts";

const yes: Handler = (_request, response) => void response.end("yes");

async function clientPair() {
  const key = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  const pem = await certificate({ key, cn: ["a client"], ca: true });
  return { certificate: pem, key: key.export({ format: "pem", type: "pkcs8" }).toString() };
}

describe("a server", () => {
  it("is trusted by the CA that was given", async () => {
    const pair = await serverPair();
    const server = await secureServer(yes, pair);
    expect(String(await get(fetcherFor(server.url, { ca: pair.ca })))).toBe("yes");
  });

  it("that is asked without TLS is told to speak it perhaps, whatever it does then", async () => {
    const plain = (url: string) => url.replace("https:", "http:");
    const server = await secureServer(yes, await serverPair());
    const deaf = await listening(
      createServer((socket) => void socket.end()),
      "http",
    );
    const alert = await listening(
      createServer((socket) => void socket.end(Buffer.from([21, 3, 1, 0, 2, 2, 80]))),
      "http",
    );
    const polite = await plainServer((_request, response) => void response.writeHead(400).end());
    for (const url of [plain(server.url), deaf.url, alert.url, polite.url])
      expect((await trustErrorOf(get(fetcherFor(url)))).message).toContain("begins with https://");
  });

  it("that speaks plain HTTP is told so where TLS is spoken to it", async () => {
    const server = await plainServer(yes);
    const error = await trustErrorOf(get(fetcherFor(server.url.replace("http:", "https:"))));
    expect([error.code, error.message]).toEqual([
      "TLS_UNTRUSTED",
      expect.stringContaining("begins with http://"),
    ]);
  });

  it("keeps its connection over TLS", async () => {
    const pair = await serverPair();
    const server = await secureServer(yes, pair);
    const fetcher = fetcherFor(server.url, { ca: pair.ca });
    await get(fetcher);
    await get(fetcher);
    expect(server.connections()).toBe(1);
  });

  it.each(["another CA", "no CA"])("is not trusted with %s, and asked once only", async (what) => {
    const [pair, other] = await Promise.all([serverPair(), serverPair()]);
    const server = await secureServer(yes, pair);
    const error = await trustErrorOf(get(fetcherFor(server.url, what === "no CA" ? {} : { ca: other.ca })));
    expect(error.code).toBe("TLS_UNTRUSTED");
    expect(error.message).toContain(server.url);
    expect(server.connections()).toBe(1);
    expect(server.seen).toHaveLength(0);
  });

  it("under another name is not trusted", async () => {
    const pair = await serverPair(["localhost"]);
    const server = await secureServer(yes, pair);
    expect(await trustCodeOf(get(fetcherFor(server.url, { ca: pair.ca })))).toBe("TLS_UNTRUSTED");
    expect(server.seen).toHaveLength(0);
  });

  it("whose certificate has expired is not trusted", async () => {
    const key = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
    const ca = await certificate({ key, cn: ["A CA"], ca: true });
    const old = await issueServerCertificate({ certificate: ca, key }, ["127.0.0.1"], Date.UTC(2021));
    const server = await secureServer(yes, { cert: old.certificate, key: old.key });
    expect(await trustCodeOf(get(fetcherFor(server.url, { ca })))).toBe("TLS_UNTRUSTED");
    expect(server.seen).toHaveLength(0);
  });

  it("that speaks plain HTTP behind https is not trusted", async () => {
    const server = await plainServer(yes);
    const url = server.url.replace("http:", "https:");
    expect(await trustCodeOf(get(fetcherFor(url)))).toBe("TLS_UNTRUSTED");
  });

  it("that speaks only an old TLS is not trusted", async () => {
    const pair = await serverPair();
    const old = { minVersion: "TLSv1.1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" } as const;
    const server = await secureServer(yes, { ...pair, ...old });
    expect(await trustCodeOf(get(fetcherFor(server.url, { ca: pair.ca })))).toBe("TLS_UNTRUSTED");
  });

  it("that hangs up in the handshake is unreachable", async () => {
    const server = await listening(
      createServer((socket) => socket.destroy()),
      "https",
    );
    expect(await trustCodeOf(get(fetcherFor(server.url)))).toBe("UNREACHABLE");
    expect(server.connections()).toBe(3);
  });

  describe("with the check switched off in the environment", () => {
    afterEach(() => {
      delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
    });

    it("is checked all the same", async () => {
      process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0";
      const server = await secureServer(yes, await serverPair());
      expect(await trustCodeOf(get(fetcherFor(server.url)))).toBe("TLS_UNTRUSTED");
      expect(server.seen).toHaveLength(0);
    });
  });
});

describe("a client certificate", () => {
  it("opens a server that requires one", async () => {
    const [pair, own] = await Promise.all([serverPair(), clientPair()]);
    const demand = { cert: pair.cert, key: pair.key, ca: own.certificate, requestCert: true };
    const server = await secureServer(yes, { ...demand, rejectUnauthorized: true });
    const fetcher = fetcherFor(server.url, { ca: pair.ca, clientCertificate: own });
    expect(String(await get(fetcher))).toBe("yes");
    expect(await trustCodeOf(get(fetcherFor(server.url, { ca: pair.ca, limits: { tries: 1 } })))).toBe(
      "TLS_UNTRUSTED",
    );
    expect(server.seen).toHaveLength(1);
  });

  it("is not shown to where a server redirects", async () => {
    const [pair, own] = await Promise.all([serverPair(), clientPair()]);
    const demand = { cert: pair.cert, key: pair.key, requestCert: true, rejectUnauthorized: false };
    const shown: unknown[] = [];
    const watch = (answer: RequestListener) =>
      listening(
        createSecure(demand, (request, response) => {
          shown.push((request.socket as TLSSocket).getPeerCertificate().subject?.CN);
          answer(request, response);
        }),
        "https",
      );
    const there = await watch((_request, response) => response.end("yes"));
    const here = await watch((_request, response) => {
      response.writeHead(302, { location: `${there.url}/x` }).end();
    });
    const fetcher = fetcherFor(here.url, { ca: pair.ca, clientCertificate: own });
    expect(String(await get(fetcher))).toBe("yes");
    expect(shown).toEqual(["a client", undefined]);
  });
});

describe("a proxy", () => {
  const names = [
    "HTTPS_PROXY",
    "https_proxy",
    "NO_PROXY",
    "no_proxy",
    "ALL_PROXY",
    "all_proxy",
    "http_proxy",
  ];
  const before = new Map(names.map((name) => [name, process.env[name]]));

  afterEach(() => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });

  /** Everything goes through this one; `answer` in place of a tunnel. */
  async function proxy(answer?: string, andThen?: (socket: Socket) => void) {
    const asked: string[] = [];
    const left = Promise.withResolvers<void>();
    const server = createServer((socket) => {
      socket.on("close", () => left.resolve());
      socket.on("error", () => {});
      socket.once("data", (head) => {
        asked.push(String(head));
        if (answer !== undefined) {
          socket.write(answer);
          andThen?.(socket);
          return;
        }
        const [, port] = /^CONNECT [^ ]*:([0-9]+) /.exec(String(head)) ?? [];
        const onward = connect(Number(port), "127.0.0.1", () => {
          socket.write("HTTP/1.1 200 Fine\r\n\r\n");
          socket.pipe(onward).pipe(socket);
        });
        onward.on("error", () => socket.destroy());
        socket.on("close", () => onward.destroy());
      });
    });
    return { ...(await listening(server, "http")), asked, left: left.promise };
  }

  function use(environment: Readonly<Record<string, string>>) {
    for (const name of names) delete process.env[name];
    Object.assign(process.env, environment);
    return process.env;
  }

  it("carries the tunnel to the server, once for many requests", async () => {
    const [pair, way] = await Promise.all([serverPair(), proxy()]);
    const server = await secureServer(yes, pair);
    const address = way.url.replace("http://", "http://ann:canary-proxy@");
    const fetcher = fetcherFor(server.url, { ca: pair.ca, environment: use({ HTTPS_PROXY: address }) });
    expect(String(await get(fetcher))).toBe("yes");
    expect(String(await get(fetcher))).toBe("yes");
    expect(way.connections()).toBe(1);
    expect(way.asked[0]).toMatch(new RegExp(`^CONNECT 127.0.0.1:${server.port} `));
    expect(way.asked[0]).toContain(Buffer.from("ann:canary-proxy").toString("base64"));
    expect(server.seen[0]?.headers).not.toHaveProperty("proxy-authorization");
  });

  it("carries the client certificate to the server", async () => {
    const [pair, own, way] = await Promise.all([serverPair(), clientPair(), proxy()]);
    const server = await secureServer(yes, { ...pair, ca: own.certificate, requestCert: true });
    const environment = use({ ALL_PROXY: way.url });
    const fetcher = fetcherFor(server.url, { ca: pair.ca, clientCertificate: own, environment });
    expect(String(await get(fetcher))).toBe("yes");
  });

  it.each([
    ["127.0.0.1", "yes"],
    ["localhost", "TLS_UNTRUSTED"],
  ])("does not stand for the server: a certificate for %s gives %s", async (name, expected) => {
    const [pair, way] = await Promise.all([serverPair([name]), proxy()]);
    const server = await secureServer(yes, pair);
    const address = way.url.replace("127.0.0.1", "localhost");
    const fetcher = fetcherFor(server.url, { ca: pair.ca, environment: use({ HTTPS_PROXY: address }) });
    const found = expected === "yes" ? get(fetcher).then(String) : trustCodeOf(get(fetcher));
    expect(await found).toBe(expected);
  });

  it("is left out for what NO_PROXY names", async () => {
    const [pair, way] = await Promise.all([serverPair(), proxy()]);
    const server = await secureServer(yes, pair);
    const environment = use({ HTTPS_PROXY: way.url, NO_PROXY: "127.0.0.1" });
    expect(String(await get(fetcherFor(server.url, { ca: pair.ca, environment })))).toBe("yes");
    expect(way.connections()).toBe(0);
  });

  it("is left out when the fetcher is given no environment", async () => {
    const [pair, way] = await Promise.all([serverPair(), proxy()]);
    const server = await secureServer(yes, pair);
    use({ HTTPS_PROXY: way.url });
    expect(String(await get(fetcherFor(server.url, { ca: pair.ca })))).toBe("yes");
    expect(way.connections()).toBe(0);
  });

  it("is left out for plain HTTP on this machine", async () => {
    const [server, way] = await Promise.all([plainServer(yes), proxy()]);
    const environment = use({ http_proxy: way.url, HTTPS_PROXY: way.url, ALL_PROXY: way.url });
    expect(String(await get(fetcherFor(server.url, { environment })))).toBe("yes");
    expect(way.connections()).toBe(0);
  });

  it.each([100, 201, 401, 403, 404, 407, 500])(
    "that itself answers %i is never taken for the server",
    async (status) => {
      const body = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
      const way = await proxy(`HTTP/1.1 ${status} Hm\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
      const environment = use({ HTTPS_PROXY: way.url });
      const error = await trustErrorOf(get(fetcherFor("https://notary.example.test", { environment })));
      expect(error.code).toBe("UNREACHABLE");
      expect(error.detail).toEqual({ status });
      expect(way.connections()).toBe(3);
    },
  );

  it("that does not answer is left when the time of the request is over", async () => {
    const way = await proxy("");
    const environment = use({ HTTPS_PROXY: way.url });
    const limits = { tries: 1, requestTime: 150 };
    const fetcher = fetcherFor("https://notary.example.test", { environment, limits });
    expect(await trustCodeOf(get(fetcher))).toBe("TIMEOUT");
    await way.left;
  });

  it("that does not end its answer is left when too much of it has come", async () => {
    const way = await proxy(`HTTP/1.1 200 Fine\r\n${`X: ${"x".repeat(998)}\r\n`.repeat(40)}`);
    const environment = use({ HTTPS_PROXY: way.url });
    const fetcher = fetcherFor("https://notary.example.test", { environment, limits: { tries: 1 } });
    expect(await trustCodeOf(get(fetcher))).toBe("UNREACHABLE");
    await way.left;
  });

  it("that answers a little at a time is left when the time of the request is over", async () => {
    const way = await proxy("HTTP/1.1 200 Fine\r\nX: ", (socket) => {
      const more = setInterval(() => socket.write("x"), 5);
      socket.on("close", () => clearInterval(more));
    });
    const environment = use({ HTTPS_PROXY: way.url });
    const limits = { tries: 1, requestTime: 150 };
    const fetcher = fetcherFor("https://notary.example.test", { environment, limits });
    expect(await trustCodeOf(get(fetcher))).toBe("TIMEOUT");
    await way.left;
  });

  it("over TLS is asked nothing unless the system trusts it", async () => {
    const way = await secureServer(yes, await serverPair());
    const environment = use({ HTTPS_PROXY: way.url.replace("//", "//ann:canary-proxy@") });
    const limits = { tries: 1 };
    const error = await trustErrorOf(get(fetcherFor("https://notary.example.test", { environment, limits })));
    expect([error.code, error.message]).toEqual([
      "TLS_UNTRUSTED",
      expect.stringMatching(/^The proxy for https:\/\/notary\.example\.test cannot/),
    ]);
    expect(way.seen).toHaveLength(0);
  });

  it("that does not speak HTTP is unreachable, and the server behind it is not blamed", async () => {
    const way = await proxy("220 ready\r\n\r\n");
    const environment = use({ HTTPS_PROXY: way.url });
    const limits = { tries: 1 };
    const error = await trustErrorOf(get(fetcherFor("https://notary.example.test", { environment, limits })));
    expect([error.code, error.message]).toEqual(["UNREACHABLE", expect.stringMatching(/^The proxy for /)]);
  });

  it.each(["socks5://127.0.0.1:1080", "http://[", "http://ann:canary%@127.0.0.1:1"])(
    "written as %s cannot be used",
    async (address) => {
      const environment = use({ HTTPS_PROXY: address });
      const limits = { tries: 1 };
      const error = await trustErrorOf(
        get(fetcherFor("https://notary.example.test", { environment, limits })),
      );
      expect(error.code).toBe("UNREACHABLE");
      expect(JSON.stringify([error.message, String(error.cause)])).not.toContain("canary");
    },
  );
});
