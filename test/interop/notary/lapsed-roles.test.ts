/**
 * A delegated role whose keys were exchanged, or that was given up and delegated anew, is refused by every reader until it is signed
 * again: what Vidimus then publishes is read by the stock client, and by one that had read what was before.
 */
import { join } from "node:path";
import { describe } from "vitest";
import { type NotaryPerson, namesAndRoles } from "../support/notary.ts";
import { type Stage, scenario } from "../support/scenario.ts";
import { vidimusPublisher } from "../support/vidimus-publisher.ts";

const role = "targets/releases";
const listedBy = async (reader: NotaryPerson, repository: string) =>
  namesAndRoles(await reader.do(["list", repository])).sort();

/** A repository of Vidimus whose role is signed by `team` and lists `rel2` instead by now. */
async function exchanged({ server, repository, directory }: Stage) {
  const publisher = vidimusPublisher(server, join(directory, "publisher"));
  for (const name of ["root", "owner", "rel2"]) await publisher.key(name);
  const team = await publisher.key("team");
  const keys = ["--root", "root", "--targets", "owner"];
  await publisher.do("repo", "init", repository, ...keys, "--server", server.url, "--ca", server.ca);
  await publisher.do("delegation", "add", repository, role, "--key", "team", "--all-paths");
  const content = publisher.file("content", "what is signed");
  await publisher.do("add", repository, "2.0", content, "--role", role, "-p");
  await publisher.do("delegation", "add", repository, role, "--key", "rel2", "-p");
  await publisher.do("delegation", "remove", repository, role, "--key", team, "-p");
  return { publisher, content };
}

describe("a role that readers refuse", () => {
  scenario(
    "is signed again by vidimus witness, changed, and read by the stock client",
    async (stage) => {
      const { repository } = stage;
      const { publisher, content } = await exchanged(stage);
      const reader = stage.person("reader");
      const refused = await listedBy(reader, repository);
      await publisher.do("witness", repository, role, "-p");
      const witnessed = await listedBy(reader, repository);
      await publisher.do("add", repository, "2.1", content, "--role", role, "-p");
      const added = await listedBy(reader, repository);
      return { refused, witnessed, added, stranger: await listedBy(stage.person("stranger"), repository) };
    },
    {
      refused: [],
      witnessed: [`2.0@${role}`],
      added: [`2.0@${role}`, `2.1@${role}`],
      stranger: [`2.0@${role}`, `2.1@${role}`],
    },
  );

  scenario(
    "and was given up and delegated anew in between, is too",
    async (stage) => {
      const { repository } = stage;
      const { publisher } = await exchanged(stage);
      const reader = stage.person("reader");
      await listedBy(reader, repository);
      await publisher.do("delegation", "remove", repository, role, "-p");
      const given = await listedBy(reader, repository);
      await publisher.do("delegation", "add", repository, role, "--key", "rel2", "--all-paths", "-p");
      await publisher.do("witness", repository, role, "-p");
      return { given, again: await listedBy(reader, repository) };
    },
    { given: [], again: [`2.0@${role}`] },
  );

  scenario(
    "where the owner holds the snapshot key, as the stock client sets it up",
    async (stage) => {
      const { server, repository, directory } = stage;
      const owner = stage.person("owner");
      await owner.do(["init", repository, "-p"]);
      const publisher = vidimusPublisher(server, join(directory, "publisher"));
      publisher.file("trust.yaml", 'repositories:\n  - match: "**"\n    tofu: true\n');
      const vidimus = (...args: readonly string[]) =>
        publisher.do(...args, "--trust-dir", owner.trustDirectory, "--ca", server.ca);
      for (const name of ["team", "rel2"]) await publisher.key(name);
      const content = publisher.file("content", "what is signed");
      await vidimus("delegation", "add", repository, role, "--key", "team", "--all-paths");
      await vidimus("add", repository, "2.0", content, "--role", role, "-p");
      await vidimus("delegation", "remove", repository, role, "-p");
      await vidimus("delegation", "add", repository, role, "--key", "rel2", "--all-paths", "-p");
      // The role stays in the snapshot while other things are published.
      await vidimus("add", repository, "1.0", content, "-p");
      const refused = await listedBy(stage.person("reader"), repository);
      await vidimus("witness", repository, role, "-p");
      return { refused, again: await listedBy(stage.person("reader"), repository) };
    },
    { refused: ["1.0@targets"], again: ["1.0@targets", `2.0@${role}`] },
  );
});
