/**
 * The stock clients against a server that wants the tokens of a token service, on both servers: whoever may, publishes and
 * reads; whoever may not, is told so. docker looks its credentials up under the registry's name, which is another host than
 * the trust server's, and sends them to the realm.
 */
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { type Authority, createAuthority } from "../support/certificates.ts";
import { dockerPerson, dockerRefusal, trusted } from "../support/docker.ts";
import { pull, pushTrusted } from "../support/docker-images.ts";
import { type NotaryPerson, notaryPerson } from "../support/notary.ts";
import type { DockerStage } from "../support/scenario.ts";
import {
  startTokenService,
  startWithTokens,
  type TokenService,
  type User,
} from "../support/token-service.ts";
import type { TrustServer } from "../support/trust-server.ts";

const users = new Map<string, User>([
  ["owner", { password: "interop", may: ["push", "pull"] }],
  ["administrator", { password: "interop", may: ["*"] }],
  ["reader", { password: "interop", may: ["pull"] }],
  ["stranger", { password: "interop", may: [] }],
]);
const repository = "registry.example.test/org/app";
const kinds = inject("servers").map(({ kind }) => kind);
const as = (user: string, password = "interop") => ({
  env: { NOTARY_AUTH: Buffer.from(`${user}:${password}`).toString("base64") },
});

describe.skipIf(!inject("notary")).each(kinds)("%s", (kind) => {
  let directory: string;
  let authority: Authority;
  let tokens: TokenService;
  let server: TrustServer;

  beforeAll(async () => {
    directory = mkdtempSync(join(inject("scratch"), `auth-${kind}-`));
    authority = await createAuthority(directory);
    tokens = await startTokenService(authority, users);
    server = await startWithTokens(kind, join(directory, "server"), authority, tokens);
  });
  afterAll(async () => {
    await server?.stop();
    await tokens?.close();
  });

  const person = (name: string): NotaryPerson => notaryPerson(server, join(directory, name));

  test("notary: each does what the tokens of this user allow, and nothing else", async () => {
    const owner = person("owner");
    const init = (who: NotaryPerson, user: string, password?: string) =>
      who.try(["init", repository, "-p"], as(user, password));
    expect((await init(person("reader"), "reader")).code).not.toBe(0);
    expect((await init(person("wrong"), "owner", "wrong")).code).not.toBe(0);
    await owner.do(["init", repository, "-p"], as("owner"));
    await owner.do(["add", repository, "one", owner.file("content", "one"), "-p"], as("owner"));

    const list = async (user: string) =>
      (await person(`list-${user}`).try(["list", repository], as(user))).code === 0;
    expect(await list("reader")).toBe(true);
    expect(await list("stranger")).toBe(false);

    // To rotate the server's key and to delete take every right.
    expect((await owner.try(["key", "rotate", repository, "snapshot", "-r"], as("owner"))).code).not.toBe(0);
    await owner.do(["key", "rotate", repository, "snapshot", "-r"], as("administrator"));
    expect(await list("reader")).toBe(true);
    expect((await owner.try(["delete", repository, "--remote"], as("owner"))).code).not.toBe(0);
    await owner.do(["delete", repository, "--remote"], as("administrator"));
    expect((await person("later").try(["list", repository], as("reader"))).code).not.toBe(0);
  });

  test.skipIf(inject("docker") === null)(
    "docker: logged in at the registry it pushes and pulls, as another it may not",
    async () => {
      const place = inject("docker");
      if (place === null) throw new Error("no docker engine");
      // Another name than the registry's, so that nothing can be found under the trust server's own.
      const elsewhere = { ...server, url: server.url.replace("127.0.0.1", "localhost") };
      expect(new URL(elsewhere.url).hostname).not.toBe(place.registry.split(":")[0]);
      const stage: DockerStage = {
        server: elsewhere,
        place,
        directory,
        repository: `${place.registry}/auth-${kind}/app`,
        person,
        docker: (name) => dockerPerson(place, elsewhere, join(directory, `docker-${name}`), name),
      };
      const digest = await pushTrusted(stage.docker("owner"), stage, "v1");
      expect(await pull(stage.docker("reader"), stage, "v1")).toBe(digest);
      const stranger = await stage.docker("stranger").try(["pull", trusted, `${stage.repository}:v1`]);
      expect(dockerRefusal(stranger)).toBe("not authorized");
      const asked = new Set(tokens.asked.map((each) => each.split(" ")[0]));
      expect([...asked].sort()).toEqual(expect.arrayContaining(["owner", "reader", "stranger"]));
    },
  );
});

describe.skipIf(!inject("notary") || !kinds.includes("vidimus"))("a server that everybody may read", () => {
  let directory: string;
  let tokens: TokenService;
  let server: TrustServer;

  beforeAll(async () => {
    directory = mkdtempSync(join(inject("scratch"), "auth-open-"));
    const authority = await createAuthority(directory);
    tokens = await startTokenService(authority, users);
    server = await startWithTokens("vidimus", join(directory, "server"), authority, tokens, {
      anonymousRead: true,
    });
  });
  afterAll(async () => {
    await server?.stop();
    await tokens?.close();
  });

  test("notary: whose token allows nothing, or who has none, reads, and publishes nothing", async () => {
    const person = (name: string): NotaryPerson => notaryPerson(server, join(directory, name));
    const owner = person("owner");
    await owner.do(["init", repository, "-p"], as("owner"));
    await owner.do(["add", repository, "one", owner.file("content", "one"), "-p"], as("owner"));
    expect((await person("nobody").do(["list", repository])).stdout).toContain("one");
    // What the client asks the token service for is a token that allows nothing, and it sends that.
    expect(tokens.asked).toContain("nobody pull");
    expect((await person("stranger").do(["list", repository], as("stranger"))).stdout).toContain("one");
    const other = `${repository}/other`;
    for (const options of [{}, as("stranger"), as("reader")])
      expect((await person("intruder").try(["init", other, "-p"], options)).code).not.toBe(0);
    expect((await person("later").try(["list", other], as("owner"))).code).not.toBe(0);
  });
});
