/** `vidimus shadow` as somebody runs it: its examples, what it says and how it ends. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { exitCodes, exitNameOf } from "../../src/cli/exit-codes.ts";
import { addImportNotary } from "../../src/cli/moving/import-notary.ts";
import { addShadow } from "../../src/cli/moving/shadow.ts";
import { ShadowError, shadowCodes } from "../../src/moving/errors.ts";
import { type Folder, folderWith } from "../support/folder.ts";
import { publishOn, withHistory } from "../support/moving.ts";
import { examplesOf, movingCommands } from "../support/moving-commands.ts";
import { startServer, type TestServer } from "../support/server.ts";

const app = "registry.acme.example/app";

let there: TestServer;
let here: TestServer;
let home: Folder;
beforeAll(async () => {
  // All go by the machine's clock, as the command does.
  there = await startServer({ at: Date.now() });
  here = await startServer({ at: Date.now() });
  home = folderWith({ "names.txt": `${app}\n`, "bad.json": "{" });
});
afterAll(async () => {
  await there.close();
  await here.close();
});

const vidimus = movingCommands(() => home, addImportNotary, addShadow);
const url = ({ port }: TestServer) => `http://127.0.0.1:${port}`;
const shadow = (...more: readonly string[]) => vidimus("shadow", url(there), ...more, "--server", url(here));

it("tells what differs since when and what to do, and ends with 96 until nothing does", async () => {
  const owner = await withHistory(there, app);
  await vidimus("import", "notary", url(there), app, "--server", url(here));
  const state = ["--state", home.at("state.json")];
  const same = await shadow(...state);
  expect([same.code, same.out]).toEqual([undefined, expect.stringContaining("both servers serve the same")]);
  owner.addTarget("3.0");
  await publishOn(there, owner, "targets");
  const other = await shadow(...state);
  expect([other.code, other.out]).toEqual([
    exitCodes.shadowDiffers.code,
    expect.stringContaining(`vidimus import notary ${url(there)} ${app}`),
  ]);
  const document = JSON.parse((await shadow(...state, "--json")).out);
  expect(document).toMatchObject({
    format: "vidimus-shadow-report/1",
    here: url(here),
    there: url(there),
    compared: 1,
  });
  const targets = document.differences.find(({ role }: { role: string }) => role === "targets");
  expect(targets).toMatchObject({ repository: app, code: "OLDER_HERE", here: { version: 4 } });
  expect(Date.parse(targets.since)).toBeLessThanOrEqual(Date.now());
  await vidimus("import", "notary", url(there), app, "--server", url(here));
  expect((await shadow(...state)).code).toBeUndefined();
  const named = await shadow("--names", "names.txt", "--json");
  expect(JSON.parse(named.out)).toMatchObject({ compared: 1, differences: [] });
  expect(JSON.parse((await shadow(...state, "--all", "--json")).out)).toMatchObject({ compared: 1 });
});

it("the examples run as they stand", async () => {
  const lines = await examplesOf(vidimus, "shadow");
  expect(lines).toHaveLength(2);
  for (const line of lines) {
    const words = line.split(" ").map((word) =>
      word
        .replace("https://notary.example.org", url(there))
        .replace("https://trust.example", url(here))
        .replace(/^shadow.json$/, home.at("example.json")),
    );
    const said = await vidimus(...words);
    expect([line, said.code, said.out]).toEqual([line, undefined, expect.stringContaining("the same")]);
  }
});

it("what cannot be used is refused", async () => {
  await expect(shadow("--state", home.at("bad.json"))).rejects.toMatchObject({ code: "SHADOW_STATE" });
  await expect(vidimus("shadow", "http://127.0.0.1:1", "--server", url(here))).rejects.toMatchObject({
    code: "SHADOW_UNREADABLE",
  });
  await expect(vidimus("shadow", url(there), "--server", "http://127.0.0.1:1")).rejects.toMatchObject({
    code: "SHADOW_UNREADABLE",
  });
  for (const code of shadowCodes) expect(exitNameOf(new ShadowError(code, "x"))).toBe("shadowUnable");
  expect((await shadow("--rate", "0")).code).toBe(exitCodes.usage.code);
});
