/** `vidimus audit log` and `verify` of a running server: who may ask, and servers that lie. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pino } from "pino";
import { beforeAll, describe, expect, it } from "vitest";
import { exitCodes } from "../../src/cli/exit-codes.ts";
import { runCli } from "../../src/cli/program.ts";
import { entryHash } from "../../src/core/audit-chain.ts";
import { headLine } from "../../src/core/audit-head.ts";
import { AuditHeads, announcingInLog } from "../../src/service/trail/heads.ts";
import { createSealedRecord, openSealed } from "../../src/signer/sealed.ts";
import { keySecret } from "../../src/signer/secret.ts";
import type { AuditEntry } from "../../src/store/contract/audit.ts";
import { openMemory } from "../../src/store/memory.ts";
import { contextOf, Said, servesNothing } from "../support/command.ts";
import { temporaryDirectory } from "../support/directory.ts";
import { deadPort, plainServer } from "../support/fetching.ts";
import { publishNext } from "../support/publications.ts";
import { runningServer } from "../support/running-server.ts";
import { start, TestClock } from "../support/server.ts";

const folder = temporaryDirectory();
const fileWith = (name: string, text: string) => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

async function run(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const said = new Said();
  const readFile = (path: string) => readFileSync(path, "utf8");
  const context = contextOf(said, { readFile, env: { HOME: folder, ...env } });
  return { code: await runCli(args, context, servesNothing), out: said.out, err: said.err };
}

describe("a server that knows its callers", () => {
  let data: string;
  let place: readonly string[];
  const machines = new Map<string, string>();

  beforeAll(async () => {
    data = temporaryDirectory();
    const port = String(await deadPort());
    const server = await runningServer({
      data,
      "server.port": port,
      "auth.mode": "builtin",
      "auth.builtin.realm": `https://127.0.0.1:${port}/token`,
    });
    place = ["--server", server.url, "--ca", fileWith("ca.pem", server.ca)];
    const local = ["--data", data, "--port", port];
    const password = fileWith("password", "a long password");
    for (const name of ["ann", "bob"])
      await run(["user", "add", name, "--password-file", password, ...local]);
    await run(["acl", "add", "user:ann", "**", "audit", ...local]);
    await run(["acl", "add", "user:bob", "**", "catalog,pull,push", ...local]);
    for (const right of ["audit", "catalog"]) {
      const { out } = await run(["token", "create", `only-${right}`, `**=${right}`, ...local]);
      machines.set(right, fileWith(right, out));
    }
  });

  const callers: readonly (readonly [
    string,
    () => readonly string[],
    Readonly<Record<string, string>>,
    number,
  ])[] = [
    ["a machine with the right audit", () => ["--token-file", machines.get("audit") ?? ""], {}, 0],
    [
      "a user with the right audit",
      () => ["--login", "ann", "--login-password-file", join(folder, "password")],
      {},
      0,
    ],
    [
      "such a user, by the environment",
      () => [],
      { VIDIMUS_USER: "ann", VIDIMUS_PASSWORD: "a long password" },
      0,
    ],
    ["a machine without it", () => ["--token-file", machines.get("catalog") ?? ""], {}, 70],
    ["a user without it", () => [], { VIDIMUS_USER: "bob", VIDIMUS_PASSWORD: "a long password" }, 70],
    ["nobody", () => [], {}, 70],
  ];

  it.each(callers)("%s asks, and it ends as it should", async (_what, flags, env, expected) => {
    const verified = await run(["audit", "verify", ...place, ...flags()], env);
    const shown = await run(["audit", "log", "--kind", "user.added", ...place, ...flags()], env);
    expect([verified.code, shown.code]).toEqual([expected, expected]);
    if (expected === 0) {
      expect(verified.out).toMatch(/^[0-9]+ entries were verified: the trail is whole in itself/);
      expect(shown.out).toMatch(
        / user\.added by operator \(operator from 127\.0\.0\.1\) \{"password":true,"user":"ann"\}/,
      );
      return;
    }
    expect([verified.out, shown.out]).toEqual(["", ""]);
    expect(verified.err).toMatch(
      env.VIDIMUS_USER === undefined && flags().length === 0
        ? /--login|VIDIMUS_ACCESS_TOKEN/
        : /the right audit/,
    );
  });

  it.each([
    ["of two lines", (token: string) => `${token}\n${token}\n`],
    ["of none", () => "\n"],
    ["of letters that no header takes", (token: string) => `${token}\u20ac\n`],
    ["that is too long", (token: string) => token.repeat(400)],
  ])(
    "is not asked with a file %s in place of a token: that is told, and what it holds is not",
    async (_what, made) => {
      const token = readFileSync(machines.get("audit") ?? "", "utf8").trim();
      const file = fileWith("no-token", made(token));
      for (const command of [
        ["user", "list"],
        ["audit", "log"],
      ]) {
        const { code, out, err } = await run([...command, ...place, "--token-file", file]);
        expect([code, out]).toEqual([exitCodes.accessRefused.code, ""]);
        expect(err).toContain(`The file ${file} must hold one line, a token`);
        expect(err).not.toContain(token);
      }
    },
  );

  it("is not asked by flags that lead to no server", async () => {
    const { code, err } = await run(["audit", "verify", "--data", data, "--login", "ann"]);
    expect([code, err]).toEqual([
      exitCodes.usage.code,
      expect.stringContaining("--login is of no use without --server"),
    ]);
  });
});

describe("what a server says of its trail", () => {
  let entries: readonly AuditEntry[];
  let kept: string;

  beforeAll(async () => {
    const store = openMemory();
    for (let i = 0; i < 250; i++) await publishNext(store, `r${i}`);
    const secret = keySecret(Buffer.alloc(32, 7));
    const signer = await openSealed({ secret, record: await createSealedRecord(secret) });
    const logger = pino({ enabled: false });
    const clock = new TestClock(start);
    const announcer = announcingInLog(logger);
    const heads = new AuditHeads({ store, signer, logger, clock, algorithm: "ed25519", announcer });
    kept = fileWith("heads", `${headLine(await heads.signed())}\n`);
    for (let i = 0; i < 20; i++) await publishNext(store, `s${i}`);
    const { entries: all } = await store.audit.list({ direction: "forwards", limit: 1_000 });
    entries = all;
    expect(entries.length).toBeGreaterThan(260);
  });

  /** The same entries with one of them another, and all hashes after it made again. */
  function recomputed(from: number): readonly AuditEntry[] {
    let previous = "0".repeat(64);
    return entries.map((each) => {
      const entry = each.number === from ? { ...each, actor: { ...each.actor, name: "mallory" } } : each;
      previous = entryHash(previous, entry);
      return { ...entry, hash: previous };
    });
  }

  interface Lie {
    readonly all: readonly AuditEntry[];
    readonly head?: object;
    readonly page?: (asked: URLSearchParams) => object;
  }

  /** A server that has these entries. */
  async function saying({ all, head, page }: Lie): Promise<{ url: string; asked: readonly string[] }> {
    const asked: string[] = [];
    const server = await plainServer(({ url }, response) => {
      asked.push(url);
      const { pathname, searchParams } = new URL(url, "http://x");
      const last = all.at(-1);
      if (pathname === "/api/v1/audit/head") {
        response.end(JSON.stringify(head ?? { number: last?.number, hash: last?.hash, at: last?.at }));
        return;
      }
      const after = Number(searchParams.get("after"));
      const limit = Number(searchParams.get("limit"));
      const found = all.filter(({ number }) => number > after).slice(0, limit);
      const next = found.length === limit ? found.at(-1)?.number : undefined;
      response.end(JSON.stringify(page?.(searchParams) ?? { entries: found, next }));
    });
    return { url: server.url, asked };
  }
  const verify = async (lie: Lie, ...flags: readonly string[]) => {
    const { url } = await saying(lie);
    return await run(["audit", "verify", "--server", url, "--json", ...flags]);
  };
  const faultOf = (out: string) => (JSON.parse(out) as { fault?: { kind: string; number: number } }).fault;

  it("is read in pages, and good if it extends the heads", async () => {
    const { url, asked } = await saying({ all: entries });
    const { code, out } = await run(["audit", "verify", "--server", url, "--since", kept]);
    expect([code, out]).toEqual([
      0,
      expect.stringContaining(`${entries.length} entries were verified: the trail extends 1 heads`),
    ]);
    expect(asked.length).toBeGreaterThan(3);
  });

  it("is shown as it says", async () => {
    const { url } = await saying({ all: entries });
    const { out } = await run(["audit", "log", "--server", url, "--json"]);
    expect(out.trim().split("\n")).toHaveLength(entries.length);
    const odd = entries.map((each) => ({ ...each, detail: "no JSON" }));
    const { out: shown, code } = await run([
      "audit",
      "log",
      "--server",
      (await saying({ all: odd })).url,
      "--json",
    ]);
    expect([code, JSON.parse(shown.split("\n")[0] ?? "")]).toEqual([
      0,
      expect.objectContaining({ detail: "no JSON" }),
    ]);
  });

  it.each<[string, () => Lie, string, number]>([
    [
      "an altered entry",
      () => ({ all: entries.map((each) => (each.number === 120 ? { ...each, kind: "other" } : each)) }),
      "altered",
      120,
    ],
    ["a missing entry", () => ({ all: entries.filter(({ number }) => number !== 130) }), "gap", 130],
    [
      "less than its own head",
      () => ({ all: entries.slice(0, 255), head: { ...headOf(entries) } }),
      "truncated",
      256,
    ],
    [
      "another entry than its own head",
      () => ({ all: recomputed(3), head: { ...headOf(entries) } }),
      "rewritten",
      270,
    ],
  ])("is not good with %s", async (_what, lie, kind, number) => {
    const { code, out } = await verify(lie());
    expect([code, faultOf(out)]).toEqual([
      exitCodes.trailBroken.code,
      expect.objectContaining({ kind, number }),
    ]);
  });

  const headOf = (all: readonly AuditEntry[]) => {
    const { number, hash, at } = all.at(-1) as AuditEntry;
    return { number, hash, at };
  };

  it("may be whole in itself, and is not good then if it does not extend an earlier head", async () => {
    expect((await verify({ all: recomputed(3) })).code).toBe(0);
    const rewritten = await verify({ all: recomputed(3) }, "--since", kept);
    expect([rewritten.code, faultOf(rewritten.out)?.kind]).toEqual([exitCodes.trailBroken.code, "rewritten"]);
    const truncated = await verify({ all: entries.slice(0, 200) }, "--since", kept);
    expect([truncated.code, faultOf(truncated.out)?.kind]).toEqual([exitCodes.trailBroken.code, "truncated"]);
    const { url } = await saying({ all: recomputed(3) });
    const { out } = await run(["audit", "verify", "--server", url, "--since", kept]);
    expect(out).toContain("ask who runs the server");
  });

  it.each<[string, Partial<Lie>]>([
    ["pages that do not get on", { page: () => ({ entries: [], next: 0 }) }],
    ["an entry without a hash", { page: () => ({ entries: [{ number: 1 }] }) }],
    ["more than was asked for", { page: () => ({ entries: entries.slice(0, 101) }) }],
    ["half a character", { page: () => ({ entries: [{ ...entries[0], kind: "\ud800" }] }) }],
    ["no head", { head: { number: "many" } }],
  ])("is refused with %s", async (_what, lie) => {
    const { code, out } = await verify({ all: entries, ...lie });
    expect([code, out]).toEqual([exitCodes.noAnswer.code, ""]);
  });
});
