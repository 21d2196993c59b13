/**
 * The real commands beside an old server that is hostile, and on the way back to one: findings for what is wrong, nothing sent and
 * nothing changed because of it, and an end in time and memory.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { exitCodes } from "../../src/cli/exit-codes.ts";
import { notary } from "../../src/core/format/notary.ts";
import { usualCrawlLimits } from "../../src/moving/crawl.ts";
import { compareServers } from "../../src/moving/shadow/shadow.ts";
import { freshState } from "../../src/moving/shadow/state.ts";
import { type Measured, vidimus } from "../support/import-command.ts";
import { publishOn, recorded, sourceAt, withHistory } from "../support/moving.ts";
import { newRootKey, type Owner, signedOf, signJson } from "../support/publisher.ts";
import { startServer, type TestServer } from "../support/server.ts";

const MiB = 1_024 * 1_024;
const honest = "example.test/honest";
/** Here as at the old server, until the way changes them. */
const changed = ["wrong/bytes", "forged/chain", "endless/delegation", "other/name"];
const hostile = [
  "endless/answers",
  "bomb/answers",
  "redirect/loop",
  "redirect/elsewhere",
  "redirect/file",
  "broken/always",
  "odd/status",
];

type Lie = (name: string, answer: ServerResponse, request: IncomingMessage) => void | Promise<void>;

let here: TestServer;
let owner: Owner;
let old: Awaited<ReturnType<typeof recorded>>;
let site: Server;
/** By repository; whatever has none is honest. */
const lies = new Map<string, Lie>();
/** What the changefeed tells from one entry on; without it there is none. */
let feed: ((after: number) => readonly string[]) | undefined;
/** Its entries have the same numbers each time. */
let isStuck = false;
let posts: string[] = [];

const url = () => `http://127.0.0.1:${(site.address() as AddressInfo).port}`;

beforeAll(async () => {
  here = await startServer({ at: Date.now() });
  owner = await withHistory(here, honest);
  for (const name of changed) await withHistory(here, name);
  old = await recorded(here, honest, ...changed);
  const tell = async (request: IncomingMessage, answer: ServerResponse): Promise<void> => {
    const { pathname, searchParams } = new URL(request.url ?? "", "http://unused.test");
    if (pathname.endsWith("/changefeed")) {
      const after = Number(searchParams.get("change_id") || 0);
      const records = (feed?.(after) ?? []).map((GUN, i) => ({
        ID: String((isStuck ? 0 : after) + i + 1),
        GUN,
        Category: "update",
      }));
      return void answer.end(JSON.stringify({ records }));
    }
    const [, name = "", file = ""] = /^\/v2\/(.+)\/_trust\/tuf\/(.*)$/.exec(pathname) ?? [];
    if (request.method === "POST") posts.push(name);
    const lie = lies.get(name);
    if (lie !== undefined) return await lie(file, answer, request);
    if (file.endsWith(".key")) return void answer.end((await here.get(pathname)).body);
    const bytes = await old.file(name, file, MiB);
    answer.writeHead(bytes === undefined ? 404 : 200).end(bytes);
  };
  site = createServer((request, answer) => void tell(request, answer));
  site.listen(0, "127.0.0.1");
  await once(site, "listening");
});
afterEach(() => {
  lies.clear();
  feed = undefined;
  isStuck = false;
  posts = [];
});
afterAll(async () => {
  site.closeAllConnections();
  site.close();
  await here.close();
});

const flags = () => [
  "--server",
  `http://127.0.0.1:${here.port}`,
  "--json",
  "--rate",
  "10000",
  "--in-flight",
  "16",
];
const shadow = (...names: readonly string[]) => vidimus("shadow", url(), ...names, ...flags());
const back = (...names: readonly string[]) => vidimus("export", "notary", url(), ...names, ...flags());

function endless(answer: ServerResponse): void {
  const more = () => {
    while (!answer.destroyed && answer.write(Buffer.alloc(65_536, 32)));
  };
  answer.on("drain", more);
  more();
}

/** Everything that is wrong with an answer, at once. */
async function lieAboutAll(): Promise<void> {
  const rival = await newRootKey("forged/chain", Date.now());
  const but = (repository: string, isLie: (name: string) => boolean, lie: Lie): void => {
    lies.set(repository, async (name, answer, request) => {
      if (isLie(name)) return await lie(name, answer, request);
      answer.end(await old.file(repository, name, MiB));
    });
  };
  const isDigest = (role: string) => (name: string) => name.startsWith(`${role}.`) && name.length > 70;
  but("wrong/bytes", isDigest("targets"), async (_name, answer) => {
    answer.end(Buffer.concat([(await here.file("wrong/bytes", "targets.json")).body, Buffer.from(" ")]));
  });
  but(
    "forged/chain",
    (name) => name === "2.root.json",
    async (name, answer) =>
      void answer.end(signJson(signedOf((await here.file("forged/chain", name)).body), [rival])),
  );
  but("endless/delegation", isDigest("targets/releases"), (_name, answer) => endless(answer));
  lies.set("other/name", async (name, answer) => void answer.end(await old.file(honest, name, MiB)));
  lies.set("endless/answers", (_name, answer) => endless(answer));
  lies.set("bomb/answers", (_name, answer) => {
    answer.writeHead(200, { "content-encoding": "gzip" });
    answer.end(gzipSync(Buffer.alloc(64 * MiB)));
  });
  const redirect = (to: (request: IncomingMessage) => string): Lie => {
    return (_name, answer, request) => void answer.writeHead(302, { location: to(request) }).end();
  };
  lies.set(
    "redirect/loop",
    redirect(({ url: same = "" }) => same),
  );
  lies.set(
    "redirect/elsewhere",
    redirect(() => "http://192.0.2.1/latest/meta-data"),
  );
  lies.set(
    "redirect/file",
    redirect(() => "file:///etc/hostname"),
  );
  lies.set("broken/always", (_name, answer) => void answer.writeHead(500).end("no"));
  lies.set("odd/status", (_name, answer) => void answer.writeHead(400).end("\u001b[2J no"));
}

