/** One delivery, against real servers: what is sent, what counts as heard, and where nothing is ever sent. */
import { createHmac } from "node:crypto";
import type { IncomingMessage, RequestListener } from "node:http";
import { describe, expect, it } from "vitest";
import type { Told } from "../../src/service/delivery/receiver.ts";
import { type WebhookOptions, webhookName, webhookReceiver } from "../../src/webhooks/receiver.ts";
import { httpsServer } from "../support/https-server.ts";

const key = Buffer.alloc(32, 9);
const told: Told = {
  id: "expiry:1",
  type: "dev.vidimus.expiry.approaching",
  subject: "example.org/app",
  at: Date.UTC(2030, 0, 1),
  data: '{"days":7}',
};
const resolveTo =
  (...addresses: string[]) =>
  (_name: string, _options: unknown, callback: (error: null, found: unknown) => void) =>
    callback(
      null,
      addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 })),
    );

interface Heard {
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

/** A server that remembers what it was told. */
async function listening(answer: (response: Parameters<RequestListener>[1]) => void, names?: string[]) {
  const heard: Heard[] = [];
  const server = await httpsServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (piece: string) => {
      body += piece;
    });
    request.on("end", () => {
      heard.push({ headers: request.headers, body });
      answer(response);
    });
  }, names);
  return { ...server, ca: server.ca ?? "", heard };
}

function receiver(url: string, ca: string, changes: Partial<WebhookOptions> = {}) {
  return webhookReceiver({
    url,
    ca,
    keys: [key],
    source: "vidimus",
    timeout: 2_000,
    allowPrivate: true,
    now: () => Date.UTC(2030, 0, 2),
    ...changes,
  });
}

describe("a webhook", () => {
  it("is told a CloudEvent with a signature over ID, time and body", async () => {
    const { url, ca, heard } = await listening((response) => response.writeHead(204).end());
    expect(await receiver(`${url}/hook`, ca).tell(told)).toEqual({ kind: "heard" });
    const [{ headers, body } = { headers: {}, body: "" }] = heard;
    expect(JSON.parse(body)).toEqual({
      specversion: "1.0",
      id: "expiry:1",
      source: "vidimus",
      type: "dev.vidimus.expiry.approaching",
      subject: "example.org/app",
      time: "2030-01-01T00:00:00.000Z",
      datacontenttype: "application/json",
      data: { days: 7 },
    });
    expect(headers["content-type"]).toBe("application/cloudevents+json; charset=utf-8");
    const seconds = String(Date.UTC(2030, 0, 2) / 1_000);
    expect(headers["webhook-timestamp"]).toBe(seconds);
    const content = `${headers["webhook-id"]}.${seconds}.${body}`;
    expect(headers["webhook-signature"]).toBe(
      `v1,${createHmac("sha256", key).update(content).digest("base64")}`,
    );
  });

  it("gets the same ID at every attempt, and another one for another announcement", async () => {
    const { url, ca, heard } = await listening((response) => response.writeHead(500).end());
    const hook = receiver(url, ca);
    await hook.tell(told);
    await hook.tell(told);
    await hook.tell({ ...told, id: "expiry:2" });
    const [first, second, third] = heard.map(({ headers }) => headers["webhook-id"]);
    expect(second).toBe(first);
    expect(third).not.toBe(first);
  });

  it.each([
    [200, { kind: "heard" }],
    [404, { kind: "failed", why: "it answered 404" }],
    [503, { kind: "failed", why: "it answered 503" }],
    [410, { kind: "gone", why: "it answered 410 Gone" }],
  ] as const)("that answers %i comes out as it says", async (status, outcome) => {
    const { url, ca } = await listening((response) => response.writeHead(status).end());
    expect(await receiver(url, ca).tell(told)).toEqual(outcome);
  });

  it("is not followed where it redirects to", async () => {
    const inner = await listening((response) => response.writeHead(200).end());
    const outer = await listening((response) =>
      response.writeHead(307, { location: `${inner.url}/secret` }).end(),
    );
    expect(await receiver(outer.url, outer.ca).tell(told)).toEqual({
      kind: "failed",
      why: "it answered 307",
    });
    expect(inner.heard).toEqual([]);
  });

  it("that never answers ends within its time", async () => {
    const { url, ca } = await listening(() => {});
    expect(await receiver(url, ca, { timeout: 200 }).tell(told)).toEqual({
      kind: "failed",
      why: "it did not answer within 1 s",
    });
  });

  it("that answers without end is heard, and nothing more of it is read", async () => {
    let written = 0;
    const { url, ca } = await listening((response) => {
      response.writeHead(200);
      const more = () => {
        while (!response.destroyed && written < 64 * 1024 * 1024) {
          written += 65_536;
          if (!response.write(Buffer.alloc(65_536))) return;
        }
      };
      response.on("drain", more);
      more();
    });
    expect(await receiver(url, ca).tell(told)).toEqual({ kind: "heard" });
    expect(written).toBeLessThan(16 * 1024 * 1024);
  });

  it("whose certificate nobody vouches for is told nothing", async () => {
    const good = await listening((response) => response.writeHead(200).end());
    const other = await listening((response) => response.writeHead(200).end());
    expect(await receiver(good.url, other.ca).tell(told)).toMatchObject({ kind: "failed" });
    expect(good.heard).toEqual([]);
  });

  it("is called by its host and a digest, never by its path", () => {
    const name = webhookName("https://hooks.example.test/T000/secret-token");
    expect(name).toMatch(/^webhook hooks\.example\.test [0-9a-f]{12}$/);
    expect(name).not.toBe(webhookName("https://hooks.example.test/T000/other-token"));
  });
});

