/** Key rotations of the four base roles, and a reader who was away meanwhile. */

import { describe } from "vitest";
import { encryptedKey, selfSigned } from "../support/certificates.ts";
import { cachedMetadata, served, servedMetadata, sha256Hex } from "../support/metadata.ts";
import { type NotaryPerson, namesAndRoles, passphrases } from "../support/notary.ts";
import { type Stage, scenario } from "../support/scenario.ts";

/** An owner who holds root, targets and snapshot keys and has published `one`. */
async function published(stage: Stage): Promise<NotaryPerson> {
  const owner = stage.person("owner");
  await owner.do(["init", stage.repository]);
  await add(owner, stage, "one");
  return owner;
}

function add(person: NotaryPerson, stage: Stage, name: string) {
  return person.do(["add", stage.repository, name, person.file("content", name), "-p"]);
}

function rotate(person: NotaryPerson, stage: Stage, role: string, ...rest: string[]) {
  return person.do(["key", "rotate", stage.repository, role, ...rest], { input: "yes\n" });
}

async function listed(person: NotaryPerson, stage: Stage): Promise<string[]> {
  return namesAndRoles(await person.do(["list", stage.repository]));
}

/** The keys of a role as the current root names them. */
async function keysOf(stage: Stage, role: string): Promise<readonly string[]> {
  const root = await servedMetadata(stage.server, stage.repository, "root");
  return root.signed.roles?.[role]?.keyids ?? [];
}

describe("online roles", () => {
  scenario(
    "the snapshot key to the server and back",
    async (stage) => {
      const owner = await published(stage);
      const reader = stage.person("reader");
      await listed(reader, stage);
      const keys = [await keysOf(stage, "snapshot")];
      await rotate(owner, stage, "snapshot", "-r");
      keys.push(await keysOf(stage, "snapshot"));
      await add(owner, stage, "two");
      const onServer = await listed(reader, stage);
      await rotate(owner, stage, "snapshot");
      keys.push(await keysOf(stage, "snapshot"));
      await add(owner, stage, "three");
      return { onServer, back: await listed(reader, stage), keys: new Set(keys.flat()).size };
    },
    {
      onServer: ["one@targets", "two@targets"],
      back: ["one@targets", "three@targets", "two@targets"],
      keys: 3,
    },
  );

  scenario(
    "the timestamp key is exchanged by the server",
    async (stage) => {
      const owner = await published(stage);
      const reader = stage.person("reader");
      await listed(reader, stage);
      const before = await keysOf(stage, "timestamp");
      await rotate(owner, stage, "timestamp", "-r");
      const after = await keysOf(stage, "timestamp");
      const timestamp = await servedMetadata(stage.server, stage.repository, "timestamp");
      return {
        exchanged: before.length === 1 && after.length === 1 && before[0] !== after[0],
        signedByNew: timestamp.signatures.map(({ keyid }) => keyid).join() === after.join(),
        reader: await listed(reader, stage),
      };
    },
    { exchanged: true, signedByNew: true, reader: ["one@targets"] },
  );

  scenario(
    "snapshot and timestamp keys ten times on the server",
    async (stage) => {
      const owner = await published(stage);
      const reader = stage.person("reader");
      await listed(reader, stage);
      for (let time = 0; time < 10; time += 1) {
        await rotate(owner, stage, "snapshot", "-r");
        await rotate(owner, stage, "timestamp", "-r");
      }
      await add(owner, stage, "two");
      const root = await servedMetadata(stage.server, stage.repository, "root");
      return { root: root.signed.version, reader: await listed(reader, stage) };
    },
    { root: 21, reader: ["one@targets", "two@targets"] },
  );

  for (const [role, ...flags] of [["root", "-r"], ["targets", "-r"], ["timestamp"]] as const) {
    scenario(
      `the client refuses to rotate ${[role, ...flags].join(" ")}, and nothing changes`,
      async (stage) => {
        const owner = await published(stage);
        const args = ["key", "rotate", stage.repository, role, ...flags];
        const result = await owner.try(args, { input: "yes\n" });
        const root = await servedMetadata(stage.server, stage.repository, "root");
        return { code: result.code, root: root.signed.version };
      },
      { code: 1, root: 1 },
    );
  }
});

describe("the targets key", () => {
  scenario(
    "what was signed before stays, with one new key",
    async (stage) => {
      const owner = await published(stage);
      const reader = stage.person("reader");
      await listed(reader, stage);
      const before = await keysOf(stage, "targets");
      await rotate(owner, stage, "targets");
      const after = await keysOf(stage, "targets");
      await add(owner, stage, "two");
      return {
        exchanged: before[0] !== after[0] && after.length === 1,
        reader: await listed(reader, stage),
        fresh: await listed(stage.person("fresh"), stage),
      };
    },
    { exchanged: true, reader: ["one@targets", "two@targets"], fresh: ["one@targets", "two@targets"] },
  );

  scenario(
    "two keys from files; a missing file is refused",
    async (stage) => {
      const owner = await published(stage);
      const files: string[] = [];
      for (const name of ["first", "second"]) {
        files.push("-k", (await selfSigned(owner.directory, name)).privateKey);
      }
      const absent = await owner.try(["key", "rotate", stage.repository, "targets", "-k", "absent.pem"]);
      await rotate(owner, stage, "targets", ...files);
      await add(owner, stage, "two");
      const targets = await servedMetadata(stage.server, stage.repository, "targets");
      return {
        absent: absent.code,
        keys: (await keysOf(stage, "targets")).length,
        signatures: targets.signatures.length,
        reader: await listed(stage.person("reader"), stage),
      };
    },
    { absent: 1, keys: 2, signatures: 2, reader: ["one@targets", "two@targets"] },
  );
});

