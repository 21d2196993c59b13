/** Names, files, online keys and publications: what the library says of collections made by the stock client. */

import { createHash } from "node:crypto";
import { describe } from "vitest";
import { ask, orCode, roleOf, withTrust } from "../support/builder.ts";
import { type KeyFiles, selfSigned } from "../support/certificates.ts";
import { listedTargets, type NotaryPerson, refusal } from "../support/notary.ts";
import { type Stage, scenario } from "../support/scenario.ts";

const tofu = { tofu: true };

async function owned(stage: Stage): Promise<NotaryPerson> {
  const owner = stage.person("owner");
  await owner.do(["init", stage.repository, "-p"]);
  return owner;
}

/** Adds a target with its name as content, unless told. */
function add(person: NotaryPerson, stage: Stage, name: string, content = name, ...rest: string[]) {
  return person.do(["add", stage.repository, name, person.file("content", content), "-p", ...rest]);
}

/** Gives a delegation a key and somebody who holds it. */
async function delegate(
  owner: NotaryPerson,
  stage: Stage,
  role: string,
  ...paths: string[]
): Promise<{ holder: NotaryPerson; key: KeyFiles }> {
  const key = await selfSigned(owner.directory, role.replaceAll("/", "-"));
  const args = paths.length === 0 ? ["--all-paths"] : ["--paths", paths.join()];
  await owner.do(["delegation", "add", stage.repository, role, key.certificate, ...args, "-p"]);
  const holder = stage.person(role);
  await holder.do(["key", "import", key.privateKey, "-r", role]);
  return { holder, key };
}

/** The name of a target, its digest and size as `notary lookup` prints them, or the kind of its refusal. */
async function stockLookup(stage: Stage, name: string): Promise<string> {
  const result = await stage.person("reader").try(["lookup", stage.repository, name]);
  return result.code === 0 ? result.stdout.trim() : refusal(result);
}

async function ourLookup(
  stage: Stage,
  rule: Readonly<Record<string, unknown>>,
  name: string,
): Promise<string> {
  const found = await ask(stage, rule, name);
  return typeof found === "string" ? found : `${name} sha256:${found.hashes.sha256} ${found.length}`;
}

describe("look-ups", () => {
  scenario(
    "say what `notary lookup` says, for every name of a collection with delegations",
    async (stage) => {
      const owner = await owned(stage);
      // As the stock client searches: `targets`, then all below it, breadth first.
      const rule = { tofu: true, lookup: ["targets/**"] };
      for (const name of ["one", "6.6/kernel.tar", "name with spaces"]) await add(owner, stage, name);
      await owner.do(["key", "rotate", stage.repository, "snapshot", "-r"]);
      const { holder: releases } = await delegate(owner, stage, "targets/releases");
      const { holder: qa } = await delegate(owner, stage, "targets/qa", "qa/");
      await add(releases, stage, "one", "another one", "-r", "targets/releases");
      await add(releases, stage, "two", "two", "-r", "targets/releases");
      await add(qa, stage, "qa/three", "three", "-r", "targets/qa");
      const listed = listedTargets(await stage.person("reader").do(["list", stage.repository]));
      const names = [...new Set(listed.map(({ name }) => name)), "nowhere"];
      const differing: string[] = [];
      for (const name of names) {
        const [stock, ours] = [await stockLookup(stage, name), await ourLookup(stage, rule, name)];
        if (stock !== ours) differing.push(`${name}: ${stock} / ${ours}`);
      }
      return { names: names.length, differing };
    },
    { names: 6, differing: ["nowhere: target not signed / NOT_SIGNED"] },
  );

  scenario(
    "take the word of targets/releases before that of targets, as docker does and `notary lookup` does not",
    async (stage) => {
      const owner = await owned(stage);
      await add(owner, stage, "one", "older");
      await owner.do(["key", "rotate", stage.repository, "snapshot", "-r"]);
      const { holder } = await delegate(owner, stage, "targets/releases");
      await add(holder, stage, "one", "newer", "-r", "targets/releases");
      const { holder: alice } = await delegate(owner, stage, "targets/alice");
      await add(alice, stage, "hers", "hers", "-r", "targets/alice");
      const found = await ask(stage, tofu, "one");
      return {
        role: typeof found === "string" ? found : found.role,
        newer: typeof found !== "string" && found.hashes.sha256 === sha256("newer"),
        only: await roleOf(stage, tofu, "hers"),
        counted: await roleOf(stage, { ...tofu, lookup: ["targets/alice"] }, "hers"),
        quorum: await roleOf(stage, { ...tofu, require: ["targets/releases", "targets"] }, "one"),
      };
    },
    {
      role: "targets/releases",
      newer: true,
      only: "NOT_SIGNED_IN_ROLE",
      counted: "targets/alice",
      quorum: "ROLES_DISAGREE",
    },
  );

  scenario(
    "of a hash that somebody gave: sha256 is an image, sha512 alone is none",
    async (stage) => {
      const owner = await owned(stage);
      const bytes = (algorithm: string) => createHash(algorithm).update("image").digest("hex");
      const addHash = (name: string, ...hash: string[]) =>
        owner.do(["addhash", stage.repository, name, "5", ...hash, "-p"]);
      await addHash("both", "--sha256", bytes("sha256"), "--sha512", bytes("sha512"));
      await addHash("modern", "--sha512", bytes("sha512"));
      const resolve = (tag: string) =>
        withTrust(stage, tofu, async (trust) => (await trust.resolve(`${stage.repository}:${tag}`)).digest);
      return {
        both: (await orCode(resolve("both"))) === `sha256:${bytes("sha256")}`,
        modern: await orCode(resolve("modern")),
        file: await roleOf(stage, tofu, "modern"),
      };
    },
    { both: true, modern: "NO_SHA256", file: "targets" },
  );
});

