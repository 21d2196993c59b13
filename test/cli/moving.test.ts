/** `vidimus import notary` and `import trustdir` as somebody runs them: their examples, what they say and how they end. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { exitCodes } from "../../src/cli/exit-codes.ts";
import { addMovingCommands } from "../../src/cli/moving/commands.ts";
import { type Folder, folderWith } from "../support/folder.ts";
import { httpsServer } from "../support/https-server.ts";
import { withHistory } from "../support/moving.ts";
import { examplesOf, movingCommands } from "../support/moving-commands.ts";
import { dumpOf, rowsAt } from "../support/old-database.ts";
import { startServer, type TestServer } from "../support/server.ts";

const app = "registry.acme.example/app";

let old: TestServer;
let here: TestServer;
let home: Folder;
beforeAll(async () => {
  // Both go by the machine's clock, as the command does.
  old = await startServer({ at: Date.now() });
  here = await startServer({ at: Date.now() });
  await withHistory(old, app);
  const files: Record<string, string> = {
    "server.sql": dumpOf(await rowsAt(old, app)),
    "names.txt": `# all of them\n${app}\nnot/there\n`,
  };
  for (const role of ["root", "timestamp", "snapshot", "targets", "targets/releases"]) {
    const { body } = await old.file(app, `${role}.json`);
    for (const place of [".docker/trust", "alice/trust", "bob/trust"])
      files[`${place}/tuf/${app}/metadata/${role}.json`] = body.toString("utf8");
  }
  home = folderWith(files);
});
afterAll(async () => {
  await old.close();
  await here.close();
});

const vidimus = movingCommands(() => home, addMovingCommands);

const to = () => ["--server", `http://127.0.0.1:${here.port}`];
const from = () => `http://127.0.0.1:${old.port}`;

/** What an example makes up is there in the test's world by another name. */
function placed(word: string): string {
  return word
    .replace("https://notary.example.org", from())
    .replace("https://trust.example", `http://127.0.0.1:${here.port}`)
    .replace(/^~/, home.path)
    .replace(/^server\.sql$/, home.at("server.sql"))
    .replace(/^(alice|bob)\//, (start) => home.at(start));
}

describe("the examples run as they stand", () => {
  it.each([
    ["import notary", 3],
    ["import trustdir", 2],
  ])("of %s", async (command, count) => {
    const lines = await examplesOf(vidimus, command);
    expect(lines).toHaveLength(count);
    for (const line of lines) {
      const said = await vidimus(...line.split(" ").map(placed));
      expect([line, said.code, said.out]).toEqual([line, undefined, expect.stringContaining(app)]);
    }
  });
});

describe("an import", () => {
  it.each([
    ["ftp://notary.example.org", "https://"],
    [".", "vidimus import trustdir"],
  ])("from %s is a mistake in arguments, and it is said what is meant", async (place, hint) => {
    await expect(vidimus("import", "notary", place, ...to())).rejects.toMatchObject({
      name: "UsageError",
      message: expect.stringContaining(hint),
    });
  });

  it.each([
    [[], "--server-db"],
    [["--server-db", "postgres://db.example/x", "--server-dump", "x.sql"], "one of"],
  ])("from nowhere, or from two places, is one: %j", async (flags, hint) => {
    const { code, err } = await vidimus("import", "notary", ...flags, ...to());
    expect([code, err]).toEqual([exitCodes.usage.code, expect.stringContaining(hint)]);
  });

  it("from a database takes every argument for a name, and says so of what is not in it", async () => {
    const dump = ["--server-dump", home.at("server.sql"), "--json"];
    const { code, out } = await vidimus("import", "notary", app, "not/there", ...dump, ...to());
    expect(code).toBe(exitCodes.importInPart.code);
    expect(JSON.parse(out)).toMatchObject({
      origin: home.at("server.sql"),
      repositories: [
        { repository: "not/there", outcome: "absent" },
        { repository: app, outcome: expect.stringMatching(/^(taken|same)$/) },
      ],
    });
  });

  it("from a database that is none is one sentence", async () => {
    const none = vidimus("import", "notary", "--server-dump", home.at("names.txt"), ...to());
    await expect(none).rejects.toMatchObject({ name: "DatabaseError", code: "DUMP_CUT_OFF" });
    const away = vidimus("import", "notary", "--server-db", "postgres://u:secret@127.0.0.1:1/x", ...to());
    await expect(away).rejects.toMatchObject({
      code: "DATABASE_UNREACHABLE",
      message: expect.not.stringContaining("secret"),
    });
  });

  it("with a file of names that is not there is one, too", async () => {
    await expect(vidimus("import", "notary", from(), "--names", "nofile.txt", ...to())).rejects.toMatchObject(
      { name: "UsageError", message: expect.stringContaining("nofile.txt") },
    );
  });

  it.each([["import", "notary"], ["export", "notary"], ["shadow"]])(
    "takes names from arguments or from a file, not from both: %s",
    async (...command) => {
      const { code, err } = await vidimus(...command, from(), app, "--names", "names.txt", ...to());
      expect(code).toBe(exitCodes.usage.code);
      expect(err).toContain("not both");
    },
  );

  it("says in a document what became of each repository, and ends with 83 if one was left out", async () => {
    const { out, code } = await vidimus(
      "import",
      "notary",
      from(),
      "--names",
      "names.txt",
      "--json",
      ...to(),
    );
    expect(code).toBe(exitCodes.importInPart.code);
    expect(JSON.parse(out)).toMatchObject({
      format: "vidimus-import-report/1",
      origin: from(),
      dryRun: false,
      repositories: [
        { repository: "not/there", outcome: "absent" },
        { repository: app, outcome: "same" },
      ],
    });
  });

  it("of a repository with another history ends with 85", async () => {
    const name = "registry.acme.example/other";
    await withHistory(old, name);
    await here.publish(name, (await here.owner(name)).first());
    const { out, code } = await vidimus("import", "notary", from(), name, ...to());
    expect(code).toBe(exitCodes.importConflict.code);
    expect(out).toContain("IMPORT_CONFLICT");
  });

  it("of nothing ends with 87, and of a source that is away is refused", async () => {
    expect((await vidimus("import", "trustdir", folderWith({ x: "" }).path, ...to())).code).toBe(
      exitCodes.importNothing.code,
    );
    await expect(vidimus("import", "notary", "http://127.0.0.1:1", app, ...to())).rejects.toMatchObject({
      code: "SOURCE_UNREACHABLE",
    });
  });

  it("between servers whose certificates nobody knows says which flag names their authority", async () => {
    const { url } = await httpsServer((_request, answer) => void answer.end("{}"));
    await expect(vidimus("import", "notary", url, app, ...to())).rejects.toMatchObject({
      code: "SOURCE_UNREACHABLE",
      message: expect.stringMatching(/--old-ca FILE.*NODE_EXTRA_CA_CERTS/),
    });
    await expect(vidimus("import", "notary", from(), app, "--server", url)).rejects.toMatchObject({
      code: "TLS_UNTRUSTED",
      message: expect.stringMatching(/ --ca FILE.*NODE_EXTRA_CA_CERTS/),
    });
  });

  it("takes whole numbers within bounds", async () => {
    for (const flag of ["--in-flight", "--rate"]) {
      for (const value of ["0", "x", "99999999"]) {
        const { code, err } = await vidimus("import", "notary", from(), flag, value, ...to());
        expect([code, err]).toEqual([exitCodes.usage.code, expect.stringContaining(flag)]);
      }
    }
  });
});
