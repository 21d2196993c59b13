/** First contacts, pins and rotations of roots that the stock client made. */

import { join } from "node:path";
import { describe } from "vitest";
import { roleOf, vidimusClient, withTrust } from "../support/builder.ts";
import { createAuthority, encryptedKey } from "../support/certificates.ts";
import { servedMetadata } from "../support/metadata.ts";
import { type NotaryPerson, passphrases } from "../support/notary.ts";
import { type Stage, scenario } from "../support/scenario.ts";

const tofu = { tofu: true };
const nobody = "0".repeat(64);

async function published(stage: Stage, ...rest: string[]): Promise<NotaryPerson> {
  const owner = stage.person("owner");
  await owner.do(["init", stage.repository, ...rest]);
  await owner.do(["add", stage.repository, "one", owner.file("content", "one"), "-p"]);
  return owner;
}

function rotateRoot(owner: NotaryPerson, stage: Stage) {
  return owner.do(["key", "rotate", stage.repository, "root"], { input: "yes\n" });
}

/** The ID of the root key as the owner reads it from `notary key list`. */
async function bareId(owner: NotaryPerson): Promise<string> {
  const { stdout } = await owner.do(["key", "list"]);
  return /^\s*root\s+([0-9a-f]{64})\s/m.exec(stdout)?.[1] ?? "none";
}

/** The ID of the root key's certificate, as the root names it. */
async function certificateId(stage: Stage): Promise<string> {
  const { signed } = await servedMetadata(stage.server, stage.repository, "root");
  return signed.roles?.root?.keyids[0] ?? "none";
}

function pinning(keys: readonly string[], onRotation: "repin" | "anchor" = "repin") {
  return { root: { pins: { keys }, onRotation } };
}

describe("a first contact", () => {
  scenario(
    "is refused without a pin, unless the rule says tofu",
    async (stage) => {
      await published(stage);
      const known = { name: "known" };
      return {
        plain: await roleOf(stage, {}, "one"),
        tofu: await roleOf(stage, tofu, "one", known),
        // What is cached is no pin.
        after: await roleOf(stage, {}, "one", known),
      };
    },
    { plain: "NO_PIN", tofu: "targets", after: "NO_PIN" },
  );

  scenario(
    "with a repository that nobody has signed, or a name that nobody signs, is refused",
    async (stage) => {
      const before = await roleOf(stage, tofu, "one");
      await published(stage);
      return { before, name: await roleOf(stage, tofu, "two") };
    },
    { before: "NO_TRUST_DATA", name: "NOT_SIGNED" },
  );
});

describe("a pin", () => {
  scenario(
    "by key ID fits as `notary key list` has it and as the root has it, and no other",
    async (stage) => {
      const owner = await published(stage);
      const [bare, certificate] = [await bareId(owner), await certificateId(stage)];
      return {
        differ: bare !== certificate,
        bare: await roleOf(stage, pinning([bare]), "one", { name: "bare" }),
        certificate: await roleOf(stage, pinning([nobody, certificate]), "one", { name: "certificate" }),
        form: await roleOf(stage, { root: { pins: { certificates: [certificate] } } }, "one", {
          name: "form",
        }),
        formOfBare: await roleOf(stage, { root: { pins: { certificates: [bare] } } }, "one"),
        other: await roleOf(stage, pinning([nobody]), "one"),
      };
    },
    {
      differ: true,
      bare: "targets",
      certificate: "targets",
      form: "targets",
      formOfBare: "PIN_MISMATCH",
      other: "PIN_MISMATCH",
    },
  );

  scenario(
    "by authority fits a root of its own, and none of another's",
    async (stage) => {
      const owner = stage.person("owner");
      const authority = await createAuthority(owner.directory, "publishers");
      const stranger = await createAuthority(owner.directory, "strangers");
      const key = await authority.issueSigner("root", stage.repository);
      const file = owner.file("root.pem", encryptedKey(key, "root", passphrases.NOTARY_ROOT_PASSPHRASE));
      await published(stage, "--rootkey", file, "--rootcert", key.certificate);
      return {
        own: await roleOf(stage, { root: { pins: { ca: authority.ca } } }, "one", { name: "own" }),
        other: await roleOf(stage, { root: { pins: { ca: stranger.ca } } }, "one"),
      };
    },
    { own: "targets", other: "PIN_MISMATCH" },
  );

  scenario(
    "of Notary's own configuration counts, by certificate and by authority",
    async (stage) => {
      const owner = await published(stage);
      const authority = await createAuthority(owner.directory, "strangers");
      const id = await certificateId(stage);
      const read = (name: string, trust_pinning: unknown) => {
        const notaryConfig = owner.file(`${name}.json`, JSON.stringify({ trust_pinning }));
        return roleOf(stage, {}, "one", { name, notaryConfig });
      };
      return {
        right: await read("right", { disable_tofu: true, certs: { [stage.repository]: [id] } }),
        wrong: await read("wrong", { certs: { [stage.repository]: [nobody] } }),
        authority: await read("authority", { ca: { [stage.repository]: authority.ca } }),
        nothing: await read("nothing", {}),
      };
    },
    { right: "targets", wrong: "PIN_MISMATCH", authority: "PIN_MISMATCH", nothing: "NO_PIN" },
  );
});

