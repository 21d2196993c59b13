/** `vidimus expiring` and `vidimus gc`: against the real server, and against one that answers what the test wants. */
import { beforeAll, describe, expect, it } from "vitest";
import { exitCodes } from "../../src/cli/exit-codes.ts";
import { openSqlite } from "../../src/store/sqlite.ts";
import type { TrustServer } from "../support/bare/exchange.ts";
import { temporaryDirectory } from "../support/directory.ts";
import { httpsServer } from "../support/https-server.ts";
import { Person } from "../support/person.ts";
import { told } from "../support/publications.ts";
import { runningServer } from "../support/running-server.ts";

const app = "registry.acme.example/app";
let server: TrustServer;
let alice: Person;

beforeAll(async () => {
  server = await runningServer();
  alice = new Person(server);
  await alice.key("root");
  await alice.key("alice");
  const keys = ["--root", "root", "--targets", "alice"];
  await alice.well("repo", "init", app, ...keys, "--expires", "60", ...alice.trusted());
  await alice.well("add", app, "v1", alice.home.at("file"), "--publish", "--expires", "20");
});

const examplesIn = (help: string) =>
  [...help.matchAll(/^ {2}\$ vidimus (.+)$/gm)].map(([, line = ""]) => line.split(" "));

describe("the examples in the help", () => {
  it.each([["expiring"], ["gc plan"], ["gc run"]])("of %s run as they stand", async (command) => {
    const { out } = await alice.well(...command.split(" "), "--help");
    const lines = examplesIn(out);
    expect(lines.length).toBeGreaterThan(1);
    for (const line of lines) await alice.well(...line);
  });
});

describe("vidimus expiring", () => {
  it("lists what ends within the days given, soonest first", async () => {
    const { out } = await alice.well("expiring", "--within", "90d");
    const rows = out.trim().split("\n").slice(1);
    expect(rows.map((row) => row.split(/\s{2,}/)[2])).toEqual(["targets", "root"]);
    expect(rows[0]).toMatch(/^(?:19|20)d .*registry\.acme\.example\/app/);
    expect((await alice.well("expiring", "--within", "1d")).out).toContain("Nothing on");
  });

  it("gives the same as a document and as comma-separated values", async () => {
    const { out } = await alice.well("expiring", "--within", "30d", "--json");
    const document = JSON.parse(out) as { format: string; expiring: { kind: string; expires: string }[] };
    expect(document).toMatchObject({
      format: "vidimus-expiring/1",
      expiring: [{ kind: "targets", repository: app, role: "targets" }],
    });
    const lines = (await alice.well("expiring", "--within", "30d", "--csv")).out.split("\r\n");
    expect(lines[0]).toBe("expires,kind,repository,role,name,keyId,owner");
    expect(lines[1]).toContain(`${document.expiring[0]?.expires},targets,${app},targets,`);
  });

  it("lists tokens of machines with their owners", async () => {
    const directory = temporaryDirectory();
    const store = await openSqlite({ directory });
    const token = {
      ...{ name: "ci", digest: "c".repeat(64), owner: "carol", scopes: [] },
      ...{ createdAt: Date.now(), expiresAt: Date.now() + 5.5 * 86_400_000, revokedAt: undefined },
    };
    await store.access.addMachineToken({ token, audit: told("", { kind: "token.created" }) });
    await store.close();
    const { url, ca } = await runningServer({ data: directory, "store.kind": "sqlite" });
    alice.home.write("other.pem", ca ?? "");
    const other = ["--server", url, "--ca", alice.home.at("other.pem"), "--policy", emptyPolicy()];
    const { out } = await alice.well("expiring", "--within", "90d", ...other);
    expect(out).toMatch(/^5d +\d{4}-\d\d-\d\d +machine_token +\(server\) +ci \(carol\)$/m);
    const { out: lines } = await alice.well("expiring", "--within", "90d", "--csv", ...other);
    expect(lines.split("\r\n")[1]).toMatch(/,machine_token,,,ci,,carol$/);
    expect(out + lines).not.toContain("cccccccc");
  });

  it("ends with 75 under --check if there is anything", async () => {
    const found = await alice.run("expiring", "--within", "90d", "--check");
    expect(found.code).toBe(exitCodes.expiring.code);
    expect((await alice.run("expiring", "--within", "1d", "--check")).code).toBe(0);
  });

  it("lists signatures by their date, and those without by when they were first seen", async () => {
    expect((await alice.well("expiring", "--signatures-older-than", "1d")).out).toContain("No target on");
    const at = "2030-01-01T00:00:00.000Z";
    const signatures = [
      { repository: "a/b", role: "targets", target: 'x"y', signed: at },
      { repository: "a/b", role: "targets/releases", target: "z", firstSeen: at, orOlder: true },
    ];
    const other = await answering(() => ({
      format: "vidimus-old-signatures/1",
      at,
      before: at,
      signatures,
    }));
    const shown = await alice.well("expiring", "--signatures-older-than", "9d", ...other);
    expect(shown.out).toContain("seen 2030-01-01 or before");
    const lines = await alice.well("expiring", "--signatures-older-than", "9d", "--csv", ...other);
    expect(lines.out.split("\r\n").slice(1, 3)).toEqual([
      `${at},,,a/b,targets,"x""y"`,
      `,${at},true,a/b,targets/releases,z`,
    ]);
  });

  it("reads every page", async () => {
    const at = "2030-01-01T00:00:00.000Z";
    const other = await answering((url) => {
      const after = url.searchParams.get("after");
      const repository = after === null ? "a" : "b";
      const expiring = [{ kind: "root", expires: at, repository }];
      return {
        format: "vidimus-expiring/1",
        at,
        before: at,
        expiring,
        ...(after === null && { next: "a" }),
      };
    });
    const { out } = await alice.well("expiring", "--json", ...other);
    const { expiring } = JSON.parse(out) as { expiring: { repository: string }[] };
    expect(expiring.map(({ repository }) => repository)).toEqual(["a", "b"]);
  });

  it("a server that refuses, or answers otherwise, is told as that", async () => {
    const refusing = await answering(() => undefined);
    const refused = await alice.run("expiring", ...refusing);
    expect([refused.code, refused.err]).toEqual([
      exitCodes.asked.code,
      expect.stringContaining("Not for you."),
    ]);
    const odd = await answering(() => ({ format: "other" }));
    expect((await alice.run("expiring", ...odd)).code).toBe(exitCodes.asked.code);
  });

  it.each([
    ["--within", "90"],
    ["--within", "0d"],
    ["--signatures-older-than", "x"],
  ])("%s %s is a mistake", async (...flags) => {
    expect((await alice.run("expiring", ...flags)).code).toBe(exitCodes.usage.code);
  });
});

