/** Several people at once, and a repository that is deleted and made again. */

import { describe } from "vitest";
import { selfSigned } from "../support/certificates.ts";
import { fetchFrom } from "../support/https.ts";
import { metadataPath, served, sha256Hex } from "../support/metadata.ts";
import { type NotaryPerson, namesAndRoles, refusal } from "../support/notary.ts";
import { divergence, type Stage, scenario } from "../support/scenario.ts";

const role = "targets/releases";

async function listed(person: NotaryPerson, stage: Stage): Promise<string[]> {
  return namesAndRoles(await person.do(["list", stage.repository]));
}

/** A repository with the snapshot key on the server and people who share the key of `targets/releases`. */
async function shared(stage: Stage, names: readonly string[]) {
  const owner = stage.person("owner");
  const key = await selfSigned(owner.directory, "shared");
  await owner.do(["init", stage.repository, "-p"]);
  await owner.do(["key", "rotate", stage.repository, "snapshot", "-r"]);
  await owner.do(["delegation", "add", stage.repository, role, key.certificate, "--all-paths", "-p"]);
  const people = names.map((name) => stage.person(name));
  for (const person of people) await person.do(["key", "import", key.privateKey, "-r", role]);
  return { owner, people };
}

describe("publishers at once", () => {
  scenario(
    "one publish a try succeeds at least, losers are told so, and all are in by trying again",
    async (stage) => {
      const names = ["alice", "bob", "carol"];
      const { people } = await shared(stage, names);
      await Promise.all(
        people.map((person, index) => {
          const name = names[index] ?? "";
          return person.do(["add", stage.repository, name, person.file("content", name), "-r", role]);
        }),
      );
      const refused = new Set<string>();
      const winnersOfEachTry: boolean[] = [];
      let waiting = people;
      for (let attempt = 0; attempt < names.length && waiting.length > 0; attempt += 1) {
        const results = await Promise.all(waiting.map((person) => person.try(["publish", stage.repository])));
        winnersOfEachTry.push(results.some(({ code }) => code === 0));
        for (const result of results) if (result.code !== 0) refused.add(refusal(result));
        waiting = waiting.filter((_, index) => results[index]?.code !== 0);
      }
      refused.delete("rejected by the server");
      return {
        waiting: waiting.length,
        alwaysOneWinner: winnersOfEachTry.every((won) => won),
        otherRefusals: [...refused],
        listed: await listed(stage.person("reader"), stage),
      };
    },
    {
      waiting: 0,
      alwaysOneWinner: true,
      otherRefusals: [],
      listed: ["alice", "bob", "carol"].map((name) => `${name}@${role}`),
    },
  );

  scenario(
    "two people publish different roles in turn without seeing each other's changes first",
    async (stage) => {
      const { owner, people } = await shared(stage, ["alice"]);
      const alice = people[0] as NotaryPerson;
      await owner.do(["add", stage.repository, "base", owner.file("base", "base")]);
      await alice.do(["add", stage.repository, "one", alice.file("one", "one"), "-r", role]);
      await owner.do(["publish", stage.repository]);
      await alice.do(["publish", stage.repository]);
      return await listed(stage.person("reader"), stage);
    },
    ["base@targets", `one@${role}`],
  );

  scenario(
    "two people initialise the same repository at once: one has it, the other is refused",
    async (stage) => {
      const people = ["alice", "bob"].map((name) => stage.person(name));
      for (const person of people) await person.do(["init", stage.repository]);
      const results = await Promise.all(people.map((person) => person.try(["publish", stage.repository])));
      return results.map(({ code }) => code).sort();
    },
    [0, 1],
  );

  scenario(
    "a reader who reads while others publish sees whole states only",
    async (stage) => {
      const { owner } = await shared(stage, []);
      const reader = stage.person("reader");
      await reader.do(["list", stage.repository]);
      let publishing = true;
      const seen: number[] = [];
      const reading = (async () => {
        while (publishing) seen.push((await listed(reader, stage)).length);
      })();
      try {
        for (let round = 1; round <= 5; round += 1) {
          await owner.do(["add", stage.repository, `t${round}`, owner.file("content", `${round}`), "-p"]);
        }
      } finally {
        publishing = false;
      }
      await reading;
      return {
        neverBackwards: seen.every((count, index) => count >= (seen[index - 1] ?? 0)),
        end: (await listed(reader, stage)).length,
      };
    },
    { neverBackwards: true, end: 5 },
  );
});

