/** Content trust in everyday commands: push, pull, create, classic build. */

import { describe } from "vitest";
import { digestOf, dockerRefusal, importImage, trusted } from "../support/docker.ts";
import { pull, pushTrusted, pushUnsigned } from "../support/docker-images.ts";
import { namesAndRoles } from "../support/notary.ts";
import { dockerScenario } from "../support/scenario.ts";

describe("push", () => {
  dockerScenario(
    "a new repository is initialised and signed",
    async (stage) => {
      const owner = stage.docker("owner");
      await importImage(owner, `${stage.repository}:v1`, "v1");
      const { stdout, stderr } = await owner.do(["push", trusted, `${stage.repository}:v1`]);
      const said = ["Finished initializing", "Successfully signed"].map((words) =>
        (stdout + stderr).includes(words),
      );
      const listed = namesAndRoles(await stage.person("reader").do(["list", stage.repository]));
      return { said, listed };
    },
    { said: [true, true], listed: ["v1@targets"] },
  );

  dockerScenario(
    "a second tag joins the first, each with its own digest",
    async (stage) => {
      const owner = stage.docker("owner");
      const [v1, v2] = [await pushTrusted(owner, stage, "v1"), await pushTrusted(owner, stage, "v2")];
      const reader = stage.docker("reader");
      return {
        different: v1 !== v2,
        v1: (await pull(reader, stage, "v1")) === v1,
        v2: (await pull(reader, stage, "v2")) === v2,
      };
    },
    { different: true, v1: true, v2: true },
  );

  dockerScenario(
    "the environment variable signs as the flag does",
    async (stage) => {
      const owner = stage.docker("owner");
      await importImage(owner, `${stage.repository}:v1`, "v1");
      await owner.do(["push", `${stage.repository}:v1`], { env: { DOCKER_CONTENT_TRUST: "1" } });
      return namesAndRoles(await stage.person("reader").do(["list", stage.repository]));
    },
    ["v1@targets"],
  );

  dockerScenario(
    "without trust leaves the trust server untouched",
    async (stage) => {
      await pushUnsigned(stage.docker("owner"), stage, "v1");
      return (await stage.person("reader").try(["list", stage.repository])).code;
    },
    1,
  );
});