describe("vidimus gc", () => {
  const file = {
    repository: "a/b",
    role: "timestamp",
    version: 1,
    sha256: "0".repeat(64),
    length: 600,
    stored: "2030-01-01T00:00:00.000Z",
  };

  it("plans by GET and runs by POST, with what is wished for", async () => {
    const asked: string[] = [];
    const other = await answering((url, method, body) => {
      asked.push(`${method} ${url.search} ${body}`);
      return { format: "vidimus-retention/1", done: method === "POST", files: [file] };
    });
    const planned = await alice.well("gc", "plan", "--targets", "365d", ...other);
    expect(planned.out).toContain("1 files with 600 bytes would be taken away.");
    expect(planned.out).toContain("a/b");
    const run = await alice.well("gc", "run", "--targets", "365d", ...other);
    expect(run.out).toBe("1 files with 600 bytes were taken away.\n");
    expect(asked).toEqual(["GET ?targets=365d ", 'POST  {"targets":"365d"}']);
  });

  it("gives a document, and comma-separated values", async () => {
    const other = await answering(() => ({ format: "vidimus-retention/1", done: false, files: [file] }));
    expect(JSON.parse((await alice.well("gc", "plan", "--json", ...other)).out)).toMatchObject({
      format: "vidimus-retention/1",
      done: false,
      files: [file],
    });
    const { out } = await alice.well("gc", "plan", "--csv", ...other);
    expect(out.split("\r\n")[1]).toBe(`a/b,timestamp,1,${"0".repeat(64)},600,2030-01-01T00:00:00.000Z`);
  });
});

/** Flags for a server of the test's own. Undefined: it refuses. */
async function answering(
  answer: (url: URL, method: string, body: string) => object | undefined,
): Promise<string[]> {
  const other = await httpsServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (piece: string) => {
      body += piece;
    });
    request.on("end", () => {
      const url = new URL(request.url ?? "", "https://x");
      const document = answer(url, request.method ?? "", body) ?? {
        errors: [{ code: "FORBIDDEN", message: "Not for you." }],
      };
      response
        .writeHead("errors" in document ? 403 : 200, { "content-type": "application/json" })
        .end(JSON.stringify(document));
    });
  });
  alice.home.write("other.pem", other.ca ?? "");
  return ["--server", other.url, "--ca", alice.home.at("other.pem"), "--policy", emptyPolicy()];
}

function emptyPolicy(): string {
  alice.home.write("empty.yaml", "default: refuse\n");
  return alice.home.at("empty.yaml");
}
