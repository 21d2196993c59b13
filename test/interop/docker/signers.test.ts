/** `docker trust`: keys, signers, signatures, revocation, inspection. */

import { describe, inject } from "vitest";
import { selfSigned } from "../support/certificates.ts";
import { type DockerPerson, dockerRefusal, importImage } from "../support/docker.ts";
import { pull, pushTrusted, pushUnsigned } from "../support/docker-images.ts";
import { listedDelegations, namesAndRoles } from "../support/notary.ts";
import { type DockerStage, dockerScenario } from "../support/scenario.ts";

/** Generates a signer's key in the person's store; the path of the public half. */
async function generateKey(person: DockerPerson, name: string): Promise<string> {
  await person.do(["trust", "key", "generate", name]);
  return `${person.directory}/${name}.pub`;
}

function addSigner(person: DockerPerson, stage: DockerStage, name: string, key: string) {
  return person.do(["trust", "signer", "add", "--key", key, name, stage.repository]);
}

/** A repository with `v1` signed by its owner in `targets`, and alice, a signer with her own key. */
async function signed(stage: DockerStage) {
  const [owner, alice] = [stage.docker("owner"), stage.docker("alice")];
  const digest = await pushTrusted(owner, stage, "v1");
  const key = await generateKey(alice, "alice");
  await addSigner(owner, stage, "alice", key);
  return { owner, alice, digest };
}

/** What `docker trust inspect` says: signers of each tag, all signers, names of the administrative keys. */
async function inspect(person: DockerPerson, stage: DockerStage) {
  const { stdout } = await person.do(["trust", "inspect", stage.repository]);
  const [found] = JSON.parse(stdout) as {
    SignedTags: { SignedTag: string; Signers: string[] }[];
    Signers: { Name: string }[];
    AdministrativeKeys: { Name: string }[];
  }[];
  return {
    tags: (found?.SignedTags ?? []).map(({ SignedTag, Signers }) => `${SignedTag}: ${[...Signers].sort()}`),
    signers: (found?.Signers ?? []).map(({ Name }) => Name).sort(),
    keys: (found?.AdministrativeKeys ?? []).map(({ Name }) => Name).sort(),
  };
}

/** `name@role` of everything a new reader sees in one role. */
async function inRole(stage: DockerStage, role: string): Promise<string[]> {
  return namesAndRoles(await stage.person("reader").do(["list", stage.repository, "-r", role]));
}

describe("keys and signers", () => {
  dockerScenario(
    "signer add to a known repository makes a role of one's own and targets/releases, all paths each",
    async (stage) => {
      await signed(stage);
      const list = ["delegation", "list", stage.repository];
      return listedDelegations(await stage.person("reader").do(list)).map(
        ({ role, paths, keyIds, threshold }) => `${role} ${paths} ${keyIds.length} ${threshold}`,
      );
    },
    ['targets/alice "" <all paths> 1 1', 'targets/releases "" <all paths> 1 1'],
  );

  dockerScenario(
    "signer add to an unknown repository initialises it",
    async (stage) => {
      const owner = stage.docker("owner");
      await addSigner(owner, stage, "alice", await generateKey(owner, "alice"));
      return await inspect(stage.docker("reader"), stage);
    },
    { tags: [], signers: ["alice"], keys: ["Repository", "Root"] },
  );

  dockerScenario(
    "a key made elsewhere is loaded and signs",
    async (stage) => {
      const owner = stage.docker("owner");
      const alice = stage.docker("alice");
      const key = await selfSigned(alice.directory, "made-elsewhere");
      await alice.do(["trust", "key", "load", key.privateKey, "--name", "alice"]);
      await pushTrusted(owner, stage, "v1");
      await addSigner(owner, stage, "alice", key.certificate);
      await importImage(alice, `${stage.repository}:v2`, "v2");
      await alice.do(["trust", "sign", `${stage.repository}:v2`]);
      return await inspect(stage.docker("reader"), stage);
    },
    { tags: ["v1: Repo Admin", "v2: alice"], signers: ["alice"], keys: ["Repository", "Root"] },
  );
});

