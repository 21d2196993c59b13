/**
 * The real command against sources that are wrong in every way at once: each repository gets its finding, the honest ones are taken,
 * nothing else is there, and the memory of the process has a bound.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { exitCodes } from "../../src/cli/exit-codes.ts";
import type { Report } from "../../src/moving/report.ts";
import { type Measured, vidimus } from "../support/import-command.ts";
import { everyVersion, withHistory } from "../support/moving.ts";
import { newRootKey, signedOf, signJson } from "../support/publisher.ts";
import { startServer, type TestServer } from "../support/server.ts";

const MiB = 1_024 * 1_024;
const honest = ["example.test/honest/one", "example.test/honest/two"];
/** Honest on the old server, and no more on the way. */
const changed = ["wrong/bytes", "forged/chain", "forged/newest", "endless/delegation"];

type Told = (request: IncomingMessage, answer: ServerResponse) => Promise<void>;
type Lie = (file: string, answer: ServerResponse, request: IncomingMessage) => void | Promise<void>;

let old: TestServer;
let here: TestServer;
let site: Server;
/** By repository; whatever has none is honest. */
const lies = new Map<string, Lie>();
/** A changefeed of names of which nothing is there. */
let feed: ((after: number) => readonly object[]) | undefined;
const address = () => `http://127.0.0.1:${(site.address() as AddressInfo).port}`;

beforeAll(async () => {
  old = await startServer({ at: Date.now() });
  for (const name of [...honest, ...changed]) await withHistory(old, name);
  const tell: Told = async (request, answer) => {
    if (feed !== undefined) {
      const { pathname, searchParams } = new URL(request.url ?? "", "http://x");
      if (!pathname.endsWith("changefeed")) return void answer.writeHead(404).end();
      return void answer.end(JSON.stringify({ records: feed(Number(searchParams.get("change_id"))) }));
    }
    const [, name = "", file = ""] = /^\/v2\/(.+)\/_trust\/tuf\/(.+)$/.exec(request.url ?? "") ?? [];
    const lie = lies.get(name);
    if (lie !== undefined) return await lie(file, answer, request);
    const { status, body } = await old.request(request.url ?? "");
    answer.writeHead(status).end(body);
  };
  site = createServer((request, answer) => void tell(request, answer));
  site.listen(0, "127.0.0.1");
  await once(site, "listening");
});
afterAll(async () => {
  site.closeAllConnections();
  site.close();
  await old.close();
});
beforeEach(async () => {
  here = await startServer({ at: Date.now() });
});
afterEach(async () => {
  lies.clear();
  feed = undefined;
  await here.close();
});

const to = () => ["--server", `http://127.0.0.1:${here.port}`, "--json"];
const bring = (...names: readonly string[]) => vidimus("import", "notary", address(), ...names, ...to());

function codesIn({ out }: Measured): Record<string, string> {
  const { repositories } = JSON.parse(out) as { repositories: Report[] };
  return Object.fromEntries(
    repositories.map(({ repository, outcome, findings: [first] }) => [repository, first?.code ?? outcome]),
  );
}

/** From the old server, what a lie changes. */
const file = async (repository: string, name: string) => (await old.file(repository, name)).body;

function endless(answer: ServerResponse): void {
  const more = () => {
    while (!answer.destroyed && answer.write(Buffer.alloc(65_536, 32)));
  };
  answer.on("drain", more);
  more();
}

