/**
 * Answers about the past against what the stock client accepts: the files that our answers name for an instant are handed to
 * `notary` by a server that has no others, and what it lists has to be what we say could be and was signed then. The history is
 * made by `notary` itself.
 */
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { sha256Hex } from "../../../src/core/bytes.ts";
import { httpsServer } from "../../support/https-server.ts";
import { type KeyFiles, selfSigned } from "../support/certificates.ts";
import { fetchFrom } from "../support/https.ts";
import { metadataPath, served } from "../support/metadata.ts";
import { listedTargets, type NotaryPerson, notaryPerson } from "../support/notary.ts";
import type { TrustServer, TrustServerAddress } from "../support/trust-server.ts";
import { startVidimus } from "../support/vidimus-server.ts";

const repository = "audit.example.test/past";
const releases = "targets/releases";
const possible = inject("notary");

let directory: string;
let server: TrustServer;
let owner: NotaryPerson;
let ann: KeyFiles;
let bob: KeyFiles;
let carol: KeyFiles;
/** Instants of the story, by what had just happened. */
const instants = new Map<string, string>();

async function remember(what: string): Promise<void> {
  const pause = () => new Promise((resolve) => setTimeout(resolve, 20));
  await pause();
  instants.set(what, new Date().toISOString());
  await pause();
}

beforeAll(async () => {
  if (!possible) return;
  directory = mkdtempSync(join(inject("scratch"), "past-"));
  mkdirSync(join(directory, "server"));
  server = await startVidimus(join(directory, "server"));
  owner = notaryPerson(server, join(directory, "owner"));
  ann = await selfSigned(owner.directory, "ann");
  bob = await selfSigned(owner.directory, "bob");
  carol = await selfSigned(owner.directory, "carol");
  const file = owner.file("file", "content");
  const published = async (...args: readonly string[]) => {
    await owner.do([...args, "-p"]);
  };
  await published("init", repository);
  await owner.do(["key", "rotate", repository, "snapshot", "-r"]);
  await published("add", repository, "v1", file);
  await remember("without a delegation");
  await published("delegation", "add", repository, releases, ann.certificate, "--all-paths");
  await owner.do(["key", "import", ann.privateKey, "-r", releases]);
  await published("add", repository, "v2", file, "-r", releases);
  await remember("with a delegation");
  await published("delegation", "add", repository, releases, bob.certificate);
  await owner.do(["key", "import", bob.privateKey, "-r", releases]);
  await published("add", repository, "v3", owner.file("other", "other content"), "-r", releases);
  await remember("with two keys");
  await published("delegation", "remove", repository, releases, ann.keyId, "-y");
  await remember("with one of them taken out");
  await owner.do(["key", "rotate", repository, "targets"]);
  await remember("with another key of targets");
  await published("delegation", "add", repository, releases, carol.certificate);
  await published("delegation", "remove", repository, releases, bob.keyId, "-y");
  await remember("with a key exchanged, and nothing signed by it");
  await published("delegation", "remove", repository, releases, "-y");
  await remember("with the delegation removed");
}, 180_000);

afterAll(async () => await server?.stop());

type Line = Readonly<Record<string, string | number | boolean | null | readonly string[]>>;

async function ask(question: string, query: Readonly<Record<string, string>>): Promise<readonly Line[]> {
  const asked = new URLSearchParams({ repository, ...query });
  const { status, body } = await fetchFrom(server, `/api/v1/audit/${question}?${asked.toString()}`);
  expect([question, status]).toEqual([question, 200]);
  return (JSON.parse(body.toString("utf8")) as { lines: readonly Line[] }).lines;
}

/** A server with nothing but what was current at an instant, as the answers say it. */
async function serverOf(at: string): Promise<TrustServerAddress> {
  const answers = new Map<string, Buffer>();
  for (const role of ["root", "targets", releases, "snapshot", "timestamp"]) {
    const lines = await ask("signatures", { role, at });
    const current = lines.find(({ currentUntil }) => currentUntil === null);
    if (current === undefined) continue;
    const bytes = await served(server, repository, `${current.version}.${role}.json`);
    expect(sha256Hex(bytes)).toBe(current.sha256);
    answers.set(metadataPath(repository, `${role}.json`), bytes);
    answers.set(metadataPath(repository, `${role}.${current.sha256}.json`), bytes);
    if (role !== "root") continue;
    for (let version = 1; version <= Number(current.version); version++) {
      const name = `${version}.root.json`;
      answers.set(metadataPath(repository, name), await served(server, repository, name));
    }
  }
  const { url, ca } = await httpsServer((request, response) => {
    const body = answers.get(request.url ?? "");
    if (request.url === "/v2/") response.writeHead(200).end("{}");
    else response.writeHead(body === undefined ? 404 : 200).end(body ?? "");
  });
  const file = join(mkdtempSync(join(directory, "past-")), "ca.crt");
  writeFileSync(file, ca);
  return { kind: "vidimus", url, ca: file };
}

let readers = 0;

/** `name@role` and digest, as a new reader lists them. */
async function listedAt(at: string): Promise<readonly string[]> {
  const reader = notaryPerson(await serverOf(at), join(directory, `reader-${readers++}`));
  return listedTargets(await reader.do(["list", repository]))
    .map(({ name, role, digest }) => `${name}@${role} sha256:${digest}`)
    .sort();
}

/** The same by our answers: what roles in force, whose files count, said of each name. */
async function saidAt(at: string): Promise<readonly string[]> {
  const said: string[] = [];
  for (const name of ["v1", "v2", "v3"]) {
    for (const { role, digest, inForce, standing } of await ask("could-sign", { path: name, at })) {
      if (inForce === true && standing === "counts" && digest !== null)
        said.push(`${name}@${role} ${digest}`);
    }
  }
  return said.sort();
}

const keysAt = async (at: string, role: string) =>
  (await ask("could-sign", { path: "v2", at })).find((line) => line.role === role)?.keys ?? [];

describe.skipIf(!possible)("the stock client and our answers agree about a repository", () => {
  test.each([
    ["without a delegation", 1],
    ["with a delegation", 2],
    ["with two keys", 3],
    ["with one of them taken out", 3],
    ["with another key of targets", 3],
    ["with a key exchanged, and nothing signed by it", 1],
    ["with the delegation removed", 1],
  ])("%s: %i names", async (what, count) => {
    const at = instants.get(what) ?? "";
    const listed = await listedAt(at);
    expect(listed).toHaveLength(count);
    expect(await saidAt(at)).toEqual(listed);
  });

  test("and about whose keys they were", async () => {
    expect(await keysAt(instants.get("without a delegation") ?? "", releases)).toEqual([]);
    expect(await keysAt(instants.get("with a delegation") ?? "", releases)).toEqual([ann.keyId]);
    const two = await keysAt(instants.get("with two keys") ?? "", releases);
    expect([...(two as string[])].sort()).toEqual([ann.keyId, bob.keyId].sort());
    const exchanged = instants.get("with a key exchanged, and nothing signed by it") ?? "";
    expect(await keysAt(exchanged, releases)).toEqual([carol.keyId]);
    const [line] = (await ask("could-sign", { path: "v2", at: exchanged })).filter(
      ({ role }) => role === releases,
    );
    expect(line).toMatchObject({ standing: "below-threshold", inForce: true });
    const before = await keysAt(instants.get("with one of them taken out") ?? "", "targets");
    const after = await keysAt(instants.get("with another key of targets") ?? "", "targets");
    expect(before).toHaveLength(1);
    expect(after).not.toEqual(before);
  });
});
