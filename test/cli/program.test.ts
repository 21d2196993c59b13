import { EventEmitter } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { allExitCodes, exitCodes } from "../../src/cli/exit-codes.ts";
import type { CliContext } from "../../src/cli/output.ts";
import { runCli } from "../../src/cli/program.ts";
import type { ServeParts } from "../../src/cli/serve.ts";
import { StoreError } from "../../src/core/errors.ts";
import type { RunningServer } from "../../src/serve/server.ts";
import { contextOf, Said } from "../support/command.ts";

let directory: string;
const said = new Said();
let signals: EventEmitter;
let stopped: number;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "vidimus-cli-"));
  said.clear();
  signals = new EventEmitter();
  stopped = 0;
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const fake: RunningServer = {
  url: "https://127.0.0.1:4443",
  port: 4443,
  directory: "/data",
  authority: { file: "/data/tls/ca.crt", fingerprint: "AA:BB" },
  operations: undefined,
  reload: async () => undefined,
  stop: async () => {
    stopped += 1;
  },
};

function run(
  argv: readonly string[],
  changes: Partial<CliContext> = {},
  serve: ServeParts["serve"] = async () => fake,
): Promise<number> {
  const source = Object.assign(signals, { pid: 4242 });
  return runCli(argv, contextOf(said, changes), { serve, process: source });
}

describe("usage", () => {
  it.each([
    ["no command", []],
    ["an unknown command", ["nothing"]],
    ["an unknown flag", ["version", "--nothing"]],
    ["a flag without its value", ["config", "check", "--port"]],
    ["too many words", ["version", "more"]],
    ["an unknown topic", ["help", "nothing"]],
  ])("%s", async (_name, argv) => {
    expect(await run(argv)).toBe(exitCodes.usage.code);
    expect(said.out).toBe("");
    expect(said.err).not.toBe("");
  });

  it.each([[["help"]], [["--help"]], [["help", "config", "show"]], [["serve", "--help"]]])(
    "%j helps",
    async (argv) => {
      expect(await run(argv)).toBe(0);
      expect(said.out).toContain("Usage: vidimus");
    },
  );
});

it("help exit-codes lists every code", async () => {
  expect(await run(["help", "exit-codes"])).toBe(0);
  const lines = said.out.split("\n").map((line) => line.replace(/ +/, "  "));
  for (const { code, meaning } of allExitCodes) expect(lines).toContain(`${code}  ${meaning}`);
});

it("version prints that of package.json", async () => {
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  await run(["version"]);
  expect(said.out).toBe(`vidimus ${version} (Node ${process.versions.node})\n`);
});

describe("help", () => {
  it("of a topic that is none says so where mistakes are told", async () => {
    expect(await run(["help", "nothing"])).toBe(exitCodes.usage.code);
    expect([said.out, said.err]).toEqual(["", "There is no command and no code nothing.\n"]);
  });

  it("of a code of the client's refusals says what it means", async () => {
    expect(await run(["help", "NO_PIN"])).toBe(0);
    expect(said.out).toMatch(
      /^NO_PIN\nwhat +the rule pins no root.*\nwho +policy owner\nnext +.+\nexit code +31 \(policy: .+\)\n/,
    );
  });
});

describe("config", () => {
  it("check accepts a good configuration", async () => {
    expect(await run(["config", "check", "--port", "8443"])).toBe(0);
  });

  it("check names every problem", async () => {
    const code = await run(["config", "check", "--port", "x", "--set", "server.hots=a"]);
    expect(code).toBe(exitCodes.configuration.code);
    expect(said.err.trim().split("\n")).toHaveLength(2);
    expect(said.err).toContain("did you mean server.host?");
  });

  it("show says where values come from", async () => {
    const env = { VIDIMUS__SERVER__HOST: "::1" };
    const readFile = () => "log: { level: debug }";
    await run(["config", "show", "--origin", "--json", "--config", "v.yaml", "--port", "1", "--read-only"], {
      env,
      readFile,
    });
    const rows = new Map(
      (JSON.parse(said.out) as { key: string; origin: string }[]).map((row) => [row.key, row]),
    );
    expect(rows.get("server.port")).toEqual({ key: "server.port", value: 1, origin: "--port" });
    expect(rows.get("server.readOnly")).toEqual({
      key: "server.readOnly",
      value: true,
      origin: "--read-only",
    });
    expect(rows.get("server.host")?.origin).toBe("VIDIMUS__SERVER__HOST");
    expect(rows.get("log.level")?.origin).toBe("v.yaml:1");
    expect(rows.get("data")?.origin).toBe("default");
  });

  it("show gives values that can be written back", async () => {
    await run(["config", "show", "--json"]);
    const rows = JSON.parse(said.out) as { key: string; value: unknown }[];
    expect(rows.find((row) => row.key === "online.timestamp.lifetime")?.value).toBe("14d");
    expect(rows.find((row) => row.key === "limits.uploadBytes")?.value).toBe("32MiB");
  });

  it("--set reaches any key, and keeps what stands after the first equals sign", async () => {
    await run(["config", "show", "--json", "--set", "data=/a=b", "--set", "limits.headers=50"]);
    const rows = JSON.parse(said.out) as { key: string; value: unknown }[];
    expect(rows.find((row) => row.key === "data")?.value).toBe("/a=b");
    expect(rows.find((row) => row.key === "limits.headers")?.value).toBe(50);
  });

  it("show prints a structure as it can be given to --set", async () => {
    const claims = '{"groups":"staff"}';
    await run(["config", "show", "--set", `auth.oidc.login.claims=${claims}`]);
    expect(said.out).toMatch(/^auth\.oidc\.login\.claims +\{"groups":"staff"\}$/m);
    expect(said.out).toMatch(/^auth\.oidc\.issuers +\(empty\)$/m);
  });

  it("schema prints JSON Schema", async () => {
    await run(["config", "schema"]);
    expect(JSON.parse(said.out)).toMatchObject({ type: "object", additionalProperties: false });
  });
});

