/** Keys as people keep them: imported, exported, under another passphrase; and `-p` on odd addresses. */

import { rmSync } from "node:fs";
import { join } from "node:path";
import { describe } from "vitest";
import { selfSigned } from "../support/certificates.ts";
import { type NotaryPerson, namesAndRoles } from "../support/notary.ts";
import { freePort } from "../support/process.ts";
import { type Stage, scenario } from "../support/scenario.ts";

async function published(stage: Stage): Promise<NotaryPerson> {
  const owner = stage.person("owner");
  await owner.do(["init", stage.repository]);
  await owner.do(["add", stage.repository, "one", owner.file("content", "one"), "-p"]);
  return owner;
}

async function listed(stage: Stage): Promise<string[]> {
  return namesAndRoles(await stage.person("reader").do(["list", stage.repository]));
}

describe("key stores", () => {
  scenario(
    "the owner's keys, exported and imported elsewhere, publish on",
    async (stage) => {
      const owner = await published(stage);
      const file = join(owner.directory, "exported.pem");
      await owner.do(["key", "export", "-o", file]);
      const second = stage.person("second machine");
      await second.do(["key", "import", file]);
      await second.do(["add", stage.repository, "two", second.file("content", "two"), "-p"]);
      return await listed(stage);
    },
    ["one@targets", "two@targets"],
  );

  scenario(
    "an exported delegation key serves in another store",
    async (stage) => {
      const owner = await published(stage);
      await owner.do(["key", "rotate", stage.repository, "snapshot", "-r"]);
      const key = await selfSigned(owner.directory, "delegate");
      await owner.do(["key", "import", key.privateKey, "-r", "user"]);
      const args = [stage.repository, "targets/releases", key.certificate, "--all-paths", "-p"];
      await owner.do(["delegation", "add", ...args]);
      const file = join(owner.directory, "exported.pem");
      await owner.do(["key", "export", "--key", key.keyId, "-o", file]);
      const delegate = stage.person("delegate");
      await delegate.do(["key", "import", file]);
      const content = delegate.file("content", "two");
      await delegate.do(["add", stage.repository, "two", content, "-r", "targets/releases", "-p"]);
      return await listed(stage);
    },
    ["one@targets", "two@targets/releases"],
  );

  scenario(
    "a made root key is used by init",
    async (stage) => {
      const owner = stage.person("owner");
      await owner.do(["key", "generate"]);
      const before = rootKeys(await owner.do(["key", "list"]));
      await owner.do(["init", stage.repository, "-p"]);
      const after = rootKeys(await owner.do(["key", "list"]));
      return { made: before.length, same: before.join() === after.join(), listed: await listed(stage) };
    },
    { made: 1, same: true, listed: [] },
  );

  scenario(
    "every signing key, encrypted anew by `key passwd`, signs on",
    async (stage) => {
      const owner = await published(stage);
      const listing = (await owner.do(["key", "list"])).stdout;
      const ids = [...listing.matchAll(/[0-9a-f]{64}/g)].map(([id]) => id);
      // Without a terminal the old and the new passphrase both come from the one variable.
      for (const id of ids) await owner.do(["key", "passwd", id]);
      await owner.do(["add", stage.repository, "two", owner.file("content", "two"), "-p"]);
      return { keys: ids.length, listed: await listed(stage) };
    },
    { keys: 3, listed: ["one@targets", "two@targets"] },
  );

  scenario(
    "one root key serves two repositories",
    async (stage) => {
      const owner = await published(stage);
      await owner.do(["init", `${stage.repository}/second`, "-p"]);
      return {
        roots: rootKeys(await owner.do(["key", "list"])).length,
        second: (await stage.person("reader").try(["list", `${stage.repository}/second`])).code,
      };
    },
    { roots: 1, second: 0 },
  );

  scenario(
    "a wrong passphrase signs nothing",
    async (stage) => {
      const owner = await published(stage);
      const args = ["add", stage.repository, "two", owner.file("content", "two"), "-p"];
      const result = await owner.try(args, { env: { NOTARY_TARGETS_PASSPHRASE: "wrong-passphrase" } });
      return { code: result.code, listed: await listed(stage) };
    },
    { code: 1, listed: ["one@targets"] },
  );

  scenario(
    "a lost snapshot key stops the owner, and the collection is read on",
    async (stage) => {
      const owner = await published(stage);
      const listing = (await owner.do(["key", "list"])).stdout;
      const id = /^snapshot\s.*?([0-9a-f]{64})/m.exec(listing)?.[1] ?? "";
      rmSync(join(owner.trustDirectory, "private", `${id}.key`));
      const args = ["add", stage.repository, "two", owner.file("content", "two"), "-p"];
      return { code: (await owner.try(args)).code, listed: await listed(stage) };
    },
    { code: 1, listed: ["one@targets"] },
  );
});

describe("publishing at once", () => {
  scenario(
    "on an address where nobody listens the change stays staged, and goes out later with the next",
    async (stage) => {
      const owner = await published(stage);
      const url = `https://127.0.0.1:${await freePort()}`;
      const file = owner.file("content", "two");
      const offline = await owner.try(["add", stage.repository, "two", file, "-p"], { url });
      const before = await listed(stage);
      await owner.do(["add", stage.repository, "three", file, "-p"]);
      return { offline: offline.code, before, after: await listed(stage) };
    },
    { offline: 1, before: ["one@targets"], after: ["one@targets", "three@targets", "two@targets"] },
  );

  scenario(
    "on a malformed address the command fails",
    async (stage) => {
      const owner = await published(stage);
      const args = ["add", stage.repository, "two", owner.file("content", "two"), "-p"];
      return { code: (await owner.try(args, { url: "nonsense" })).code, listed: await listed(stage) };
    },
    { code: 1, listed: ["one@targets"] },
  );

  scenario(
    "a removal and a delegation go out in one publication",
    async (stage) => {
      const owner = await published(stage);
      const key = await selfSigned(owner.directory, "delegate");
      await owner.do(["remove", stage.repository, "one"]);
      const args = [stage.repository, "targets/releases", key.certificate, "--all-paths"];
      await owner.do(["delegation", "add", ...args]);
      await owner.do(["publish", stage.repository]);
      const delegations = await stage.person("reader").do(["delegation", "list", stage.repository]);
      return { listed: await listed(stage), delegated: delegations.stdout.includes(key.keyId) };
    },
    { listed: [], delegated: true },
  );
});

function rootKeys({ stdout }: { stdout: string }): string[] {
  return [...stdout.matchAll(/^root\s+([0-9a-f]{64})/gm)].map(([, id]) => id ?? "");
}
