/** Images that docker signed: which roles count, and what happens when one of them cannot be used. */

import { createPrivateKey, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe } from "vitest";
import { canonicalBytes } from "../../../src/core/canonical.ts";
import { upload } from "../../support/bare/upload.ts";
import { ask, digestOfTag, roleOf } from "../support/builder.ts";
import { type KeyFiles, selfSigned } from "../support/certificates.ts";
import { importImage, trusted } from "../support/docker.ts";
import { pull, pushTrusted, pushUnsigned } from "../support/docker-images.ts";
import { addSigner, signed } from "../support/docker-signers.ts";
import { served } from "../support/metadata.ts";
import { waitUntil } from "../support/process.ts";
import { type DockerStage, dockerScenario } from "../support/scenario.ts";

const tofu = { tofu: true };
const releases = "targets/releases";

describe("roles of docker", () => {
  dockerScenario(
    "a push by the owner, a signature of a signer, and a tag that nobody signed",
    async (stage) => {
      const { alice, digest } = await signed(stage);
      await importImage(alice, `${stage.repository}:v2`, "v2");
      await alice.do(["trust", "sign", `${stage.repository}:v2`]);
      await pushUnsigned(alice, stage, "v3");
      return {
        owner: (await digestOfTag(stage, tofu, "v1")) === digest,
        ofOwner: await roleOf(stage, tofu, "v1"),
        ofSigner: await roleOf(stage, tofu, "v2"),
        agreed: await roleOf(stage, { ...tofu, require: [releases, "targets/alice"] }, "v2"),
        nobody: await digestOfTag(stage, tofu, "v3"),
        pulled: (await pull(stage.docker("reader"), stage, "v2")) === (await digestOfTag(stage, tofu, "v2")),
      };
    },
    {
      owner: true,
      ofOwner: "targets",
      ofSigner: releases,
      agreed: releases,
      nobody: "NOT_SIGNED",
      pulled: true,
    },
  );

  dockerScenario(
    "a signer of a role that does not count is no signer",
    async (stage) => {
      const owner = stage.docker("owner");
      await pushTrusted(owner, stage, "v1");
      const key = await selfSigned(owner.directory, "alice");
      await owner.notary([
        "delegation",
        "add",
        stage.repository,
        "targets/alice",
        key.certificate,
        "--all-paths",
        "-p",
      ]);
      const alice = stage.person("alice");
      await alice.do(["key", "import", key.privateKey, "-r", "targets/alice"]);
      const digest = (await pushUnsigned(owner, stage, "v2")).slice("sha256:".length);
      const args = [
        "addhash",
        stage.repository,
        "v2",
        "500",
        "--sha256",
        digest,
        "-r",
        "targets/alice",
        "-p",
      ];
      await alice.do(args);
      return {
        ours: await digestOfTag(stage, tofu, "v2"),
        docker: await pull(stage.docker("reader"), stage, "v2"),
      };
    },
    { ours: "NOT_SIGNED_IN_ROLE", docker: "tag signed in a role that does not count" },
  );
});

/** `v1` of the owner in `targets`, then a newer `v1` of a signer in `targets/releases`, whose key is given. */
async function twice(stage: DockerStage): Promise<{ older: string; newer: string; key: KeyFiles }> {
  const [owner, alice] = [stage.docker("owner"), stage.docker("alice")];
  const key = await selfSigned(alice.directory, "alice");
  await alice.do(["trust", "key", "load", key.privateKey, "--name", "alice"]);
  const older = await pushTrusted(owner, stage, "v1");
  await addSigner(owner, stage, "alice", key.certificate);
  await importImage(alice, `${stage.repository}:v1`, "a newer v1");
  await alice.do(["push", trusted, `${stage.repository}:v1`]);
  return { older, newer: await digestOfTag(stage, tofu, "v1"), key };
}

/**
 * The newest `targets/releases` once more, signed by its holder until an instant, which no stock client lets one choose.
 * Whole seconds, written as Go does: Debian's server lists the digest of what it would have written.
 */
async function expireAt(stage: DockerStage, key: KeyFiles, instant: number): Promise<void> {
  const { signed, signatures } = JSON.parse(
    (await served(stage.server, stage.repository, `${releases}.json`)).toString(),
  );
  const next = {
    ...signed,
    version: signed.version + 1,
    expires: new Date(instant).toISOString().replace(".000Z", "Z"),
  };
  const privateKey = createPrivateKey(readFileSync(key.privateKey));
  const sig = sign("sha256", canonicalBytes(next), { key: privateKey, dsaEncoding: "ieee-p1363" });
  const [first] = signatures;
  const file = { signed: next, signatures: [{ ...first, sig: sig.toString("base64") }] };
  const server = { url: stage.server.url, ca: readFileSync(stage.server.ca, "utf8") };
  await upload(server, stage.repository, new Map([[releases, Buffer.from(JSON.stringify(file))]]));
}

describe("no silent fallback", () => {
  dockerScenario(
    "a purged key of targets/releases: docker takes the older digest of targets, the library refuses",
    async (stage) => {
      const { older, newer, key } = await twice(stage);
      const before = await pull(stage.docker("reader"), stage, "v1");
      await stage.docker("owner").notary(["delegation", "purge", stage.repository, "--key", key.keyId, "-p"]);
      const after = await pull(stage.docker("reader"), stage, "v1");
      return {
        before: before === newer && newer !== older,
        docker: after === older ? "the older digest" : after,
        ours: await roleOf(stage, tofu, "v1"),
        fresh: await roleOf(stage, tofu, "v1", { name: "fresh" }),
        // What does not count refuses nothing.
        targetsOnly: await roleOf(stage, { ...tofu, lookup: ["targets"] }, "v1"),
      };
    },
    {
      before: true,
      docker: "the older digest",
      ours: "ROLE_UNAVAILABLE",
      fresh: "ROLE_UNAVAILABLE",
      targetsOnly: "targets",
    },
  );

  dockerScenario(
    "an expired targets/releases: docker takes the older digest of targets, the library refuses",
    async (stage) => {
      const { older, key } = await twice(stage);
      const ends = Math.ceil(Date.now() / 1_000 + 2) * 1_000;
      await expireAt(stage, key, ends);
      const before = await roleOf(stage, tofu, "v1");
      await waitUntil(() => Date.now() > ends, 10, "the role's expiry");
      const found = await ask(stage, tofu, "v1");
      return {
        before,
        docker: (await pull(stage.docker("reader"), stage, "v1")) === older ? "the older digest" : "another",
        ours: typeof found === "string" ? found : found.role,
        fresh: await roleOf(stage, tofu, "v1", { name: "fresh" }),
      };
    },
    { before: releases, docker: "the older digest", ours: "ROLE_UNAVAILABLE", fresh: "ROLE_UNAVAILABLE" },
  );
});
