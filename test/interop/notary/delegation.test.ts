/** Delegations as the owner edits them: keys, paths, nesting, removal. */

import { describe } from "vitest";
import { type KeyFiles, selfSigned } from "../support/certificates.ts";
import { listedDelegations, refusal } from "../support/notary.ts";
import { type Stage, scenario } from "../support/scenario.ts";

interface Owned {
  /** Makes a key pair with certificate. */
  key(name: string, algorithm?: "ecdsa" | "rsa"): Promise<KeyFiles>;
  /** `notary delegation …` with the rest of its arguments, published at once. */
  edit(verb: "add" | "remove" | "purge", ...rest: string[]): Promise<void>;
  /** What a new reader sees: `role [keys] [paths]`, keys by the name they were made under. */
  seen(): Promise<string[]>;
}

/** A repository with the snapshot key still at the owner's, and its owner. */
async function owned(stage: Stage): Promise<Owned> {
  const owner = stage.person("owner");
  await owner.do(["init", stage.repository, "-p"]);
  const names = new Map<string, string>();
  let readers = 0;
  return {
    key: async (name, algorithm = "ecdsa") => {
      const key = await selfSigned(owner.directory, name, { algorithm });
      names.set(key.keyId, name);
      return key;
    },
    edit: async (verb, ...rest) => {
      await owner.do(["delegation", verb, stage.repository, ...rest, "-p"]);
    },
    seen: async () => {
      readers += 1;
      const list = ["delegation", "list", stage.repository];
      return listedDelegations(await stage.person(`reader-${readers}`).do(list)).map(
        ({ role, keyIds, paths }) =>
          `${role} [${keyIds.map((id) => names.get(id) ?? "?").sort()}] [${[...paths].sort()}]`,
      );
    },
  };
}

describe("adding", () => {
  scenario(
    "a delegation of an unknown repository cannot be listed",
    async (stage) => {
      const result = await stage.person("reader").try(["delegation", "list", stage.repository]);
      return { code: result.code, refusal: refusal(result) };
    },
    { code: 1, refusal: "no trust data" },
  );

  scenario(
    "a certificate and all paths",
    async (stage) => {
      const { key, edit, seen } = await owned(stage);
      await edit("add", "targets/releases", (await key("alice")).certificate, "--all-paths");
      return await seen();
    },
    ['targets/releases [alice] ["" <all paths>]'],
  );

  scenario(
    "a certificate without a path, then paths alone",
    async (stage) => {
      const { key, edit, seen } = await owned(stage);
      await edit("add", "targets/qa", (await key("alice")).certificate);
      const without = await seen();
      await edit("add", "targets/qa", "--paths", "qa/,rc/");
      return { without, within: await seen() };
    },
    { without: ["targets/qa [alice] []"], within: ["targets/qa [alice] [qa/,rc/]"] },
  );

  scenario(
    "several certificates at once, ecdsa and rsa, and a second one later",
    async (stage) => {
      const { key, edit, seen } = await owned(stage);
      const [alice, bob, carol] = [await key("alice"), await key("bob", "rsa"), await key("carol")];
      await edit("add", "targets/qa", alice.certificate, bob.certificate, "--paths", "qa/");
      await edit("add", "targets/qa", carol.certificate, "--paths", "rc/");
      return await seen();
    },
    ["targets/qa [alice,bob,carol] [qa/,rc/]"],
  );

  scenario(
    "--all-paths wins over --paths given with it",
    async (stage) => {
      const { key, edit, seen } = await owned(stage);
      await edit("add", "targets/qa", (await key("alice")).certificate, "--paths", "qa/", "--all-paths");
      return await seen();
    },
    ['targets/qa [alice] ["" <all paths>]'],
  );

  scenario(
    "nested roles are listed below their parents",
    async (stage) => {
      const owner = stage.person("owner");
      const { key, edit, seen } = await owned(stage);
      const [alice, bob] = [await key("alice"), await key("bob")];
      await edit("add", "targets/qa", alice.certificate, "--all-paths");
      await owner.do(["key", "import", alice.privateKey, "-r", "targets/qa"]);
      await edit("add", "targets/qa/nightly", bob.certificate, "--paths", "nightly/");
      return await seen();
    },
    ['targets/qa [alice] ["" <all paths>]', "targets/qa/nightly [bob] [nightly/]"],
  );

  scenario(
    "a role name with a capital letter is refused by the client",
    async (stage) => {
      const owner = stage.person("owner");
      const { key, seen } = await owned(stage);
      const { certificate } = await key("alice");
      const args = ["delegation", "add", stage.repository, "targets/QA", certificate, "-p"];
      return { code: (await owner.try(args)).code, seen: await seen() };
    },
    { code: 1, seen: [] },
  );
});

describe("removing", () => {
  scenario(
    "keys one after the other: the role stays, with no key at last",
    async (stage) => {
      const { key, edit, seen } = await owned(stage);
      const [alice, bob] = [await key("alice"), await key("bob")];
      await edit("add", "targets/qa", alice.certificate, bob.certificate, "--paths", "qa/");
      await edit("remove", "targets/qa", alice.keyId);
      const one = await seen();
      await edit("remove", "targets/qa", bob.keyId);
      return { one, none: await seen() };
    },
    { one: ["targets/qa [bob] [qa/]"], none: ["targets/qa [] [qa/]"] },
  );

  scenario(
    "single paths: the last one keeps the role",
    async (stage) => {
      const { key, edit, seen } = await owned(stage);
      await edit("add", "targets/qa", (await key("alice")).certificate, "--paths", "qa/,rc/");
      await edit("remove", "targets/qa", "--paths", "rc/");
      const one = await seen();
      await edit("remove", "targets/qa", "--paths", "qa/");
      return { one, none: await seen() };
    },
    { one: ["targets/qa [alice] [qa/]"], none: ["targets/qa [alice] []"] },
  );

  scenario(
    "--all-paths clears every path",
    async (stage) => {
      const { key, edit, seen } = await owned(stage);
      await edit("add", "targets/qa", (await key("alice")).certificate, "--paths", "qa/,rc/");
      await edit("remove", "targets/qa", "--all-paths");
      return await seen();
    },
    ["targets/qa [alice] []"],
  );

  scenario(
    "the role itself, and it can be made anew",
    async (stage) => {
      const { key, edit, seen } = await owned(stage);
      const [alice, bob] = [await key("alice"), await key("bob")];
      await edit("add", "targets/qa", alice.certificate, "--all-paths");
      await edit("remove", "targets/qa", "-y");
      const gone = await seen();
      await edit("add", "targets/qa", bob.certificate, "--paths", "qa/");
      return { gone, again: await seen() };
    },
    { gone: [], again: ["targets/qa [bob] [qa/]"] },
  );

  scenario(
    "purge takes one key out of every role and leaves the roles",
    async (stage) => {
      const { key, edit, seen } = await owned(stage);
      const [alice, bob] = [await key("alice"), await key("bob")];
      for (const role of ["targets/qa", "targets/releases"]) {
        await edit("add", role, alice.certificate, bob.certificate, "--all-paths");
      }
      await edit("purge", "--key", alice.keyId);
      const one = await seen();
      await edit("purge", "--key", bob.keyId);
      return { one, none: await seen() };
    },
    {
      one: ['targets/qa [bob] ["" <all paths>]', 'targets/releases [bob] ["" <all paths>]'],
      none: ['targets/qa [] ["" <all paths>]', 'targets/releases [] ["" <all paths>]'],
    },
  );
});
