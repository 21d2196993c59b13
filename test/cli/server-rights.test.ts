/**
 * Commands that take a right to the whole server, against one that knows its callers itself: in the name of an administrator, of
 * a machine that has exactly the right, of one that has every other, and of nobody.
 */
import { writeFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { exitCodes } from "../../src/cli/exit-codes.ts";
import { runCli } from "../../src/cli/program.ts";
import { endings } from "../../src/client/errors.ts";
import { contextOf, Said, servesNothing } from "../support/command.ts";
import { temporaryDirectory } from "../support/directory.ts";
import { deadPort } from "../support/fetching.ts";
import { Person } from "../support/person.ts";
import { runningServer } from "../support/running-server.ts";

const app = "registry.acme.example/app";
const someKey = "0123456789abcdef".repeat(4);
const password = "a long password";

type Action = "catalog" | "audit" | "admin";
const refusedBy: Readonly<Record<string, number>> = {
  audit: exitCodes.auditRefused.code,
  register: exitCodes.auditRefused.code,
  key: exitCodes.auditRefused.code,
  expiring: exitCodes.asked.code,
  gc: exitCodes.asked.code,
  proposal: exitCodes.refused.code,
  repo: endings.unreachable.exit,
};

const commands: readonly (readonly [Action, ...string[]])[] = [
  ["audit", "audit", "could-sign", app, "v1"],
  ["audit", "audit", "signatures"],
  ["audit", "audit", "changes", app, "targets", "--to", "1"],
  ["audit", "audit", "keys"],
  ["audit", "audit", "shared-keys"],
  ["audit", "audit", "silent-keys"],
  ["audit", "audit", "person", "Ann A."],
  ["audit", "audit", "old-signatures"],
  ["audit", "audit", "what-if", app, "--until", "2036-01-01T00:00:00Z"],
  ["audit", "audit", "expiring"],
  ["audit", "register", "list"],
  ["audit", "key", "denied"],
  ["audit", "expiring"],
  ["audit", "expiring", "--signatures-older-than", "1d"],
  ["admin", "register", "add", someKey, "--owner", "Ann A."],
  ["admin", "key", "deny", someKey],
  ["admin", "key", "allow", someKey],
  ["admin", "gc", "plan"],
  ["admin", "gc", "run"],
  ["catalog", "proposal", "list"],
  ["catalog", "proposal", "sign", "--release", "2027.1", "--yes"],
  ["catalog", "repo", "list"],
];

let ann: Person;
let data: string;
let operator: readonly string[];
const machines = new Map<string, string>();

async function administer(...args: readonly string[]): Promise<string> {
  const said = new Said();
  expect([await runCli([...args, ...operator], contextOf(said), servesNothing), said.err]).toEqual([0, ""]);
  return said.out.trim();
}

beforeAll(async () => {
  data = temporaryDirectory();
  const port = String(await deadPort());
  operator = ["--data", data, "--port", port];
  const server = await runningServer({
    data,
    "server.port": port,
    "auth.mode": "builtin",
    "auth.builtin.realm": `https://127.0.0.1:${port}/token`,
  });
  ann = new Person(server);
  ann.home.write("password", password);
  for (const name of ["ann", "bob"])
    await administer("user", "add", name, "--password-file", ann.home.at("password"));
  await administer("acl", "add", "user:ann", "**", "admin");
  await administer("acl", "add", "user:bob", "**", "pull,push");
  for (const right of ["catalog", "audit", "admin"])
    machines.set(right, await administer("token", "create", `only-${right}`, `**=${right}`));
  machines.set("no catalog", await administer("token", "create", "no-catalog", "**=audit,*"));
  machines.set("no audit", await administer("token", "create", "no-audit", "**=catalog,*"));
  machines.set("no admin", await administer("token", "create", "no-admin", "**=catalog,audit,*"));
  await ann.key("root");
  await ann.key("targets");
  ann.env = { VIDIMUS_USER: "ann", VIDIMUS_PASSWORD_FILE: ann.home.at("password") };
  const keys = ["--root", "root", "--targets", "targets"];
  await ann.well("repo", "init", app, ...keys, ...ann.trusted());
  await ann.well("add", app, "v1", ann.home.at("file"), "--publish");
  await ann.well("register", "add", someKey, "--owner", "Ann A.");
  ann.env = {};
}, 60_000);

const inTheNameOf = async (env: Readonly<Record<string, string>>, args: readonly string[]) => {
  ann.env = env;
  return await ann.run(...args, "--server", operatorServer(), "--ca", ann.home.at("ca.pem"));
};
const operatorServer = () => `https://127.0.0.1:${operator[3]}`;

/** What it ends with where the right is there. */
const wellOf = (args: readonly string[]) => {
  const nothingToSign = args.includes("--release");
  return nothingToSign
    ? [exitCodes.proposalUnknown.code, expect.stringContaining("There is no open proposal")]
    : [0, ""];
};

describe.each(commands)("%s: vidimus %s %s %s", (right, ...args) => {
  it("is done for an administrator, by name and password", async () => {
    const env = { VIDIMUS_USER: "ann", VIDIMUS_PASSWORD_FILE: ann.home.at("password") };
    const { code, err } = await inTheNameOf(env, args);
    expect([code, err]).toEqual(wellOf(args));
  });

  it("is done for a machine that has this right and no other", async () => {
    const { code, err } = await inTheNameOf({ VIDIMUS_ACCESS_TOKEN: machines.get(right) ?? "" }, args);
    expect([code, err]).toEqual(wellOf(args));
  });

  it.each([
    ["a machine that has every other", () => ({ VIDIMUS_ACCESS_TOKEN: machines.get(`no ${right}`) ?? "" })],
    ["a user who may publish", () => ({ VIDIMUS_USER: "bob", VIDIMUS_PASSWORD: password })],
  ])("is FORBIDDEN to %s, who is told which right it takes", async (_what, env) => {
    const { code, err } = await inTheNameOf(env(), args);
    expect(code).toBe(refusedBy[args[0] ?? ""]);
    expect(err).toContain("FORBIDDEN");
    expect(err).toContain(`the right ${right}`);
  });

  it("is UNAUTHORIZED for nobody, who is told what to give", async () => {
    const { code, err } = await inTheNameOf({}, args);
    expect(code).toBe(endings.unreachable.exit);
    expect(err).toContain("UNAUTHORIZED");
    expect(err).toContain("VIDIMUS_ACCESS_TOKEN");
  });
});

describe("credentials for the server itself", () => {
  it("are those of docker login under its own name, too", async () => {
    const auth = Buffer.from(`ann:${password}`).toString("base64");
    const config = temporaryDirectory();
    writeFileSync(
      `${config}/config.json`,
      JSON.stringify({ auths: { [`127.0.0.1:${operator[3]}`]: { auth } } }),
    );
    expect((await inTheNameOf({ DOCKER_CONFIG: config }, ["audit", "keys"])).code).toBe(0);
  });

  it("may be the operator's token, where the data lies", async () => {
    const env = { VIDIMUS_ACCESS_TOKEN_FILE: `${data}/operator-token` };
    expect((await inTheNameOf(env, ["gc", "plan"])).code).toBe(0);
  });

  it("that are revoked are told as that", async () => {
    const token = await administer("token", "create", "gone", "**=audit");
    await administer("token", "revoke", "gone");
    const { code, err } = await inTheNameOf({ VIDIMUS_ACCESS_TOKEN: token }, ["audit", "keys"]);
    expect([code, err]).toEqual([endings.unreachable.exit, expect.stringContaining("vidimus token create")]);
    expect(err).not.toContain(token);
  });
});

describe("a right to propose without the right to publish", () => {
  it("lets a proposal be opened, and nothing be published", async () => {
    const token = await administer("token", "create", "proposer", `${app}=propose,pull`);
    ann.env = { VIDIMUS_ACCESS_TOKEN: token };
    await ann.well("add", app, "v2", ann.home.at("other"));
    const { err } = await ann.run("publish", app);
    expect(err).toContain("FORBIDDEN");
    expect(err).toMatch(/Give this user the right push\s/);
    const { out } = await ann.well("proposal", "open", app);
    const [, id = ""] = /^Proposal ([0-9a-f]{16}) of \S+ is open\. .*FORBIDDEN: /.exec(out) ?? [];
    expect(out).toContain("targets: 1 of 1 signed");
    // Signing is none either, with the key of the role; with the right to publish it takes no further key.
    const again = await ann.well("proposal", "sign", app, id, "--yes");
    expect(again.out).toContain(`Proposal ${id} of ${app} is open. `);
    ann.env = { VIDIMUS_USER: "bob", VIDIMUS_PASSWORD_FILE: ann.home.at("password") };
    const done = await ann.well("proposal", "sign", app, id, "--yes");
    expect(done.out).toContain(`Proposal ${id} of ${app} is published.`);
  });
});
