/** What each command of `vidimus` loads: a server starts without what clients need, a client without what publishers need. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { temporaryDirectory } from "../support/directory.ts";

const root = resolve(import.meta.dirname, "../..");
const main = resolve(root, "src/main.ts");

/** Tells every module of ours, one a line, in a file: a pipe would be full before its reader has its turn. */
const telling = `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from "node:module";
  import { appendFileSync } from "node:fs";
  const file = process.env.TELL;
  registerHooks({ load(url, context, next) { appendFileSync(file, url + "\\n"); return next(url, context); } });
`)}`;

let counter = 0;

/** Paths of what is loaded, below the root. */
async function loaded(...argv: readonly string[]): Promise<readonly string[]> {
  const file = join(temporaryDirectory(), `loaded-${counter++}`);
  const env = { ...process.env, TELL: file };
  await promisify(execFile)(process.execPath, ["--import", telling, main, ...argv], { cwd: root, env });
  return [...readFileSync(file, "utf8").matchAll(/^file:\/\/(\S+)$/gm)].map(([, path = ""]) =>
    path.slice(root.length + 1),
  );
}

const ofClients = "src/client/cli/program.ts";
const ofPublishers = ["src/cli/keys/commands.ts", "src/cli/publishing/commands.ts"];
/** What opens keys and signs is loaded by whoever does that, and not to print a help page. */
const late = [/^src\/publisher\/custody\/(?:pkcs11|ssh-agent)/, /^node_modules\/@peculiar/, /better-sqlite3/];

const server = ["serve", "healthcheck"];
const others = [
  "backup",
  "config",
  "doctor",
  "fsck",
  "lock",
  "pin",
  "policy",
  "recover",
  "rekey",
  "resolve",
  "verify",
];
/** They ask a server who may call it. */
const access = ["acl", "team", "token", "user"];
/** They log people in. */
const login = ["login", "logout"];
const publishers = [
  ...["audit", "expiring", "gc", "register"],
  ...[
    "add",
    "add-digest",
    "adopt",
    "delegation",
    "diff",
    "export",
    "import",
    "key",
    "promote",
    "proposal",
    "prune",
    "publish",
    "remove",
    "repo",
  ],
  ...["reset", "resign", "root", "rotate", "shadow", "sign", "status", "threshold", "witness"],
];

describe("what is loaded", () => {
  it.each(server)("for %s is neither the client's nor the publishers'", async (name) => {
    const all = await loaded(name, "--help");
    expect(all).toContain("src/cli/program.ts");
    expect([ofClients, ...ofPublishers].filter((each) => all.includes(each))).toEqual([]);
  });

  it.each([...others, ...access, ...login])("for %s is not the publishers'", async (name) => {
    const all = await loaded(name, "--help");
    expect(all).toContain(ofClients);
    expect(ofPublishers.filter((each) => all.includes(each))).toEqual([]);
  });

  it.each(publishers)("for %s is the publishers', but nothing that opens keys", async (name) => {
    const all = await loaded(name, "--help");
    expect(ofPublishers.filter((each) => !all.includes(each))).toEqual([]);
    expect(all.filter((each) => late.some((pattern) => pattern.test(each)))).toEqual([]);
  });

  it("is known of every command", async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [main, "--help"], { cwd: root });
    const commands = stdout.slice(stdout.indexOf("\nCommands:\n"));
    const names = [...commands.matchAll(/^ {2}([a-z][a-z-]*)/gm)].map(([, name]) => name);
    const plain = ["completion", "help", "version"];
    expect(names.sort()).toEqual([...server, ...others, ...access, ...login, ...publishers, ...plain].sort());
  });
});
