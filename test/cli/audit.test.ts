/** `vidimus audit`, `register` and `key deny`, against the real server. */
import { beforeAll, describe, expect, it } from "vitest";
import { questions } from "../../src/cli/audit/questions.ts";
import { csvOf } from "../../src/cli/audit/table.ts";
import { exitCodes } from "../../src/cli/exit-codes.ts";
import { Person } from "../support/person.ts";
import { runningServer } from "../support/running-server.ts";

const app = "registry.acme.example/app";
const quorum = "registry.acme.example/quorum";
const madeUpKey = "0123456789abcdef".repeat(4);

let alice: Person;
let bob: Person;
let carol: Person;
let keys: { readonly alice: string; readonly bob: string; readonly carol: string };

/** One repository that is alice's alone, and one whose targets two of three sign; carol's key is in both. */
beforeAll(async () => {
  const server = await runningServer();
  [alice, bob, carol] = [new Person(server), new Person(server), new Person(server)];
  await alice.key("root");
  const own = await alice.key("alice");
  const [b, c] = [await bob.key("bob"), await carol.key("carol")];
  keys = { alice: own.id, bob: b.id, carol: c.id };
  alice.home.write("bob.pem", b.pem);
  alice.home.write("carol.pem", c.pem);
  for (const name of [app, quorum]) {
    await alice.well("repo", "init", name, "--root", "root", "--targets", "alice", ...alice.trusted());
  }
  await alice.well("add", app, "1.2", alice.home.at("file"), "-p");
  await alice.well(
    "delegation",
    "add",
    app,
    "targets/releases",
    "--key",
    alice.home.at("carol.pem"),
    "--all-paths",
    "-p",
  );
  await alice.well("rotate", quorum, "targets", "--add", alice.home.at("bob.pem"));
  await alice.well("rotate", quorum, "targets", "--add", alice.home.at("carol.pem"));
  await alice.well("publish", quorum);
  await alice.well("register", "add", madeUpKey, "--owner", "Ann A.", "--since", "2020-01-01T00:00:00Z");
});

