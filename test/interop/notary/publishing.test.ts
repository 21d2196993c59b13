/**
 * What the commands of Vidimus publish, to our server and to the original one, as the stock client reads it: after every step by
 * somebody who read the steps before, and at the end by a stranger.
 */
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { describe } from "vitest";
import { served, servedMetadata, sha256Hex } from "../support/metadata.ts";
import { listedTargets, namesAndRoles } from "../support/notary.ts";
import { type Stage, scenario } from "../support/scenario.ts";
import { type Publisher, vidimusPublisher } from "../support/vidimus-publisher.ts";

const publisherOf = ({ server, directory }: Stage, name = "publisher") =>
  vidimusPublisher(server, join(directory, name));

/** A repository with a root and a targets key; their IDs. */
async function made({ server, repository }: Stage, publisher: Publisher) {
  const ids = { root: await publisher.key("root"), targets: await publisher.key("targets") };
  const holders = ["--root", "root", "--targets", "targets"];
  await publisher.do("repo", "init", repository, ...holders, "--server", server.url, "--ca", server.ca);
  return ids;
}

/** Names and roles as a reader lists them, and whether `lookup` finds the last of them. */
async function read({ repository, person }: Stage, name: string): Promise<readonly string[]> {
  const reader = person(name);
  const listed = await reader.do(["list", repository]);
  for (const { name: target, digest } of listedTargets(listed)) {
    const { stdout } = await reader.do(["lookup", repository, target]);
    if (!stdout.includes(`${target} sha256:${digest}`)) throw new Error(`lookup of ${target}: ${stdout}`);
  }
  return namesAndRoles(listed).sort();
}

/** Roles whose served bytes are other than those that the snapshot lists: none, if they have the form of Go's encoder. */
async function misread({ server, repository }: Stage, roles: readonly string[]): Promise<readonly string[]> {
  const { meta = {} } = (await servedMetadata(server, repository, "snapshot")).signed;
  const wrong: string[] = [];
  for (const role of roles) {
    const bytes = await served(server, repository, `${role}.json`);
    const listed = Buffer.from(meta[role]?.hashes.sha256 ?? "", "base64").toString("hex");
    if (listed !== sha256Hex(bytes)) wrong.push(role);
  }
  return wrong;
}