describe("a rotation of the root", () => {
  for (const times of [1, 3]) {
    scenario(
      `${times} time(s) is refused under repin and followed under anchor, whatever is cached`,
      async (stage) => {
        const owner = await published(stage);
        const before = await bareId(owner);
        const [repin, anchor] = [pinning([before]), pinning([before], "anchor")];
        for (const [name, rule] of Object.entries({ repin, anchor, tofu }))
          await roleOf(stage, rule, "one", { name });
        for (let time = 0; time < times; time += 1) await rotateRoot(owner, stage);
        await owner.do(["add", stage.repository, "two", owner.file("content", "two"), "-p"]);
        const after = await certificateId(stage);
        return {
          repin: await roleOf(stage, repin, "two", { name: "repin" }),
          fresh: await roleOf(stage, repin, "two", { name: "fresh repin" }),
          anchor: await roleOf(stage, anchor, "two", { name: "anchor" }),
          freshAnchor: await roleOf(stage, anchor, "two", { name: "fresh anchor" }),
          tofu: await roleOf(stage, tofu, "two", { name: "tofu" }),
          // Whoever pins the new root reads on, with the old cache and without.
          repinned: await roleOf(stage, pinning([after]), "two", { name: "repin" }),
          freshRepinned: await roleOf(stage, pinning([after]), "two", { name: "fresh" }),
        };
      },
      {
        repin: "PIN_ROTATED",
        fresh: "PIN_ROTATED",
        anchor: "targets",
        freshAnchor: "targets",
        tofu: "targets",
        repinned: "targets",
        freshRepinned: "targets",
      },
    );
  }

  scenario(
    "is told with the IDs of the old and the new key, and the command that pins the new one",
    async (stage) => {
      const owner = await published(stage);
      const before = await bareId(owner);
      await rotateRoot(owner, stage);
      const root = await withTrust(stage, tofu, (trust) => trust.root(stage.repository));
      const keys = root.keys.map(({ keyId }) => keyId);
      const answer = withTrust(stage, pinning([before]), (trust) => trust.check(stage.repository));
      const detail = await answer.then(
        () => undefined,
        (error: { detail?: unknown }) => error.detail,
      );
      const flags = [
        ...keys.map((id) => `--key ${id}`),
        `--server ${stage.server.url}`,
        `--ca ${stage.server.ca}`,
      ];
      const command = `vidimus-client pin add ${stage.repository} ${flags.join(" ")}`;
      const told = JSON.stringify({ oldKeyIds: [before], newKeyIds: keys, command });
      return JSON.stringify(detail) === told ? "told" : detail;
    },
    "told",
  );
});

describe("a repository that was deleted and made anew", () => {
  scenario(
    "is refused by whoever knew it, until it is forgotten; whoever is new reads it",
    async (stage) => {
      const owner = await published(stage);
      const rule = pinning([await bareId(owner)]);
      const known = { name: "known" };
      await roleOf(stage, rule, "one", known);
      await owner.do(["delete", stage.repository, "--remote"]);
      const gone = await roleOf(stage, rule, "one", known);
      // With the same root key, which the pin fits; the online keys are others.
      await owner.do(["init", stage.repository]);
      await owner.do(["add", stage.repository, "two", owner.file("content", "two"), "-p"]);
      const refused = await roleOf(stage, rule, "two", known);
      const fresh = await roleOf(stage, rule, "two", { name: "fresh" });
      await withTrust(stage, rule, (trust) => trust.forget(stage.repository), known);
      return { gone, refused, fresh, forgotten: await roleOf(stage, rule, "two", known) };
    },
    { gone: "NO_TRUST_DATA", refused: "REPOSITORY_REPLACED", fresh: "targets", forgotten: "targets" },
  );

  scenario(
    "by somebody else is refused by pins too, and `pin add --replaced` recovers it",
    async (stage) => {
      const owner = await published(stage);
      const rule = pinning([await bareId(owner)]);
      const policy = owner.file(
        "trust.yaml",
        JSON.stringify({ repositories: [{ match: stage.repository, ...rule }] }),
      );
      const known = { name: "known", policy };
      await roleOf(stage, {}, "one", known);
      await owner.do(["delete", stage.repository, "--remote"]);
      const heir = stage.person("heir");
      await heir.do(["init", stage.repository]);
      await heir.do(["add", stage.repository, "two", heir.file("content", "two"), "-p"]);
      const refused = await roleOf(stage, {}, "two", known);
      const fresh = await roleOf(stage, {}, "two", { name: "fresh", policy });
      const cache = join(stage.directory, "trust-of-known/cache");
      const pin = await vidimusClient(stage, owner.directory, [
        ...["pin", "add", stage.repository, "--key", await bareId(heir), "--replaced"],
        ...["--policy", policy, "--cache", cache, "--json"],
      ]);
      const { forgotten } = JSON.parse(pin.stdout) as { forgotten: boolean };
      return { refused, fresh, forgotten, recovered: await roleOf(stage, {}, "two", known) };
    },
    { refused: "REPOSITORY_REPLACED", fresh: "PIN_MISMATCH", forgotten: true, recovered: "targets" },
  );
});
