/** Whether a probe believes only the server of its own configuration, and says what that server says. */
import { writeFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { type Config, loadConfig } from "../../src/config.ts";
import { ensureCertificate } from "../../src/serve/certificates.ts";
import { addressInReadyFile, askReady, probeAddress } from "../../src/serve/probe.ts";
import { temporaryDirectory } from "../support/directory.ts";
import { httpsServer } from "../support/https-server.ts";
import { runningServer } from "../support/running-server.ts";

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

function configured(settings: Readonly<Record<string, string>>): Config {
  const flags = Object.entries(settings).map(([key, text]) => ({ flag: "--set", key, text }));
  return loadConfig({ flags, env: {}, readFile: () => "" }).config;
}

/** A plain server that answers so, with the configuration of a server in its place. */
async function plain(handler: RequestListener): Promise<[string, Config]> {
  const server = createServer(handler);
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  closers.push(() => void server.close().closeAllConnections());
  const port = String((server.address() as AddressInfo).port);
  const config = configured({ "server.plainHttp": "true", "server.port": port });
  return [probeAddress(config), config];
}

const code = (asked: Promise<void>): Promise<string> =>
  asked.then(
    () => "ready",
    (error: { code: string }) => error.code,
  );

describe("over TLS", () => {
  it("believes the server that made the CA of its data directory, whatever names are in its certificate", async () => {
    const data = temporaryDirectory();
    const { url } = await runningServer({ data, "tls.names": "trust.example.test" });
    expect(await code(askReady(url, configured({ data })))).toBe("ready");
  });

  it("believes no server with a CA of the same name from elsewhere", async () => {
    const [data, elsewhere] = [temporaryDirectory(), temporaryDirectory()];
    const { url } = await runningServer({ data });
    await ensureCertificate({
      directory: elsewhere,
      names: ["127.0.0.1"],
      now: Date.now(),
      readOnly: false,
    });
    expect(await code(askReady(url, configured({ data: elsewhere })))).toBe("NO_ANSWER");
  });

  it("believes the operator's own certificate, though its authority is not there", async () => {
    const made = await ensureCertificate({
      directory: temporaryDirectory(),
      names: ["trust.example.test"],
      now: Date.now(),
      readOnly: false,
    });
    const folder = temporaryDirectory();
    const paths = { "tls.certificate": join(folder, "c.pem"), "tls.key": join(folder, "k.pem") };
    writeFileSync(paths["tls.certificate"], made.pair.certificate);
    writeFileSync(paths["tls.key"], made.pair.key, { mode: 0o600 });
    const data = temporaryDirectory();
    const { serve } = await import("../../src/wire.ts");
    const { default: pino } = await import("pino");
    const server = await serve(
      configured({ data, "server.port": "0", "store.kind": "memory", ...paths }),
      pino({ level: "silent" }),
    );
    try {
      expect(await code(askReady(server.url, configured({ data, ...paths })))).toBe("ready");
      expect(await code(askReady(server.url, configured({ data })))).toBe("NO_ANSWER");
    } finally {
      await server.stop();
    }
  });

  it("says so when nothing listens", async () => {
    const { url } = await httpsServer((_request, response) => response.end());
    const config = configured({ data: temporaryDirectory(), "server.port": new URL(url).port });
    expect(await code(askReady("https://127.0.0.1:1", config))).toBe("NO_ANSWER");
  });
});

describe("what is answered", () => {
  it("503 is not ready, with the reason and without what a terminal would obey", async () => {
    const [url, config] = await plain((_request, response) =>
      response.writeHead(503).end('{"store":"full\u001b[2J"}'),
    );
    await expect(askReady(url, config)).rejects.toMatchObject({
      code: "NOT_READY",
      message: 'The server is not ready: {"store":"full?[2J"}',
    });
  });

  it.each([404, 301, 401, 500])("%i is not the answer of this server", async (status) => {
    const [url, config] = await plain((_request, response) => response.writeHead(status).end());
    expect(await code(askReady(url, config))).toBe("NO_ANSWER");
  });

  it("an answer without end is left", async () => {
    const [url, config] = await plain((_request, response) => {
      response.writeHead(200);
      const more = () => {
        while (!response.destroyed && response.write("x".repeat(10_000)));
      };
      response.on("drain", more);
      more();
    });
    expect(await code(askReady(url, config))).toBe("NO_ANSWER");
  });

  it("silence is left after five seconds", async () => {
    const [url, config] = await plain(() => undefined);
    expect(await code(askReady(url, config))).toBe("NO_ANSWER");
  });
});

describe("where it asks", () => {
  it.each([
    [{}, "https://127.0.0.1:4443"],
    [{ "server.host": "0.0.0.0", "auth.acceptAnonymous": "true" }, "https://127.0.0.1:4443"],
    [{ "server.host": "::", "auth.acceptAnonymous": "true" }, "https://[::1]:4443"],
    [{ "server.plainHttp": "true" }, "http://127.0.0.1:4443"],
    [{ "server.socket": "/run/v.sock" }, "unix:/run/v.sock"],
    [{ "operations.enabled": "true", "operations.port": "9000" }, "https://127.0.0.1:9000"],
    [
      { "operations.enabled": "true", "operations.port": "9000", "operations.plainHttp": "true" },
      "http://127.0.0.1:9000",
    ],
  ])("%j", (settings, address) => {
    expect(probeAddress(configured(settings))).toBe(address);
  });

  it.each([{ "server.port": "0" }, { "operations.enabled": "true" }])(
    "nowhere, when the server chooses its port itself: %j",
    (settings) => {
      expect(() => probeAddress(configured(settings))).toThrow(
        expect.objectContaining({ code: "ADDRESS_UNKNOWN" }),
      );
    },
  );

  it("on a Unix socket", async () => {
    const socket = join(temporaryDirectory(), "v.sock");
    const server = createServer((_request, response) => response.end("{}"));
    await new Promise<void>((listening) => server.listen(socket, listening));
    closers.push(() => void server.close());
    const config = configured({ "server.socket": socket });
    expect(await code(askReady(probeAddress(config), config))).toBe("ready");
  });

  it("the separate listener, when the ready file names one", () => {
    const path = join(temporaryDirectory(), "ready.json");
    writeFileSync(path, '{"url":"https://127.0.0.1:1","operations":"https://127.0.0.1:2"}');
    expect(addressInReadyFile(path)).toBe("https://127.0.0.1:2");
  });

  it.each(["", "null", "[]", '{"url":7}', '{"url":"x"}', "{"])("a ready file of %j names nothing", (text) => {
    const path = join(temporaryDirectory(), "ready.json");
    writeFileSync(path, text);
    expect(() => addressInReadyFile(path)).toThrow(expect.objectContaining({ code: "NO_ANSWER" }));
  });
});
