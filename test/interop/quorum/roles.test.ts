/**
 * Root, targets and `targets/releases` of two out of three people, whose keys lie in a file, an ssh-agent and a PKCS#11 token: made
 * with proposals, read by the stock clients and by ours, as it is and with one signature missing.
 */
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { canonicalKeyId } from "../../../src/core/keys.ts";
import { digestOfTag } from "../support/builder.ts";
import { dockerPerson, trusted } from "../support/docker.ts";
import { pull, pushUnsigned } from "../support/docker-images.ts";
import { inspect } from "../support/docker-signers.ts";
import { falsified, type Robbed } from "../support/falsifying-server.ts";
import { type Metadata, served, servedMetadata } from "../support/metadata.ts";
import { listedDelegations, listedTargets, notaryPerson, refusal } from "../support/notary.ts";
import type { DockerStage } from "../support/scenario.ts";
import {
  idIn,
  personWithAgent,
  personWithFiles,
  personWithToken,
  type SigningPerson,
} from "../support/signing-people.ts";
import type { TrustServer, TrustServerAddress } from "../support/trust-server.ts";
import { startVidimus } from "../support/vidimus-server.ts";

const driver = inject("tokenDriver");
const place = inject("docker");
const possible = inject("notary") && inject("sshAgent") && driver !== null && place !== null;
const releases = "targets/releases";
const tofu = { tofu: true };

let directory: string;
let server: TrustServer & Robbed;
/** The people by where their keys are. */
let people: Readonly<Record<"file" | "agent" | "token", SigningPerson>>;
let repository: string;
/** What `v1` was first, and what it is. */
const digests = { old: "", new: "" };

/** Of the stock clients, about a delegation that they leave out. */
const warning = expect.stringContaining(
  "Error getting targets/releases: valid signatures did not meet threshold for targets/releases",
);

/** Readers who have seen nothing before, at a server. */
function readersOf(at: TrustServerAddress): DockerStage {
  if (place === null) throw new Error("no docker engine");
  const own = mkdtempSync(join(directory, "readers-"));
  return {
    server: at,
    place,
    repository,
    directory: own,
    person: (name) => notaryPerson(at, join(own, `notary-${name}`)),
    docker: (name) => dockerPerson(place, at, join(own, `docker-${name}`), name),
  };
}

/** In whose places the keys are that signed a served file. */
async function signersOf(file: string): Promise<string> {
  const { signatures } = JSON.parse(
    (await served(server, repository, `${file}.json`)).toString(),
  ) as Metadata;
  const { keys } = (await servedMetadata(server, repository, "root")).signed;
  const places = signatures.map(({ keyid }) => {
    const certified = keys?.[keyid];
    const bare =
      certified === undefined
        ? keyid
        : canonicalKeyId({ id: keyid, keytype: certified.keytype, public: certified.keyval.public });
    return Object.entries(people).find(([, { keyIds }]) => keyIds.includes(bare))?.[0] ?? "nowhere";
  });
  return places.sort().join(" and ");
}

function hex(digest: string): string {
  return digest.replace("sha256:", "");
}

/** Signs `v1` as an image in a role: one proposes, another signs. */
async function signImage(role: string, digest: string, by: SigningPerson, second: SigningPerson) {
  await by.do("sign", `${repository}:v1@${digest}`, "--role", role, "--no-input");
  const id = await by.propose(repository);
  expect(await second.sign(repository, id)).toBe("published");
}

