/** People who hold nothing but a delegation key: publishing, nesting, exchange of keys, witness, purge. */

import { rmSync } from "node:fs";
import { join } from "node:path";
import { describe } from "vitest";
import { type KeyFiles, selfSigned } from "../support/certificates.ts";
import { type NotaryPerson, namesAndRoles, refusal } from "../support/notary.ts";
import { type Stage, scenario } from "../support/scenario.ts";

const role = "targets/releases";

/** A repository whose snapshot key is the server's, with `targets/releases` held by a delegate alone. */
async function delegated(
  stage: Stage,
): Promise<{ owner: NotaryPerson; delegate: NotaryPerson; key: KeyFiles }> {
  const [owner, delegate] = [stage.person("owner"), stage.person("delegate")];
  const key = await selfSigned(delegate.directory, "delegate");
  await owner.do(["init", stage.repository, "-p"]);
  await owner.do(["key", "rotate", stage.repository, "snapshot", "-r"]);
  await owner.do(["delegation", "add", stage.repository, role, key.certificate, "--all-paths", "-p"]);
  await delegate.do(["key", "import", key.privateKey, "-r", role]);
  return { owner, delegate, key };
}

function add(person: NotaryPerson, stage: Stage, name: string, ...rest: string[]) {
  return person.do(["add", stage.repository, name, person.file("content", name), ...rest, "-p"]);
}

/** `name@role` of everything a new reader sees. */
async function seen(stage: Stage, ...rest: string[]): Promise<string[]> {
  const reader = stage.person("reader");
  rmSync(reader.trustDirectory, { recursive: true, force: true });
  return namesAndRoles(await reader.do(["list", stage.repository, ...rest]));
}

describe("publishing with a delegation key only", () => {
  scenario(
    "a delegate adds and removes targets of the role",
    async (stage) => {
      const { delegate } = await delegated(stage);
      await add(delegate, stage, "one", "-r", role);
      await add(delegate, stage, "two", "-r", role);
      const both = await seen(stage);
      await delegate.do(["remove", stage.repository, "one", "-r", role, "-p"]);
      return { both, one: await seen(stage), within: await seen(stage, "-r", role) };
    },
    { both: [`one@${role}`, `two@${role}`], one: [`two@${role}`], within: [`two@${role}`] },
  );

  scenario(
    "the owner's targets and the delegate's are both seen, the parent's first",
    async (stage) => {
      const { owner, delegate } = await delegated(stage);
      await add(delegate, stage, "one", "-r", role);
      await add(delegate, stage, "same", "-r", role);
      await add(owner, stage, "same");
      return await seen(stage);
    },
    [`one@${role}`, "same@targets"],
  );

  scenario(
    "without the key publish fails and keeps the change; after the import the same publish works",
    async (stage) => {
      const { key } = await delegated(stage);
      const late = stage.person("late");
      const file = late.file("content", "one");
      await late.do(["add", stage.repository, "one", file, "-r", role]);
      const before = await late.try(["publish", stage.repository]);
      await late.do(["key", "import", key.privateKey, "-r", role]);
      await late.do(["publish", stage.repository]);
      return { before: before.code, seen: await seen(stage) };
    },
    { before: 1, seen: [`one@${role}`] },
  );

  scenario(
    "a name outside the role's paths is refused by the delegate's own client",
    async (stage) => {
      const { owner, delegate } = await delegated(stage);
      await owner.do(["delegation", "remove", stage.repository, role, "--all-paths", "-p"]);
      await owner.do(["delegation", "add", stage.repository, role, "--paths", "v1/", "-p"]);
      const file = delegate.file("content", "x");
      const outside = await delegate.try(["add", stage.repository, "v2/x", file, "-r", role, "-p"]);
      await delegate.do(["reset", stage.repository, "--all"]);
      await add(delegate, stage, "v1/x", "-r", role);
      return { outside: outside.code, seen: await seen(stage) };
    },
    { outside: 1, seen: [`v1/x@${role}`] },
  );

  scenario(
    "a delegate adds and removes a nested role, whose holder publishes",
    async (stage) => {
      const { delegate } = await delegated(stage);
      const nightly = stage.person("nightly");
      const key = await selfSigned(nightly.directory, "nightly");
      const nested = `${role}/nightly`;
      const args = [stage.repository, nested, key.certificate, "--paths", "nightly/", "-p"];
      await delegate.do(["delegation", "add", ...args]);
      await nightly.do(["key", "import", key.privateKey, "-r", nested]);
      await add(nightly, stage, "nightly/1", "-r", nested);
      const before = await seen(stage);
      await delegate.do(["delegation", "remove", stage.repository, nested, "-y", "-p"]);
      return { before, after: await seen(stage) };
    },
    { before: [`nightly/1@${role}/nightly`], after: [] },
  );

  scenario(
    "one key serves two roles of one repository and the same role of another",
    async (stage) => {
      const { owner, delegate, key } = await delegated(stage);
      const other = `${stage.repository}/other`;
      await owner.do([
        "delegation",
        "add",
        stage.repository,
        "targets/qa",
        key.certificate,
        "--all-paths",
        "-p",
      ]);
      await owner.do(["init", other, "-p"]);
      await owner.do(["key", "rotate", other, "snapshot", "-r"]);
      await owner.do(["delegation", "add", other, role, key.certificate, "--all-paths", "-p"]);
      const file = delegate.file("content", "one");
      await delegate.do(["add", stage.repository, "one", file, "-r", role, "-r", "targets/qa", "-p"]);
      await delegate.do(["add", other, "one", file, "-r", role, "-p"]);
      const reader = stage.person("reader");
      return {
        qa: await seen(stage, "-r", "targets/qa"),
        releases: await seen(stage, "-r", role),
        other: namesAndRoles(await reader.do(["list", other])),
      };
    },
    { qa: ["one@targets/qa"], releases: [`one@${role}`], other: [`one@${role}`] },
  );
});