describe("beside a hostile server", () => {
  it("each repository that is wrong is a difference or was not compared, with the reason, and honest ones are the same", async () => {
    await lieAboutAll();
    const said = await shadow(honest, ...changed, ...hostile);
    expect([said.code, said.err]).toEqual([exitCodes.shadowDiffers.code, ""]);
    const { differences, uncompared, repositories } = JSON.parse(said.out) as {
      repositories: object;
      differences: { repository: string; code: string; sentence: string }[];
      uncompared: { repository: string; code: string }[];
    };
    const why = /does not verify \((\w+):/;
    expect(
      Object.fromEntries(
        differences.map(({ repository, code, sentence }) => [
          repository,
          `${code} ${why.exec(sentence)?.[1]}`,
        ]),
      ),
    ).toEqual({
      "wrong/bytes": "UNUSABLE_THERE HASH_MISMATCH",
      "forged/chain": "UNUSABLE_THERE ROOT_NOT_SIGNED_BY_PREVIOUS",
      "other/name": expect.stringMatching(/^(UNUSABLE_THERE \w+|DIFFERENT undefined)$/),
    });
    expect(Object.fromEntries(uncompared.map(({ repository, code }) => [repository, code]))).toEqual({
      "endless/answers": "SOURCE_ENDLESS",
      "endless/delegation": "SOURCE_ENDLESS",
      "bomb/answers": "SOURCE_FAILING",
      "redirect/loop": "SOURCE_FAILING",
      "redirect/elsewhere": "SOURCE_FAILING",
      "redirect/file": "SOURCE_FAILING",
      "broken/always": "SOURCE_FAILING",
      "odd/status": "SOURCE_FAILING",
    });
    expect(repositories).toMatchObject({ same: 1, differing: 3, uncompared: 8 });
  });

  it("100,000 names that can be nowhere are counted, the first are told, and the memory has a bound", async () => {
    feed = (after) =>
      Array.from({ length: after >= 100_000 ? 0 : 1_000 }, (_, i) => `Odd ${"x".repeat(100)} ${after + i}`);
    const said = await shadow();
    expect([said.code, said.err]).toEqual([exitCodes.shadowInPart.code, ""]);
    const { uncompared, codes, untold } = JSON.parse(said.out);
    expect([uncompared.length, codes, untold]).toEqual([1_000, { BAD_REPOSITORY_NAME: 100_000 }, 99_000]);
    await withinMemory(said, 320 * MiB);
  });

  it("that tells of a name longer than any table holds is compared all the same, but for that one", async () => {
    feed = (after) => (after > 0 ? [] : ["x".repeat(5_000)]);
    const said = await shadow();
    expect([said.code, JSON.parse(said.out).codes]).toEqual([
      exitCodes.shadowInPart.code,
      { BAD_REPOSITORY_NAME: 1 },
    ]);
  });

  it("cannot make the command hold many large repositories at a time", async () => {
    await withinMemory(await shadow(...large()), 192 * MiB);
  }, 120_000);

  it.each<[string, (after: number) => readonly string[], RegExp]>([
    ["that does not get on", () => Array.from({ length: 1_000 }, () => "a/b"), /the same again and again/],
    [
      "of more than a page may have",
      () => Array.from({ length: 3_000 }, () => "x".repeat(1_000)),
      /more than/,
    ],
  ])("a changefeed %s ends it", async (_what, told, reason) => {
    feed = told;
    isStuck = true;
    const ended = await vidimus("shadow", url(), ...flags());
    expect(ended.code).toBe(exitCodes.shadowUnable.code);
    expect(ended.err).toMatch(reason);
  });

  it("that drips is not waited for, and is away after some repositories", async () => {
    const names = Array.from({ length: 60 }, (_, i) => `slow/${i}`);
    let asked = 0;
    for (const name of names)
      lies.set(name, (_file, answer) => {
        asked++;
        answer.writeHead(200).write("{");
        const drip = setInterval(() => answer.write(" "), 5);
        answer.on("close", () => clearInterval(drip));
      });
    const [mine, theirs] = [
      sourceAt(here.port),
      sourceAt((site.address() as AddressInfo).port, { testingOnlyTime: () => 40, testingOnlyTries: 1 }),
    ];
    const comparison = compareServers(
      {
        here: mine,
        there: theirs,
        crawl: { format: notary, limits: usualCrawlLimits, now: Date.now },
        inFlight: 8,
        repositories: new Set(names),
        pause: async () => undefined,
        onState: async () => undefined,
      },
      freshState(mine.origin, theirs.origin),
    );
    await expect(comparison).rejects.toMatchObject({ code: "SHADOW_UNREADABLE" });
    expect(asked).toBeLessThan(40);
    mine.close();
    theirs.close();
  });
});

describe("on the way back to a hostile server", () => {
  it("a repository of which nothing is missing is read there once, and nothing is sent", async () => {
    const asked: string[] = [];
    lies.set(honest, async (name, answer) => {
      asked.push(name);
      answer.end(await old.file(honest, name, MiB));
    });
    expect(codesIn(await back(honest))).toEqual({ [honest]: "same" });
    expect(asked.filter((name) => name === "root.json")).toHaveLength(1);
    expect(posts).toEqual([]);
  });

  it("what it gives of each repository is a finding, and nothing is sent", async () => {
    await lieAboutAll();
    const said = await back(...changed, "--leave-out");
    expect([said.code, said.err]).toEqual([exitCodes.exportInPart.code, ""]);
    expect(codesIn(said)).toEqual({
      "wrong/bytes": "EXPORT_UNREADABLE",
      "forged/chain": "EXPORT_UNREADABLE",
      "endless/delegation": "EXPORT_UNREADABLE",
      "other/name": expect.stringMatching(/^EXPORT_(UNREADABLE|CONFLICT)$/),
    });
    expect(posts).toEqual([]);
  });

  it("what it answers to a publication is a finding, followed nowhere, and a terminal obeys none of it", async () => {
    owner.addTarget("3.0");
    await publishOn(here, owner, "targets");
    const answers: readonly (readonly [Lie, string, RegExp])[] = [
      [
        (_name, answer) => void answer.writeHead(302, { location: "http://192.0.2.1/" }).end(),
        "EXPORT_REFUSED",
        /302/,
      ],
      [(_name, answer) => endless(answer), "SOURCE_ENDLESS", /more than/],
      [
        (_name, answer) => void answer.writeHead(200).end("{}"),
        "EXPORT_REFUSED",
        /does not serve what it was given/,
      ],
      [(_name, answer) => void answer.writeHead(400).end("\u001b[2J no"), "EXPORT_REFUSED", /u\{1b\}/],
    ];
    for (const [lie, code, sentence] of answers) {
      lies.set(honest, async (name, answer, request) => {
        if (request.method === "POST") return await lie(name, answer, request);
        if (name.endsWith(".key")) return void answer.end((await here.get(request.url ?? "")).body);
        const bytes = await old.file(honest, name, MiB);
        answer.writeHead(bytes === undefined ? 404 : 200).end(bytes);
      });
      posts = [];
      expect(codesIn(await back(honest))).toEqual({ [honest]: code });
      expect(posts.length).toBeGreaterThan(0);
      const { out } = await vidimus(
        "export",
        "notary",
        url(),
        honest,
        ...flags().filter((each) => each !== "--json"),
      );
      expect(out).toMatch(sentence);
      expect(out).not.toContain("\u001b");
    }
  });

  it("whose key has no end is a finding, too", async () => {
    lies.set(honest, async (name, answer) => {
      if (name.endsWith(".key")) return endless(answer);
      const bytes = await old.file(honest, name, MiB);
      answer.writeHead(bytes === undefined ? 404 : 200).end(bytes);
    });
    expect(codesIn(await back(honest))).toEqual({ [honest]: "SOURCE_ENDLESS" });
    expect(posts).toEqual([]);
  });
});

function codesIn({ out }: Measured): Record<string, string> {
  const { repositories } = JSON.parse(out) as {
    repositories: { repository: string; outcome: string; findings: { code: string }[] }[];
  };
  return Object.fromEntries(
    repositories.map(({ repository, outcome, findings: [first] }) => [repository, first?.code ?? outcome]),
  );
}

/** Names of repositories whose root nearly fills what may be read. */
function large(): readonly string[] {
  const filling = Buffer.from(`{"signed":{"_type":"Root","x":[${"[],".repeat(5 * MiB)}[]]},"signatures":[]}`);
  const names = Array.from({ length: 24 }, (_, i) => `large/${i}`);
  for (const name of names)
    lies.set(name, async (file, answer) => {
      answer.end(file === "timestamp.json" ? await old.file(honest, file, MiB) : filling);
    });
  return names;
}

async function withinMemory({ memory }: Measured, more: number): Promise<void> {
  const small = await shadow(honest);
  console.info(`memory: ${small.memory / MiB} MiB for an honest one, ${memory / MiB} MiB for this`);
  expect(memory).toBeLessThan(small.memory + more);
}