describe("sign", () => {
  dockerScenario(
    "a tag that nobody signed goes into the signer's role and targets/releases, and is pullable",
    async (stage) => {
      const { alice } = await signed(stage);
      await importImage(alice, `${stage.repository}:v2`, "v2");
      await alice.do(["trust", "sign", `${stage.repository}:v2`]);
      return {
        own: await inRole(stage, "targets/alice"),
        releases: await inRole(stage, "targets/releases"),
        pull: (await pull(stage.docker("reader"), stage, "v2")).startsWith("sha256:"),
      };
    },
    { own: ["v2@targets/alice"], releases: ["v2@targets/releases"], pull: true },
  );

  dockerScenario(
    "a trusted push by a signer signs the same two roles",
    async (stage) => {
      const { alice } = await signed(stage);
      await pushTrusted(alice, stage, "v2");
      return [...(await inRole(stage, "targets/alice")), ...(await inRole(stage, "targets/releases"))];
    },
    ["v2@targets/alice", "v2@targets/releases"],
  );

  dockerScenario(
    "a second signer of the same tag is named beside the first",
    async (stage) => {
      const { owner, alice } = await signed(stage);
      const bob = stage.docker("bob");
      await addSigner(owner, stage, "bob", await generateKey(bob, "bob"));
      await importImage(alice, `${stage.repository}:v2`, "v2");
      await alice.do(["trust", "sign", `${stage.repository}:v2`]);
      await bob.do(["trust", "sign", `${stage.repository}:v2`]);
      return await inspect(stage.docker("reader"), stage);
    },
    { tags: ["v1: Repo Admin", "v2: alice,bob"], signers: ["alice", "bob"], keys: ["Repository", "Root"] },
  );

  dockerScenario(
    "a tag that only targets holds is signed by a signer",
    async (stage) => {
      const { alice } = await signed(stage);
      const before = await inspect(stage.docker("reader"), stage);
      await alice.do(["trust", "sign", `${stage.repository}:v1`]);
      return { before: before.tags, after: (await inspect(stage.docker("reader"), stage)).tags };
    },
    { before: ["v1: Repo Admin"], after: ["v1: alice"] },
  );

  dockerScenario(
    "an unknown repository is initialised with the signer named after the user",
    async (stage) => {
      const alice = stage.docker("alice");
      await importImage(alice, `${stage.repository}:v1`, "v1");
      await alice.do(["trust", "sign", `${stage.repository}:v1`]);
      return await inspect(stage.docker("reader"), stage);
    },
    { tags: ["v1: alice"], signers: ["alice"], keys: ["Repository", "Root"] },
  );

  dockerScenario(
    "without credentials an unknown repository is not initialised",
    async (stage) => {
      const nobody = stage.docker("");
      await importImage(nobody, `${stage.repository}:v1`, "v1");
      const result = await nobody.try(["trust", "sign", `${stage.repository}:v1`]);
      const read = await stage.docker("reader").try(["trust", "inspect", stage.repository]);
      return { sign: dockerRefusal(result), read: dockerRefusal(read) };
    },
    { sign: "no credentials", read: "no trust data" },
  );

  dockerScenario(
    "without a signer's key a push to a repository with signers is refused",
    async (stage) => {
      await signed(stage);
      const stranger = stage.docker("stranger");
      await importImage(stranger, `${stage.repository}:v2`, "v2");
      const push = ["push", "--disable-content-trust=false", `${stage.repository}:v2`];
      const result = await stranger.try(push);
      return {
        code: result.code,
        refusal: dockerRefusal(result),
        in: await inRole(stage, "targets/releases"),
      };
    },
    { code: 1, refusal: "no signing key", in: [] },
  );
});

describe("inspect", () => {
  dockerScenario(
    "an unknown repository is refused",
    async (stage) => dockerRefusal(await stage.docker("reader").try(["trust", "inspect", stage.repository])),
    "no trust data",
  );

  dockerScenario(
    "--pretty names tag, signer and both administrative keys",
    async (stage) => {
      const { alice } = await signed(stage);
      await alice.do(["trust", "sign", `${stage.repository}:v1`]);
      const { stdout } = await stage.docker("reader").do(["trust", "inspect", "--pretty", stage.repository]);
      return ["v1", "alice", "Repository Key:", "Root Key:"].filter((words) => !stdout.includes(words));
    },
    [],
  );
});

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

describe("beside the notary command line", () => {
  dockerScenario(
    "both work on one trust directory",
    async (stage) => {
      const owner = stage.docker("owner");
      await pushTrusted(owner, stage, "v1");
      const digest = (await pushUnsigned(owner, stage, "v2")).replace("sha256:", "");
      await owner.notary(["addhash", stage.repository, "v2", "500", "--sha256", digest, "-p"]);
      await owner.notary(["key", "rotate", stage.repository, "targets"]);
      await owner.notary(["key", "rotate", stage.repository, "root"], { input: "yes\n" });
      const third = await pushTrusted(owner, stage, "v3");
      const reader = stage.docker("reader");
      return {
        v2: (await pull(reader, stage, "v2")) === `sha256:${digest}`,
        v3: (await pull(reader, stage, "v3")) === third,
      };
    },
    { v2: true, v3: true },
  );
});