describe("the root key", () => {
  scenario(
    "one rotation is followed by a reader who knew the old root",
    async (stage) => {
      const owner = await published(stage);
      const reader = stage.person("reader");
      await listed(reader, stage);
      const before = await keysOf(stage, "root");
      await rotate(owner, stage, "root");
      const root = await servedMetadata(stage.server, stage.repository, "root");
      await add(owner, stage, "two");
      return {
        exchanged: before[0] !== root.signed.roles?.root?.keyids[0],
        keys: root.signed.roles?.root?.keyids.length,
        signatures: root.signatures.length,
        reader: await listed(reader, stage),
        cached: cachedMetadata(reader, stage.repository, "root").signed.version,
      };
    },
    { exchanged: true, keys: 1, signatures: 2, reader: ["one@targets", "two@targets"], cached: 2 },
  );

  scenario(
    "anything but yes leaves the root as it is",
    async (stage) => {
      const owner = await published(stage);
      const args = ["key", "rotate", stage.repository, "root"];
      await owner.try(args, { input: "no\n" });
      return (await servedMetadata(stage.server, stage.repository, "root")).signed.version;
    },
    1,
  );

  scenario(
    "a reader at root 2 follows to root 8, version by version",
    async (stage) => {
      const owner = await published(stage);
      await rotate(owner, stage, "root");
      const reader = stage.person("reader");
      await listed(reader, stage);
      const start = cachedMetadata(reader, stage.repository, "root").signed.version;
      for (let version = 3; version <= 8; version += 1) await rotate(owner, stage, "root");
      await add(owner, stage, "two");
      const seen = await listed(reader, stage);
      return { start, seen, end: cachedMetadata(reader, stage.repository, "root").signed.version };
    },
    { start: 2, seen: ["one@targets", "two@targets"], end: 8 },
  );

  scenario(
    "to two keys from files, then to a made one",
    async (stage) => {
      const owner = await published(stage);
      const reader = stage.person("reader");
      await listed(reader, stage);
      const files: string[] = [];
      for (const name of ["first", "second"]) {
        const key = await selfSigned(owner.directory, name);
        files.push(
          "-k",
          owner.file(`${name}.pem`, encryptedKey(key, "root", passphrases.NOTARY_ROOT_PASSPHRASE)),
        );
      }
      await rotate(owner, stage, "root", ...files);
      const two = (await keysOf(stage, "root")).length;
      await rotate(owner, stage, "root");
      const one = (await keysOf(stage, "root")).length;
      await add(owner, stage, "two");
      return { two, one, reader: await listed(reader, stage) };
    },
    { two: 2, one: 1, reader: ["one@targets", "two@targets"] },
  );

  scenario(
    "an RSA key from a file takes over",
    async (stage) => {
      const owner = await published(stage);
      const reader = stage.person("reader");
      await listed(reader, stage);
      const key = await selfSigned(owner.directory, "rsa", { algorithm: "rsa" });
      const file = owner.file("rsa.pem", encryptedKey(key, "root", passphrases.NOTARY_ROOT_PASSPHRASE));
      await rotate(owner, stage, "root", "-k", file);
      const root = await servedMetadata(stage.server, stage.repository, "root");
      const id = root.signed.roles?.root?.keyids[0] ?? "";
      return { keytype: root.signed.keys?.[id]?.keytype, reader: await listed(reader, stage) };
    },
    { keytype: "rsa-x509", reader: ["one@targets"] },
  );
});

describe("what was served before", () => {
  scenario(
    "every root by version, every snapshot and targets by checksum, byte for byte",
    async (stage) => {
      const owner = await published(stage);
      const kept: { file: string; bytes: Buffer }[] = [];
      for (let round = 1; round <= 6; round += 1) {
        for (const role of ["targets", "snapshot", "timestamp", "root"]) {
          const bytes = await served(stage.server, stage.repository, `${role}.json`);
          kept.push({ file: `${role}.${sha256Hex(bytes)}.json`, bytes });
          const { version } = (JSON.parse(bytes.toString("utf8")) as { signed: { version: number } }).signed;
          kept.push({ file: `${version}.${role}.json`, bytes });
        }
        await rotate(owner, stage, "root");
        await add(owner, stage, `target-${round}`);
      }
      const wrong: string[] = [];
      for (const { file, bytes } of kept) {
        if (!(await served(stage.server, stage.repository, file)).equals(bytes)) wrong.push(file);
      }
      return { asked: kept.length, wrong };
    },
    { asked: 48, wrong: [] },
  );
});
