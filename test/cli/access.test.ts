/** The commands about people, teams, machines and permissions, with the examples of their help, against the real server. */
import { readFileSync, statSync } from "node:fs";
import { request } from "node:http";
import pino from "pino";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCli } from "../../src/cli/program.ts";
import { loadConfig } from "../../src/config.ts";
import type { RunningServer } from "../../src/serve/server.ts";
import { serve } from "../../src/wire.ts";
import { contextOf, Said, servesNothing } from "../support/command.ts";
import { temporaryDirectory } from "../support/directory.ts";
import { type Folder, folderWith } from "../support/folder.ts";

const password = "a long password";
const log: string[] = [];
let server: RunningServer;
let data: string;
let home: Folder;

beforeAll(async () => {
  data = temporaryDirectory();
  home = folderWith({
    "alice.txt": `${password}\n`,
    "other.txt": "another password",
    "short.txt": "short",
    "new.txt": "a new password",
    "empty.txt": "",
    "two.txt": "a long password\nand more\n",
  });
  const given = {
    data,
    "server.port": "0",
    "server.plainHttp": "true",
    "auth.mode": "builtin",
    "auth.builtin.realm": "http://127.0.0.1/token",
  };
  const flags = Object.entries(given).map(([key, text]) => ({ flag: "--set", key, text }));
  const { config } = loadConfig({ flags, env: {}, readFile: () => "" });
  server = await serve(config, pino({ level: "info" }, { write: (line: string) => void log.push(line) }));
});
afterAll(async () => await server?.stop());

