/** `vidimus shadow` as somebody runs it: its examples, what it says and how it ends. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { exitCodes, exitNameOf } from "../../src/cli/exit-codes.ts";
import { addImportNotary } from "../../src/cli/moving/import-notary.ts";
import { addShadow } from "../../src/cli/moving/shadow.ts";
import { ShadowError, shadowCodes } from "../../src/moving/errors.ts";
import { differenceCodes } from "../../src/moving/shadow/difference.ts";
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
  home = folderWith({
    "names.txt": `${app}\n`,
    "nothing.txt": "# nothing yet\n",
    "except.txt": "not/there\n",
    "bad.json": "{",
  });
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
  expect([same.code, same.out]).toEqual([
    undefined,
    "1 repository compared: of those compared, both servers serve the same.\n",
  ]);
  owner.addTarget("3.0");
  await publishOn(there, owner, "targets");
  const other = await shadow(...state);
  expect([other.code, other.out]).toEqual([
    exitCodes.shadowDiffers.code,
    expect.stringContaining(`vidimus import notary ${url(there)} ${app}`),
  ]);
  expect(other.out).toContain("1 repository compared: 1 of those compared differs.");
  const document = JSON.parse((await shadow(...state, "--json")).out);
  expect(document).toMatchObject({
    format: "vidimus-shadow-report/1",
    here: url(here),
    there: url(there),
    repositories: { same: 0, differing: 1 },
    codes: { OLDER_HERE: 3 },
    uncompared: [],
    untold: 0,
  });
  const targets = document.differences.find(({ role }: { role: string }) => role === "targets");
  expect(targets).toMatchObject({ repository: app, code: "OLDER_HERE", here: { version: 4 } });
  expect(Date.parse(targets.since)).toBeLessThanOrEqual(Date.now());
  await vidimus("import", "notary", url(there), app, "--server", url(here));
  expect((await shadow(...state)).code).toBeUndefined();
  const named = await shadow("--names", "names.txt", "--json");
  expect(JSON.parse(named.out)).toMatchObject({ repositories: { same: 1 }, differences: [] });
  expect(JSON.parse((await shadow(...state, "--all", "--json")).out)).toMatchObject({
    repositories: { same: 1 },
  });
});

it("says what was not compared and why, and ends with 98", async () => {
  const { code, out } = await shadow(app, "not/there", "Odd Name");
  expect(code).toBe(exitCodes.shadowInPart.code);
  expect(out.split("\n")).toEqual([
    expect.stringMatching(/^BAD_REPOSITORY_NAME: No repository can be called Odd Name at /),
    expect.stringMatching(/^NOT_FOUND: Neither .+ has not\/there: check the name\.$/),
    "1 repository compared, 2 not compared, for the reasons above: of those compared, both servers serve the same.",
    "",
  ]);
  const document = JSON.parse((await shadow("not/there", "--json")).out);
  expect(document).toMatchObject({
    repositories: { same: 0, uncompared: 1 },
    codes: { NOT_FOUND: 1 },
    uncompared: [{ repository: "not/there", code: "NOT_FOUND", since: expect.stringMatching(/Z$/) }],
  });
  const left = await shadow(app, "not/there", "--except", "except.txt");
  expect([left.code, left.out]).toEqual([undefined, expect.stringContaining("1 left out by --except")]);
});

it("compares nothing for a file that names nothing, and remembers no more than before", async () => {
  const state = home.at("nothing.json");
  const { code, out } = await shadow("--names", "nothing.txt", "--state", state, "--json");
  expect([code, JSON.parse(out).repositories]).toEqual([
    undefined,
    { same: 0, differing: 0, absent: 0, uncompared: 0, excepted: 0 },
  ]);
  expect(JSON.parse(readFileSync(state, "utf8")).read).toEqual({ here: "", there: "" });
});

it("writes what a node exporter collects, whole each time, and leaves it alone when it cannot compare", async () => {
  const path = home.at("shadow.prom");
  const found = async (...names: readonly string[]) => {
    await shadow(...names, "--metrics", path);
    const values = [...readFileSync(path, "utf8").matchAll(/^(\w+)\{([^}]*)\} (\S+)$/gm)];
    return new Map(
      values.map(([, name = "", labels = "", value]) => {
        const own = /(?:code|found)="(\w+)"/.exec(labels)?.[1];
        expect(labels).toContain(`here="${url(here)}",there="${url(there)}"`);
        return [`${name.replace("vidimus_shadow_", "")}${own === undefined ? "" : ` ${own}`}`, Number(value)];
      }),
    );
  };
  const before = Date.now() / 1_000;
  const good = await found(app);
  expect(good.get("repositories same")).toBe(1);
  expect(good.get("check_timestamp_seconds")).toBeGreaterThanOrEqual(before);
  // Every code has its series from the beginning, or the first of it would be no change.
  expect([...good.keys()].filter((name) => name.startsWith("differences "))).toEqual(
    differenceCodes.map((code) => `differences ${code}`),
  );
  await there.publish("only/there", (await there.owner("only/there")).first());
  const bad = await found(app, "only/there", "not/there");
  expect(bad.get("differences MISSING_HERE")).toBe(1);
  expect(bad.get("uncompared NOT_FOUND")).toBe(1);
  expect(bad.get("oldest_difference_timestamp_seconds")).toBeGreaterThanOrEqual(before);
  await there.request("/v2/only/there/_trust/tuf/", { method: "DELETE" });
  expect(statSync(path).mode & 0o777).toBe(0o644);
  const written = readFileSync(path, "utf8");
  await expect(
    vidimus("shadow", "http://127.0.0.1:1", "--metrics", path, "--server", url(here)),
  ).rejects.toMatchObject({ code: "SHADOW_UNREADABLE" });
  expect(readFileSync(path, "utf8")).toBe(written);
  expect(readdirSync(home.path).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  await expect(shadow(app, "--metrics", home.at("no/such/shadow.prom"))).rejects.toMatchObject({
    code: "SHADOW_METRICS",
  });
});

it("the examples run as they stand", async () => {
  const lines = await examplesOf(vidimus, "shadow");
  expect(lines).toHaveLength(2);
  for (const line of lines) {
    const words = line.split(" ").map((word) =>
      word
        .replace("https://notary.example.org", url(there))
        .replace("https://trust.example", url(here))
        .replace(/^shadow\.(json|prom)$/, home.at("example.$1")),
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
