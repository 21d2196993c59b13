/** Servers with token authentication: what the library shows to whom, and what it reads then. */

import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { roleOf, type Site } from "../support/builder.ts";
import { createAuthority } from "../support/certificates.ts";
import { notaryPerson } from "../support/notary.ts";
import {
  startTokenService,
  startWithTokens,
  type TokenService,
  type User,
} from "../support/token-service.ts";
import type { TrustServer } from "../support/trust-server.ts";

const registry = "registry.example.test";
const repository = `${registry}/org/app`;
const users = new Map<string, User>([
  ["owner", { password: "owner's own", may: ["push", "pull"] }],
  ["reader", { password: "reader's own", may: ["pull"] }],
  ["stranger", { password: "stranger's own", may: [] }],
]);
const kinds = inject("servers").map(({ kind }) => kind);

describe.skipIf(!inject("notary")).each(kinds)("%s that wants tokens", (kind) => {
  let stage: Site;
  let tokens: TokenService;
  let server: TrustServer;

  beforeAll(async () => {
    const directory = mkdtempSync(join(inject("scratch"), "tokens-"));
    const authority = await createAuthority(directory);
    tokens = await startTokenService(authority, users);
    server = await startWithTokens(kind, join(directory, "server"), authority, tokens);
    stage = { server, repository, directory };
    const owner = notaryPerson(server, join(directory, "owner"));
    const env = { NOTARY_AUTH: Buffer.from("owner:owner's own").toString("base64") };
    await owner.do(["init", repository], { env });
    await owner.do(["add", repository, "one", owner.file("content", "one"), "-p"], { env });
  });

  afterAll(async () => {
    await server?.stop();
    await tokens?.close();
  });

  /** What this user, with a config.json of docker's, is told of `one`, and what the token service was asked. */
  async function read(
    user: string,
    password: string | undefined,
    realms: readonly string[] = [tokens.origin],
  ) {
    const name = `${user}-${realms.length}-${password?.length}`;
    const dockerConfig = join(stage.directory, name);
    mkdirSync(dockerConfig, { recursive: true });
    const auth = Buffer.from(`${user}:${password}`).toString("base64");
    const auths = password === undefined ? {} : { [registry]: { auth } };
    writeFileSync(join(dockerConfig, "config.json"), JSON.stringify({ auths }));
    const policy = {
      servers: { [server.url]: { tokenRealms: realms } },
      repositories: [{ match: repository, tofu: true }],
    };
    const before = tokens.asked.length;
    const role = await roleOf(stage, {}, "one", { name, policy, dockerConfig });
    return { role, asked: [...new Set(tokens.asked.slice(before))] };
  }

  test("a user who may pull reads, with one token for all files", async () => {
    const before = tokens.asked.length;
    expect(await read("reader", "reader's own")).toEqual({ role: "targets", asked: ["reader pull"] });
    expect(tokens.asked.length - before).toBe(1);
  });

  test("a user who may not pull is FORBIDDEN", async () => {
    expect(await read("stranger", "stranger's own")).toEqual({ role: "FORBIDDEN", asked: ["stranger pull"] });
  });

  test("a wrong password is UNAUTHORIZED", async () => {
    expect(await read("reader", "another's")).toEqual({ role: "UNAUTHORIZED", asked: ["reader pull"] });
  });

  test("without credentials nothing is read where anonymous readers may not", async () => {
    expect(await read("nobody", undefined)).toEqual({ role: "UNAUTHORIZED", asked: ["nobody pull"] });
  });

  test("a realm that the policy does not name is not asked at all", async () => {
    expect(await read("reader", "reader's own", [])).toEqual({ role: "TOKEN_REALM", asked: [] });
  });
});
