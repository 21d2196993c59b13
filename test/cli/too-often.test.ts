/** A server that was asked too often: every command that asks one ends alike, and says for how long to wait. */
import { beforeAll, describe, expect, it } from "vitest";
import { endings } from "../../src/client/errors.ts";
import { httpsServer } from "../support/https-server.ts";
import { Person } from "../support/person.ts";

const app = "registry.acme.example/app";
const someKey = "0123456789abcdef".repeat(4);

/** Of each family one that reads, and one that changes something. */
const commands: readonly (readonly string[])[] = [
  ["user", "list"],
  ["token", "create", "ci", "**=pull"],
  ["acl", "explain", "user:ann", `${app}:pull`],
  ["user", "list", "--login", "ann", "--login-password-file", "PASSWORD"],
  ["audit", "silent-keys"],
  ["key", "deny", someKey],
  ["expiring"],
  ["gc", "run"],
  ["proposal", "list"],
  ["repo", "list"],
  ["repo", "delete", app, "--yes"],
  ["add", app, "v2", "FILE", "--publish"],
  ["resolve", `${app}:v1`],
  ["login"],
];

let ann: Person;
let busy: readonly string[];
let code: string | undefined;
let asked: string[] = [];

beforeAll(async () => {
  const { url, ca } = await httpsServer(({ url: path = "" }, response) => {
    asked.push(path);
    response.writeHead(429, { "retry-after": "17", ...(code !== undefined && { "vidimus-code": code }) });
    response.end('{"errors":[{"code":"TOOMANYREQUESTS","message":"too many requests"}]}');
  });
  ann = new Person({ url, ca });
  await ann.key("root");
  await ann.key("targets");
  ann.home.write("trust.yaml", `repositories:\n  - match: ${app}\n    tofu: true\n`);
  ann.home.write("token", "vdm_token");
  ann.home.write("password", "a long password");
  busy = ann.trusted();
});

const places = new Map([
  ["FILE", "file"],
  ["PASSWORD", "password"],
]);
function wordsOf(command: readonly string[]): string[] {
  const words = command.map((word) => (places.has(word) ? ann.home.at(places.get(word) ?? "") : word));
  const isOfPeople = ["user", "token", "acl"].includes(command[0] ?? "");
  const isNamed = command.includes("--login");
  return [...words, ...busy, ...(isOfPeople && !isNamed ? ["--token-file", ann.home.at("token")] : [])];
}

describe.each([undefined, "TOO_MANY_REQUESTS"])("with the server's code %s", (given) => {
  it.each(commands)("vidimus %s %s %s", async (...command) => {
    code = given;
    asked = [];
    const { code: exit, err } = await ann.run(...wordsOf(command.filter((word) => word !== undefined)));
    expect([exit, err]).toEqual([endings.busy.exit, expect.stringContaining("17 seconds")]);
    // Nothing is asked again before its time.
    expect(asked).toEqual([...new Set(asked)]);
    expect(asked).not.toEqual([]);
  });
});

it("a command that prints a document says it there", async () => {
  const { code: exit, json } = await ann.run(...wordsOf(["audit", "silent-keys", "--json"]));
  expect(exit).toBe(endings.busy.exit);
  expect(json()).toMatchObject({
    refusals: [{ code: "TOO_MANY_REQUESTS", ending: "busy", who: "you", detail: { retryAfter: 17 } }],
  });
});
