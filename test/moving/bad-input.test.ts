/** What bad input gets from the real command: its own exit code, one sentence, and no answer of the server is another than before. */
import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { exitCodes } from "../../src/cli/exit-codes.ts";
import { defaultPolicy } from "../../src/policy/policy.ts";
import { PolicyInForce } from "../../src/service/policy-in-force.ts";
import { deadPort } from "../support/fetching.ts";
import { type Measured, vidimus } from "../support/import-command.ts";
import { openPolicy } from "../support/judging.ts";
import { everyVersion, withHistory } from "../support/moving.ts";
import { told } from "../support/publications.ts";
import { signedOf } from "../support/publisher.ts";
import { startServer, type TestServer } from "../support/server.ts";

const app = "example.test/app";
const mine = "example.test/mine";

let old: TestServer;
/** It has a repository of each name, of which `app` has another history than at the old server. */
let here: TestServer;
let before: Map<string, string>[];
const policy = new PolicyInForce(defaultPolicy);
beforeAll(async () => {
  old = await startServer({ at: Date.now() });
  here = await startServer({ at: Date.now(), policyInForce: policy });
  await withHistory(old, app);
  await withHistory(old, mine);
  for (const name of [app, "example.test/theirs"]) await here.publish(name, (await here.owner(name)).first());
  before = await answers();
});
afterAll(async () => {
  await old.close();
  await here.close();
});

const answers = () => Promise.all([app, mine, "example.test/theirs"].map((name) => everyVersion(here, name)));
const at = (port: number) => `http://127.0.0.1:${port}`;
const bring = (url: string, ...more: readonly string[]) =>
  vidimus("import", "notary", url, "--server", at(here.port), ...more);

async function expectNothingDone({ code, out, err }: Measured, ending: number, words: string): Promise<void> {
  expect([code, out]).toEqual([ending, ""]);
  expect(err.trim().split("\n")).toEqual([expect.stringContaining(words)]);
  expect(await answers()).toEqual(before);
}

let site: Server | undefined;
async function siteOf(tell: (...told: Parameters<RequestListener>) => unknown): Promise<string> {
  site = createServer((request, answer) => void tell(request, answer));
  site.listen(0, "127.0.0.1");
  await once(site, "listening");
  return at((site.address() as AddressInfo).port);
}
afterEach(() => {
  site?.closeAllConnections();
  site?.close();
  site = undefined;
});

describe("a source", () => {
  it("that is not there ends it", async () => {
    const url = at(await deadPort());
    await expectNothingDone(await bring(url, mine), exitCodes.importSource.code, url);
    await expectNothingDone(await bring(url), exitCodes.importSource.code, url);
  });

  it("that is half dead ends it: it has names and a timestamp, and then only errors", async () => {
    const url = await siteOf(async ({ url: path = "" }, answer) => {
      if (!path.includes("changefeed") && !path.endsWith("/timestamp.json"))
        return void answer.writeHead(500).end();
      const { status, body } = await old.request(path);
      answer.writeHead(status).end(body);
    });
    await expectNothingDone(await bring(url), exitCodes.importSource.code, "500");
    await expectNothingDone(await bring(url, mine), exitCodes.importSource.code, "500");
  });

  it("that hangs has the time that was given, and no more", async () => {
    const url = await siteOf(() => undefined);
    for (const names of [[], [mine]]) {
      await expectNothingDone(
        await bring(url, ...names, "--time-limit", "1"),
        exitCodes.importTime.code,
        "--time-limit",
      );
    }
  });

  it("that hangs in the middle: what was taken by then is said and stays, and the next run goes on there", async () => {
    const good = ["a/one", "a/two"];
    for (const name of good) await withHistory(old, name);
    const url = await siteOf(async ({ url: path = "" }, answer) => {
      if (path.includes("/z/hangs/")) return;
      const { status, body } = await old.request(path);
      answer.writeHead(status).end(body);
    });
    const cut = await bring(url, ...good, "z/hangs", "--time-limit", "5", "--json");
    expect([cut.code, cut.err.trim().split("\n")]).toEqual([
      exitCodes.importTime.code,
      [expect.stringContaining("--time-limit")],
    ]);
    expect(JSON.parse(cut.out)).toMatchObject({
      cutOff: { code: "TIME_LIMIT" },
      repositories: good.map((repository) => ({ repository, outcome: "taken", findings: [] })),
    });
    const again = await bring(at(old.port), ...good, "--time-limit", "60", "--json");
    expect([again.code, again.err]).toEqual([exitCodes.ok.code, ""]);
    expect(JSON.parse(again.out)).not.toHaveProperty("cutOff");
    expect(JSON.parse(again.out).repositories).toMatchObject(good.map(() => ({ outcome: "same" })));
  });

  it("that is no Notary ends it", async () => {
    const url = await siteOf((_request, answer) => void answer.end("<html>"));
    await expectNothingDone(await bring(url), exitCodes.importSource.code, "--names");
  });
});

