/**
 * The stock clients with names and passwords that the server knows itself, a token of a machine in a script, and people whom
 * only the registry knows: Debian's docker-registry with an htpasswd file, on another port than the trust server.
 */
import { existsSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import bcrypt from "bcryptjs";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { administer } from "../support/administer.ts";
import { dockerPerson, dockerRefusal, trusted } from "../support/docker.ts";
import { pull, pushTrusted } from "../support/docker-images.ts";
import { type NotaryPerson, notaryPerson } from "../support/notary.ts";
import { freePort, type Running, run, start } from "../support/process.ts";
import type { DockerStage } from "../support/scenario.ts";
import type { TrustServer } from "../support/trust-server.ts";
import { startVidimus } from "../support/vidimus-server.ts";

const password = "interop";
const repository = "registry.example.test/org/app";
const registryProgram = "/usr/bin/docker-registry";
const as = (user: string, given = password) => ({
  env: { NOTARY_AUTH: Buffer.from(`${user}:${given}`).toString("base64") },
});

describe.skipIf(!inject("notary") || !existsSync(registryProgram))("names and passwords", () => {
  let directory: string;
  let server: TrustServer;
  let registry: Running;
  let machine: string;

  beforeAll(async () => {
    directory = mkdtempSync(join(inject("scratch"), "builtin-"));
    const [port, ofRegistry] = [await freePort(), await freePort()];
    registry = await startRegistry(ofRegistry);
    const file = join(directory, "vidimus.yaml");
    const builtin = {
      realm: `https://127.0.0.1:${port}/token`,
      service: "vidimus.example.test",
      registry: `http://127.0.0.1:${ofRegistry}`,
      passwordFile: passwords("passwords", "owner", "administrator", "reader", "stranger"),
    };
    writeFileSync(file, JSON.stringify({ auth: { mode: "builtin", builtin } }));
    server = await startVidimus(join(directory, "server"), {
      flags: ["--config", file, "--port", String(port)],
    });
    const data = join(directory, "server", "data");
    await administer(data, server.url, [
      ["PUT", "permissions", { subject: "user:owner", pattern: "**", actions: ["pull", "push"] }],
      ["PUT", "permissions", { subject: "user:administrator", pattern: "**", actions: ["*"] }],
      ["PUT", "permissions", { subject: "user:reader", pattern: "**", actions: ["pull"] }],
      [
        "PUT",
        "permissions",
        { subject: "user:of-the-registry", pattern: "registry.example.test/**", actions: ["pull"] },
      ],
    ]);
    const scopes = [{ pattern: repository, actions: ["pull", "push"] }];
    const [made] = await administer(data, server.url, [
      ["POST", "tokens", { name: "ci", scopes, lifetime: 600 }],
    ]);
    machine = (made as { token: string }).token;
  });
  afterAll(async () => {
    await server?.stop();
    await registry?.stop();
  });

  function passwords(name: string, ...users: readonly string[]): string {
    const path = join(directory, name);
    writeFileSync(
      path,
      users.map((user) => `${user}:${bcrypt.hashSync(password, 5).replace("$2b$", "$2y$")}\n`).join(""),
    );
    return path;
  }

  async function startRegistry(port: number): Promise<Running> {
    mkdirSync(join(directory, "registry"));
    const file = join(directory, "registry.yml");
    const config = {
      version: "0.1",
      log: { level: "error", accesslog: { disabled: true } },
      storage: { filesystem: { rootdirectory: join(directory, "registry") } },
      http: { addr: `127.0.0.1:${port}`, secret: "interop" },
      auth: { htpasswd: { realm: "registry", path: passwords("htpasswd", "of-the-registry") } },
    };
    writeFileSync(file, JSON.stringify(config));
    return await start(registryProgram, ["serve", file], {
      env: { PATH: process.env.PATH ?? "", HOME: directory },
      log: join(directory, "registry.log"),
      ready: async () => (await fetch(`http://127.0.0.1:${port}/v2/`)).status === 401,
    });
  }

  const person = (name: string): NotaryPerson => notaryPerson(server, join(directory, name));
  // A directory each: a client that has the files already goes on without the server.
  const list = async (user: string, given?: string) =>
    (
      await person(`list-${user}${given === undefined ? "" : "-other"}`).try(
        ["list", repository],
        as(user, given),
      )
    ).code === 0;

  test("notary: each does what was permitted, and nothing with a wrong password", async () => {
    const owner = person("owner");
    expect((await person("reader").try(["init", repository, "-p"], as("reader"))).code).not.toBe(0);
    expect((await person("wrong").try(["init", repository, "-p"], as("owner", "wrong"))).code).not.toBe(0);
    await owner.do(["init", repository, "-p"], as("owner"));
    await owner.do(["add", repository, "one", owner.file("content", "one"), "-p"], as("owner"));
    expect(await list("reader")).toBe(true);
    expect(await list("stranger")).toBe(false);
    expect((await owner.try(["key", "rotate", repository, "snapshot", "-r"], as("owner"))).code).not.toBe(0);
    await owner.do(["key", "rotate", repository, "snapshot", "-r"], as("administrator"));
    await owner.do(["add", repository, "two", owner.file("content2", "two"), "-p"], as("ci", machine));
  });

  test("notary: whom the registry knows reads with the registry's password alone", async () => {
    expect(await list("of-the-registry")).toBe(true);
    expect(await list("of-the-registry", "wrong")).toBe(false);
  });

  test("a script reads with the token of a machine, until it is revoked", async () => {
    const read = async () => {
      const script = `wget -q -O /dev/null --ca-certificate="$CA" --header "Authorization: Bearer $TOKEN" "$URL"`;
      const env = {
        PATH: process.env.PATH ?? "",
        CA: server.ca,
        TOKEN: machine,
        URL: `${server.url}/v2/${repository}/_trust/tuf/root.json`,
      };
      return (await run("sh", ["-c", script], { env })).code === 0;
    };
    expect(await read()).toBe(true);
    await administer(join(directory, "server", "data"), server.url, [["DELETE", "tokens/ci"]]);
    expect(await read()).toBe(false);
    expect(await list("ci", machine)).toBe(false);
  });

  test.skipIf(inject("docker") === null)(
    "docker: logged in at the registry it pushes and pulls, as another it may not",
    async () => {
      const place = inject("docker");
      if (place === null) throw new Error("no docker engine");
      const stage: DockerStage = {
        server,
        place,
        directory,
        repository: `${place.registry}/auth-builtin/app`,
        person,
        docker: (name) => dockerPerson(place, server, join(directory, `docker-${name}`), name),
      };
      const digest = await pushTrusted(stage.docker("owner"), stage, "v1");
      expect(await pull(stage.docker("reader"), stage, "v1")).toBe(digest);
      const stranger = await stage.docker("stranger").try(["pull", trusted, `${stage.repository}:v1`]);
      expect(dockerRefusal(stranger)).toBe("not authorized");
    },
  );
});
