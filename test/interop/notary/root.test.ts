/** Roots that people bring: given keys and certificates, pins, and people who should not be believed. */

import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe } from "vitest";
import { createAuthority, encryptedKey, type KeyFiles, selfSigned } from "../support/certificates.ts";
import { servedMetadata } from "../support/metadata.ts";
import { type NotaryPerson, namesAndRoles, passphrases, refusal } from "../support/notary.ts";
import { type Stage, scenario } from "../support/scenario.ts";

const passphrase = passphrases.NOTARY_ROOT_PASSPHRASE;

/** `one` published by an owner whose `init` was given these arguments. */
async function published(stage: Stage, ...rest: string[]): Promise<NotaryPerson> {
  const owner = stage.person("owner");
  await owner.do(["init", stage.repository, ...rest]);
  await owner.do(["add", stage.repository, "one", owner.file("content", "one"), "-p"]);
  return owner;
}

/** The one root key's ID and type, as the served root names them. */
async function rootKey(stage: Stage): Promise<{ id: string; keytype: string | undefined }> {
  const { signed } = await servedMetadata(stage.server, stage.repository, "root");
  const id = signed.roles?.root?.keyids.join() ?? "";
  return { id, keytype: signed.keys?.[id]?.keytype };
}

async function listed(stage: Stage): Promise<string[]> {
  return namesAndRoles(await stage.person("reader").do(["list", stage.repository]));
}

describe("init with a given key", () => {
  for (const algorithm of ["ecdsa", "rsa"] as const) {
    scenario(
      `--rootkey, ${algorithm}`,
      async (stage) => {
        const owner = stage.person("owner");
        const key = await selfSigned(owner.directory, "given", { algorithm });
        await published(stage, "--rootkey", owner.file("root.pem", encryptedKey(key, "root", passphrase)));
        const listing = (await owner.do(["key", "list"])).stdout;
        return {
          keytype: (await rootKey(stage)).keytype,
          held: listing.includes(key.keyId),
          listed: await listed(stage),
        };
      },
      { keytype: `${algorithm}-x509`, held: true, listed: ["one@targets"] },
    );
  }

  scenario(
    "--rootkey with --rootcert uses the very certificate",
    async (stage) => {
      const owner = stage.person("owner");
      const key = await selfSigned(owner.directory, "given", { commonName: stage.repository });
      const file = owner.file("root.pem", encryptedKey(key, "root", passphrase));
      await published(stage, "--rootkey", file, "--rootcert", key.certificate);
      const { signed } = await servedMetadata(stage.server, stage.repository, "root");
      const id = signed.roles?.root?.keyids[0] ?? "";
      const pem = Buffer.from(signed.keys?.[id]?.keyval.public ?? "", "base64").toString("utf8");
      const same = readFileSync(key.certificate, "utf8").trim() === pem.trim();
      return { same, listed: await listed(stage) };
    },
    { same: true, listed: ["one@targets"] },
  );

  scenario(
    "a certificate for a prefix of names ending in * will do",
    async (stage) => {
      const owner = stage.person("owner");
      const commonName = `${stage.repository.slice(0, stage.repository.lastIndexOf("/"))}/*`;
      const key = await selfSigned(owner.directory, "given", { commonName });
      const file = owner.file("root.pem", encryptedKey(key, "root", passphrase));
      await published(stage, "--rootkey", file, "--rootcert", key.certificate);
      return await listed(stage);
    },
    ["one@targets"],
  );

  const unsuitable: Record<
    string,
    (owner: NotaryPerson, key: KeyFiles, repository: string) => Promise<string[]>
  > = {
    "a missing file": async () => ["--rootkey", "absent.pem"],
    "a file that is no PEM": async (owner) => ["--rootkey", owner.file("noise.pem", "no key at all")],
    "a key that is not encrypted": async (_, key) => ["--rootkey", key.privateKey],
    "a key under another passphrase": async (owner, key) => [
      "--rootkey",
      owner.file("other.pem", encryptedKey(key, "root", "another-passphrase")),
    ],
    "a certificate of another key": async (owner, key, repository) => {
      const other = await selfSigned(owner.directory, "other", { commonName: repository });
      const file = owner.file("root.pem", encryptedKey(key, "root", passphrase));
      return ["--rootkey", file, "--rootcert", other.certificate];
    },
  };
  for (const [what, flags] of Object.entries(unsuitable)) {
    scenario(
      `${what} is refused, and nothing is on the server`,
      async (stage) => {
        const owner = stage.person("owner");
        const key = await selfSigned(owner.directory, "given");
        const args = ["init", stage.repository, ...(await flags(owner, key, stage.repository)), "-p"];
        const result = await owner.try(args);
        return {
          code: result.code,
          read: refusal(await stage.person("reader").try(["list", stage.repository])),
        };
      },
      { code: 1, read: "no trust data" },
    );
  }
});