interface Asked {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

const local = () => ["--data", data, "--plain-http", "--port", String(server.port)];

async function run(
  args: readonly string[],
  place = local(),
  answers: readonly string[] = [],
): Promise<Asked> {
  const said = new Said();
  const left = [...answers];
  const askHidden = answers.length === 0 ? undefined : async () => left.shift() ?? "";
  const code = await runCli([...args, ...place], contextOf(said, { askHidden }), servesNothing);
  return { code, out: said.out, err: said.err };
}

/** An example as a shell would take it apart, with its files where they are. */
function wordsOf(line: string): string[] {
  const words = [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? "");
  return words.map((word) => (word.endsWith(".txt") ? home.at(word) : word));
}

async function exampleOf(...command: string[]): Promise<string[]> {
  const said = new Said();
  await runCli([...command, "--help"], contextOf(said), servesNothing);
  return [...said.out.matchAll(/^ {2}\$ vidimus (.*)$/gm)].map(([, line = ""]) => line);
}

const played: string[] = [];
async function play(...command: string[]): Promise<string> {
  const lines = await exampleOf(...command);
  expect(lines.length).toBeGreaterThan(0);
  let last = "";
  for (const line of lines) {
    const { code, out, err } = await run(wordsOf(line));
    expect(`${line}: ${code} ${err}`).toBe(`${line}: 0 `);
    last = out;
  }
  played.push(command.join(" "));
  return last;
}

describe("the examples", () => {
  it("in their order are a day of an administrator", async () => {
    await play("user", "add");
    expect(await play("user", "list")).toMatch(
      /alice +active +password here\nbob +active +password elsewhere/,
    );
    await play("team", "add");
    await play("team", "join");
    expect(await play("team", "list")).toMatch(/dev +alice/);
    await play("acl", "add");
    expect(await play("acl", "list")).toMatch(/team:dev +registry\.acme\.example\/\*\* +pull,push/);
    expect(await play("acl", "explain")).toBe(
      'Yes: user:alice may registry.acme.example/app:push, by "team:dev registry.acme.example/** pull,push".\n',
    );
    expect(await play("token", "create")).toMatch(/^vdm_[\w-]{43}\n$/);
    expect(await play("token", "list")).toMatch(/ci +alice +until .* registry\.acme\.example\/app=pull,push/);
    await play("token", "revoke");
    expect((await run(["token", "list"])).out).toContain("revoked");
    await play("user", "password");
    expect(await play("user", "sessions")).toBe("alice is logged in nowhere.\n");
    expect(await play("user", "end-sessions")).toContain("0 logins of theirs ended.");
    await play("user", "disable");
    expect((await run(["acl", "explain", "user:alice", "admin"])).out).toBe("No: user:alice is disabled.\n");
    await play("user", "enable");
    await play("team", "leave");
    await play("acl", "remove");
    await play("team", "remove");
    await play("user", "remove");
    expect((await run(["user", "list", "--json"])).out).not.toContain("alice");
  });

  it("are those of every command", async () => {
    const leaves: string[] = [];
    for (const name of ["user", "team", "token", "acl"]) {
      const said = new Said();
      await runCli([name, "--help"], contextOf(said), servesNothing);
      const below = said.out.split("\nCommands:\n")[1] ?? "";
      leaves.push(...[...below.matchAll(/^ {2}([a-z-]+) /gm)].map(([, each]) => `${name} ${each}`));
    }
    const own = leaves.filter((each) => !each.endsWith(" help"));
    expect([...played].sort()).toEqual(own.sort());
  });
});

describe("what somebody may do", () => {
  it("is explained of a user, a team and a machine's token, action by action", async () => {
    for (const args of [
      ["user", "add", "nora", "--elsewhere"],
      ["team", "add", "ops"],
      ["team", "join", "ops", "nora"],
      ["acl", "add", "team:ops", "a/**", "pull,push"],
      ["acl", "add", "anyone", "open", "pull"],
      ["token", "create", "robot", "a/b=pull", "--owner", "nora"],
    ])
      expect([args.join(" "), (await run(args)).code, (await run(["acl", "list"])).err]).toEqual([
        args.join(" "),
        0,
        "",
      ]);
    const explain = async (...args: readonly string[]) => await run(["acl", "explain", ...args]);
    expect(await explain("team:ops", "a/b:pull,push")).toEqual({
      code: 0,
      out: 'Yes: team:ops may a/b:pull, by "team:ops a/** pull,push".\nYes: team:ops may a/b:push, by "team:ops a/** pull,push".\n',
      err: "",
    });
    expect((await explain("team:ops", "open:pull")).out).toContain('by "anyone open pull"');
    const half = await explain("token:robot", "a/b:pull,push");
    expect([half.code, half.out]).toEqual([
      74,
      'Yes: token:robot may a/b:pull, by "token:robot a/b pull".\nNo: token:robot may not a/b:push; there is only "token:robot a/b pull".\n',
    ]);
    const { code, out } = await explain("user:nora", "a/b:pull,*", "--json");
    expect([code, JSON.parse(out)]).toMatchObject([
      74,
      {
        explanations: [
          { what: "a/b:pull", allowed: true },
          { what: "a/b:*", allowed: false },
        ],
      },
    ]);
    await run(["user", "disable", "nora"]);
    expect((await explain("token:robot", "a/b:pull")).out).toBe(
      "No: token:robot has ended, or its owner is disabled.\n",
    );
    await run(["user", "enable", "nora"]);
    await run(["token", "revoke", "robot"]);
    expect((await explain("token:robot", "a/b:pull")).code).toBe(74);
  });

  it("is not explained of a team or token that is not there", async () => {
    for (const [what, make] of [
      ["team:opps", "vidimus team add opps"],
      ["token:robbot", "vidimus token create robbot SCOPE"],
    ] as const) {
      const { code, err } = await run(["acl", "explain", what, "a:pull"]);
      expect([code, err]).toEqual([71, expect.stringContaining(make)]);
    }
    expect((await run(["acl", "explain", "robot:x", "a:pull"])).code).toBe(73);
    expect((await run(["acl", "explain", "anyone", "a:pull,fly"])).code).toBe(73);
  });
});

describe("a name that nobody has", () => {
  const said = (name: string) =>
    `Nobody here is called ${name}: unless your registry knows them, make the user by vidimus user add ${name}.\n`;

  it("is taken, with a word about it", async () => {
    await run(["team", "add", "crew"]);
    for (const args of [
      ["team", "join", "crew", "alicce"],
      ["acl", "add", "user:alicce", "a", "pull"],
      ["token", "create", "lost", "a=pull", "--owner", "alicce"],
      ["acl", "explain", "user:alicce", "a:pull"],
    ]) {
      const { code, err } = await run(args);
      expect([args.join(" "), code, err]).toEqual([args.join(" "), 0, said("alicce")]);
    }
    const { out, err } = await run(["team", "join", "crew", "alicce", "--json"]);
    expect([JSON.parse(out).warnings, err]).toEqual([[said("alicce").trim()], said("alicce")]);
  });

  it("is not told of whom an identity provider knows, nor of a user who is there", async () => {
    await run(["user", "add", "erin", "--elsewhere"]);
    for (const who of ["user:oidc:erin", "user:erin"])
      expect(await run(["acl", "add", who, "a", "pull"])).toMatchObject({ code: 0, err: "" });
  });

  it("is refused where it is a team's, with the command that makes it", async () => {
    for (const args of [
      ["team", "join", "nosuch", "x"],
      ["acl", "add", "team:nosuch", "a", "pull"],
    ]) {
      const { code, err } = await run(args);
      expect([code, err]).toEqual([71, expect.stringContaining("vidimus team add nosuch")]);
    }
  });
});

describe("who asks", () => {
  it("is the operator, where the data lies: by a token that is nobody else's to read", async () => {
    const path = `${data}/operator-token`;
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(`${data}/token-key.pem`).mode & 0o777).toBe(0o600);
    expect((await run(["user", "list"], ["--data", temporaryDirectory(), ...local().slice(2)])).code).toBe(
      70,
    );
    expect(log.join("")).not.toContain(readFileSync(path, "utf8").trim());
  });

  it("is an administrator by name and password, from anywhere, and nobody else", async () => {
    await run(["user", "add", "root", "--password-file", home.at("alice.txt")]);
    const far = ["--server", server.url, "--login", "root", "--login-password-file", home.at("alice.txt")];
    expect((await run(["user", "list"], far)).code).toBe(70);
    await run(["acl", "add", "user:root", "**", "admin"]);
    expect((await run(["user", "list"], far)).code).toBe(0);
    expect(
      (await run(["user", "list"], [...far.slice(0, 4), "--login-password-file", home.at("other.txt")])).code,
    ).toBe(70);
    expect((await run(["user", "list"], far.slice(0, 2))).code).toBe(70);
    expect((await run(["user", "list"], far.slice(0, 4), [password])).code).toBe(0);
  });

  it("is a machine by its token, within its limits", async () => {
    const { out } = await run(["token", "create", "auditor", "**=audit"]);
    home.write("machine.txt", out);
    const far = ["--server", server.url, "--token-file", home.at("machine.txt")];
    expect((await run(["user", "list"], far)).code).toBe(70);
  });

  it("is asked over https or from this machine only", async () => {
    const far = ["--server", "http://vidimus.example.test", "--login", "root"];
    expect((await run(["user", "list"], far)).code).toBe(73);
  });
});