describe("deletion", () => {
  async function published(stage: Stage): Promise<NotaryPerson> {
    const owner = stage.person("owner");
    await owner.do(["init", stage.repository]);
    await owner.do(["add", stage.repository, "one", owner.file("content", "one"), "-p"]);
    return owner;
  }

  scenario(
    "without --remote only the cache goes",
    async (stage) => {
      const owner = await published(stage);
      await owner.do(["delete", stage.repository]);
      return await listed(owner, stage);
    },
    ["one@targets"],
  );

  scenario(
    "with --remote every form of every file is gone, and a second time is no error",
    async (stage) => {
      const owner = await published(stage);
      const files = ["root.json", "targets.json", "snapshot.json", "timestamp.json", "1.root.json"];
      for (const current of ["root.json", "targets.json", "snapshot.json"]) {
        const bytes = await served(stage.server, stage.repository, current);
        files.push(current.replace("json", `${sha256Hex(bytes)}.json`));
      }
      await owner.do(["delete", stage.repository, "--remote"]);
      const statuses = new Set<number>();
      for (const file of files) {
        statuses.add((await fetchFrom(stage.server, metadataPath(stage.repository, file))).status);
      }
      const again = await owner.do(["delete", stage.repository, "--remote"]);
      const read = await stage.person("reader").try(["list", stage.repository]);
      return { statuses: [...statuses], again: again.code, read: refusal(read) };
    },
    { statuses: [404], again: 0, read: "no trust data" },
  );

  scenario(
    "made anew: whoever knew the old root refuses, whoever is new accepts",
    async (stage) => {
      const owner = await published(stage);
      const old = stage.person("old reader");
      await listed(old, stage);
      await owner.do(["delete", stage.repository, "--remote"]);
      const heir = stage.person("heir");
      await heir.do(["init", stage.repository]);
      await heir.do(["add", stage.repository, "two", heir.file("content", "two"), "-p"]);
      const refused = await old.try(["list", stage.repository]);
      return { old: refused.code, fresh: await listed(stage.person("new reader"), stage) };
    },
    { old: 1, fresh: ["two@targets"] },
  );

  scenario(
    "made anew by the same owner, the repository works on",
    async (stage) => {
      const owner = await published(stage);
      await owner.do(["delete", stage.repository, "--remote"]);
      await owner.do(["init", stage.repository, "-p"]);
      await owner.do(["add", stage.repository, "two", owner.file("content", "two"), "-p"]);
      await owner.do(["key", "rotate", stage.repository, "snapshot", "-r"]);
      await owner.do(["add", stage.repository, "three", owner.file("content", "three"), "-p"]);
      return await listed(stage.person("reader"), stage);
    },
    ["three@targets", "two@targets"],
  );

  divergence(
    "the neighbour whose name begins with the deleted one stays",
    async (stage) => {
      const neighbour = stage.person("neighbour");
      await neighbour.do(["init", `${stage.repository}-next`, "-p"]);
      const gone = `${stage.repository}-ne`;
      const owner = stage.person("owner");
      await owner.do(["init", gone, "-p"]);
      await owner.do(["delete", gone, "--remote"]);
      const read = await stage.person("reader").try(["list", `${stage.repository}-next`]);
      return refusal(read);
    },
    { because: "deletion by exact name", reference: "no trust data", vidimus: "none" },
  );
});