describe("exchange of a delegation's key", () => {
  scenario(
    "the old signatures stop counting, and come back when the new key witnesses the role",
    async (stage) => {
      const { owner, delegate, key } = await delegated(stage);
      await add(delegate, stage, "one", "-r", role);
      const successor = stage.person("successor");
      const next = await selfSigned(successor.directory, "successor");
      await owner.do(["delegation", "add", stage.repository, role, next.certificate]);
      await owner.do(["delegation", "remove", stage.repository, role, key.keyId]);
      await owner.do(["publish", stage.repository]);
      const between = await seen(stage);
      await successor.do(["key", "import", next.privateKey, "-r", role]);
      await successor.do(["witness", stage.repository, role, "-p"]);
      return { between, after: await seen(stage) };
    },
    { between: [], after: [`one@${role}`] },
  );

  scenario(
    "the holder of the old key can publish no more",
    async (stage) => {
      const { owner, delegate, key } = await delegated(stage);
      await add(delegate, stage, "one", "-r", role);
      const next = await selfSigned(owner.directory, "successor");
      await owner.do(["delegation", "add", stage.repository, role, next.certificate]);
      await owner.do(["delegation", "remove", stage.repository, role, key.keyId]);
      await owner.do(["publish", stage.repository]);
      const file = delegate.file("content", "two");
      const late = await delegate.try(["add", stage.repository, "two", file, "-r", role, "-p"]);
      return { late: late.code, seen: await seen(stage) };
    },
    { late: 1, seen: [] },
  );

  scenario(
    "purging the last key leaves a role that can be neither used nor witnessed",
    async (stage) => {
      const { owner, delegate, key } = await delegated(stage);
      await add(delegate, stage, "one", "-r", role);
      await owner.do(["delegation", "purge", stage.repository, "--key", key.keyId, "-p"]);
      const purged = await seen(stage);
      const witness = await delegate.try(["witness", stage.repository, role, "-p"]);
      return { purged, witness: witness.code, still: await seen(stage) };
    },
    { purged: [], witness: 1, still: [] },
  );

  scenario(
    "a role with two keys goes on with the one that is left",
    async (stage) => {
      const { owner, delegate } = await delegated(stage);
      const second = await selfSigned(owner.directory, "second");
      await owner.do(["delegation", "add", stage.repository, role, second.certificate, "-p"]);
      await add(delegate, stage, "one", "-r", role);
      await owner.do(["delegation", "purge", stage.repository, "--key", second.keyId, "-p"]);
      await add(delegate, stage, "two", "-r", role);
      return await seen(stage);
    },
    [`one@${role}`, `two@${role}`],
  );
});