describe("a server with TLS", () => {
  const started: RunningServer[] = [];
  afterAll(async () => {
    for (const each of started) await each.stop();
  });

  /** Flags by which its own machine finds it, and where that is. */
  async function secured(settings: Readonly<Record<string, string>>) {
    const folder = temporaryDirectory();
    const given = {
      data: folder,
      "auth.mode": "builtin",
      // A name that is known elsewhere alone.
      "auth.builtin.realm": "https://notary.example.test/token",
      ...settings,
    };
    const flags = Object.entries(given).map(([key, text]) => ({ flag: "--set", key, text }));
    const { config } = loadConfig({ flags, env: {}, readFile: () => "" });
    const running = await serve(config, pino({ level: "silent" }));
    started.push(running);
    return { folder, running, ca: `${folder}/tls/ca.crt` };
  }

  it("on a Unix socket is known by its certificate, and its operator by the token", async () => {
    const socket = `${temporaryDirectory()}/s`;
    const { folder, ca } = await secured({ "server.socket": socket });
    const place = ["--data", folder, "--socket", socket];
    expect(await run(["user", "add", "root", "--password-file", home.at("alice.txt")], place)).toMatchObject({
      code: 0,
      err: "",
    });
    await run(["acl", "add", "user:root", "**", "admin"], place);
    const login = ["--login", "root", "--login-password-file"];
    expect((await run(["user", "list"], [...place, ...login, home.at("alice.txt")])).code).toBe(0);
    const { code, err } = await run(["user", "list"], [...place, ...login, home.at("other.txt")]);
    expect([code, err]).toEqual([70, expect.stringContaining("root in with this password")]);
    const [other] = [`${data}/tls/ca.crt`];
    expect((await run(["user", "list"], [...place, "--ca", other ?? ""])).code).toBe(70);
    expect((await run(["user", "list"], [...place, "--ca", ca])).code).toBe(0);
  });

  it("elsewhere is known by its CA and its name, and its caller by what the environment has", async () => {
    const { folder, running, ca } = await secured({ "server.port": "0", "tls.names": "localhost" });
    const token = readFileSync(`${folder}/operator-token`, "utf8").trim();
    const list = async (url: string, flags: readonly string[], env = {}) => {
      const said = new Said();
      const argv = ["user", "list", "--server", url, ...flags];
      return await runCli(argv, contextOf(said, { env: { HOME: home.path, ...env } }), servesNothing);
    };
    const url = running.url.replace("127.0.0.1", "localhost");
    const mine = { VIDIMUS_ACCESS_TOKEN: token };
    expect(await list(url, ["--ca", ca], mine)).toBe(0);
    expect(await list(url, ["--ca", ca])).toBe(70);
    expect(await list(url, [], mine)).toBe(21);
    expect(await list(url.replace("localhost", "127.0.0.2"), ["--ca", ca], mine)).toBe(21);
  });
});