describe("pins", () => {
  /** What a new reader with this `trust_pinning` gets. */
  async function read(stage: Stage, pinning: unknown) {
    const reader = stage.person(`reader-${randomUUID()}`);
    const result = await reader.try(["list", stage.repository], {
      configuration: { trust_pinning: pinning },
    });
    return result.code === 0 ? namesAndRoles(result).join() : refusal(result);
  }

  scenario(
    "a certificate's key ID: the right one reads, a wrong one and an empty list refuse",
    async (stage) => {
      await published(stage);
      const { id } = await rootKey(stage);
      return {
        right: await read(stage, { certs: { [stage.repository]: [id] } }),
        among: await read(stage, { certs: { [stage.repository]: ["0".repeat(64), id] } }),
        wrong: await read(stage, { certs: { [stage.repository]: ["0".repeat(64)] } }),
        empty: await read(stage, { certs: { [stage.repository]: [] } }),
      };
    },
    { right: "one@targets", among: "one@targets", wrong: "pins not met", empty: "pins not met" },
  );

  scenario(
    "disable_tofu refuses what no pin covers, and a pinned reader reads",
    async (stage) => {
      await published(stage);
      const { id } = await rootKey(stage);
      return {
        unpinned: await read(stage, { disable_tofu: true }),
        pinned: await read(stage, { disable_tofu: true, certs: { [stage.repository]: [id] } }),
      };
    },
    { unpinned: "first use forbidden", pinned: "one@targets" },
  );

  scenario(
    "an authority: its own certificates read, another's refuse",
    async (stage) => {
      const owner = stage.person("owner");
      const authority = await createAuthority(owner.directory, "publishers");
      const stranger = await createAuthority(owner.directory, "strangers");
      const key = await authority.issueSigner("root", stage.repository);
      const file = owner.file("root.pem", encryptedKey(key, "root", passphrase));
      await published(stage, "--rootkey", file, "--rootcert", key.certificate);
      return {
        right: await read(stage, { ca: { [stage.repository]: authority.ca } }),
        wrong: await read(stage, { ca: { [stage.repository]: stranger.ca } }),
      };
    },
    { right: "one@targets", wrong: "pins not met" },
  );

  scenario(
    "a reader who pinned the first root follows a rotation",
    async (stage) => {
      const owner = await published(stage);
      const pinning = { certs: { [stage.repository]: [(await rootKey(stage)).id] } };
      const reader = stage.person("reader");
      const options = { configuration: { trust_pinning: pinning } };
      await reader.do(["list", stage.repository], options);
      await owner.do(["key", "rotate", stage.repository, "root"], { input: "yes\n" });
      const known = namesAndRoles(await reader.do(["list", stage.repository], options));
      return { known, fresh: await read(stage, pinning) };
    },
    { known: ["one@targets"], fresh: "pins not met" },
  );
});

describe("a rival", () => {
  scenario(
    "who initialised the same repository is refused by his own client, and readers see nothing of him",
    async (stage) => {
      const rival = stage.person("rival");
      await rival.do(["init", stage.repository]);
      await rival.do(["add", stage.repository, "two", rival.file("content", "two")]);
      const owner = await published(stage);
      await owner.do(["key", "rotate", stage.repository, "root"], { input: "yes\n" });
      const result = await rival.try(["publish", stage.repository]);
      return { code: result.code, listed: await listed(stage) };
    },
    { code: 1, listed: ["one@targets"] },
  );
});