describe("an auditor", () => {
  it("plays every example of every question, as text, document and CSV", async () => {
    const answered = new Set<string>();
    for (const { name, examples, fields } of questions) {
      const { out } = await alice.well("audit", name, "--help");
      for (const example of examples) {
        expect(out).toContain(`  $ ${example}\n`);
        const [, ...argv] = [...example.matchAll(/'([^']*)'|(\S+)/g)].map(
          ([, quoted, plain]) => quoted ?? plain ?? "",
        );
        const plain = argv.filter((word) => word !== "--csv" && word !== "--json");
        await alice.well(...plain);
        const document = (await alice.well(...plain, "--json")).json();
        expect(document).toMatchObject({ format: "vidimus-audit/1", question: name, notKept: false });
        const csv = (await alice.well(...plain, "--csv")).out;
        const lines = document.lines as readonly object[];
        expect(csv.split("\r\n").length - 1).toBe(lines.length + 1);
        // Without a line the names are the same as with one.
        for (const line of lines) expect([name, Object.keys(line)]).toEqual([name, fields]);
        expect(csv.split("\r\n")[0]).toBe(fields.join(","));
        if (lines.length > 0) answered.add(name);
      }
    }
    const empty = questions.map(({ name }) => name).filter((name) => !answered.has(name));
    expect(empty.sort()).toEqual(["expiring", "old-signatures", "person"]);
    const [entry] = (await alice.well("audit", "keys", "--json")).json().lines as [{ key: string }];
    await alice.well("register", "add", entry.key, "--owner", "Eve E.");
    for (const [name, ...flags] of [
      ["expiring", "--days", "3650"],
      ["old-signatures", "--days", "1", "--at", "2036-01-01T00:00:00Z"],
      ["person", "Eve E."],
    ] as const) {
      const { lines } = (await alice.well("audit", name, ...flags, "--json")).json();
      const { fields } = questions.find((each) => each.name === name) ?? {};
      expect([name, Object.keys((lines as object[])[0] ?? {})]).toEqual([name, fields]);
    }
  });

  it("sees who could sign, in words", async () => {
    const { out } = await alice.well("audit", "could-sign", app, "1.2");
    const [head = "", ...rows] = out.trimEnd().split("\n");
    expect(head.split(/ {2,}/).slice(0, 3)).toEqual(["ROLE", "IN FORCE", "THRESHOLD"]);
    expect(rows.map((row) => row.split(/ {2,}/).slice(0, 4))).toEqual([
      ["root", "yes", "1", expect.any(String)],
      ["targets", "yes", "1", keys.alice.slice(0, 12)],
      ["targets/releases", "yes", "1", keys.carol.slice(0, 12)],
    ]);
  });

  it("is told what a key signed, and that nobody did before there was anything", async () => {
    const ever = (await alice.well("audit", "signatures", "--key", keys.alice, "--json")).json();
    const lines = ever.lines as readonly { repository: string; role: string; version: number }[];
    expect(lines.filter(({ repository }) => repository === app).map(({ version }) => version)).toEqual([
      1, 2, 3,
    ]);
    const before = await alice.well("audit", "signatures", "--at", "2020-01-01T00:00:00Z");
    expect(before.out).toBe("Nothing was signed.\n");
  });

  it("asks what changed as of an instant, too", async () => {
    const app = "registry.acme.example/app";
    const { lines: now } = (await alice.well("audit", "changes", app, "targets", "--json")).json();
    const at = new Date().toISOString();
    const { lines } = (await alice.well("audit", "changes", app, "targets", "--at", at, "--json")).json();
    expect(lines).toEqual(now);
    expect(lines).not.toEqual([]);
    const early = await alice.run("audit", "changes", app, "targets", "--at", "2020-01-01T00:00:00Z");
    expect([early.code, early.err]).toEqual([78, expect.stringContaining("at that instant")]);
  });

  it("is refused what the server refuses, with its words", async () => {
    const unknown = await alice.run("audit", "could-sign", "registry.acme.example/none", "1.2");
    expect([unknown.code, unknown.err]).toEqual([
      exitCodes.auditRefused.code,
      expect.stringContaining("(NOT_FOUND)"),
    ]);
    const odd = await alice.run("audit", "keys", "--at", "yesterday", "--json");
    expect([odd.code, odd.json().code]).toEqual([exitCodes.auditRefused.code, "AUDIT_REFUSED"]);
  });

  it.each([
    ["a delegation that nobody made", ["--role", "targets/release"], "did you mean targets/releases?"],
    ["a delegation unlike any other", ["--role", "targets/x"], "what can stand here is targets/releases."],
    ["a key that nobody lists", ["--key", "f".repeat(64)], "f".repeat(64)],
    ["an instant that is over", ["--until", "2020-01-01T00:00:00Z"], "until: give a later instant"],
  ])("is not told that nothing breaks without %s", async (_, flags, words) => {
    for (const form of ["--csv", "--json"]) {
      const { code, out, err } = await alice.run("audit", "what-if", app, ...flags, form);
      expect(code).toBe(exitCodes.auditRefused.code);
      expect(out + err).toMatch(/\((NOT_FOUND|BAD_PARAMETER)\)/);
      expect(out + err).toContain(words);
    }
  });

  it("is told of what was there then, and is not any more", async () => {
    const name = "registry.acme.example/once";
    const role = "targets/once";
    await alice.well("repo", "init", name, "--root", "root", "--targets", "alice", ...alice.trusted());
    await alice.well("delegation", "add", name, role, "--key", alice.home.at("bob.pem"), "--all-paths", "-p");
    const then = new Date().toISOString();
    await alice.well("delegation", "remove", name, role, "-p");
    for (const what of [
      ["--key", keys.bob],
      ["--role", role],
    ]) {
      const asked = ["audit", "what-if", name, ...what];
      expect((await alice.run(...asked)).code).toBe(exitCodes.auditRefused.code);
      await alice.well(...asked, "--at", then);
    }
  });

  it("gets CSV that no program takes for formulas", () => {
    const lines = [{ name: '=cmd|"x"', keys: ["a", "b"], since: null, ok: true, days: 3 }];
    expect(csvOf(lines, [])).toBe(`name,keys,since,ok,days\r\n"'=cmd|""x""",a b,,true,3\r\n`);
  });
});

describe("whatever has --csv", () => {
  it.each(["audit keys", "audit log", "register list", "key denied", "expiring", "gc plan"])(
    "%s: takes one form of its answer, and asks nobody for two",
    async (command) => {
      const said = await alice.run(...command.split(" "), "--json", "--csv");
      expect([said.code, said.out]).toEqual([exitCodes.usage.code, ""]);
      expect(said.err).toContain("give --json or --csv, not both");
    },
  );

  it("obeys no register in the terminal, whatever form it is shown in", async () => {
    const owner = "Eve\u{1b}]0;x\u{7}\u{9b}31m\u{202e}";
    await alice.well("register", "add", "ef".repeat(32), "--owner", owner);
    for (const form of [[], ["--csv"], ["--json"]]) {
      const { out } = await alice.well("register", "list", "--owner", owner, ...form);
      expect(out.replaceAll(/\r?\n/g, "")).toMatch(/^\P{C}*$/u);
    }
    const { lines } = (await alice.well("register", "list", "--owner", owner, "--json")).json();
    expect(lines).toEqual([expect.objectContaining({ owner })]);
  });
});

