/** What a command says while it is at work: on a terminal, after half a second, and nothing of it anywhere else. */
import { setTimeout } from "node:timers/promises";
import { beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { ProgressLine, progressOf } from "../../src/cli/progress.ts";
import type { TrustServer } from "../support/bare/exchange.ts";
import { contextOf, Said } from "../support/command.ts";
import { httpsServer } from "../support/https-server.ts";
import { Person } from "../support/person.ts";
import { onTerminal } from "../support/pseudo-terminal.ts";
import { runningServer } from "../support/running-server.ts";

const erase = "\r\u001b[K";
/** More than a person waits for without a word. */
const slow = 1_600;

describe("a line of progress", () => {
  let said: Said;
  let context: ReturnType<typeof contextOf>;
  let line: ProgressLine;
  const begin = (changes: Parameters<typeof contextOf>[1] = {}, json = false) => {
    said = new Said();
    const given = contextOf(said, { isTerminal: true, ...changes });
    line = new ProgressLine(given, json);
    context = line.guard(given);
  };
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] });
    begin();
    return () => void vi.useRealTimers();
  });

  it("says nothing of what takes half a second", async () => {
    await line.during("a", async () => void vi.advanceTimersByTime(499));
    expect(said.err).toBe("");
  });

  it("says what is done after that, what else is told, and is gone at the end", async () => {
    await line.during("one", async () => {
      vi.advanceTimersByTime(500);
      expect(said.err).toBe(`${erase}one (0 s)`);
      vi.advanceTimersByTime(700);
      progressOf(context).tell("two\u001b[31m");
      expect(said.err.endsWith(`${erase}two\\u{1b}[31m (1 s)`)).toBe(true);
    });
    expect(said.err.endsWith(erase)).toBe(true);
    said.clear();
    vi.advanceTimersByTime(5_000);
    expect(said.err).toBe("");
  });

  it("is gone before anything is written or asked, and is not drawn over a question", async () => {
    begin({
      askHidden: async () => {
        vi.advanceTimersByTime(5_000);
        return "answer";
      },
    });
    await line.during("one", async () => {
      vi.advanceTimersByTime(600);
      context.stderr("words\n");
      expect(said.err.endsWith(`(0 s)${erase}words\n`)).toBe(true);
      said.clear();
      expect(await context.askHidden?.("?")).toBe("answer");
      expect(said.err).toBe("");
    });
  });

  it.each([
    ["nobody reads", { isTerminal: false }, false],
    ["a document is wanted", {}, true],
  ])("says nothing where %s", async (_, changes, json) => {
    begin(changes, json);
    await line.during("one", async () => void vi.advanceTimersByTime(5_000));
    expect(said.err).toBe("");
  });

  it("fits on a line", async () => {
    await line.during("x".repeat(500), async () => void vi.advanceTimersByTime(500));
    expect(said.err.split(erase)[1]).toHaveLength(79);
  });
});

describe("on a pseudo terminal", () => {
  let server: TrustServer;
  let person: Person;
  const name = "example.test/app";
  const env = () => ({
    HOME: person.home.path,
    VIDIMUS_SERVER: server.url,
    VIDIMUS_POLICY: person.home.at("trust.yaml"),
    VIDIMUS_PASSPHRASE_FILE: person.home.at("pass"),
  });

  beforeAll(async () => {
    server = await runningServer();
    person = new Person(server);
    await person.key("root");
    await person.key("one");
    await person.key("two");
    await person.well("repo", "init", name, "--root", "root", "--targets", "one", ...person.trusted());
    await person.well("rotate", name, "targets", "--add", "two");
  });

  it("a slow server is waited for with words, which the answer takes away; a document has none", async () => {
    const late = await httpsServer((_, response) => {
      void setTimeout(slow).then(() => response.end('{"count":0,"records":null}'));
    });
    const other = new Person(late);
    const argv = ["repo", "list", ...other.trusted()];
    const variables = { HOME: other.home.path };
    const { code, screen } = await onTerminal(argv, variables);
    expect([code, screen]).toEqual([
      0,
      expect.stringContaining(`reading the changes at ${late.url}: 0 repositories`),
    ]);
    expect(screen.trimEnd().split(erase).at(-1)).toBe(`${late.url} has no repository.`);
    expect((await onTerminal([...argv, "--json"], variables)).screen).not.toContain("reading");
    const piped = await other.run(...argv);
    expect([piped.code, piped.err]).toEqual([0, ""]);
  });

  it("what weakens is red, and is not where the answer goes elsewhere", async () => {
    const red = "\u001b[31m";
    expect((await onTerminal(["diff", name], env())).screen).toContain(`${red}! + key`);
    const file = person.home.at("diff.txt");
    await onTerminal(["diff", name], env(), `> '${file}'`);
    const written = person.home.read("diff.txt");
    expect([written.includes("! + key"), written.includes(red)]).toEqual([true, false]);
    const plain = await onTerminal(["diff", name], { ...env(), NO_COLOR: "1" });
    expect([plain.screen.includes("! + key"), plain.screen.includes(red)]).toEqual([true, false]);
  });
});