describe("published with vidimus, read with notary", () => {
  scenario(
    "targets, delegations and other keys for every role",
    async (stage) => {
      const { repository } = stage;
      const publisher = publisherOf(stage);
      const content = publisher.file("content", "what is signed");
      const { root, targets } = await made(stage, publisher);
      const steps: Record<string, readonly string[]> = {};
      const step = async (name: string) => {
        steps[name] = await read(stage, "reader");
      };
      await publisher.do("add", repository, "one", content, "-p");
      await step("added");
      await publisher.key("releases", "ed25519");
      const delegation = ["targets/releases", "--key", "releases", "--path", "v"];
      await publisher.do("delegation", "add", repository, ...delegation);
      await publisher.do("add", repository, "v2", content, "--role", "targets/releases", "-p");
      await step("delegated");
      const next = await publisher.key("root-2");
      await publisher.do("rotate", repository, "root", "--add", "root-2", "--remove", root, "-p");
      await publisher.do("pin", "add", repository, "--key", next);
      await step("root");
      await publisher.key("targets-2");
      await publisher.do("rotate", repository, "targets", "--add", "targets-2", "--remove", targets, "-p");
      await step("targets");
      for (const role of ["snapshot", "timestamp"])
        await publisher.do("rotate", repository, role, "--server-key", "-p");
      await step("online");
      await publisher.do("remove", repository, "one", "-p");
      await publisher.do("resign", repository, "targets", "targets/releases", "root", "-p");
      await step("again");
      await publisher.do("delegation", "remove", repository, "targets/releases", "-p");
      await step("undelegated");
      return { steps, stranger: await read(stage, "stranger") };
    },
    {
      steps: {
        added: ["one@targets"],
        delegated: ["one@targets", "v2@targets/releases"],
        root: ["one@targets", "v2@targets/releases"],
        targets: ["one@targets", "v2@targets/releases"],
        online: ["one@targets", "v2@targets/releases"],
        again: ["v2@targets/releases"],
        undelegated: [],
      },
      stranger: [],
    },
  );

  scenario(
    "thresholds of two for root, targets and a delegation, by two keys each",
    async (stage) => {
      const { repository, server } = stage;
      const publisher = publisherOf(stage);
      const content = publisher.file("content", "what is signed");
      const { root } = await made(stage, publisher);
      for (const name of ["targets-2", "first", "second"]) await publisher.key(name);
      const next = await publisher.key("root-2");
      await publisher.do("rotate", repository, "root", "--add", "root-2");
      await publisher.do("threshold", "set", repository, "root", "2");
      await publisher.do("rotate", repository, "targets", "--add", "targets-2");
      await publisher.do("threshold", "set", repository, "targets", "2");
      const keys = ["--key", "first", "--key", "second", "--threshold", "2"];
      await publisher.do("delegation", "add", repository, "targets/releases", ...keys, "--all-paths");
      await publisher.do("add", repository, "one", content, "-p");
      const before = await read(stage, "reader");
      await publisher.do("pin", "add", repository, "--key", root, "--key", next);
      await publisher.do("add", repository, "two", content, "--role", "targets/releases", "-p");
      await publisher.do("resign", repository, "root", "-p");
      const signers: Record<string, number> = {};
      for (const role of ["root", "targets", "targets/releases"])
        signers[role] = (await servedMetadata(server, repository, role)).signatures.length;
      return { before, after: await read(stage, "reader"), stranger: await read(stage, "stranger"), signers };
    },
    {
      before: ["one@targets"],
      after: ["one@targets", "two@targets/releases"],
      stranger: ["one@targets", "two@targets/releases"],
      signers: { root: 2, targets: 2, "targets/releases": 2 },
    },
  );

  scenario(
    "root, targets and a delegation that have really expired are signed again, and read",
    async (stage) => {
      const { repository, server, directory } = stage;
      // A day less what the command may take before its end, with the shortest lifetime that there is.
      const publisher = vidimusPublisher(server, join(directory, "publisher"), 86_400_000 - 15_000);
      const content = publisher.file("content", "what is signed");
      await made(stage, publisher);
      await publisher.key("releases");
      const delegation = ["targets/releases", "--key", "releases", "--all-paths"];
      await publisher.do("delegation", "add", repository, ...delegation);
      await publisher.do("add", repository, "one", content, "-p");
      await publisher.do("add", repository, "two", content, "--role", "targets/releases", "-p");
      const before = await read(stage, "reader");
      const roles = ["root", "targets", "targets/releases"];
      await publisher.do("resign", repository, ...roles, "--expires", "1", "-p");
      const today = vidimusPublisher(server, join(directory, "publisher"));
      const ended = async () => {
        for (const end = Date.now() + 120_000; Date.now() < end; await setTimeout(500)) {
          const { code, stderr, stdout } = await stage.person("stranger").try(["list", repository]);
          if (code !== 0) return /expired/i.test(stderr + stdout);
        }
        return false;
      };
      const expired = await ended();
      await today.do("resign", repository, ...roles, "-p");
      return { before, expired, after: await read(stage, "reader"), stranger: await read(stage, "another") };
    },
    {
      before: ["one@targets", "two@targets/releases"],
      expired: true,
      after: ["one@targets", "two@targets/releases"],
      stranger: ["one@targets", "two@targets/releases"],
    },
  );

  // The original hashes what its own encoder makes of a file: what it lists is what was sent only if that has the same form.
  scenario(
    "names and custom data that Go's encoder escapes, lists that are empty, keys that are no more",
    async (stage) => {
      const { repository } = stage;
      const publisher = publisherOf(stage);
      const content = publisher.file("content", "what is signed");
      const custom = { "<b>": "\u2028&\u2029", z: null, a: [{}, [], -1, true, 'é"\\/'], A: {} };
      const data = publisher.file("custom.json", JSON.stringify(custom));
      await made(stage, publisher);
      await publisher.key("empty");
      await publisher.do("delegation", "add", repository, "targets/empty", "--key", "empty", "--all-paths");
      await publisher.do("add", repository, "a<b>&c", content, "--custom", data);
      await publisher.do("add", repository, "é\u2028ü/𝒜", content);
      await publisher.do("resign", repository, "targets/empty", "-p");
      await publisher.do("remove", repository, "é\u2028ü/𝒜", "-p");
      const roles = ["root", "targets", "targets/empty"];
      return { misread: await misread(stage, roles), read: await read(stage, "stranger") };
    },
    { misread: [], read: ["a<b>&c@targets"] },
  );
});

describe("a collection of the stock client's, whose owner holds the snapshot key", () => {
  scenario(
    "is published to with the same key files, and goes on to be published to by the stock client",
    async (stage) => {
      const { repository, server } = stage;
      const owner = stage.person("owner");
      await owner.do(["init", repository]);
      await owner.do(["add", repository, "stock", owner.file("content", "one"), "-p"]);
      const { keys = {}, roles = {} } = (await servedMetadata(server, repository, "root")).signed;
      const publisher = publisherOf(stage);
      const pin = Object.keys(keys).find((id) => roles.root?.keyids.includes(id)) ?? "";
      const where = ["--server", server.url, "--ca", server.ca];
      await publisher.do("pin", "add", repository, "--key", pin, ...where);
      const trust = ["--trust-dir", owner.trustDirectory];
      const content = publisher.file("content", "two");
      await publisher.do("add", repository, "ours", content, ...trust, "-p");
      const first = await read(stage, "reader");
      await publisher.key("delegate");
      const delegation = ["targets/releases", "--key", "delegate", "--all-paths"];
      await publisher.do("delegation", "add", repository, ...delegation, ...trust, "-p");
      await publisher.do("add", repository, "theirs", content, "--role", "targets/releases", ...trust, "-p");
      await owner.do(["add", repository, "stock again", owner.file("more", "three"), "-p"]);
      const second = await read(stage, "reader");
      await publisher.do("rotate", repository, "snapshot", "--server-key", ...trust, "-p");
      await publisher.do("remove", repository, "stock", ...trust, "-p");
      return { first, second, third: await read(stage, "stranger") };
    },
    {
      first: ["ours@targets", "stock@targets"],
      second: ["ours@targets", "stock again@targets", "stock@targets", "theirs@targets/releases"],
      third: ["ours@targets", "stock again@targets", "theirs@targets/releases"],
    },
  );
});
