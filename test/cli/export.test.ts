/** `vidimus export notary` as somebody runs it: its examples, what it says and how it ends. */
import { existsSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { exitCodes, exitNameOf } from "../../src/cli/exit-codes.ts";
import { addExportNotary } from "../../src/cli/moving/export-notary.ts";
import { addImportNotary } from "../../src/cli/moving/import-notary.ts";
import { BackError, backCodes } from "../../src/moving/errors.ts";
import { type Folder, folderWith } from "../support/folder.ts";
import { everyVersion, withHistory } from "../support/moving.ts";
import { examplesOf, movingCommands } from "../support/moving-commands.ts";
import { startServer, type TestServer } from "../support/server.ts";

const app = "registry.acme.example/app";
const other = "registry.acme.example/other";

/** Has what was exported last, and another history of one repository. */
let there: TestServer;
let here: TestServer;
let home: Folder;
beforeAll(async () => {
  // All go by the machine's clock, as the command does.
  there = await startServer({ at: Date.now() });
  here = await startServer({ at: Date.now() });
  await withHistory(here, app);
  await withHistory(here, other);
  await withHistory(there, other);
  home = folderWith({ "names.txt": `${app}\n`, "full/x": "somebody else's" });
  await vidimus("import", "notary", url(here), app, "--server", url(there));
});
afterAll(async () => {
  await there.close();
  await here.close();
});

const vidimus = movingCommands(() => home, addImportNotary, addExportNotary);
const url = ({ port }: TestServer) => `http://127.0.0.1:${port}`;
const from = () => ["--server", url(here)];

/** What an example makes up is there in the test's world by another name. */
function placed(word: string): string {
  return word
    .replace("https://notary.example.org", url(there))
    .replace("https://trust.example", url(here))
    .replace(/^back$/, home.at("back"));
}

it("the examples run as they stand", async () => {
  const lines = await examplesOf(vidimus, "export notary");
  expect(lines).toHaveLength(2);
  for (const line of lines) {
    const said = await vidimus(...line.split(" ").map(placed));
    expect([line, said.code, said.out]).toEqual([line, undefined, expect.stringContaining(app)]);
  }
});

describe("an export", () => {
  it("to a folder is one that an import takes, every version of it", async () => {
    expect(
      (await vidimus("export", "notary", home.at("out"), app, "--past", ...from())).code,
    ).toBeUndefined();
    const third = await startServer({ at: Date.now() });
    const taken = await vidimus("import", "notary", home.at("out"), "--server", url(third));
    expect([taken.code, taken.out]).toEqual([undefined, expect.stringContaining("taken over")]);
    expect(await everyVersion(third, app)).toEqual(await everyVersion(here, app));
    await third.close();
  });

  it("writes nothing if one repository cannot go, or the others where that is asked for", async () => {
    const args = ["export", "notary", home.at("part"), app, "not/there", ...from()];
    const refused = await vidimus(...args);
    expect([refused.code, refused.out]).toEqual([
      exitCodes.exportInPart.code,
      expect.stringContaining("Nothing was written."),
    ]);
    expect(existsSync(home.at("part"))).toBe(false);
    const part = await vidimus(...args, "--leave-out", "--json");
    expect(part.code).toBe(exitCodes.exportInPart.code);
    expect(JSON.parse(part.out)).toMatchObject({
      format: "vidimus-export-report/1",
      place: home.at("part"),
      dryRun: false,
      repositories: [
        { repository: "not/there", outcome: "absent" },
        { repository: app, outcome: "taken", notes: [] },
      ],
    });
  });

  it("to a server that has another history names it, and changes nothing", async () => {
    const before = await everyVersion(there, other);
    const { code, out } = await vidimus("export", "notary", url(there), other, ...from());
    expect([code, out]).toEqual([exitCodes.exportInPart.code, expect.stringContaining("EXPORT_CONFLICT")]);
    expect(await everyVersion(there, other)).toEqual(before);
  });

  it("into what cannot be used is refused", async () => {
    await expect(vidimus("export", "notary", home.at("full"), app, ...from())).rejects.toMatchObject({
      code: "EXPORT_PLACE",
    });
    await expect(vidimus("export", "notary", "http://127.0.0.1:1", app, ...from())).rejects.toMatchObject({
      code: "EXPORT_PLACE",
    });
    await expect(
      vidimus("export", "notary", home.at("new"), app, "--server", "http://127.0.0.1:1"),
    ).rejects.toMatchObject({ code: "SOURCE_UNREACHABLE" });
    expect(existsSync(home.at("new"))).toBe(false);
  });

  it("of nothing ends with 95", async () => {
    const empty = await startServer();
    const { code } = await vidimus("export", "notary", home.at("none"), "--server", url(empty));
    expect([code, existsSync(home.at("none"))]).toEqual([exitCodes.exportNothing.code, false]);
    await empty.close();
  });

  it.each([
    [["--signer-db", "postgres://x/y"], "--server-db"],
    [["--without-keys"], "--server-db"],
    [["--past"], "--past"],
    [["--server-db", "postgres://x/y"], "--signer-db"],
    [["--in-flight", "0"], "--in-flight"],
  ])("does not take %j", async (flags, named) => {
    const { code, err } = await vidimus("export", "notary", url(there), app, ...flags, ...from());
    expect([code, err]).toEqual([exitCodes.usage.code, expect.stringContaining(named)]);
  });

  it("takes a database with the Notary that uses it, and no folder", async () => {
    const flags = ["--server-db", "postgres://x/y", "--without-keys"];
    const { code } = await vidimus("export", "notary", home.at("out"), app, ...flags, ...from());
    expect(code).toBe(exitCodes.usage.code);
  });

  it("ends by what went wrong", () => {
    const codes = backCodes.map((code) => [code, exitNameOf(new BackError(code, "x"))]);
    expect(codes.filter(([, name]) => name === "exportPlace")).toEqual([["EXPORT_PLACE", "exportPlace"]]);
    expect(new Set(codes.map(([, name]) => name))).toEqual(new Set(["exportPlace", "exportInPart"]));
  });
});
