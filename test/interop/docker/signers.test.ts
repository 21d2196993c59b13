/** `docker trust`: keys, signers, signatures, inspection. */

import { describe } from "vitest";
import { selfSigned } from "../support/certificates.ts";
import { dockerRefusal, importImage } from "../support/docker.ts";
import { pull, pushTrusted, pushUnsigned } from "../support/docker-images.ts";
import { addSigner, generateKey, inRole, inspect, signed } from "../support/docker-signers.ts";
import { listedDelegations } from "../support/notary.ts";
import { dockerScenario } from "../support/scenario.ts";

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
