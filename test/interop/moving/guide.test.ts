/**
 * The guides of docs/moving.md, each played from its first command to its last as its reader would: beside an old Notary of
 * Debian's packages on PostgreSQL, with the directory that a stock client has made there, on a machine that never heard of
 * Vidimus before. Addresses and names of the page are those that the test has; nothing else is replaced.
 */
import { spawn } from "node:child_process";
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { type Block, blocksOf } from "../../../tools/markdown.ts";
import { dockerPerson } from "../support/docker.ts";
import { pushTrusted } from "../support/docker-images.ts";
import { passphrases } from "../support/notary.ts";
import { type Postgres, startPostgres } from "../support/postgres.ts";
import { oldPassphrase, startReferenceServer } from "../support/reference-server.ts";
import type { DockerStage } from "../support/scenario.ts";
import type { TrustServer } from "../support/trust-server.ts";
import { startVidimus } from "../support/vidimus-server.ts";

const place = inject("docker");
const possible = inject("notary") && inject("databases") && place !== null;
const root = resolve(import.meta.dirname, "../../..");
const page = readFileSync(join(root, "docs/moving.md"), "utf8");
const image = `${place?.registry ?? ""}/moving/guide`;
const secondsForBlock = 120;

/** Of one guide, in the order of the page. */
function guide(title: string): readonly Block[] {
  const start = page.indexOf(`\n## Guide: ${title}\n`);
  if (start < 0) throw new Error(`docs/moving.md has no guide called ${title}`);
  const end = page.indexOf("\n## ", start + 1);
  return blocksOf(page.slice(start, end)).filter(({ run }) => run);
}

let directory: string;
let postgres: Postgres;
let old: TrustServer;
let rootKey: string;
let owner: ReturnType<typeof dockerPerson>;
const running: TrustServer[] = [];

interface Machine {
  readonly server: TrustServer;
  /** Plays a block; gives what was printed. */
  play(block: Block): Promise<string>;
}

/** A machine with a stock client's directory, beside a new Vidimus. */
async function machine(name: string): Promise<Machine> {
  const home = join(directory, name);
  const server = await startVidimus(join(directory, `${name}-server`));
  running.push(server);
  mkdirSync(join(home, "bin"), { recursive: true });
  symlinkSync(join(root, "bin/vidimus.js"), join(home, "bin/vidimus"));
  cpSync(join(owner.directory, "docker"), join(home, ".docker"), { recursive: true });
  for (const each of [old, server]) {
    const tls = join(home, ".docker/tls", new URL(each.url).host);
    mkdirSync(tls, { recursive: true });
    copyFileSync(each.ca, join(tls, "ca.crt"));
  }
  const authorities = join(home, "authorities.pem");
  writeFileSync(authorities, [old, server].map(({ ca }) => readFileSync(ca, "utf8")).join(""));
  writeFileSync(join(home, "old-passphrase"), oldPassphrase, { mode: 0o600 });
  const programs = [dirname(place?.program ?? ""), join(home, "bin"), dirname(process.execPath)];
  const env = {
    HOME: home,
    PATH: [...programs, process.env.PATH].join(":"),
    DOCKER_HOST: place?.host ?? "",
    DOCKER_CONTENT_TRUST_SERVER: old.url,
    DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE: passphrases.NOTARY_ROOT_PASSPHRASE,
    DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE: passphrases.NOTARY_TARGETS_PASSPHRASE,
    SSL_CERT_FILE: authorities,
    NODE_EXTRA_CA_CERTS: authorities,
    ROOT_KEY: rootKey,
  };
  const text = (block: Block) =>
    block.text
      .replaceAll("https://notary.acme.example", old.url)
      .replaceAll("https://trust.acme.example", server.url)
      .replaceAll("registry.acme.example/team/app", image)
      .replaceAll("postgres://signer@db.acme.example:5432/notarysigner", postgres.signer);
  return {
    server,
    play: async (block) => {
      const { code, output } = await shell(text(block), home, env);
      expect({ line: block.text, code, output }).toMatchObject({ code: 0 });
      return output;
    },
  };
}

function shell(
  text: string,
  cwd: string,
  env: NodeJS.ProcessEnv,
): Promise<{ code: number | null; output: string }> {
  return new Promise((done, failed) => {
    const child = spawn("sh", ["-eu", "-c", text], { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
    const timer = setTimeout(() => child.kill("SIGKILL"), secondsForBlock * 1_000);
    let output = "";
    const add = (chunk: Buffer) => {
      output += chunk.toString("utf8");
    };
    child.stdout.on("data", add);
    child.stderr.on("data", add);
    child.on("error", failed);
    child.on("close", (code) => {
      clearTimeout(timer);
      done({ code, output });
    });
  });
}

describe.skipIf(!possible)("the guides of docs/moving.md", () => {
  beforeAll(async () => {
    if (place === null) throw new Error("no docker engine");
    directory = mkdtempSync(join(inject("scratch"), "guide-"));
    postgres = await startPostgres();
    old = await startReferenceServer(join(directory, "old"), { databases: postgres });
    owner = dockerPerson(place, old, join(directory, "owner"), "");
    const person = () => owner;
    const stage = { server: old, place, repository: image, directory, person, docker: person };
    await pushTrusted(owner, stage as unknown as DockerStage, "v1");
    const { stdout } = await owner.do(["trust", "inspect", image]);
    const [found] = JSON.parse(stdout) as {
      AdministrativeKeys: { Name: string; Keys: { ID: string }[] }[];
    }[];
    rootKey = found?.AdministrativeKeys.find(({ Name }) => Name === "Root")?.Keys[0]?.ID ?? "";
  }, 240_000);
  afterAll(async () => {
    for (const server of running) await server.stop();
    await old?.stop();
    await postgres?.stop();
  });

  test("one repository on somebody else's server", { timeout: 300_000 }, async () => {
    const blocks = guide("one repository on somebody else's server");
    const { play } = await machine("somebody");
    const said: string[] = [];
    for (const block of blocks) said.push(await play(block));
    expect(said).toHaveLength(5);
    expect(said[1]).toMatch(/ root +1 of .* yes /);
    expect(said[2]).toContain(rootKey);
    expect(said[3]).toContain("root 2");
    expect(said[4]).toMatch(/Successfully signed .*v2|Signing and pushing/);
  });

  test("a Notary of your own", { timeout: 300_000 }, async () => {
    const blocks = guide("a Notary of your own");
    const { play } = await machine("administrator");
    for (const block of blocks.filter(({ needs }) => !needs.includes("old-stopped"))) await play(block);
    await old.stop();
    const said: string[] = [];
    for (const block of blocks.filter(({ needs }) => needs.includes("old-stopped")))
      said.push(await play(block));
    expect(said).toHaveLength(2);
    expect(said[0]).toContain("taken in");
    expect(said[1]).toContain("v1");
  });

  test("only what a client kept", { timeout: 300_000 }, async () => {
    const blocks = guide("only what a client kept");
    const { play } = await machine("laptop");
    const said: string[] = [];
    for (const block of blocks) said.push(await play(block));
    expect(said).toHaveLength(3);
    expect(said[0]).toContain("taken over");
    expect(said[2]).toContain("v1");
  });
});