beforeAll(async () => {
  if (!possible) return;
  directory = mkdtempSync(join(inject("scratch"), "quorum-"));
  const home = join(directory, "server");
  server = { ...(await startVidimus(home)), data: join(home, "data") };
  people = {
    file: personWithFiles(server, join(directory, "file")),
    agent: await personWithAgent(server, join(directory, "agent")),
    token: await personWithToken(server, join(directory, "token"), driver),
  };
  repository = `${place.registry}/quorum/app`;
  const pusher = dockerPerson(place, server, join(directory, "pusher"), "pusher");
  const stage = readersOf(server);
  digests.old = await pushUnsigned(pusher, stage, "v1", "old");
  digests.new = await pushUnsigned(pusher, stage, "v1", "new");

  const { file, agent, token } = people;
  for (const [name, person] of Object.entries(people)) {
    await person.key(`${name}-root`);
    const pem = await person.key(`${name}-release`);
    const certificate = await person.certificate(`${name}-root`, repository);
    for (const other of Object.values(people)) {
      other.file(`${name}-root.pem`, certificate);
      other.file(`${name}-release.pem`, pem);
    }
  }
  const pemOf = (person: SigningPerson, name: string) => join(person.directory, `${name}.pem`);

  // Root 1 and targets 1: the file proposes, the agent signs.
  const begun = await file.do(
    ...["repo", "init", repository, "--propose", "--json", ...file.trusted()],
    ...["--root", pemOf(file, "file-root"), "--root", pemOf(file, "agent-root"), "--root-threshold", "2"],
    ...["--targets", "file-release", "--targets", pemOf(file, "agent-release"), "--targets-threshold", "2"],
  );
  for (const person of [agent, token]) person.takePolicyOf(file);
  expect(await agent.sign(repository, idIn(begun))).toBe("published");

  // Root 2 lets the token in, which no key of it has to agree to.
  await file.do("rotate", repository, "root", "--add", pemOf(file, "token-root"));
  await file.do("rotate", repository, "targets", "--add", pemOf(file, "token-release"));
  expect(await agent.sign(repository, await file.propose(repository))).toBe("published");

  // Everybody has seen the token's key on another way than the network.
  const [tokenRoot = ""] = token.keyIds;
  await file.do("pin", "add", repository, "--key", tokenRoot);
  for (const person of [agent, token]) person.takePolicyOf(file);

  // Root 3 and the delegation: the agent proposes, the token signs.
  const keys = ["--key", "agent-release"];
  for (const name of ["file", "token"]) keys.push("--key", pemOf(agent, `${name}-release`));
  await agent.do("delegation", "add", repository, releases, ...keys, "--all-paths");
  await agent.do("threshold", "set", repository, releases, "2");
  await agent.do("resign", repository, "root");
  expect(await token.sign(repository, await agent.propose(repository))).toBe("published");

  // The release: the token proposes, the file signs.
  await signImage(releases, digests.new, token, file);
}, 180_000);

afterAll(async () => {
  for (const person of Object.values(people ?? {})) await person.end();
  await server?.stop();
});

describe.skipIf(!possible)("two of three people, by file, agent and token", () => {
  test("have signed every role, each pair of them at least one", async () => {
    expect({
      "root 1": await signersOf("1.root"),
      "root 2": await signersOf("2.root"),
      "root 3": await signersOf("3.root"),
      targets: await signersOf("targets"),
      releases: await signersOf(releases),
    }).toEqual({
      "root 1": "agent and file",
      "root 2": "agent and file",
      "root 3": "agent and token",
      targets: "agent and token",
      releases: "file and token",
    });
  });

  test("are two of three in every role, as the stock client and the root say it", async () => {
    const { roles } = (await servedMetadata(server, repository, "root")).signed;
    const reader = readersOf(server).person("reader");
    const delegations = listedDelegations(await reader.do(["delegation", "list", repository]));
    expect({
      root: [roles?.root?.threshold, roles?.root?.keyids.length],
      targets: [roles?.targets?.threshold, roles?.targets?.keyids.length],
      delegations: delegations.map(({ role, threshold, keyIds }) => [role, threshold, keyIds.length]),
    }).toEqual({ root: [2, 3], targets: [2, 3], delegations: [[releases, 2, 3]] });
  });

  test("are believed by notary, docker and our client", () => believed(server));

  test("are believed from a thief of the online keys, too, as long as nothing is missing", async () =>
    believed(await falsified(server, repository, directory)));
});

/** What readers see of `v1` where nothing is missing. */
async function believed(at: TrustServerAddress): Promise<void> {
  const readers = readersOf(at);
  const [reader, docker] = [readers.person("reader"), readers.docker("reader")];
  expect(listedTargets(await reader.do(["list", repository]))).toMatchObject([
    { name: "v1", digest: hex(digests.new), role: releases },
  ]);
  expect((await reader.do(["lookup", repository, "v1"])).stdout).toContain(hex(digests.new));
  const manifest = await manifestOf(digests.new);
  expect((await reader.do(["verify", repository, "v1"], { input: manifest })).stdout).toBe(manifest);
  // That is what docker calls who signs for `targets/releases`.
  expect(await inspect(docker, readers)).toEqual({
    tags: ["v1: Repo Admin"],
    signers: [],
    keys: ["Repository", "Root"],
  });
  expect(await pull(docker, readers, "v1")).toBe(digests.new);
  expect(await digestOfTag(readers, tofu, "v1")).toBe(digests.new);
}