describe("whoever is a user", () => {
  const body = (form: Record<string, string>) => ({
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams(form).toString(),
  });
  /** A login that goes on by a refresh token. */
  async function login(username: string, given = password): Promise<string> {
    const form = { grant_type: "password", username, password: given, access_type: "offline" };
    const answer = (await (await fetch(`${server.url}/token`, body(form))).json()) as {
      refresh_token: string;
    };
    return answer.refresh_token;
  }
  const goesOn = async (refresh_token: string) =>
    (await fetch(`${server.url}/token`, body({ grant_type: "refresh_token", refresh_token }))).status === 200;
  const as = (name: string, file = "alice.txt") => [
    ...["--server", server.url, "--login", name],
    ...["--login-password-file", home.at(file)],
  ];
  const added = async (name: string) =>
    await run(["user", "add", name, "--password-file", home.at("alice.txt")]);

  it("changes the own password, giving the present one, and is logged in nowhere then", async () => {
    await added("carol");
    const [first, second] = [await login("carol"), await login("carol")];
    const change = ["user", "password", "--password-file", home.at("new.txt")];
    expect((await run(change, as("carol", "other.txt"))).code).toBe(70);
    expect(await goesOn(first)).toBe(true);
    const { code, out } = await run(change, as("carol"));
    expect([code, out]).toEqual([0, expect.stringContaining("2 logins of theirs ended.")]);
    expect([await goesOn(first), await goesOn(second)]).toEqual([false, false]);
    expect(await login("carol")).toBeUndefined();
    expect(await goesOn(await login("carol", "a new password"))).toBe(true);
  });

  it("is asked for the present password and twice for the new one, without echo", async () => {
    await added("dora");
    const place = ["--server", server.url, "--login", "dora"];
    expect((await run(["user", "password"], place, [password, "a new password", "another one"])).code).toBe(
      73,
    );
    const given = [password, "a new password", "a new password"];
    expect((await run(["user", "password"], place, given)).code).toBe(0);
    expect(await goesOn(await login("dora", "a new password"))).toBe(true);
  });

  it("gives the present password for the own one as an administrator, too", async () => {
    await added("eve");
    await run(["acl", "add", "user:eve", "**", "admin"]);
    const change = ["user", "password", "--password-file", home.at("new.txt")];
    expect((await run(change, as("eve", "other.txt"))).code).toBe(70);
    expect((await run(change, as("eve"))).code).toBe(0);
    expect(
      (
        await run(
          ["user", "password", "carol", "--password-file", home.at("alice.txt")],
          as("eve", "new.txt"),
        )
      ).code,
    ).toBe(0);
  });

  it("lists and ends the own logins, one or all, and nobody else's", async () => {
    await added("fay");
    await added("gus");
    const [first, second, ofGus] = [await login("fay"), await login("fay"), await login("gus")];
    const { out } = await run(["user", "sessions", "--json"], as("fay"));
    const { sessions } = JSON.parse(out) as { sessions: { id: string }[] };
    expect(sessions).toHaveLength(2);
    expect(out).not.toContain(first);
    const end = ["user", "end-sessions"];
    const { id = "" } = sessions[0] ?? {};
    expect((await run([...end, "--session", "x"], as("fay"))).code).toBe(73);
    expect((await run([...end, "--session", id], as("gus"))).code).toBe(71);
    expect((await run([...end, "--session", id], as("fay"))).code).toBe(0);
    expect([await goesOn(first), await goesOn(second)].filter(Boolean)).toHaveLength(1);
    for (const args of [
      ["user", "sessions", "fay"],
      [...end, "fay"],
      ["user", "password", "fay", "--password-file", home.at("new.txt")],
    ])
      expect((await run(args, as("gus"))).code).toBe(70);
    expect((await run(end, as("fay"))).out).toContain("1 login of theirs ended.");
    expect([await goesOn(first), await goesOn(second), await goesOn(ofGus)]).toEqual([false, false, true]);
    expect((await run([...end, "gus"])).code).toBe(0);
    expect(await goesOn(ofGus)).toBe(false);
  });

  it("says who they are, or is told to", async () => {
    for (const command of ["password", "sessions", "end-sessions"])
      expect((await run(["user", command])).code).toBe(73);
  });
});