describe("witness", () => {
  scenario(
    "a valid role keeps its content",
    async (stage) => {
      const { delegate } = await delegated(stage);
      await add(delegate, stage, "one", "-r", role);
      await delegate.do(["witness", stage.repository, role, "-p"]);
      return await seen(stage);
    },
    [`one@${role}`],
  );

  for (const made of ["targets/made-up", "snapshot", "root"]) {
    scenario(
      `${made} is staged and fails at publish, nothing is changed`,
      async (stage) => {
        const { owner } = await delegated(stage);
        await add(owner, stage, "one");
        await owner.do(["witness", stage.repository, made]);
        return { code: (await owner.try(["publish", stage.repository])).code, seen: await seen(stage) };
      },
      { code: 1, seen: ["one@targets"] },
    );
  }
});

describe("removal of a delegation", () => {
  scenario(
    "its targets vanish, its holder can publish no more, and the rest is served on",
    async (stage) => {
      const { owner, delegate } = await delegated(stage);
      await add(owner, stage, "base");
      await add(delegate, stage, "one", "-r", role);
      await owner.do(["delegation", "remove", stage.repository, role, "-y", "-p"]);
      const file = delegate.file("content", "two");
      const late = await delegate.try(["add", stage.repository, "two", file, "-r", role, "-p"]);
      return { late: late.code, seen: await seen(stage) };
    },
    { late: 1, seen: ["base@targets"] },
  );

  scenario(
    "made anew with another key, the role must be witnessed before it is published to",
    async (stage) => {
      const { owner, delegate } = await delegated(stage);
      await add(delegate, stage, "one", "-r", role);
      await owner.do(["delegation", "remove", stage.repository, role, "-y", "-p"]);
      const next = stage.person("next");
      const key = await selfSigned(next.directory, "next");
      await owner.do(["delegation", "add", stage.repository, role, key.certificate, "--all-paths", "-p"]);
      const empty = await seen(stage);
      await next.do(["key", "import", key.privateKey, "-r", role]);
      await next.do(["add", stage.repository, "two", next.file("content", "two"), "-r", role]);
      // The client starts again at version 1, below what the server has of this role.
      const early = refusal(await next.try(["publish", stage.repository]));
      await next.do(["reset", stage.repository, "--all"]);
      await next.do(["witness", stage.repository, role, "-p"]);
      await add(next, stage, "two", "-r", role);
      return { empty, early, after: await seen(stage) };
    },
    { empty: [], early: "rejected by the server", after: [`one@${role}`, `two@${role}`] },
  );
});

describe("without the owner's keys", () => {
  scenario(
    "an owner who lost the targets key cannot change targets, a delegate goes on",
    async (stage) => {
      const { owner, delegate } = await delegated(stage);
      rmSync(join(owner.trustDirectory, "private"), { recursive: true });
      const file = owner.file("content", "one");
      const lost = await owner.try(["add", stage.repository, "one", file, "-p"]);
      await add(delegate, stage, "two", "-r", role);
      return { lost: lost.code, seen: await seen(stage) };
    },
    { lost: 1, seen: [`two@${role}`] },
  );
});