describe("a key", () => {
  it("has an owner in the register, and a person has repositories", async () => {
    const since = "2020-01-01T00:00:00Z";
    await alice.well(
      "register",
      "add",
      keys.carol,
      "--owner",
      "Carol C.",
      "--custody",
      "token 7",
      "--since",
      since,
    );
    const { out } = await alice.well("register", "list", "--owner", "Carol C.");
    expect(out).toMatch(new RegExp(`^KEY .*\\n${keys.carol.slice(0, 12)} +Carol C\\. +token 7 +2020-01-01`));
    const lines = (await alice.well("audit", "person", "Carol C.", "--json")).json().lines as {
      repository: string;
    }[];
    expect(lines.map(({ repository }) => repository)).toEqual([app, quorum]);
    expect((await alice.run("register", "add", "12", "--owner", "x")).code).toBe(exitCodes.usage.code);
  });

  it("of an owner whom nobody else has is said to be that, and such an owner trusted by nobody is refused", async () => {
    const add = async (key: string, owner: string) =>
      (await alice.well("register", "add", key, "--owner", owner)).out;
    expect(await add("ab".repeat(32), "Dan D.")).toContain("It is all that the register has of Dan D.: ");
    expect(await add("cd".repeat(32), "Dan D.")).not.toContain("It is all");
    expect((await alice.well("audit", "person", "Dan D.")).out).toContain("No repository lists a key");
    const unknown = await alice.run("audit", "person", "Dan");
    expect([unknown.code, unknown.err]).toEqual([
      exitCodes.auditRefused.code,
      expect.stringContaining("(NOT_FOUND)"),
    ]);
  });

  it("that is stolen counts no more; what takes it out is proposed, and the others only sign", async () => {
    const { code, out } = await alice.run("key", "deny", keys.carol, "--reason", "stolen", "--json");
    const { repairs, changed } = JSON.parse(out) as {
      changed: boolean;
      repairs: { repository: string; proposal: string | null; state: string; why: string | null }[];
    };
    expect(changed).toBe(true);
    const of = (repository: string) => repairs.find((each) => each.repository === repository);
    // Alice's keys suffice for the root of the one; the only key of a delegation cannot be taken out alone.
    expect(of(quorum)).toMatchObject({ state: "published" });
    expect(of(app)).toMatchObject({
      proposal: null,
      why: expect.stringContaining("have 0 different keys: add keys"),
    });
    expect(code).toBe(exitCodes.repairMissing.code);
    const left = (await alice.well("audit", "keys", quorum, "--key", keys.carol, "--json")).json();
    expect(left.lines).toEqual([]);
    expect((await alice.well("key", "denied")).out).toContain("stolen");
    expect((await alice.well("key", "allow", keys.carol)).out).toBe("The server counts it again.\n");
    expect((await alice.well("key", "denied")).out).toBe("The server denies no key.\n");
  });

  it("has examples that work", async () => {
    for (const command of [
      ["key", "deny"],
      ["key", "allow"],
      ["key", "denied"],
      ["register", "add"],
      ["register", "list"],
    ]) {
      const { out } = await alice.well(...command, "--help");
      for (const [, line = ""] of out.matchAll(/^ {2}\$ vidimus (.+)$/gm)) {
        const argv = [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? "");
        await alice.well(...argv);
      }
    }
    const { lines } = (await alice.well("register", "list", "--json")).json();
    expect(lines).toContainEqual(expect.objectContaining({ key: madeUpKey, owner: "Ann A." }));
  });
});

it.each([
  ["key", "deny"],
  ["key", "allow"],
  ["audit", "signatures", "--key"],
  ["audit", "what-if", app, "--key"],
])(
  "the beginning of an ID, as tables show it, is not enough, and the whole one is found by it: %s %s",
  async (...words) => {
    const { code, err } = await alice.run(...words, madeUpKey.slice(0, 12));
    expect([code, err]).toEqual([
      exitCodes.usage.code,
      expect.stringContaining("vidimus audit keys --csv | grep 0123456789ab"),
    ]);
    expect((await alice.run(...words, "none")).err).toContain("64 hexadecimal digits");
  },
);
