/** One set of keys for the stock client and for ours: each makes keys that the other lists, opens and signs with. */
import { join } from "node:path";
import { describe } from "vitest";
import { type NotaryPerson, namesAndRoles } from "../support/notary.ts";
import { type Stage, scenario } from "../support/scenario.ts";
import { keyRows, makeStockKey, vidimusKey } from "../support/vidimus-keys.ts";

async function listed(stage: Stage): Promise<string[]> {
  return namesAndRoles(await stage.person("reader").do(["list", stage.repository]));
}

/** ID and role of each key, as the stock client lists them. */
async function stockRows(person: NotaryPerson): Promise<string[]> {
  const { stdout } = await person.do(["key", "list"]);
  return [...stdout.matchAll(/^(\S+)\s.*?([0-9a-f]{64})/gm)].map(([, role, id]) => `${id} ${role}`).sort();
}

async function ourRows({ directory, trustDirectory }: NotaryPerson): Promise<string[]> {
  const rows = await keyRows(directory, ["list", "--trust-dir", trustDirectory]);
  return rows.map(({ id, role }) => `${id} ${role}`).sort();
}

describe("keys that Vidimus makes", () => {
  scenario(
    "a root key is used by the stock client's init, and what it then publishes is read",
    async (stage) => {
      const owner = stage.person("owner");
      const id = await makeStockKey(owner.directory, owner.trustDirectory, "root");
      await owner.do(["init", stage.repository]);
      await owner.do(["add", stage.repository, "one", owner.file("content", "one"), "-p"]);
      const roots = (await stockRows(owner)).filter((row) => row.endsWith(" root"));
      return { same: roots.join() === `${id} root`, listed: await listed(stage) };
    },
    { same: true, listed: ["one@targets"] },
  );

  scenario(
    "a delegate signs with one, whose public half the owner took as PEM",
    async (stage) => {
      const [owner, delegate] = [stage.person("owner"), stage.person("delegate")];
      await owner.do(["init", stage.repository, "-p"]);
      await owner.do(["key", "rotate", stage.repository, "snapshot", "-r"]);
      const id = await makeStockKey(delegate.directory, delegate.trustDirectory, "delegate");
      const show = ["show", id.slice(0, 8), "--pem", "--trust-dir", delegate.trustDirectory];
      const pem = owner.file("delegate.pem", await vidimusKey(delegate.directory, show));
      await owner.do(["delegation", "add", stage.repository, "targets/releases", pem, "--all-paths", "-p"]);
      const content = delegate.file("content", "two");
      await delegate.do(["add", stage.repository, "two", content, "-r", "targets/releases", "-p"]);
      return await listed(stage);
    },
    ["two@targets/releases"],
  );

  scenario(
    "an Ed25519 key in the stock client's own form is locked anew by it, and opens here afterwards",
    async (stage) => {
      const person = stage.person("owner");
      const { directory, trustDirectory } = person;
      const id = await makeStockKey(directory, trustDirectory, "nightly", {
        flags: ["--algorithm", "ed25519"],
      });
      const before = await vidimusKey(directory, ["show", id, "--pem", "--trust-dir", trustDirectory]);
      await person.do(["key", "passwd", id]);
      const after = await vidimusKey(directory, ["show", id, "--pem", "--trust-dir", trustDirectory]);
      return { same: before === after, listed: (await stockRows(person)).includes(`${id} nightly`) };
    },
    { same: true, listed: true },
  );
});

describe("keys that the stock client makes", () => {
  scenario(
    "are listed with ID and role, and taken in with their own passphrases",
    async (stage) => {
      const owner = stage.person("owner");
      await owner.do(["init", stage.repository, "-p"]);
      const same = (await ourRows(owner)).join() === (await stockRows(owner)).join();
      const keys = join(owner.directory, "keys");
      const taken = await keyRows(owner.directory, ["import", owner.trustDirectory, "--keys", keys]);
      return {
        same,
        taken: taken
          .map(({ role, algorithm, repository }) => [role, algorithm, repository === stage.repository])
          .sort(),
      };
    },
    {
      same: true,
      taken: [
        ["root", "ecdsa", false],
        ["snapshot", "ecdsa", true],
        ["targets", "ecdsa", true],
      ],
    },
  );

  scenario(
    "go through our folder to another machine of the stock client, which publishes on",
    async (stage) => {
      const [owner, second] = [stage.person("owner"), stage.person("second machine")];
      await owner.do(["init", stage.repository, "-p"]);
      const keys = join(owner.directory, "keys");
      const where = ["--keys", keys, "--trust-dir", join(owner.directory, "nowhere")];
      const taken = await keyRows(owner.directory, ["import", owner.trustDirectory, "--keys", keys]);
      for (const { id } of taken.filter(({ role }) => role !== "root")) {
        const file = join(second.directory, `${id}.pem`);
        await vidimusKey(owner.directory, ["export", id, file, "--format", "notary", ...where]);
        await second.do(["key", "import", file]);
      }
      await second.do(["add", stage.repository, "two", second.file("content", "two"), "-p"]);
      return await listed(stage);
    },
    ["two@targets"],
  );

  scenario(
    "and exports with several keys in one file are taken in as well",
    async (stage) => {
      const owner = stage.person("owner");
      await owner.do(["init", stage.repository, "-p"]);
      const file = join(owner.directory, "exported.pem");
      await owner.do(["key", "export", "-o", file]);
      const taken = await keyRows(owner.directory, ["import", file, "--keys", join(owner.directory, "keys")]);
      const rows = taken.map(({ id, role }) => `${id} ${role}`).sort();
      return rows.join() === (await stockRows(owner)).join();
    },
    true,
  );
});