describe("a source that is hostile", () => {
  it("gives findings for what is wrong, keeps nothing of it, and keeps no honest one from being taken", async () => {
    const rival = await newRootKey("forged/chain", Date.now());
    const but = (repository: string, isLie: (name: string) => boolean, lie: Lie): Lie => {
      return async (name, answer, request) => {
        if (isLie(name)) return await lie(name, answer, request);
        const { status, body } = await old.file(repository, name);
        answer.writeHead(status).end(body);
      };
    };
    const isDigest = (role: string) => (name: string) => name.startsWith(`${role}.`) && name.length > 70;
    const forged = (repository: string, version: string): Lie => {
      const lie: Lie = async (_name, answer) =>
        void answer.end(signJson(signedOf(await file(repository, version)), [rival]));
      return but(repository, (name) => name === version, lie);
    };
    const wrong: Lie = async (_name, answer) => {
      answer.end(Buffer.concat([await file("wrong/bytes", "targets.json"), Buffer.from(" ")]));
    };
    const hostile: Record<string, readonly [Lie, string]> = {
      "wrong/bytes": [but("wrong/bytes", isDigest("targets"), wrong), "HASH_MISMATCH"],
      "forged/chain": [forged("forged/chain", "2.root.json"), "ROOT_NOT_SIGNED_BY_PREVIOUS"],
      "forged/newest": [forged("forged/newest", "root.json"), "ROOT_NOT_SIGNED_BY_PREVIOUS"],
      "endless/answers": [(_name, answer) => endless(answer), "SOURCE_ENDLESS"],
      "endless/delegation": [
        but("endless/delegation", isDigest("targets/releases"), (_name, answer) => endless(answer)),
        "SOURCE_ENDLESS",
      ],
      "bomb/answers": [
        (_name, answer) => {
          answer.writeHead(200, { "content-encoding": "gzip" });
          answer.end(gzipSync(Buffer.alloc(64 * MiB)));
        },
        "SOURCE_FAILING",
      ],
      "redirect/loop": [
        (_name, answer, { url }) => void answer.writeHead(302, { location: url ?? "" }).end(),
        "SOURCE_FAILING",
      ],
      "redirect/elsewhere": [
        (_name, answer) =>
          void answer.writeHead(301, { location: "http://192.0.2.1/latest/meta-data" }).end(),
        "SOURCE_FAILING",
      ],
      "redirect/file": [
        (_name, answer) => void answer.writeHead(301, { location: "file:///etc/hostname" }).end(),
        "SOURCE_FAILING",
      ],
      "broken/always": [(_name, answer) => void answer.writeHead(500).end("no"), "SOURCE_FAILING"],
      "empty/always": [(_name, answer) => void answer.end(), "NOT_JSON"],
    };
    for (const [name, [lie]] of Object.entries(hostile)) lies.set(name, lie);
    const said = await bring(...honest, ...Object.keys(hostile));
    expect([said.code, said.err]).toEqual([exitCodes.importInPart.code, ""]);
    const expected = Object.entries(hostile).map(([name, [, code]]) => [name, code]);
    expect(codesIn(said)).toEqual(
      Object.fromEntries([...expected, ...honest.map((name) => [name, "taken"])]),
    );
    for (const name of Object.keys(hostile)) {
      expect([name, await here.store.state(name)]).toEqual([
        name,
        expect.objectContaining({ revision: 0, exists: false }),
      ]);
    }
    for (const name of honest) expect(await everyVersion(here, name)).toEqual(await everyVersion(old, name));
  });

  it("cannot make the command hold what it says of a hundred thousand names", {
    timeout: 240_000,
  }, async () => {
    const sizes: number[] = [];
    for (const count of [10, 100_000]) {
      feed = (after) =>
        Array.from({ length: Math.min(1_000, Math.max(0, count - after)) }, (_, each) => ({
          ID: String(after + each + 1),
          GUN: `registry.acme.example/some-team/some-application-${after + each}`,
          Category: "update",
        }));
      const said = await vidimus("import", "notary", address(), ...to(), "--rate", "10000");
      expect(said.code).toBe(exitCodes.importInPart.code);
      expect(Object.keys(codesIn(said))).toHaveLength(count);
      sizes.push(said.memory);
    }
    const [few = 0, many = 0] = sizes;
    console.info(`memory: ${few / MiB} MiB for ten names, ${many / MiB} MiB for a hundred thousand`);
    expect(many).toBeLessThan(few + 340 * MiB);
  });

  it("cannot make the command hold many large repositories at a time", async () => {
    const names = Array.from({ length: 32 }, (_, i) => `large/${i}`);
    const filling = Buffer.from(
      `{"signed":{"_type":"Root","x":[${"[],".repeat(5 * MiB)}[]]},"signatures":[]}`,
    );
    for (const name of names)
      lies.set(name, async (asked, answer) => {
        if (asked === "timestamp.json") return void answer.end(await file(honest[0] ?? "", "timestamp.json"));
        answer.end(filling);
      });
    const small = await bring(...honest);
    const large = await bring(...names);
    expect(large.code).toBe(exitCodes.importInPart.code);
    expect(new Set(Object.values(codesIn(large))).size).toBe(1);
    console.info(
      `memory: ${small.memory / MiB} MiB for honest ones, ${large.memory / MiB} MiB for large ones`,
    );
    expect(large.memory).toBeLessThan(small.memory + 192 * MiB);
  });
});