describe("a command", () => {
  it("that names the next one gives it the flags by which the server was found", async () => {
    const { out } = await run(["user", "add", "nina", "--elsewhere", "--set", "server.readOnly=false"]);
    const flags = `--data ${data} --port ${server.port} --plain-http --set server.readOnly=false`;
    expect(out).toContain(`vidimus acl add user:nina PATTERN ACTIONS ${flags}\n`);
  });

  it.each<[readonly string[], number]>([
    [["user", "disable", "nobody"], 71],
    [["user", "password", "nobody", "--password-file", "alice.txt"], 71],
    [["user", "add", "x", "--password-file", "short.txt"], 73],
    [["user", "add", "x", "--password-file", "none.txt"], 73],
    [["user", "add", "x"], 73],
    [["user", "add", "a b", "--elsewhere"], 73],
    [["acl", "add", "alice", "a", "pull"], 73],
    [["acl", "add", "user:x", "a", "admin"], 73],
    [["acl", "add", "team:none", "a", "pull"], 71],
    [["acl", "explain", "user:x", "a:push"], 74],
    [["acl", "explain", "anyone", "admin"], 74],
    [["token", "create", "x", "a"], 73],
    [["token", "create", "x", "a=pull", "--days", "0"], 73],
    [["team", "leave", "none", "x"], 71],
  ])("%j ends with %s", async (args, code) => {
    const given = args.map((each) => (each.endsWith(".txt") ? home.at(each) : each));
    expect((await run(given)).code).toBe(code);
  });

  it("that adds what is there ends with 72", async () => {
    const add = ["team", "add", "twice"];
    expect((await run(add)).code).toBe(0);
    expect((await run(add)).code).toBe(72);
  });

  it("takes a password that was typed twice alike", async () => {
    const add = ["user", "add", "typed"];
    expect((await run(add, local(), [password, "another"])).code).toBe(73);
    expect((await run(add, local(), [password, password])).code).toBe(0);
  });

  it("ends with 21 where no server answers, and says where it was looked for and what to give", async () => {
    const { code, err } = await run(["user", "list"], [...local().slice(0, 4), "1"]);
    expect([code, err]).toEqual([21, expect.stringContaining("http://127.0.0.1:1 cannot be reached")]);
    expect(err).toContain("--port");
    home.write("token.txt", "vdm_token");
    const far = ["--server", "http://127.0.0.1:1", "--token-file", home.at("token.txt")];
    const there = await run(["user", "list"], far);
    expect([there.code, there.err]).toEqual([21, expect.not.stringContaining("--port")]);
  });

  it.each([
    ["none.txt", "cannot be read (ENOENT)"],
    ["empty.txt", "is empty"],
    ["two.txt", "has several lines"],
  ])(
    "that is given the password file %s names it, says what is wrong, and nothing that it holds",
    async (file, what) => {
      const path = home.at(file);
      const { code, err } = await run(["user", "add", "x", "--password-file", path]);
      expect([code, err]).toEqual([73, expect.stringContaining(`${path} ${what}`)]);
      expect(err).not.toContain("long password");
    },
  );

  it.each([
    [["--set", "auth.mode=none"], "auth.mode none, with which everybody may"],
    [
      [
        ...["--set", "auth.mode=token", "--set", "auth.token.realm=https://auth.example.test/token"],
        ...["--set", "auth.token.service=vidimus", "--set", "auth.token.issuer=auth"],
        ...["--set", "auth.token.jwks=keys.json"],
      ],
      "auth.mode token, whose users are those of another service",
    ],
  ])("for a configuration without people says so (%#)", async (mode, what) => {
    const { code, err } = await run(["user", "list"], ["--data", temporaryDirectory(), ...mode]);
    expect([code, err]).toEqual([70, expect.stringContaining(what)]);
  });
});

it("nobody gets in without a token, and the challenge names the realm of the configuration", async () => {
  const challenge = await new Promise((resolve, reject) => {
    request(`${server.url}/v2/`, { headers: { host: "evil.example.test" } }, (answer) => {
      answer.resume();
      resolve([answer.statusCode, answer.headers["www-authenticate"]]);
    })
      .on("error", reject)
      .end();
  });
  expect(challenge).toEqual([
    401,
    'Bearer realm="http://127.0.0.1/token",service="vidimus",scope="registry:catalog:*"',
  ]);
});
