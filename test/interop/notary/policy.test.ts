/** The stock `notary` under the example policies of a server: what it can do, what it is told, and what is left behind. */

import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, inject, test } from "vitest";
import { selfSigned } from "../support/certificates.ts";
import { fetchFrom } from "../support/https.ts";
import { metadataPath, servedMetadata } from "../support/metadata.ts";
import { type NotaryPerson, namesAndRoles, notaryPerson } from "../support/notary.ts";
import { type ExamplePolicy, rootKeyIn, startWithPolicy } from "../support/policy-server.ts";
import type { TrustServer } from "../support/trust-server.ts";

const repository = "registry.acme.example/team/app";
const servers: TrustServer[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
});

/** A server under the policy, which pins the root key of its owner. */
async function stageUnder(policy: ExamplePolicy) {
  const directory = mkdtempSync(join(inject("scratch"), `${policy}-`));
  const nowhere = { kind: "vidimus", url: "https://127.0.0.1:1", ca: "/dev/null" } as const;
  const alone = notaryPerson(nowhere, join(directory, "owner"));
  await alone.do(["key", "generate", "ecdsa"]);
  const rootKey = rootKeyIn((await alone.do(["key", "list"])).stdout);
  const server = await startWithPolicy(join(directory, "server"), policy, {
    host: "registry.acme.example",
    rootKey,
  });
  servers.push(server);
  return { server, person: (name: string) => notaryPerson(server, join(directory, name)) };
}

const add = (person: NotaryPerson, name: string, ...more: string[]) =>
  person.do(["add", repository, name, person.file(name, name), ...more, "-p"]);
const statusOf = async (server: TrustServer, file: string) =>
  (await fetchFrom(server, metadataPath(repository, file))).status;

describe.skipIf(!inject("notary"))("under stock-clients.yaml", () => {
  test("everything that it does with a repository goes as ever", async () => {
    const { person, server } = await stageUnder("stock-clients");
    const owner = person("owner");
    await owner.do(["init", repository, "-p"]);
    await add(owner, "one");
    const delegate = await selfSigned(owner.directory, "delegate");
    await owner.do([
      "delegation",
      "add",
      repository,
      "targets/releases",
      delegate.certificate,
      "--all-paths",
      "-p",
    ]);
    await owner.do(["key", "rotate", repository, "targets"]);
    await owner.do(["key", "rotate", repository, "snapshot", "-r"]);
    await owner.do(["witness", repository, "targets", "-p"]);
    const helper = person("helper");
    await helper.do(["key", "import", delegate.privateKey, "-r", "alice"]);
    await add(helper, "two", "-r", "targets/releases");
    const reader = person("reader");
    expect(namesAndRoles(await reader.do(["list", repository]))).toEqual([
      "one@targets",
      "two@targets/releases",
    ]);
    expect((await servedMetadata(server, repository, "root")).signed.version).toBe(3);
  });

  test("a root by a key that is not pinned is refused, the first as well as a later one, and nothing is left", async () => {
    const { person, server } = await stageUnder("stock-clients");
    const stranger = await person("stranger").try(["init", repository, "-p"]);
    expect(stranger.code).toBe(1);
    expect(stranger.stdout + stranger.stderr).toContain(
      "The root metadata is invalid: The root carries 0 of 1 signatures by keys that the policy pins",
    );
    expect(await statusOf(server, "root.json")).toBe(404);

    const owner = person("owner");
    await owner.do(["init", repository, "-p"]);
    await add(owner, "one");
    const rotated = await owner.try(["key", "rotate", repository, "root"], { input: "yes\n" });
    expect(rotated.code).toBe(1);
    expect(rotated.stdout + rotated.stderr).toMatch(/The root goes from [0-9a-f]{64} to [0-9a-f]{64}/);
    expect((await servedMetadata(server, repository, "root")).signed.version).toBe(1);
    expect(namesAndRoles(await person("reader").do(["list", repository]))).toEqual(["one@targets"]);
  });

  test("a name that has no rule is refused by that", async () => {
    const { person } = await stageUnder("stock-clients");
    const { code, stdout, stderr } = await person("owner").try(["init", "elsewhere.example.test/app", "-p"]);
    expect(code).toBe(1);
    expect(stdout + stderr).toContain(
      "No rule of this server's policy speaks for elsewhere.example.test/app.",
    );
  });
});

describe.skipIf(!inject("notary"))("under strict-quorum.yaml", () => {
  test("it is refused in a sentence that says how many signatures are missing, and nothing is left", async () => {
    const { person, server } = await stageUnder("strict-quorum");
    const owner = person("owner");
    const { code, stdout, stderr } = await owner.try(["init", repository, "-p"]);
    expect(code).toBe(1);
    expect(stdout + stderr).toMatch(
      /The root metadata is invalid: root carries 1 of the 2 signatures that the policy demands\..* And \d+ more\./s,
    );
    for (const file of ["root.json", "targets.json", "snapshot.json", "timestamp.json"])
      expect(await statusOf(server, file)).toBe(404);
    const read = await person("reader").try(["list", repository]);
    expect(read.stdout + read.stderr).toContain("does not have trust data");
  });
});