describe("serve", () => {
  const quiet = ["--log-level", "fatal"];

  it("prints what to paste, writes the ready file, and ends with 0 on SIGTERM", async () => {
    const file = join(directory, "ready.json");
    const ended = run(["serve", "--ready-file", file, ...quiet]);
    await expect
      .poll(() => said.out)
      .toContain("export DOCKER_CONTENT_TRUST_SERVER=https://127.0.0.1:4443\n");
    expect(JSON.parse(readFileSync(file, "utf8"))).toEqual({
      url: fake.url,
      port: 4443,
      pid: 4242,
      ca: "/data/tls/ca.crt",
      fingerprint: "AA:BB",
      directory: "/data",
    });
    signals.emit("SIGTERM");
    expect(await ended).toBe(0);
    expect([stopped, existsSync(file)]).toEqual([1, false]);
  });

  describe("a ready file that cannot be written", () => {
    it.each([
      ["in a folder that is not there", () => join(directory, "nowhere", "ready.json")],
      ["under a file", () => join(directory, "file", "ready.json")],
      ["in whose place there is a folder", () => directory],
    ])("%s, ends the start before it begins", async (_name, file) => {
      writeFileSync(join(directory, "file"), "");
      let started = false;
      const serve = async () => {
        started = true;
        return fake;
      };
      const code = await run(["serve", "--ready-file", file(), ...quiet], {}, serve);
      expect([code, started, said.out]).toEqual([exitCodes.configuration.code, false, ""]);
      expect(said.err).toContain(`The ready file ${file()} cannot be written`);
      expect(readdirSync(directory)).toEqual(["file"]);
    });

    it("once the server is up, ends it", async () => {
      const file = join(directory, "ready.json");
      const serve = async () => {
        mkdirSync(file);
        return fake;
      };
      expect(await run(["serve", "--ready-file", file, ...quiet], {}, serve)).toBe(
        exitCodes.configuration.code,
      );
      expect(stopped).toBe(1);
    });
  });

  it("writes a ready file into the data directory that the start makes", async () => {
    const data = join(directory, "data");
    const file = join(data, "ready.json");
    const ended = run(["serve", "--data", data, "--ready-file", file, ...quiet], {}, async () => {
      mkdirSync(data);
      return fake;
    });
    await expect.poll(() => existsSync(file)).toBe(true);
    signals.emit("SIGTERM");
    expect(await ended).toBe(0);
  });

  it("ends with 1 when stopping fails", async () => {
    const stop = () => Promise.reject(new Error("no"));
    const ended = run(["serve", ...quiet], {}, async () => ({ ...fake, stop }));
    await expect.poll(() => said.out).not.toBe("");
    signals.emit("SIGINT");
    expect(await ended).toBe(exitCodes.unexpected.code);
  });

  it("a failed start is a sentence and its exit code", async () => {
    const serve = () => Promise.reject(new StoreError("STORE_LOCKED", "Another server uses this directory."));
    expect(await run(["serve", ...quiet], {}, serve)).toBe(exitCodes.running.code);
    expect([said.out, said.err]).toEqual(["", "Another server uses this directory.\n"]);
  });

  it("an unexpected error is a sentence, code 1, and a stack only with --debug", async () => {
    const serve = () => Promise.reject(new TypeError("x is undefined"));
    expect(await run(["serve", ...quiet], {}, serve)).toBe(exitCodes.unexpected.code);
    expect(said.err).toBe("Unexpected error: x is undefined\n");
    await run(["serve", ...quiet], { debug: true }, serve);
    expect(said.err).toContain("program.test.ts");
  });

  it("does not start on a bad configuration", async () => {
    let started = false;
    const serve = async () => {
      started = true;
      return fake;
    };
    expect(await run(["serve", "--host", "0.0.0.0"], {}, serve)).toBe(exitCodes.configuration.code);
    expect(started).toBe(false);
  });
});