async function manifestOf(digest: string): Promise<string> {
  const answer = await fetch(`http://${repository.replace("/", "/v2/")}/manifests/${digest}`, {
    headers: { accept: "application/vnd.docker.distribution.manifest.v2+json" },
  });
  return await answer.text();
}

describe.skipIf(!possible)("with one signature missing", () => {
  test.each([
    {
      role: "root",
      words: "failed to validate integrity of roots",
      notary: "root not trusted",
      ours: "ROOT_NOT_SELF_SIGNED",
    },
    {
      role: "targets",
      words: "valid signatures did not meet threshold for targets\n",
      notary: "below threshold",
      ours: "THRESHOLD",
    },
  ] as const)("of $role, everybody refuses the repository", async ({ role, words, notary, ours }) => {
    const readers = readersOf(await falsified(server, repository, directory, role));
    const [reader, docker] = [readers.person("reader"), readers.docker("reader")];
    const input = await manifestOf(digests.new);
    expect(refusal(await reader.try(["list", repository]))).toBe(notary);
    expect(refusal(await reader.try(["lookup", repository, "v1"]))).toBe(notary);
    expect(refusal(await reader.try(["verify", repository, "v1"], { input }))).toBe(notary);
    const pulled = await docker.try(["pull", trusted, `${repository}:v1`]);
    expect([pulled.code, pulled.stderr]).toEqual([1, expect.stringContaining(words)]);
    const inspected = await docker.try(["trust", "inspect", repository]);
    expect([inspected.code, inspected.stdout]).toEqual([1, "[]\n"]);
    expect(await digestOfTag(readers, tofu, "v1")).toBe(ours);
  });

  test("of targets/releases, the stock clients warn and show nothing of it", async () => {
    const readers = readersOf(await falsified(server, repository, directory, releases));
    const [reader, docker] = [readers.person("reader"), readers.docker("reader")];
    const listed = await reader.do(["list", repository]);
    expect([listed.stderr, listedTargets(listed)]).toEqual([warning, []]);
    expect(refusal(await reader.try(["lookup", repository, "v1"]))).toBe("target not signed");
    const inspected = await docker.do(["trust", "inspect", repository]);
    expect([inspected.stderr, (await inspect(docker, readers)).tags]).toEqual([warning, []]);
    expect(await pull(docker, readers, "v1")).toBe("tag not signed");
    expect(await digestOfTag(readers, tofu, "v1")).toBe("ROLE_UNAVAILABLE");
  });
});

describe.skipIf(!possible)("with an older entry of the name in targets", () => {
  beforeAll(() => signImage("targets", digests.old, people.file, people.token));

  test("the newer one of targets/releases is what docker and our client take", async () => {
    const readers = readersOf(server);
    expect(await pull(readers.docker("reader"), readers, "v1")).toBe(digests.new);
    expect(await digestOfTag(readers, tofu, "v1")).toBe(digests.new);
  });

  test("and one signature of targets/releases missing, the stock clients fall back to it, and ours refuses", async () => {
    const readers = readersOf(await falsified(server, repository, directory, releases));
    const [reader, docker] = [readers.person("reader"), readers.docker("reader")];
    const listed = await reader.do(["list", repository]);
    expect([listed.stderr, listedTargets(listed)]).toEqual([
      warning,
      [expect.objectContaining({ name: "v1", digest: hex(digests.old), role: "targets" })],
    ]);
    expect((await reader.do(["lookup", repository, "v1"])).stdout).toContain(hex(digests.old));
    const inspected = await docker.do(["trust", "inspect", repository]);
    expect([inspected.stderr, inspected.stdout]).toEqual([
      warning,
      expect.stringContaining(hex(digests.old)),
    ]);
    expect(await pull(docker, readers, "v1")).toBe(digests.old);
    expect(await digestOfTag(readers, tofu, "v1")).toBe("ROLE_UNAVAILABLE");
  });
});
