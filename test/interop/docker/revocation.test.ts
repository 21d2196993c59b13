/** What is taken back: tags revoked, signers removed. */

import { describe, inject } from "vitest";
import { importImage } from "../support/docker.ts";
import { pull, pushTrusted } from "../support/docker-images.ts";
import { addSigner, generateKey, inspect, signed } from "../support/docker-signers.ts";
import { listedDelegations } from "../support/notary.ts";
import { type DockerStage, dockerScenario } from "../support/scenario.ts";

describe("revoke", () => {
  dockerScenario(
    "one tag: it is gone from the signer's roles, the other stays",
    async (stage) => {
      const { alice } = await signed(stage);
      for (const tag of ["v2", "v3"]) {
        await importImage(alice, `${stage.repository}:${tag}`, tag);
        await alice.do(["trust", "sign", `${stage.repository}:${tag}`]);
      }
      await alice.do(["trust", "revoke", `${stage.repository}:v2`]);
      return {
        tags: (await inspect(stage.docker("reader"), stage)).tags,
        pull: await pull(stage.docker("reader"), stage, "v2"),
      };
    },
    { tags: ["v1: Repo Admin", "v3: alice"], pull: "tag not signed" },
  );

  dockerScenario(
    "all tags of a repository without signers: the repository stays",
    async (stage) => {
      const owner = stage.docker("owner");
      for (const tag of ["v1", "v2"]) await pushTrusted(owner, stage, tag);
      await owner.do(["trust", "revoke", "-y", stage.repository]);
      const after = await inspect(stage.docker("reader"), stage);
      await pushTrusted(owner, stage, "v3");
      return { after, again: (await inspect(stage.docker("reader"), stage)).tags };
    },
    { after: { tags: [], signers: [], keys: ["Repository", "Root"] }, again: ["v3: Repo Admin"] },
  );

  dockerScenario(
    "all tags of a signer: the signer stays",
    async (stage) => {
      const alice = stage.docker("alice");
      for (const tag of ["v1", "v2"]) {
        await importImage(alice, `${stage.repository}:${tag}`, tag);
        await alice.do(["trust", "sign", `${stage.repository}:${tag}`]);
      }
      await alice.do(["trust", "revoke", "-y", stage.repository]);
      return await inspect(stage.docker("reader"), stage);
    },
    { tags: [], signers: ["alice"], keys: ["Repository", "Root"] },
  );
});

describe("removal of a signer", () => {
  /** Two signers who have signed, and the owner who removes the first. */
  async function two(stage: DockerStage) {
    const { owner, alice } = await signed(stage);
    const bob = stage.docker("bob");
    await addSigner(owner, stage, "bob", await generateKey(bob, "bob"));
    for (const [person, tag] of [
      [alice, "v2"],
      [bob, "v3"],
    ] as const) {
      await importImage(person, `${stage.repository}:${tag}`, tag);
      await person.do(["trust", "sign", `${stage.repository}:${tag}`]);
    }
    return { owner };
  }

  // From 26.0 on the command says that it removes, ends with 0, and sends nothing.
  const major = inject("docker")?.major ?? 0;
  dockerScenario(
    `\`signer remove --force\` with docker ${major} ${major >= 26 ? "leaves" : "removes"} the signer`,
    async (stage) => {
      const { owner } = await two(stage);
      const result = await owner.do(["trust", "signer", "remove", "--force", "alice", stage.repository]);
      const { signers } = await inspect(stage.docker("reader"), stage);
      return { code: result.code, signers };
    },
    { code: 0, signers: major >= 26 ? ["alice", "bob"] : ["bob"] },
  );

  dockerScenario(
    "the last signer, answered with y: gone, and readers fall back to what targets holds",
    async (stage) => {
      const { owner, alice, digest } = await signed(stage);
      await importImage(alice, `${stage.repository}:v1`, "another v1");
      await alice.do(["trust", "sign", "--local", `${stage.repository}:v1`]);
      const before = await pull(stage.docker("reader"), stage, "v1");
      await owner.do(["trust", "signer", "remove", "alice", stage.repository], { input: "y\n" });
      const { signers } = await inspect(stage.docker("reader"), stage);
      const after = await pull(stage.docker("reader"), stage, "v1");
      return { before: before === digest, signers, after: after === digest };
    },
    { before: false, signers: [], after: true },
  );

  dockerScenario(
    "`notary delegation` really removes: the role is gone, the key signs no more",
    async (stage) => {
      const { owner } = await two(stage);
      const listed = listedDelegations(await owner.notary(["delegation", "list", stage.repository]));
      const key = listed.find(({ role }) => role === "targets/alice")?.keyIds[0] ?? "";
      await owner.notary(["delegation", "purge", stage.repository, "--key", key, "-p"]);
      await owner.notary(["delegation", "remove", stage.repository, "targets/alice", "-y", "-p"]);
      const { signers } = await inspect(stage.docker("reader"), stage);
      const late = stage.docker("alice");
      await importImage(late, `${stage.repository}:v4`, "v4");
      const sign = await late.try(["trust", "sign", `${stage.repository}:v4`]);
      return { signers, sign: sign.code };
    },
    { signers: ["bob"], sign: 1 },
  );
});
