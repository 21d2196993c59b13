/** Repositories out of a database whose server answers no more. */
import { readdirSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { exitCodes } from "../../src/cli/exit-codes.ts";
import { type DatabaseWays, databaseSource } from "../../src/moving/database-source.ts";
import { type Folder, folderWith } from "../support/folder.ts";
import { vidimus } from "../support/import-command.ts";
import { app, everyVersion, importFrom, withHistory } from "../support/moving.ts";
import { dumpOf, type OldRow, rowsAt } from "../support/old-database.ts";
import { startServer, type TestServer } from "../support/server.ts";

let old: TestServer;
let here: TestServer;
let home: Folder;
let rows: OldRow[];
beforeEach(async () => {
  old = await startServer();
  here = await startServer();
  await withHistory(old);
  rows = await rowsAt(old, app);
  home = folderWith({ "temporary/keep": "" });
});
afterEach(async () => {
  await old.close();
  await here.close();
});

function opened(text: string, ways: Partial<DatabaseWays> = {}) {
  home.write("server.sql", text);
  const temporary = home.at("temporary");
  return databaseSource({ dump: home.at("server.sql") }, { origin: "a dump", temporary, ...ways });
}

async function taken(text: string, ways: Partial<DatabaseWays> = {}) {
  const source = await opened(text, ways);
  return await importFrom(source, here, source.names(1_000));
}

const left = () => readdirSync(home.at("temporary"));

describe("a dump of the old server's database", () => {
  it("is taken over with every version, to the byte, and leaves no folder behind", async () => {
    expect(await taken(dumpOf(rows))).toMatchObject([{ repository: app, outcome: "taken", findings: [] }]);
    expect(await everyVersion(here, app)).toEqual(await everyVersion(old, app));
    expect(left()).toEqual(["keep"]);
  });

  it("leaves nothing behind when the command has ended, however large it was", async () => {
    const many = Array.from(
      { length: 2_000 },
      (_, i) => ({ ...rows[0], gun: `example.org/many-${i}` }) as OldRow,
    );
    home.write("server.sql", dumpOf([...rows, ...many]));
    const to = ["--server", `http://127.0.0.1:${here.port}`];
    const { code, left } = await vidimus(
      "import",
      "notary",
      app,
      "--server-dump",
      home.at("server.sql"),
      ...to,
    );
    expect([code, left]).toEqual([0, []]);
    const all = await vidimus("import", "notary", "--server-dump", home.at("server.sql"), ...to, "--dry-run");
    expect([all.code, all.left]).toEqual([exitCodes.importInPart.code, []]);
  });

  it("gives the newest version of each role as the current one, in whatever order rows are", async () => {
    expect(await taken(dumpOf(rows.toReversed()))).toMatchObject([{ outcome: "taken" }]);
    expect(await everyVersion(here, app)).toEqual(await everyVersion(old, app));
  });

  it("is not believed in its checksums, and of two rows of a version the first counts", async () => {
    const lying = rows.map((row) => ({ ...row, sha256: "0".repeat(64) }));
    const twice = rows.map((row) => ({ ...row, data: Buffer.from("{}") }));
    expect(await taken(dumpOf([...lying, ...twice]))).toMatchObject([{ outcome: "taken", findings: [] }]);
    expect(await everyVersion(here, app)).toEqual(await everyVersion(old, app));
  });

  it("with a file that nobody signed leaves its repository out, and takes the others", async () => {
    const other = "registry.example.org:5000/team/other";
    await withHistory(old, other);
    const last = rows.filter(({ role }) => role === "targets").at(-1);
    const forged = rows.map((row) => (row === last ? { ...row, data: Buffer.from(`${row.data} `) } : row));
    const reports = await taken(dumpOf([...forged, ...(await rowsAt(old, other))]));
    expect(reports).toMatchObject([
      { repository: app, outcome: "leftOut", findings: [{ code: "SNAPSHOT_INCOMPLETE" }] },
      { repository: other, outcome: "taken" },
    ]);
    expect((await here.file(app, "root.json")).status).toBe(404);
  });

  it("names what no repository can be called, and passes over what was deleted and roles that there are not", async () => {
    const strange = ["../../evil", "my app/x", "a/_trust/tuf"].map((gun) => ({ ...rows[0], gun }) as OldRow);
    const roles = ["../../../evil", "targets/../x", "mirrors"].map(
      (role) => ({ ...rows[0], role }) as OldRow,
    );
    const gone = { ...rows[0], gun: "example.org/gone", deleted: true } as OldRow;
    const reports = await taken(dumpOf([...rows, ...strange, ...roles, gone]));
    expect(reports).toMatchObject([
      { repository: "../../evil", findings: [{ code: "BAD_REPOSITORY_NAME" }] },
      { repository: "a/_trust/tuf", findings: [{ code: "BAD_REPOSITORY_NAME" }] },
      { repository: "my app/x", findings: [{ code: "BAD_REPOSITORY_NAME" }] },
      { repository: app, outcome: "taken" },
    ]);
    expect(readdirSync(home.path).sort()).toEqual(["server.sql", "temporary"]);
  });

  it("is read for what is wanted alone", async () => {
    const other = "registry.example.org:5000/team/other";
    await withHistory(old, other);
    const text = dumpOf([...rows, ...(await rowsAt(old, other))]);
    const source = await opened(text, { only: new Set([other]) });
    expect(await source.file(app, "root.json", 1_000_000)).toBeUndefined();
    expect(await source.file(other, "root.json", 1_000_000)).toBeDefined();
    source.close();
  });
});

describe("a refusal leaves nothing behind", () => {
  it.each([
    ["a dump that ends in the middle", () => dumpOf(rows).slice(0, -200), "DUMP_CUT_OFF"],
    ["a dump of something else", () => dumpOf(rows).replaceAll("tuf_files", "things"), "DATABASE_FOREIGN"],
    ["what is no dump", () => "hello\n", "DUMP_CUT_OFF"],
  ])("of %s", async (_what, text, code) => {
    await expect(opened(text())).rejects.toMatchObject({ code });
    expect(left()).toEqual(["keep"]);
  });

  it("of a folder that cannot be written", async () => {
    const temporary = home.at("nowhere");
    await expect(opened(dumpOf(rows), { temporary })).rejects.toMatchObject({
      code: "SOURCE_UNREACHABLE",
      message: expect.stringContaining("TMPDIR"),
    });
  });

  it("when the time is over", async () => {
    const ending = AbortSignal.abort(new Error("over"));
    await expect(opened(dumpOf(rows), { ending })).rejects.toThrow("over");
    expect(left()).toEqual(["keep"]);
  });
});
