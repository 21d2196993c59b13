/** `docker` with content trust under the example policies of a server. */

import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, inject, test } from "vitest";
import { dockerPerson, importImage, trusted } from "../support/docker.ts";
import { pull, pushTrusted } from "../support/docker-images.ts";
import { addSigner, generateKey, inspect } from "../support/docker-signers.ts";
import { fetchFrom } from "../support/https.ts";
import { metadataPath } from "../support/metadata.ts";
import { notaryPerson } from "../support/notary.ts";
import { type ExamplePolicy, rootKeyIn, startWithPolicy } from "../support/policy-server.ts";
import type { DockerStage } from "../support/scenario.ts";
import type { TrustServer } from "../support/trust-server.ts";

const servers: TrustServer[] = [];
let stages = 0;

afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
});

/** A stage on a server under the policy, which pins the root key of its owner. */
async function stageUnder(policy: ExamplePolicy): Promise<DockerStage> {
  const place = inject("docker");
  if (place === null) throw new Error("no docker engine");
  const directory = mkdtempSync(join(inject("scratch"), `docker-${policy}-`));
  const nowhere = { kind: "vidimus", url: "https://127.0.0.1:1", ca: "/dev/null" } as const;
  const alone = dockerPerson(place, nowhere, join(directory, "owner"), "owner");
  await alone.notary(["key", "generate", "ecdsa"]);
  const rootKey = rootKeyIn((await alone.notary(["key", "list"])).stdout);
  const server = await startWithPolicy(join(directory, "server"), policy, { host: place.registry, rootKey });
  servers.push(server);
  return {
    server,
    place,
    directory,
    repository: `${place.registry}/policy-${stages++}/app`,
    person: (name) => notaryPerson(server, join(directory, `notary-${name}`)),
    docker: (name) => dockerPerson(place, server, join(directory, name), name),
  };
}

const possible = inject("docker") !== null && inject("notary");

test.skipIf(!possible)(
  "under stock-clients.yaml it pushes, adds signers, signs and pulls as ever",
  async () => {
    const stage = await stageUnder("stock-clients");
    const [owner, alice] = [stage.docker("owner"), stage.docker("alice")];
    const digest = await pushTrusted(owner, stage, "v1");
    await addSigner(owner, stage, "alice", await generateKey(alice, "alice"));
    await importImage(alice, `${stage.repository}:v2`, "v2");
    await alice.do(["trust", "sign", `${stage.repository}:v2`]);
    const reader = stage.docker("reader");
    expect(await pull(reader, stage, "v1")).toBe(digest);
    expect(await pull(reader, stage, "v2")).toMatch(/^sha256:/);
    expect((await inspect(reader, stage)).signers).toEqual(["alice"]);
    await alice.do(["trust", "revoke", "-y", `${stage.repository}:v2`]);
    expect(await pull(stage.docker("later"), stage, "v2")).toBe("tag not signed");
  },
);

test.skipIf(!possible)(
  "under strict-quorum.yaml its push is refused in a readable sentence, and nothing is left",
  async () => {
    const stage = await stageUnder("strict-quorum");
    const owner = stage.docker("owner");
    await importImage(owner, `${stage.repository}:v1`, "v1");
    const { code, stdout, stderr } = await owner.try(["push", trusted, `${stage.repository}:v1`]);
    expect(code).not.toBe(0);
    expect(stdout + stderr).toContain("root carries 1 of the 2 signatures that the policy demands");
    expect((await fetchFrom(stage.server, metadataPath(stage.repository, "root.json"))).status).toBe(404);
    expect(await pull(stage.docker("reader"), stage, "v1")).toBe("no trust data");
  },
);
