/** Attacks on access control (docs/threats.md, chapter 8), beside the tokens of `http/auth/tokens.test.ts`. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createApp } from "../../src/http/app.ts";
import type { Proposals } from "../../src/service/proposals.ts";
import type { TrustService } from "../../src/service/service.ts";
import { HttpClient } from "../support/client.ts";
import { multipart, multipartType, parts } from "../support/multipart.ts";
import { proposalBody, signedBytes, wireSignature } from "../support/proposing.ts";
import type { Owner } from "../support/publisher.ts";
import { start, startServer, type TestServer } from "../support/server.ts";
import { bearing, entry, realm, service, TokenService } from "../support/token-service.ts";

const there = "registry.example.test/team/there";
const absent = "registry.example.test/team/gone_";
const file = (repository: string) => `/v2/${repository}/_trust/tuf/root.json`;

let tokens: TokenService;
/** Without access control, on the store of the other one: for who prepares. */
let open: TestServer;
let server: TestServer;
let owner: Owner;

beforeAll(async () => {
  tokens = await TokenService.make(() => start);
  open = await startServer();
  owner = await open.owner(there);
  await open.publish(there, owner.first());
  server = await startServer({ beside: open, access: tokens.access() });
});
afterAll(async () => {
  await server?.close();
  await open?.close();
});

const allowing = async (repository: string, ...actions: string[]) =>
  bearing(await tokens.token({ access: [entry(repository, ...actions)] }));

it("A8: a token that the registry's own service asked for does not count here", async () => {
  const access = [entry(there, "pull")];
  expect((await server.get(file(there), bearing(await tokens.token({ access })))).status).toBe(200);
  const other = await tokens.token({ access, claims: { aud: "registry.example.test" } });
  const answer = await server.get(file(there), bearing(other));
  expect([answer.status, answer.code]).toEqual([401, "UNAUTHORIZED"]);
  expect(answer.headers["www-authenticate"]).toMatch(/,error="invalid_token"$/);
});

/** The same with each call counted, those of its parts too. */
function counting<T extends object>(parts: T, count: () => void): T {
  const counted = Object.entries(parts).map(([name, part]: [string, unknown]) => {
    if (typeof part === "object" && part !== null) return [name, counting(part, count)];
    if (typeof part !== "function") return [name, part];
    return [
      name,
      (...given: unknown[]) => {
        count();
        return part.apply(parts, given) as unknown;
      },
    ];
  });
  return Object.fromEntries(counted) as T;
}

describe("A11: whoever may not read", () => {
  const requests: readonly (readonly [method: string, path: (repository: string) => string])[] = [
    ["GET", file],
    ["HEAD", file],
    ["GET", (name) => `/v2/${name}/_trust/tuf/1.root.json`],
    ["GET", (name) => `/v2/${name}/_trust/changefeed`],
    ["GET", (name) => `/v2/${name}/_trust/tuf/timestamp.key`],
    ["POST", (name) => `/v2/${name}/_trust/tuf/snapshot.key`],
    ["POST", (name) => `/v2/${name}/_trust/tuf/`],
    ["DELETE", (name) => `/v2/${name}/_trust/tuf/`],
    ["GET", (name) => `/api/v1/repositories/${encodeURIComponent(name)}/proposals`],
    ["POST", (name) => `/api/v1/repositories/${encodeURIComponent(name)}/proposals`],
  ];

  it.each(["without a token", "with one for another repository", "with one that is none"])(
    "%s is told the same of what is there and of what is not, and the store is not asked",
    async (who) => {
      let asked = 0;
      const watched = await startServer({
        beside: open,
        access: tokens.access(),
        wrapStore: (store) =>
          counting(store, () => {
            asked++;
          }),
      });
      try {
        const headers =
          who === "without a token"
            ? {}
            : who === "with one that is none"
              ? bearing("a.b.c")
              : await allowing("registry.example.test/team/ther", "*");
        asked = 0;
        for (const [method, path] of requests) {
          const [one, other] = [
            await watched.request(path(there), { method, headers }),
            await watched.request(path(absent), { method, headers }),
          ];
          expect([401, 403]).toContain(one.status);
          const told = ({ status, code, headers: { date: _, ...rest }, body }: typeof one, name: string) =>
            JSON.stringify([status, code, rest, body.toString()]).replaceAll(name, "NAME");
          // The names have one length, so that even the lengths of bodies are the same.
          expect(told(one, there)).toBe(told(other, absent));
        }
        expect(asked).toBe(0);
        await watched.get(file(there), await allowing(there, "pull"));
        expect(asked).toBeGreaterThan(0);
      } finally {
        await watched.close();
      }
    },
  );
});

