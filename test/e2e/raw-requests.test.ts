/** Requests as nobody's library would send them, over a socket of the real listener with the real application behind it. */
import { connect } from "node:net";
import pino from "pino";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadConfig } from "../../src/config.ts";
import type { RunningServer } from "../../src/serve/server.ts";
import { serve } from "../../src/wire.ts";
import { temporaryDirectory } from "../support/directory.ts";

let server: RunningServer;
let reader: RunningServer;

beforeAll(async () => {
  server = await started();
  reader = await started({ "server.readOnly": "true", "store.kind": "memory" });
});
afterAll(async () => {
  await server.stop();
  await reader.stop();
});

async function started(settings: Readonly<Record<string, string>> = {}): Promise<RunningServer> {
  const all = {
    data: temporaryDirectory(),
    "server.port": "0",
    "server.plainHttp": "true",
    "limits.keepAliveTimeout": "1s",
    ...settings,
  };
  const flags = Object.entries(all).map(([key, text]) => ({ flag: "--set", key, text }));
  return await serve(loadConfig({ flags, env: {}, readFile: () => "" }).config, pino({ enabled: false }));
}

interface Answer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** All answers until the server closes the connection, which it does by itself. */
async function answersTo(text: string, to: RunningServer = server): Promise<Answer[]> {
  const all = await new Promise<string>((done) => {
    let read = "";
    const socket = connect(to.port ?? 0, "127.0.0.1", () => socket.write(text));
    socket.on("data", (bytes) => {
      read += bytes.toString();
    });
    socket.on("error", () => undefined);
    socket.on("close", () => done(read));
  });
  return all.split(/(?=HTTP\/1\.1 )/).map(parsed);
}

function parsed(text: string): Answer {
  const [head = "", body = ""] = text.split("\r\n\r\n");
  const [line = "", ...lines] = head.split("\r\n");
  const headers = lines.map((each): [string, string] => {
    const colon = each.indexOf(":");
    return [each.slice(0, colon).toLowerCase(), each.slice(colon + 1).trim()];
  });
  return { status: Number(line.split(" ")[1]), headers: new Map(headers), body };
}

const upload = "POST /v2/a/b/_trust/tuf/ HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n";

describe("Host", () => {
  it.each([
    ["none", ""],
    ["two", "Host: a\r\nHost: b\r\n"],
  ])("%s is 400 in the API's form, and the connection is closed", async (_name, hosts) => {
    const [answer, ...more] = await answersTo(
      `GET /v2/ HTTP/1.1\r\n${hosts}\r\nGET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n`,
    );
    expect(more).toEqual([]);
    expect(answer?.status).toBe(400);
    expect(answer?.headers.get("vidimus-code")).toBe("BAD_REQUEST");
    expect(answer?.headers.get("connection")).toBe("close");
    expect(JSON.parse(answer?.body ?? "")).toMatchObject({ errors: [{ code: "BAD_REQUEST" }] });
  });

  it("none is what HTTP/1.0 may say", async () => {
    expect((await answersTo("GET /v2/ HTTP/1.0\r\n\r\n")).map(({ status }) => status)).toEqual([200]);
  });
});

describe("Expect", () => {
  it("100-continue is told to go on before the answer", async () => {
    const answers = await answersTo(`${upload}Expect: 100-Continue\r\n\r\nabcd`);
    expect(answers.map(({ status }) => status)).toEqual([100, 400]);
    expect(answers[1]?.headers.get("vidimus-code")).toBe("BAD_UPLOAD");
  });

  it.each(["something", "something, 100-continue", "100-continue\r\nExpect: something"])(
    "%s is 417 in the API's form, and nothing is read on",
    async (expectation) => {
      const [answer, ...more] = await answersTo(`${upload}Expect: ${expectation}\r\n\r\nabcd`);
      expect(more).toEqual([]);
      expect([answer?.status, answer?.headers.get("vidimus-code")]).toEqual([417, "EXPECTATION_FAILED"]);
      expect(answer?.headers.get("connection")).toBe("close");
      expect(JSON.parse(answer?.body ?? "")).toMatchObject({ errors: [{ code: "EXPECTATION_FAILED" }] });
    },
  );

  it("is looked at after the Host", async () => {
    const [answer] = await answersTo("GET /v2/ HTTP/1.1\r\nExpect: something\r\n\r\n");
    expect(answer?.status).toBe(400);
  });
});

describe("a method that a path does not have", () => {
  it.each([
    ["PATCH /v2/a/b/_trust/tuf/root.json", "GET, HEAD"],
    ["PATCH /v2/a/b/_trust/tuf/", "POST, DELETE"],
    ["TRACE /v2/a/b/_trust/tuf/timestamp.key", "GET, POST"],
    ["PATCH /api/v1/proposals", "GET"],
    ["OPTIONS /readyz", "GET, HEAD"],
    ["PATCH /token", "GET, HEAD, POST, PUT, DELETE"],
    ["OPTIONS *", "GET, HEAD, POST, PUT, DELETE"],
  ])("%s is an empty 405 that allows %s", async (line, allowed) => {
    const [answer] = await answersTo(`${line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    expect([answer?.status, answer?.headers.get("allow"), answer?.body]).toEqual([405, allowed, ""]);
  });

  it("as on a server that only reads", async () => {
    const [answer] = await answersTo(`${upload}Connection: close\r\n\r\nabcd`, reader);
    expect([answer?.status, answer?.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
    expect(answer?.headers.get("vidimus-code")).toBe("READ_ONLY");
  });
});

it("CONNECT opens no tunnel: an empty 405, and the connection is closed", async () => {
  const [answer, ...more] = await answersTo(
    "CONNECT example.org:443 HTTP/1.1\r\nHost: x\r\n\r\nGET /v2/ HTTP/1.1\r\n",
  );
  expect(more).toEqual([]);
  expect([answer?.status, answer?.body, answer?.headers.get("connection")]).toEqual([405, "", "close"]);
  expect(answer?.headers.get("allow")).toBe("GET, HEAD, POST, PUT, DELETE");
});
