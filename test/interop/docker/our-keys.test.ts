/** One set of keys for `docker trust` and for Vidimus. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe } from "vitest";
import { importImage } from "../support/docker.ts";
import { pushTrusted } from "../support/docker-images.ts";
import { addSigner, generateKey, inspect } from "../support/docker-signers.ts";
import { dockerScenario } from "../support/scenario.ts";
import { keyRows, makeStockKey, vidimusKey } from "../support/vidimus-keys.ts";

const passphrases = {
  DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE: "interop-root-passphrase",
  DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE: "interop-targets-passphrase",
};

describe("keys that Vidimus makes", () => {
  dockerScenario(
    "a signer signs with one",
    async (stage) => {
      const [owner, alice] = [stage.docker("owner"), stage.docker("alice")];
      await pushTrusted(owner, stage, "v1");
      const trust = join(alice.directory, "docker", "trust");
      const id = await makeStockKey(alice.directory, trust, "alice", { env: passphrases });
      const show = ["show", id, "--pem", "--trust-dir", trust];
      const pem = alice.file("alice.pub", await vidimusKey(alice.directory, show, passphrases));
      await addSigner(owner, stage, "alice", pem);
      await importImage(alice, `${stage.repository}:v2`, "v2");
      await alice.do(["trust", "sign", `${stage.repository}:v2`]);
      return await inspect(stage.docker("reader"), stage);
    },
    { tags: ["v1: Repo Admin", "v2: alice"], signers: ["alice"], keys: ["Repository", "Root"] },
  );
});

describe("keys that docker trust makes", () => {
  dockerScenario(
    "are listed with their roles, and open as the keys whose public halves docker wrote",
    async (stage) => {
      const alice = stage.docker("alice");
      const file = await generateKey(alice, "alice");
      const trust = ["--trust-dir", join(alice.directory, "docker", "trust")];
      const [row, ...others] = await keyRows(alice.directory, ["list", ...trust]);
      const pem = await vidimusKey(alice.directory, ["show", row?.id ?? "", "--pem", ...trust], passphrases);
      const body = (text: string) => text.match(/^[A-Za-z0-9+/=]+$/gm)?.join("");
      return { role: row?.role, others: others.length, same: body(pem) === body(readFileSync(file, "utf8")) };
    },
    { role: "alice", others: 0, same: true },
  );
});
