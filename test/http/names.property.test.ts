/**
 * Odd names by the thousand, as raw bytes over a connection that is kept: never a 5xx, and never a 200 for a name that
 * the grammar refuses.
 *
 * One repository exists, and so do keys for whatever name the grammar allows; a path that reads as one of them under
 * another spelling would be answered 200.
 */
import { connect, type Socket } from "node:net";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { propertyTimeout, runs } from "../support/properties.ts";
import { startServer, type TestServer } from "../support/server.ts";

const repository = "a/b";
let server: TestServer;
let wire: Wire;

beforeAll(async () => {
  server = await startServer({ keys: { mostPending: 100_000 } });
  await server.publish(repository, (await server.owner(repository)).first());
  wire = new Wire(server.port);
});
afterAll(async () => {
  wire.close();
  await server.close();
});

/** Pieces of names, as they go over the wire: bytes, some of them escaped, some of them not. */
const pieces = [
  ..."abzAZ019._-/:@*?#%&=+~!$'(),;\"<>[]\\^`{|} \t",
  "//",
  "/./",
  "/../",
  "..",
  "a/b",
  "a%2fb",
  "%2e%2e",
  "%2F",
  "%00",
  "%0a",
  "%0d%0a",
  "%1b",
  "%7f",
  "%80",
  "%ff",
  "%c0%af",
  "%c3%a9",
  "e%cc%81",
  "%e2%80%ae",
  "%ef%bd%81",
  "%ed%a0%80",
  "%f0%9f%98%80",
  "%",
  "%2",
  "%zz",
  "%25",
  "%252e",
  "_trust",
  "/_trust/",
  "_trust/tuf/",
  "/_trust/tuf/root.json",
  "v2/",
  "/v2/",
  "localhost:5000/",
  "[::1]:80/",
  "__proto__",
  "constructor",
  "\u00e9",
  "\u00ff",
  "\u0080",
  "\u0001",
  "\u007f",
  "n".repeat(100),
  "n".repeat(255),
  "n".repeat(256),
  "/n".repeat(130),
];

const name = fc.oneof(
  {
    weight: 5,
    arbitrary: fc
      .array(fc.constantFrom(...pieces), { minLength: 1, maxLength: 8 })
      .map((each) => each.join("")),
  },
  {
    weight: 1,
    arbitrary: fc
      .array(fc.nat(255), { minLength: 1, maxLength: 30 })
      .map((bytes) => bytes.map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join("")),
  },
  {
    weight: 1,
    arbitrary: fc
      .array(fc.nat(255), { minLength: 1, maxLength: 30 })
      .map((bytes) => String.fromCharCode(...bytes)),
  },
);

const ends = [
  "/_trust/tuf/root.json",
  "/_trust/tuf/timestamp.json",
  "/_trust/tuf/1.root.json",
  "/_trust/tuf/timestamp.key",
  "/_trust/tuf/targets/releases.json",
  "/_trust/changefeed",
  "/_trust/tuf/",
];

const request = fc.record({
  method: fc.constantFrom("GET", "GET", "GET", "HEAD", "POST", "DELETE"),
  start: fc.constantFrom("/v2/", "/v2/", "/v2/", "//v2/", "/", "/V2/", "http://x/v2/"),
  name,
  end: fc.constantFrom(...ends),
});

test(
  "an odd name is never a fault, and never another repository",
  async () => {
    await fc.assert(
      fc.asyncProperty(request, async ({ method, start, name: odd, end }) => {
        // Line ends and blanks end a path on the wire; escaped ones are among the pieces.
        const path = `${start}${odd.replace(/[\r\n ]/g, "")}${end}`;
        if (method === "DELETE" && mayName(path, repository)) return;
        const { status, head } = await wire.ask(method, path);
        expect(status, path).toBeGreaterThanOrEqual(200);
        expect(status, path).toBeLessThan(500);
        if (status === 200) expect(served(path), path).toBe(true);
        if (status === 301) expect(head).toMatch(/\r\nlocation: \/(?![/\\])/i);
      }),
      runs(10_000),
    );
    await server.chainCheck(repository);
  },
  propertyTimeout,
);

/**
 * Whether 200 may be the answer: what lies between `/v2/` and the last `/_trust/` is, decoded once, in the grammar; or
 * there is nothing there, and the whole feed was asked for. Written anew, not with the code under test.
 */
function served(path: string): boolean {
  const [raw = ""] = path.replace(/^http:\/\/x/, "").split("?");
  const decoded = decodeURIComponent(raw).replace(/^\/+v2\//, "/v2/");
  if (["/v2/", "/v2/_trust/changefeed"].includes(decoded)) return true;
  const found = /^\/v2\/(.+)\/_trust\//s.exec(decoded)?.[1];
  if (found === undefined || found.length > 255) return false;
  return found.split("/").every((segment, i, all) => {
    if (/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(segment)) return true;
    return i === 0 && all.length > 1 && /^(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):\d{1,5}$/.test(segment);
  });
}

function mayName(path: string, wanted: string): boolean {
  try {
    return decodeURIComponent(path).includes(`/v2/${wanted}/_trust/tuf/`);
  } catch {
    return false;
  }
}

interface RawAnswer {
  readonly status: number;
  readonly head: string;
}

/**
 * One connection kept for as long as the server keeps it: one request at a time, any bytes as a path. The server may
 * close a kept connection between two requests, as after a head that it could not read: then the request goes out again.
 */
class Wire {
  readonly #port: number;
  #socket: Socket | undefined;

  constructor(port: number) {
    this.#port = port;
  }

  /** Rejects if there is no whole answer within five seconds. */
  async ask(method: string, path: string): Promise<RawAnswer> {
    const kept = this.#socket;
    if (kept !== undefined) {
      const answer = await this.#send(kept, method, path).catch(() => undefined);
      if (answer !== undefined) return answer;
    }
    return await this.#send(connect({ host: "127.0.0.1", port: this.#port }), method, path);
  }

  async #send(socket: Socket, method: string, path: string): Promise<RawAnswer> {
    this.#socket = socket;
    return await new Promise((resolve, reject) => {
      let text = "";
      const end = (settle: () => void, keep: boolean) => {
        socket.removeAllListeners();
        socket.on("error", () => {});
        clearTimeout(timer);
        if (!keep) {
          socket.destroy();
          this.#socket = undefined;
        }
        settle();
      };
      const timer = setTimeout(() => end(() => reject(new Error(`no answer to ${path}`)), false), 5_000);
      const answered = (closed: boolean) => {
        const answer = whole(text, method, closed);
        if (answer !== undefined)
          end(() => resolve(answer), !closed && !/\r\nconnection: close/i.test(answer.head));
        else if (closed) end(() => reject(new Error(`a broken answer to ${path}`)), false);
      };
      socket.on("data", (chunk) => {
        text += chunk.toString("latin1");
        answered(false);
      });
      socket.on("end", () => answered(true));
      socket.on("error", (error) => end(() => reject(error), false));
      socket.write(
        Buffer.from(`${method} ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n`, "latin1"),
      );
    });
  }

  close(): void {
    this.#socket?.destroy();
  }
}

/** The answer if all of it is there. */
function whole(text: string, method: string, closed: boolean): RawAnswer | undefined {
  const end = text.indexOf("\r\n\r\n");
  if (end === -1) return undefined;
  const head = text.slice(0, end + 2);
  const length = method === "HEAD" ? 0 : Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0);
  if (!closed && text.length < end + 4 + length) return undefined;
  return { status: Number(head.slice(9, 12)), head };
}