describe("A13: the challenge", () => {
  it("holds nothing that the caller can end it with", async () => {
    for (const name of ['a",error="x/b', "a%22%2Cerror=%22x/b", "a%0D%0AX-Evil:%201/b", "a%0AX/b"]) {
      const answer = await server.get(`/v2/${name}/_trust/tuf/root.json`);
      expect(answer.status).toBe(401);
      expect(answer.headers["www-authenticate"]).toBe(
        `Bearer realm="${realm}",service="${service}",scope="registry:catalog:*"`,
      );
      expect(answer.headers["x-evil"]).toBeUndefined();
    }
  });

  it("quotes what older names may have", async () => {
    const older = await startServer({ access: tokens.access(), repositories: { olderNames: true } });
    try {
      const ask = async (name: string) =>
        (await older.get(file(encodeURIComponent(name)))).headers["www-authenticate"];
      expect(await ask('a",error="x')).toBe(
        `Bearer realm="${realm}",service="${service}",scope="repository:a\\",error=\\"x:pull"`,
      );
      expect(await ask("back\\slash")).toMatch(/scope="repository:back\\\\slash:pull"$/);
      // Letters beyond ASCII go out as their UTF-8.
      for (const method of ["GET", "HEAD"]) {
        const { headers } = await older.request(file(encodeURIComponent("größe/東京")), { method });
        const named = Buffer.from(String(headers["www-authenticate"]), "latin1").toString("utf8");
        expect(named).toMatch(/scope="repository:größe\/東京:pull"$/);
      }
    } finally {
      await older.close();
    }
  });
});

describe("on the short way of reads", () => {
  let short: { client: HttpClient; framework: () => number; close: () => Promise<void> };

  async function reach(service: TrustService, anonymousRead: boolean): Promise<typeof short> {
    let seen = 0;
    let listening: Server | undefined;
    const logger = pino({ level: "info", onChild: () => void seen++ }, { write: () => undefined });
    const app = await createApp({
      service,
      logger,
      trustedProxies: [],
      repositories: { prefixes: [], olderNames: false },
      caching: { current: 0, consistent: 60 },
      limits: { uploadBytes: 1e6, uploadFiles: 9, uploadsInMemory: 1e6, uploadsExamined: 9 },
      apis: { notary: true, metrics: true, probes: true },
      access: tokens.access({ anonymousRead })({ now: () => open.clock.now(), logger }),
      serverFactory: (handler) => {
        listening = createServer(handler);
        return listening;
      },
    });
    await app.ready();
    await new Promise<void>((done) => listening?.listen(0, "127.0.0.1", done));
    const { port } = (listening as unknown as Server).address() as AddressInfo;
    const client = new HttpClient(port);
    return {
      client,
      framework: () => seen,
      async close() {
        client.close();
        await app.close();
        await new Promise((done) => listening?.close(done));
      },
    };
  }

  it("V46: a token that was verified reads, and only what it may, and no longer than it lives", async () => {
    short = await reach(open.service, false);
    try {
      const { client, framework } = short;
      const good = { headers: await allowing(there, "pull") };
      const other = { headers: await allowing("registry.example.test/team/other", "pull") };
      expect((await client.request(file(there))).status).toBe(401);
      expect((await client.request(file(there), good)).status).toBe(200);
      // From here on the path is known, and so is the token.
      const before = framework();
      expect((await client.request(file(there), good)).status).toBe(200);
      expect(framework()).toBe(before);
      expect((await client.request(file(there))).status).toBe(401);
      for (const _ of [1, 2]) expect((await client.request(file(there), other)).status).toBe(401);
      const bad = { headers: { authorization: `${good.headers.authorization}x` } };
      expect((await client.request(file(there), bad)).status).toBe(401);
      open.clock.advance(400_000);
      expect((await client.request(file(there), good)).status).toBe(401);
    } finally {
      open.clock.advance(-400_000);
      await short.close();
    }
  });

  it("readers without a token come by it where that is configured", async () => {
    short = await reach(open.service, true);
    try {
      const { client, framework } = short;
      expect((await client.request(file(there))).status).toBe(200);
      const before = framework();
      expect((await client.request(file(there))).status).toBe(200);
      expect(framework()).toBe(before);
    } finally {
      await short.close();
    }
  });
});

