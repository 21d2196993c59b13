/** Moving repositories in and out of a server that authenticates its callers itself. */
import { beforeAll, describe, expect, it } from "vitest";
import { exitCodes } from "../../src/cli/exit-codes.ts";
import { runCli } from "../../src/cli/program.ts";
import { endings } from "../../src/client/errors.ts";
import { contextOf, Said, servesNothing } from "../support/command.ts";
import { temporaryDirectory } from "../support/directory.ts";
import { deadPort } from "../support/fetching.ts";
import { withHistory } from "../support/moving.ts";
import { Person } from "../support/person.ts";
import { runningServer } from "../support/running-server.ts";
import { startServer } from "../support/server.ts";

const app = "registry.acme.example/app";
const tokens = new Map<string, string>();
let ann: Person;
let old: string;
let server: Awaited<ReturnType<typeof runningServer>>;

beforeAll(async () => {
  const source = await startServer();
  await withHistory(source, app);
  old = `http://127.0.0.1:${source.port}`;
  const data = temporaryDirectory();
  const port = String(await deadPort());
  server = await runningServer({
    data,
    "server.port": port,
    "auth.mode": "builtin",
    "auth.builtin.realm": `https://127.0.0.1:${port}/token`,
  });
  ann = new Person(server);
  ann.home.write("trust.yaml", JSON.stringify({ repositories: [{ match: "**", tofu: true }] }));
  for (const [name, right] of [
    ["administrator", "**=admin"],
    ["publisher", "**=pull,push"],
    ["auditor", "**=audit,catalog"],
    ["reader", `${app}=pull`],
  ] as const) {
    const said = new Said();
    const args = ["token", "create", name, right, "--data", data, "--port", port];
    expect(await runCli(args, contextOf(said), servesNothing)).toBe(0);
    tokens.set(name, said.out.trim());
  }
  return () => source.close();
}, 60_000);

async function as(who: string | undefined, ...args: readonly string[]) {
  ann.env = who === undefined ? {} : { VIDIMUS_ACCESS_TOKEN: tokens.get(who) ?? "" };
  return await ann.run(...args, ...ann.trusted());
}

describe("an import", () => {
  const bring = ["import", "notary"] as const;

  it.each(["publisher", "auditor", "reader"])("is refused to a %s, and leaves nothing", async (who) => {
    const { code, err } = await as(who, ...bring, old, app);
    expect([code, err]).toEqual([exitCodes.importServer.code, expect.stringContaining("admin")]);
    const { out } = await as("administrator", "repo", "list");
    expect(out).not.toContain(app);
  });

  it("is refused to nobody with what to give", async () => {
    const { code, err } = await as(undefined, ...bring, old, app);
    expect([code, err]).toEqual([endings.unreachable.exit, expect.stringContaining("VIDIMUS_ACCESS_TOKEN")]);
  });

  it("is done for an administrator, whom the trail names", async () => {
    const { code, out } = await as("administrator", ...bring, old, app);
    expect([code, out]).toEqual([0, expect.stringContaining("taken over")]);
    const trail = await as("administrator", "audit", "log", "--json");
    const entries = trail.out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { kind: string; actor: { name: string }; repository: string });
    const imported = entries.find(({ kind }) => kind === "repository.imported");
    expect(imported).toMatchObject({ repository: app, actor: { name: "administrator", method: "machine" } });
    expect(entries.some(({ kind }) => kind === "import.past-added")).toBe(true);
  });
});

describe("adopting what was taken over", () => {
  it("takes the right to publish to it, and no more", async () => {
    const { code, out, err } = await as("publisher", "adopt", app, "--dry-run");
    expect([code, err]).toEqual([0, ""]);
    expect(out).toContain("Nothing was signed.");
    // What is asked for twice is one key.
    expect((await as("publisher", "adopt", app, "--dry-run")).out).toBe(out);
  });

  it("is refused to whoever may only read", async () => {
    const { code, err } = await as("reader", "adopt", app, "--dry-run");
    expect([code, err]).toEqual([exitCodes.oldKeys.code, expect.stringContaining("push")]);
  });
});

describe("a server that is named beside a policy that leads to another one", () => {
  it.each([
    ["import", "notary", "OLD", app],
    ["import", "trustdir", "."],
    ["export", "notary", "out", app],
    ["shadow", "OLD"],
    ["adopt", app, "--dry-run"],
    ["gc", "run"],
    ["key", "denied"],
    ["audit", "shared-keys"],
    ["repo", "delete", app, "--yes"],
  ])("is no server that %s %s leaves out in silence", async (...argv) => {
    ann.home.write(
      "led.yaml",
      `server: ${server.url}\nservers:\n  ${server.url}:\n    ca: ${ann.home.at("ca.pem")}\nrepositories:\n  - match: "**"\n    tofu: true\n`,
    );
    const words = argv.map((word) => (word === "OLD" ? old : word));
    const led = [...words, "--policy", ann.home.at("led.yaml")];
    const VIDIMUS_ACCESS_TOKEN = tokens.get("administrator") ?? "";
    const other = "https://127.0.0.1:1";
    ann.env = { VIDIMUS_ACCESS_TOKEN };
    const byFlag = await ann.run(...led, "--server", other);
    ann.env = { VIDIMUS_ACCESS_TOKEN, VIDIMUS_SERVER: other };
    const byVariable = await ann.run(...led);
    expect([byFlag.code, byFlag.err, byVariable.code, byVariable.err]).toEqual([
      exitCodes.usage.code,
      expect.stringContaining("--server would be of no use"),
      exitCodes.usage.code,
      expect.stringContaining("VIDIMUS_SERVER would be of no use"),
    ]);
    // Whoever says which of both is meant is not asked again.
    const meant = await ann.run("repo", "list", "--policy", ann.home.at("led.yaml"), "--server", server.url);
    expect(meant.code).toBe(0);
  });
});

describe("an export", () => {
  it("to a folder takes the right to read, and no more", async () => {
    const folder = temporaryDirectory();
    expect((await as(undefined, "export", "notary", folder, app)).code).not.toBe(0);
    const { code, out, err } = await as("reader", "export", "notary", folder, app);
    expect([code, err]).toEqual([0, ""]);
    expect(out).toContain(app);
  });
});