describe("a server that is to take over", () => {
  const to = (url: string) => vidimus("import", "notary", at(old.port), mine, "--server", url);

  it("that is not there ends it", async () => {
    const url = at(await deadPort());
    await expectNothingDone(await to(url), exitCodes.importServer.code, url);
  });

  it("that hangs has the time that was given, and no more", async () => {
    const url = await siteOf(() => undefined);
    const said = await vidimus("import", "notary", at(old.port), mine, "--server", url, "--time-limit", "1");
    await expectNothingDone(said, exitCodes.importTime.code, "--time-limit");
  });

  it("that is no Vidimus ends it", async () => {
    const url = await siteOf((_request, answer) => {
      answer.writeHead(404).end('{"errors":[{"code":"METADATA_NOT_FOUND","message":"not there"}]}');
    });
    await expectNothingDone(await to(url), exitCodes.importServer.code, "--server");
  });

  it("that has another history of this name keeps it, and a dry run says so, too", async () => {
    for (const flags of [[], ["--dry-run"]]) {
      const { code, out, err } = await bring(at(old.port), app, "--json", ...flags);
      expect([code, err]).toEqual([exitCodes.importConflict.code, ""]);
      expect(JSON.parse(out).repositories).toMatchObject([
        { outcome: "leftOut", findings: [{ code: "IMPORT_CONFLICT" }] },
      ]);
      expect(await answers()).toEqual(before);
    }
  });

  it("whose policy pins other keys takes nothing of it, and a dry run says so, too", async () => {
    const root = { pins: { keys: ["ab".repeat(32)] } };
    policy.replace({ ...defaultPolicy, file: openPolicy({ repositories: [{ match: "**", root }] }) });
    try {
      for (const flags of [[], ["--dry-run"]]) {
        const { code, out, err } = await bring(at(old.port), mine, "--json", ...flags);
        expect([code, err]).toEqual([exitCodes.importInPart.code, ""]);
        expect(JSON.parse(out).repositories).toMatchObject([
          { outcome: "leftOut", findings: [{ code: "PIN_MISMATCH" }] },
        ]);
        expect(await answers()).toEqual(before);
      }
    } finally {
      policy.replace(defaultPolicy);
    }
  });

  it("whose operator denied a key that signs it takes nothing of it", async () => {
    const targets = signedOf((await old.file(mine, "root.json")).body) as unknown as {
      roles: { targets: { keyids: string[] } };
    };
    const [keyId = ""] = targets.roles.targets.keyids;
    const denial = { keyId, deniedAt: Date.now(), deniedBy: "tester", reason: "stolen", audit: told("") };
    await here.store.register.deny(denial);
    const { code, out } = await bring(at(old.port), mine, "--json");
    expect(code).toBe(exitCodes.importInPart.code);
    expect(JSON.parse(out).repositories).toMatchObject([
      { outcome: "leftOut", findings: [{ code: "KEY_DENIED" }] },
    ]);
    expect(await answers()).toEqual(before);
  });
});

it("names in two places are a mistake in the arguments", async () => {
  await expectNothingDone(
    await bring(at(old.port), mine, "--names", "names.txt"),
    exitCodes.usage.code,
    "--names",
  );
});
