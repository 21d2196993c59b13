/** How the docker command line reaches the trust server: authority, scheme, slash, silence. */

import { join } from "node:path";
import { describe } from "vitest";
import { createAuthority } from "../support/certificates.ts";
import { type DockerPerson, dockerRefusal, trusted } from "../support/docker.ts";
import { pull, pushTrusted } from "../support/docker-images.ts";
import { freePort } from "../support/process.ts";
import { type DockerStage, dockerDivergence, dockerScenario } from "../support/scenario.ts";

/** A repository name under a registry that is not loopback, so that the authority is checked. */
function elsewhere(stage: DockerStage): string {
  return stage.repository.replace(stage.place.registry, "registry.example.test");
}

/** Makes a repository under a registry name that nobody answers to; no registry is needed for this. */
async function addSigner(person: DockerPerson, repository: string) {
  await person.do(["trust", "key", "generate", "alice"]);
  const key = join(person.directory, "alice.pub");
  return await person.try(["trust", "signer", "add", "--key", key, "alice", repository]);
}

describe("the trust server's authority", () => {
  dockerScenario(
    "the right one is accepted for a registry that is not loopback",
    async (stage) => {
      const made = await addSigner(stage.docker("owner"), elsewhere(stage));
      const read = await stage.docker("reader").try(["trust", "inspect", elsewhere(stage)]);
      return { made: made.code, read: read.code };
    },
    { made: 0, read: 0 },
  );

  dockerScenario(
    "a wrong one and none are refused, and nothing is made",
    async (stage) => {
      const owner = stage.docker("owner");
      owner.trustAuthority((await createAuthority(owner.directory, "strangers")).ca);
      const wrong = await addSigner(owner, elsewhere(stage));
      const other = stage.docker("other");
      other.trustAuthority(undefined);
      const none = await addSigner(other, elsewhere(stage));
      const read = await stage.docker("reader").try(["trust", "inspect", elsewhere(stage)]);
      return { wrong: dockerRefusal(wrong), none: dockerRefusal(none), read: dockerRefusal(read) };
    },
    { wrong: "certificate not trusted", none: "certificate not trusted", read: "no trust data" },
  );

  dockerScenario(
    "is not looked at for a registry on loopback",
    async (stage) => {
      const owner = stage.docker("owner");
      owner.trustAuthority(undefined);
      return (await pushTrusted(owner, stage, "v1")).startsWith("sha256:");
    },
    true,
  );
});

describe("the trust server's address", () => {
  dockerDivergence(
    "with a trailing slash, a new tag reaches a reader who has a cache",
    async (stage) => {
      const owner = stage.docker("owner");
      await pushTrusted(owner, stage, "v1");
      const reader = stage.docker("reader");
      await pull(reader, stage, "v1");
      await pushTrusted(owner, stage, "v2");
      const result = await reader.try(["pull", trusted, `${stage.repository}:v2`], {
        env: { DOCKER_CONTENT_TRUST_SERVER: `${stage.server.url}/` },
      });
      return dockerRefusal(result);
    },
    { because: "doubled slash", reference: "tag not signed", vidimus: "none" },
  );

  dockerScenario(
    "of plain HTTP is refused by the client",
    async (stage) => {
      const env = { DOCKER_CONTENT_TRUST_SERVER: stage.server.url.replace("https", "http") };
      return dockerRefusal(
        await stage.docker("reader").try(["pull", trusted, `${stage.repository}:v1`], { env }),
      );
    },
    "not an https URL",
  );

  dockerScenario(
    "where nobody listens refuses those without a cache",
    async (stage) => {
      await pushTrusted(stage.docker("owner"), stage, "v1");
      const env = { DOCKER_CONTENT_TRUST_SERVER: `https://127.0.0.1:${await freePort()}` };
      return dockerRefusal(
        await stage.docker("reader").try(["pull", trusted, `${stage.repository}:v1`], { env }),
      );
    },
    "server not usable",
  );
});