describe("Q11: the right to propose", () => {
  const path = (end = "") => `/api/v1/repositories/${encodeURIComponent(there)}/proposals${end}`;
  const json = { "content-type": "application/json" };
  const person = async (sub: string, ...actions: string[]) =>
    bearing(await tokens.token({ access: [entry(there, ...actions)], claims: { sub } }));
  const send = async (to: string, headers: Record<string, string>, body: unknown = {}) =>
    await server.request(to, {
      method: "POST",
      headers: { ...json, ...headers },
      body: JSON.stringify(body),
    });

  const outcome = async (to: string, headers: Record<string, string>, body?: unknown) => {
    const { status, code, body: text } = await send(to, headers, body);
    return { status, code, document: JSON.parse(text.toString("utf8")) };
  };

  it("opens a proposal, which they and whoever may publish can cancel, and nobody else", async () => {
    const body = proposalBody(owner.next("targets"));
    const proposer = await person("proposer", "propose", "pull");
    const others = [await person("reader", "pull"), await person("colleague", "propose", "pull")];
    expect(await outcome(path(), others[0] ?? {}, body)).toMatchObject({ status: 403, code: "FORBIDDEN" });
    for (const canceller of [proposer, await person("publisher", "push", "pull")]) {
      const { status, document } = await outcome(path(), proposer, body);
      expect([status, document.opened.by]).toEqual([201, "proposer"]);
      for (const other of others) {
        expect(await outcome(path(`/${document.id}/cancel`), other)).toMatchObject({
          status: 403,
          code: "FORBIDDEN",
        });
      }
      const cancelled = await outcome(path(`/${document.id}/cancel`), canceller);
      expect([cancelled.status, cancelled.document.state]).toEqual([200, "cancelled"]);
    }
  });

  const signing = (files: ReadonlyMap<string, Buffer>) => {
    const message = signedBytes("targets", files.get("targets") as Buffer);
    return { files: [{ role: "targets", signatures: [wireSignature(owner.targetsKey, message)] }] };
  };
  const waits = { status: 200, document: { state: "open", complete: false } };

  it("is no right to publish, whatever key its holder has: one who may publish must have taken part", async () => {
    const files = owner.next("targets");
    const proposer = await person("proposer", "propose", "pull");
    const form = { ...proposer, "content-type": multipartType };
    const published = await server.request(`/v2/${there}/_trust/tuf/`, {
      method: "POST",
      headers: form,
      body: multipart(parts(files)),
    });
    expect([published.status, published.code]).toEqual([401, "UNAUTHORIZED"]);
    // With the key of the role in hand: opened with its signature, and brought once more, by whom and without whom ever.
    const signed = proposalBody(files, new Map([["targets", [owner.targetsKey]]]));
    const opened = await outcome(path(), proposer, signed);
    expect(opened).toMatchObject({ status: 201, document: { state: "open", complete: false } });
    expect(opened.document.reason).toMatch(/^FORBIDDEN: .*vidimus proposal sign\.$/);
    const to = path(`/${opened.document.id}/signatures`);
    expect(await outcome(path(), proposer, signed)).toMatchObject({ status: 201, document: waits.document });
    for (const accomplice of [proposer, await person("signer", "pull"), await person("", "pull")]) {
      for (const what of [signing(files), { files: [] }]) {
        expect(await outcome(to, accomplice, what)).toMatchObject(waits);
      }
    }
    await (open.service.proposals as Proposals).tend();
    expect((await open.service.proposals.get(there, opened.document.id)).state).toBe("open");
    const stranger = await person("stranger", "propose");
    expect(await outcome(to, stranger, signing(files))).toMatchObject({ status: 403, code: "FORBIDDEN" });
    expect(await outcome(to, {}, signing(files))).toMatchObject({ status: 401, code: "UNAUTHORIZED" });
    const publisher = await person("publisher", "push", "pull");
    expect(await outcome(to, publisher, { files: [] })).toMatchObject({
      status: 200,
      document: { state: "published", reason: "" },
    });
  });

  it("lets those who may publish do it by opening or by signing, and others bring the last signature", async () => {
    const publisher = await person("publisher", "push", "pull");
    const first = owner.next("targets");
    const opened = await outcome(path(), publisher, proposalBody(first));
    const signed = await outcome(
      path(`/${opened.document.id}/signatures`),
      await person("signer", "pull"),
      signing(first),
    );
    expect([signed.status, signed.document.state]).toEqual([200, "published"]);
    const second = owner.next("targets");
    const proposed = await outcome(path(), await person("proposer", "propose", "pull"), proposalBody(second));
    const done = await outcome(path(`/${proposed.document.id}/signatures`), publisher, signing(second));
    expect([done.status, done.document.state]).toEqual([200, "published"]);
    expect(done.document.events.map(({ kind }: { kind: string }) => kind)).toEqual([
      "proposed",
      "backed",
      "published",
    ]);
  });

  it("of nobody in particular cancels nothing", async () => {
    const nobody = await person("", "propose", "pull");
    const { document } = await outcome(path(), nobody, proposalBody(owner.next("targets")));
    expect(document.opened.by).toBe("anonymous");
    const cancelled = await outcome(path(`/${document.id}/cancel`), nobody);
    expect([cancelled.status, cancelled.code]).toEqual([403, "FORBIDDEN"]);
  });
});