describe("pull", () => {
  dockerScenario(
    "by tag, fresh and warm, gives the signed digest",
    async (stage) => {
      const digest = await pushTrusted(stage.docker("owner"), stage, "v1");
      const reader = stage.docker("reader");
      return [(await pull(reader, stage, "v1")) === digest, (await pull(reader, stage, "v1")) === digest];
    },
    [true, true],
  );

  dockerScenario(
    "an unsigned tag of a signed repository is refused",
    async (stage) => {
      const owner = stage.docker("owner");
      await pushTrusted(owner, stage, "v1");
      await pushUnsigned(owner, stage, "v2");
      return await pull(stage.docker("reader"), stage, "v2");
    },
    "tag not signed",
  );

  dockerScenario(
    "a repository unknown to the trust server is refused",
    async (stage) => {
      await pushUnsigned(stage.docker("owner"), stage, "v1");
      return await pull(stage.docker("reader"), stage, "v1");
    },
    "no trust data",
  );

  dockerScenario(
    "-a takes every signed tag and no other",
    async (stage) => {
      const owner = stage.docker("owner");
      for (const tag of ["v1", "v2"]) await pushTrusted(owner, stage, tag);
      await pushUnsigned(owner, stage, "v3");
      for (const tag of ["v1", "v2", "v3"]) await owner.do(["rmi", `${stage.repository}:${tag}`]);
      await stage.docker("reader").do(["pull", "-a", trusted, stage.repository]);
      const images = await owner.do(["images", "--format", "{{.Tag}}", stage.repository]);
      return images.stdout
        .split("\n")
        .filter((tag) => /^v\d$/.test(tag))
        .sort();
    },
    ["v1", "v2"],
  );

  dockerScenario(
    "an image overwritten in the registry is still taken by its signed digest",
    async (stage) => {
      const owner = stage.docker("owner");
      const signed = await pushTrusted(owner, stage, "v1");
      const forged = await pushUnsigned(owner, stage, "v1", "forged");
      const reader = stage.docker("reader");
      const trustedDigest = await pull(reader, stage, "v1");
      await reader.do(["rmi", `${stage.repository}:v1`]);
      const plain = digestOf(await reader.do(["pull", "--disable-content-trust", `${stage.repository}:v1`]));
      return { trusted: trustedDigest === signed, plain: plain === forged };
    },
    { trusted: true, plain: true },
  );

  dockerScenario(
    "a tag signed only in a role that does not count is refused",
    async (stage) => {
      const owner = stage.docker("owner");
      await pushTrusted(owner, stage, "v1");
      const digest = await pushUnsigned(owner, stage, "v2");
      await owner.do(["trust", "key", "generate", "auditor"]);
      const key = `${owner.directory}/auditor.pub`;
      const role = "targets/auditor";
      await owner.notary(["delegation", "add", stage.repository, role, key, "--all-paths", "-p"]);
      const hash = digest.replace("sha256:", "");
      const args = ["addhash", stage.repository, "v2", "500", "--sha256", hash, "-r", role, "-p"];
      await owner.notary(args);
      return await pull(stage.docker("reader"), stage, "v2");
    },
    "tag signed in a role that does not count",
  );

  dockerScenario(
    "a repository deleted and made anew is refused to those who knew it, and given to others",
    async (stage) => {
      const owner = stage.docker("owner");
      await pushTrusted(owner, stage, "v1");
      const old = stage.docker("old-reader");
      await pull(old, stage, "v1");
      await owner.notary(["delete", stage.repository, "--remote"]);
      const heir = stage.docker("heir");
      const digest = await pushTrusted(heir, stage, "v1");
      await old.try(["rmi", `${stage.repository}:v1`]);
      const refused = await old.try(["pull", trusted, `${stage.repository}:v1`]);
      return {
        old: refused.code,
        fresh: (await pull(stage.docker("new-reader"), stage, "v1")) === digest,
      };
    },
    { old: 1, fresh: true },
  );
});

describe("create and build", () => {
  dockerScenario(
    "create takes the signed image and refuses an unsigned one",
    async (stage) => {
      const owner = stage.docker("owner");
      await pushTrusted(owner, stage, "v1");
      await pushUnsigned(owner, stage, "v2");
      for (const tag of ["v1", "v2"]) await owner.do(["rmi", `${stage.repository}:${tag}`]);
      const reader = stage.docker("reader");
      const signed = await reader.try(["create", trusted, `${stage.repository}:v1`]);
      if (signed.code === 0) await reader.do(["rm", signed.stdout.trim().split("\n").at(-1) ?? ""]);
      const unsigned = await reader.try(["create", trusted, `${stage.repository}:v2`]);
      return { signed: dockerRefusal(signed), unsigned: dockerRefusal(unsigned) };
    },
    { signed: "none", unsigned: "tag not signed" },
  );

  dockerScenario(
    "the classic builder takes FROM by its signed digest and refuses an unsigned one",
    async (stage) => {
      const owner = stage.docker("owner");
      const digest = await pushTrusted(owner, stage, "v1");
      await pushUnsigned(owner, stage, "v2");
      const reader = stage.docker("reader");
      const build = (tag: string) => {
        reader.file("Dockerfile", `FROM ${stage.repository}:${tag}\nLABEL interop=yes\n`);
        return reader.try(["build", trusted, "-t", `${stage.repository}:built`, reader.directory]);
      };
      const [signed, unsigned] = [await build("v1"), await build("v2")];
      return {
        signed: dockerRefusal(signed),
        byDigest: (signed.stdout + signed.stderr).includes(`FROM ${stage.repository}@${digest}`),
        unsigned: dockerRefusal(unsigned),
      };
    },
    { signed: "none", byDigest: true, unsigned: "tag not signed" },
  );
});
