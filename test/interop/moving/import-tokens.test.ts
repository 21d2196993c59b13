/**
 * A Notary behind a token service on another host, as public registries have it: what an import is told to send there, and whose
 * repositories it gets.
 */
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { type Authority, createAuthority } from "../support/certificates.ts";
import { fetchFrom } from "../support/https.ts";
import { notaryPerson } from "../support/notary.ts";
import { type Result, run } from "../support/process.ts";
import {
  startTokenService,
  startWithTokens,
  type TokenService,
  type User,
} from "../support/token-service.ts";
import type { TrustServer } from "../support/trust-server.ts";
import { startVidimus } from "../support/vidimus-server.ts";

const program = join(import.meta.dirname, "../../../bin/vidimus.js");
const repository = "registry.example.test/tokens/app";
const users = new Map<string, User>([
  ["administrator", { password: "interop", may: ["*", "push", "pull"] }],
  ["reader", { password: "interop", may: ["pull"] }],
  ["stranger", { password: "interop", may: [] }],
]);

describe.skipIf(!inject("notary") || !inject("servers").some(({ kind }) => kind === "reference"))(
  "a Notary that wants tokens",
  () => {
    let directory: string;
    let authority: Authority;
    let tokens: TokenService;
    let old: TrustServer;
    let here: TrustServer;

    beforeAll(async () => {
      directory = mkdtempSync(join(inject("scratch"), "import-tokens-"));
      authority = await createAuthority(directory);
      tokens = await startTokenService(authority, users);
      old = await startWithTokens("reference", join(directory, "old"), authority, tokens);
      here = await startVidimus(join(directory, "new"));
      const owner = notaryPerson(old, join(directory, "owner"));
      const env = { NOTARY_AUTH: Buffer.from("administrator:interop").toString("base64") };
      await owner.do(["init", repository, "-p"], { env });
      await owner.do(["add", repository, "one", owner.file("content", "one"), "-p"], { env });
    });
    afterAll(async () => {
      await here?.stop();
      await old?.stop();
      await tokens?.close();
    });

    /** As somebody who is logged in to the registry and the old server; `""`: to none. */
    function bring(user: string, args: readonly string[], password = "interop"): Promise<Result> {
      const home = mkdtempSync(join(directory, "operator-"));
      mkdirSync(join(home, ".docker"));
      const entry = { auth: Buffer.from(`${user}:${password}`).toString("base64") };
      const auths = { "registry.example.test": entry, [new URL(old.url).host]: entry };
      writeFileSync(join(home, ".docker/config.json"), JSON.stringify({ auths: user === "" ? {} : auths }));
      const flags = ["--old-ca", authority.ca, "--server", here.url, "--ca", here.ca];
      return run(process.execPath, [program, "import", "notary", old.url, ...args, ...flags], {
        env: { PATH: process.env.PATH ?? "", HOME: home },
        cwd: home,
      });
    }
    const realm = () => ["--old-realm", tokens.origin];
    const isHere = async () =>
      (await fetchFrom(here, `/v2/${repository}/_trust/tuf/root.json`)).status === 200;

    test("elsewhere is sent nothing before somebody says that it may be", async () => {
      const before = tokens.asked.length;
      for (const names of [[], [repository]]) {
        const { code, stdout, stderr } = await bring("administrator", names);
        expect([code, stdout]).toEqual([84, ""]);
        expect(stderr.trim().split("\n")).toEqual([expect.stringContaining("--old-realm")]);
        expect(stderr).toContain(tokens.origin);
      }
      expect(tokens.asked.length).toBe(before);
    });

    test("shows its changes to nobody who may not read its catalog", async () => {
      for (const [user, password] of [
        ["", ""],
        ["reader", "interop"],
        ["administrator", "wrong"],
      ] as const) {
        const { code, stdout, stderr } = await bring(user, realm(), password);
        expect([user, code, stdout]).toEqual([user, 84, ""]);
        expect(stderr.trim().split("\n")).toEqual([expect.stringContaining("--names")]);
      }
      expect(await isHere()).toBe(false);
    });

    test("gives a repository to who may read it, and its finding to who may not", async () => {
      const refused = await bring("stranger", [repository, ...realm(), "--json"]);
      expect([refused.code, refused.stderr]).toEqual([83, ""]);
      expect(JSON.parse(refused.stdout).repositories).toMatchObject([
        { outcome: "leftOut", findings: [{ code: "SOURCE_FORBIDDEN" }] },
      ]);
      expect(await isHere()).toBe(false);
      const taken = await bring("reader", [repository, ...realm(), "--json"]);
      expect([taken.code, taken.stderr]).toEqual([0, ""]);
      expect(JSON.parse(taken.stdout).repositories).toMatchObject([{ repository, outcome: "taken" }]);
    });

    test("gives all of its changefeed to who may read the catalog", async () => {
      const { code, stdout, stderr } = await bring("administrator", realm());
      expect([code, stderr]).toEqual([0, ""]);
      expect(stdout).toContain("nothing missing");
      expect(stdout).toMatch(
        /vidimus adopt registry\.example\.test\/tokens\/app .*good until 20\d\d-\d\d-\d\d/,
      );
      expect(tokens.asked).toContain("administrator *");
      const list = notaryPerson(here, join(directory, "newcomer"));
      expect((await list.do(["list", repository])).stdout).toContain("one");
    });
  },
);