describe("files", () => {
  scenario(
    "are verified as `notary verify` does: the signed bytes and no others",
    async (stage) => {
      const owner = await owned(stage);
      const target = "6.6/kernel.tar";
      await add(owner, stage, target, "a kernel");
      const outcomes: string[] = [];
      for (const content of ["a kernel", "a kerneL", "a kerne", "a kernel and more"]) {
        const file = owner.file("candidate", content);
        const stock = await stage
          .person("reader")
          .try(["verify", stage.repository, target, "-i", file, "-q"]);
        const ours = await orCode(
          withTrust(stage, tofu, (trust) =>
            trust.verifyFile(file, { repository: stage.repository, target }).then(({ role }) => role),
          ),
        );
        outcomes.push(`${stock.code} ${ours}`);
      }
      return outcomes;
    },
    ["0 targets", "1 FILE_MISMATCH", "1 FILE_MISMATCH", "1 FILE_MISMATCH"],
  );
});

describe("a reader who was here before", () => {
  scenario(
    "reads what is published afterwards, and asks for nothing but the timestamp when nothing was",
    async (stage) => {
      const owner = await owned(stage);
      await add(owner, stage, "one");
      const asked: string[] = [];
      const reading = async (name: string) => {
        asked.length = 0;
        const found = await roleOf(stage, tofu, name, {
          onEvent: (event) =>
            void (event.type === "request" && asked.push(event.file.replace(/[0-9a-f]{64}/, "#"))),
        });
        return `${found}: ${[...asked].sort()}`;
      };
      const cold = await reading("one");
      const warm = await reading("one");
      await add(owner, stage, "two");
      return { cold, warm, two: await reading("two"), gone: (await reading("three")).split(":")[0] };
    },
    {
      cold: "targets: 2.root.json,root.json,snapshot.#.json,targets.#.json,timestamp.json",
      warm: "targets: 2.root.json,timestamp.json",
      two: "targets: 2.root.json,snapshot.#.json,targets.#.json,timestamp.json",
      gone: "NOT_SIGNED",
    },
  );

  scenario(
    "follows rotations of snapshot, timestamp and targets keys",
    async (stage) => {
      const owner = await owned(stage);
      await add(owner, stage, "start");
      const seen = [await roleOf(stage, tofu, "start")];
      for (const [role, ...flags] of [
        ["snapshot", "-r"],
        ["timestamp", "-r"],
        ["targets"],
        ["snapshot"],
      ] as const) {
        await owner.do(["key", "rotate", stage.repository, role, ...flags]);
        seen.push(await roleOf(stage, tofu, "start"));
        await add(owner, stage, `after-${role}`);
        seen.push(await roleOf(stage, tofu, `after-${role}`));
      }
      return { ways: [...new Set(seen)], fresh: await roleOf(stage, tofu, "start", { name: "fresh" }) };
    },
    { ways: ["targets"], fresh: "targets" },
  );
});

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