describe("where private addresses are not allowed", () => {
  const private_ = { kind: "failed", why: expect.stringContaining("webhooks.allowPrivate") };

  it("V44: an address in the URL is never connected to", async () => {
    const { url, ca, heard } = await listening((response) => response.writeHead(200).end());
    expect(await receiver(url, ca, { allowPrivate: false }).tell(told)).toEqual(private_);
    const mapped = url.replace("127.0.0.1", "[::ffff:127.0.0.1]");
    expect(await receiver(mapped, ca, { allowPrivate: false }).tell(told)).toEqual(private_);
    expect(heard).toEqual([]);
  });

  it.each([
    ["a name that leads there", ["127.0.0.1"]],
    ["a name that also leads there", ["8.8.8.8", "127.0.0.1"]],
    ["a name that leads to a mapped one", ["::ffff:127.0.0.1"]],
  ])("%s is never connected to", async (_, addresses) => {
    const { url, ca, heard } = await listening(
      (response) => response.writeHead(200).end(),
      ["hook.example.test"],
    );
    const named = url.replace("127.0.0.1", "hook.example.test");
    const hook = receiver(named, ca, {
      allowPrivate: false,
      testingOnlyResolve: resolveTo(...addresses) as never,
    });
    expect(await hook.tell(told)).toEqual(private_);
    expect(heard).toEqual([]);
  });

  it("a name that is public once and private the next time is judged each time, by what is connected to", async () => {
    const { url, ca, heard } = await listening(
      (response) => response.writeHead(200).end(),
      ["hook.example.test"],
    );
    const answers = [["127.0.0.1"], ["10.0.0.1"]];
    let asked = 0;
    const rebinding: ReturnType<typeof resolveTo> = (name, options, callback) =>
      resolveTo(...(answers[asked++] ?? ["127.0.0.1"]))(name, options, callback);
    const hook = receiver(url.replace("127.0.0.1", "hook.example.test"), ca, {
      allowPrivate: false,
      testingOnlyResolve: rebinding as never,
    });
    expect(await hook.tell(told)).toEqual(private_);
    expect(await hook.tell(told)).toEqual(private_);
    // Once for each attempt: what was judged is what is connected to.
    expect(asked).toBe(2);
    expect(heard).toEqual([]);
  });

  it("the same name is told where that is allowed", async () => {
    const { url, ca, heard } = await listening(
      (response) => response.writeHead(200).end(),
      ["hook.example.test"],
    );
    const hook = receiver(url.replace("127.0.0.1", "hook.example.test"), ca, {
      testingOnlyResolve: resolveTo("127.0.0.1") as never,
    });
    expect(await hook.tell(told)).toEqual({ kind: "heard" });
    expect(heard).toHaveLength(1);
  });
});
