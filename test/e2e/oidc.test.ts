/**
 * A real identity provider and the whole server: people who log in by a code and by a browser, jobs that show who they are, and
 * those who try to be somebody else.
 */
import { createHmac, createPublicKey, type JsonWebKey } from "node:crypto";
import { chmodSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import { request } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { JWTPayload } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { exitCodes } from "../../src/cli/exit-codes.ts";
import { runCli } from "../../src/cli/program.ts";
import { endings } from "../../src/client/errors.ts";
import type { TrustServer } from "../support/bare/exchange.ts";
import { contextOf, Said, servesNothing } from "../support/command.ts";
import { temporaryDirectory } from "../support/directory.ts";
import { exchange, idTokenType } from "../support/identity-provider.ts";
import { Browser, loginClient, RealProvider, workloadAudience } from "../support/oidc-provider.ts";
import { runningServer } from "../support/running-server.ts";
import { startWorkers } from "../support/workers.ts";

const app = "registry.acme.example/app";
const workload = "repo:acme/app:ref:refs/heads/main";
const job = { repository: "acme/app", ref: "refs/heads/main" };
const rules = [
  {
    claims: { repository: "acme/app", ref: "refs/heads/*" },
    allow: [{ pattern: "registry.acme.example/*", actions: ["pull", "push"] }],
  },
  { claims: { sub: workload, auditor: true }, allow: [{ pattern: "**", actions: ["audit"] }] },
];
let provider: RealProvider;
let server: TrustServer;
let data: string;
let ca: string;
const closers: (() => Promise<void>)[] = [];

async function listening(listener: RequestListener): Promise<string> {
  const own = createServer(listener);
  await new Promise<void>((resolve) => own.listen(0, "127.0.0.1", resolve));
  closers.push(async () => {
    own.closeAllConnections();
    await new Promise((resolve) => own.close(resolve));
  });
  return `http://127.0.0.1:${(own.address() as AddressInfo).port}`;
}

/** Of a server that is not there yet. */
async function freePort(): Promise<string> {
  const { port } = new URL(await listening(() => {}));
  await closers.pop()?.();
  return port;
}

beforeAll(async () => {
  provider = await RealProvider.start();
  data = temporaryDirectory();
  const port = await freePort();
  const { issuer } = provider;
  server = await runningServer({
    data,
    "server.port": port,
    "auth.mode": "builtin",
    "auth.builtin.realm": `https://127.0.0.1:${port}/token`,
    "auth.oidc.issuers": JSON.stringify([{ issuer, audience: workloadAudience, name: "ci:{sub}", rules }]),
    "auth.oidc.allowPrivate": "true",
    "auth.oidc.login.issuer": issuer,
    "auth.oidc.login.clientId": loginClient,
  });
  ca = join(temporaryDirectory(), "ca.pem");
  writeFileSync(ca, server.ca);
});
afterAll(async () => {
  for (const close of closers) await close();
  await provider?.stop();
});

interface Asked {
  readonly status: number;
  readonly code: string | undefined;
  readonly text: string;
}

function ask(
  path: string,
  options: { method?: string; headers?: Record<string, string>; body?: string } = {},
  at = server,
) {
  return new Promise<Asked>((resolve, reject) => {
    const sent = request(`${at.url}${path}`, { ca: at.ca, agent: false, ...options }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("end", () => {
        const code = response.headers["vidimus-code"] as string | undefined;
        resolve({ status: response.statusCode ?? 0, code, text });
      });
    });
    sent.on("error", reject);
    sent.end(options.body);
  });
}

const form = (fields: Record<string, string>, at = server) =>
  ask(
    "/token",
    {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams(fields).toString(),
    },
    at,
  );
const exchanged = (token: string, scope = `repository:${app}:pull,push`, at = server) =>
  form({ grant_type: exchange, subject_token: token, subject_token_type: idTokenType, scope }, at);

const asOperator = (method: string, path: string, body: object | undefined) =>
  ask(`/api/v1/${path}`, {
    method,
    headers: {
      authorization: `Bearer ${readFileSync(join(data, "operator-token"), "utf8").trim()}`,
      "content-type": "application/json",
    },
    ...(body && { body: JSON.stringify(body) }),
  });

interface Wish {
  readonly env?: Record<string, string>;
  readonly at?: string;
  /** What happens before a person opens the address. */
  readonly before?: (address: string) => Promise<void>;
}

/** Somebody at a machine of their own; `name` is who they are at the provider. */
class Person {
  readonly home = temporaryDirectory();
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
  }

  get file(): string {
    return join(this.home, ".vidimus", "sessions.json");
  }

  /** The refresh token that is kept. */
  get session(): string | undefined {
    const { servers } = JSON.parse(readFileSync(this.file, "utf8"));
    return servers[server.url]?.session?.token;
  }

  /** What is opened when the command says so: the address, and the code where there is one. */
  async run(args: readonly string[], { env = {}, at = server.url, before = async () => {} }: Wish = {}) {
    const said = new Said();
    let opened: Promise<unknown> = Promise.resolve();
    const context = contextOf(said, {
      env: { HOME: this.home, VIDIMUS_CACHE: join(this.home, "cache"), ...env },
      readFile: (path) => readFileSync(path, "utf8"),
      stderr: (text) => {
        said.err += text;
        const [, address, code = ""] = /^Open (\S+)(?: and enter (\S+))?\n$/.exec(text) ?? [];
        const browser = new Browser({ login: this.#name, password: "whatever", user_code: code });
        if (address === undefined) return;
        opened = before(address).then(async () => await browser.visit(address));
        // Where nobody listens any more when a person comes back.
        opened = opened.catch(() => undefined);
      },
      testingOnlyPause: async () => void (await opened),
    });
    const code = await runCli([...args, "--server", at, "--ca", ca], context, servesNothing);
    return { code, out: said.out, err: said.err, page: await opened };
  }

  async login(...more: readonly string[]) {
    return await this.run(["login", "--issuer", provider.issuer, ...more]);
  }
}

describe("a person", () => {
  it.each([
    ["by a code on another device", []],
    ["by a browser on this machine", ["--browser"]],
  ])("logs in %s, and out", async (_how, flags) => {
    const alice = new Person("alice");
    const { code, out, err, page } = await alice.login(...flags);
    expect([code, out]).toEqual([0, `You are oidc:alice at ${server.url}.\n`]);
    expect(page).toMatchObject({ status: 200 });
    expect(statSync(alice.file).mode & 0o777).toBe(0o600);
    expect(alice.session).toMatch(/^vdr_/);
    // Neither the session nor anything of the provider's is shown or kept.
    const kept = readFileSync(alice.file, "utf8");
    expect(out + err).not.toContain(alice.session);
    expect(kept).not.toContain("eyJ");
    const session = alice.session ?? "";
    const goOn = async () => (await form({ grant_type: "refresh_token", refresh_token: session })).status;
    expect(await goOn()).toBe(200);

    const left = await alice.run(["logout"]);
    expect([left.code, left.out]).toEqual([0, `You are logged out at ${server.url}.\n`]);
    expect(alice.session).toBeUndefined();
    expect(await goOn()).toBe(401);
    expect((await alice.run(["logout"])).out).toContain("Nobody was logged in");
  });

  it("finds examples in the help, which run as they stand", async () => {
    const gina = new Person("gina");
    const lines: string[] = [];
    for (const command of ["login", "logout"]) {
      const said = new Said();
      await runCli([command, "--help"], contextOf(said), servesNothing);
      lines.push(...[...said.out.matchAll(/^ {2}\$ vidimus (.+)$/gm)].map(([, line = ""]) => line));
    }
    expect(lines.length).toBe(3);
    await gina.login();
    for (const line of lines) {
      // But for the server, which is another one here.
      const args = line.replace(/ --server \S+/, "").split(" ");
      expect([line, (await gina.run(args)).code]).toEqual([line, 0]);
    }
  });

  it("has what was given to oidc:NAME, in every command, and no more", async () => {
    const bob = new Person("bob");
    await bob.login();
    const denied = await bob.run(["expiring", "--within", "90d"]);
    expect([denied.code, denied.err]).toEqual([exitCodes.asked.code, expect.stringContaining("audit")]);
    await asOperator("PUT", "permissions", { subject: "user:oidc:bob", pattern: "**", actions: ["audit"] });
    expect((await bob.run(["expiring", "--within", "90d"])).code).toBe(0);
    // Another server is not shown who it is.
    const seen: string[] = [];
    const other = await listening((asked, response) => {
      seen.push(asked.headers.authorization ?? asked.url ?? "");
      response.writeHead(401, { "www-authenticate": `Bearer realm="${other}/token",service="x"` }).end();
    });
    await bob.run(["expiring", "--within", "90d"], { at: other });
    expect(seen.length).toBeGreaterThan(0);
    expect(seen.join(" ")).not.toContain("vdr_");
    // One who is disabled is out, and logs in no more.
    await asOperator("POST", "users", { name: "oidc:bob" });
    await asOperator("POST", "users/oidc:bob", { disabled: true });
    expect((await bob.run(["expiring", "--within", "90d"])).code).not.toBe(0);
    const again = await bob.login();
    expect([again.code, again.err]).toEqual([
      exitCodes.accessDenied.code,
      expect.stringContaining("disabled"),
    ]);
  });

  it("administers by that login, where it was given to them", async () => {
    const ann = new Person("ann");
    const list = async () => (await ann.run(["user", "list"])).code;
    expect(await list()).toBe(exitCodes.accessDenied.code);
    await ann.login();
    expect(await list()).toBe(exitCodes.accessDenied.code);
    await asOperator("PUT", "permissions", { subject: "user:oidc:ann", pattern: "**", actions: ["admin"] });
    expect(await list()).toBe(0);
    await ann.run(["logout"]);
    expect(await list()).toBe(exitCodes.accessDenied.code);
    const trail = await asOperator("GET", "audit/trail?limit=200", undefined);
    expect(JSON.parse(trail.text).entries).toContainEqual(
      expect.objectContaining({
        kind: "administrator.logged-in",
        actor: { name: "oidc:ann", method: "oidc", address: "127.0.0.1" },
      }),
    );
  });

  it("whose browser is led back by somebody else goes on waiting", async () => {
    const harry = new Person("harry");
    const strangers: number[] = [];
    const { code } = await harry.run(["login", "--issuer", provider.issuer, "--browser"], {
      before: async (address) => {
        const back = new URL(address).searchParams.get("redirect_uri") ?? "";
        for (const query of ["", "?code=a", "?code=a&state=b", "?error=access_denied&state=b"])
          strangers.push((await fetch(`${back}${query}`)).status);
        strangers.push((await fetch(new URL("/other", back))).status);
      },
    });
    expect([code, ...strangers]).toEqual([0, 404, 404, 404, 404, 404]);
  });

  it("who says no at the provider is not logged in", async () => {
    const ivan = new Person("ivan");
    const { code, err } = await ivan.run(["login", "--issuer", provider.issuer, "--browser"], {
      before: async (address) => {
        const { searchParams } = new URL(address);
        const back = new URL(searchParams.get("redirect_uri") ?? "");
        back.search = new URLSearchParams({
          error: "access_denied",
          state: searchParams.get("state") ?? "",
          iss: provider.issuer,
        }).toString();
        await fetch(back);
      },
    });
    expect([code, err]).toEqual([exitCodes.loginFailed.code, expect.stringContaining("access_denied")]);
  });

  it("who logs in anew leaves no older session behind", async () => {
    const carol = new Person("carol");
    await carol.login();
    const first = carol.session ?? "";
    await carol.login("--browser");
    expect(carol.session).not.toBe(first);
    expect((await form({ grant_type: "refresh_token", refresh_token: first })).status).toBe(401);
  });

  it("agrees to a provider once, and is asked nothing by another", async () => {
    const dave = new Person("dave");
    const before = provider.asked.length;
    const nobody = await dave.run(["login"]);
    expect([nobody.code, nobody.err]).toEqual([
      exitCodes.unconfirmed.code,
      expect.stringContaining(provider.issuer),
    ]);
    const wrong = await dave.run(["login", "--issuer", "https://evil.example.test"]);
    expect(wrong.code).toBe(exitCodes.unconfirmed.code);
    expect(provider.asked.length).toBe(before);
    await dave.login();
    expect((await dave.run(["login"])).code).toBe(0);

    // The server was taken over, and sends people to a provider of somebody's own.
    const text = readFileSync(dave.file, "utf8");
    writeFileSync(dave.file, text.replace(provider.issuer, "https://before.example.test"), { mode: 0o600 });
    const moved = await dave.run(["login"]);
    expect([moved.code, moved.err]).toEqual([
      exitCodes.unconfirmed.code,
      expect.stringContaining("https://before.example.test"),
    ]);
    expect((await dave.login()).code).toBe(0);
  });

  it("whose sessions others could read is not logged in by them", async () => {
    const erin = new Person("erin");
    await erin.login();
    chmodSync(erin.file, 0o644);
    const { code, err } = await erin.run(["expiring", "--within", "90d"]);
    expect([code, err]).toEqual([endings.input.exit, expect.stringContaining("chmod 600")]);
  });

  it.each<[string, object]>([
    ["an issuer that is no address", { issuer: "file:///etc/passwd" }],
    ["an issuer over plain HTTP", { issuer: "http://issuer.example.test" }],
    ["a token endpoint elsewhere", { realm: "https://evil.example.test/token" }],
    ["nothing of use", { scopes: "openid" }],
  ])("is sent nowhere by a server that names %s", async (_name, change) => {
    const offer = {
      format: "vidimus-login/1",
      issuer: provider.issuer,
      clientId: loginClient,
      scopes: ["openid"],
      service: "vidimus",
      ...change,
    };
    const evil = await listening((_asked, response) => {
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ realm: `${evil}/token`, ...offer }));
    });
    const before = provider.asked.length;
    const frank = new Person("frank");
    const args = ["login", "--issuer", (change as { issuer?: string }).issuer ?? provider.issuer];
    const { code } = await frank.run(args, { at: evil });
    expect([exitCodes.accessDenied.code, exitCodes.loginFailed.code]).toContain(code);
    expect(provider.asked.length).toBe(before);
  });

  it("is told when the provider lets nobody in", async () => {
    const gone = new Person("gone");
    const issuer = await listening((_asked, response) => response.writeHead(500).end());
    const offering = await listening((_asked, response) => {
      response.setHeader("content-type", "application/json");
      const offer = { issuer, clientId: "a", scopes: ["openid"], service: "a", realm: `${offering}/token` };
      response.end(JSON.stringify(offer));
    });
    const { code } = await gone.run(["login", "--issuer", issuer], { at: offering });
    expect(code).toBe(exitCodes.loginFailed.code);
  });
});

describe("a job", () => {
  const token = async (claims: object = job) => await provider.workloadToken(workload, { ...claims });

  it("gets what its rules give by the provider's own token", async () => {
    const { status, text } = await exchanged(await token());
    expect([status, JSON.parse(text)]).toEqual([
      200,
      expect.objectContaining({
        name: `ci:${workload}`,
        scope: `repository:${app}:pull,push`,
        expires_in: 300,
      }),
    ]);
    // Keys were fetched once for all of this file.
    expect(provider.asked.filter((path) => path === "/jwks").length).toBeLessThanOrEqual(2);
  });

  it("asks in every command by a variable, by a file, and by what its CI system gives it", async () => {
    const runner = new Person("nobody");
    const command = ["expiring", "--within", "90d"];
    const auditing = await token({ auditor: true });
    const file = join(runner.home, "token");
    writeFileSync(file, `${auditing}\n`);
    expect((await runner.run(command, { env: { VIDIMUS_OIDC_TOKEN: auditing } })).code).toBe(0);
    expect((await runner.run(command, { env: { VIDIMUS_OIDC_TOKEN_FILE: file } })).code).toBe(0);
    const seen: unknown[] = [];
    const system = await listening((asked, response) => {
      seen.push([asked.url, asked.headers.authorization]);
      response.end(JSON.stringify({ value: auditing }));
    });
    const github = {
      ACTIONS_ID_TOKEN_REQUEST_URL: `${system}/?api=2`,
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: "of-the-job",
    };
    const asking = { ...github, VIDIMUS_OIDC_AUDIENCE: workloadAudience };
    expect((await runner.run(command, { env: asking })).code).toBe(0);
    expect(seen).toEqual([[`/?api=2&audience=${workloadAudience}`, "Bearer of-the-job"]]);
    // Nobody's token is asked for without an audience that somebody chose.
    expect((await runner.run(command, { env: github })).code).toBe(endings.unreachable.exit);
    expect(seen.length).toBe(1);
  });

  it.each<[string, string, () => Promise<string>]>([
    ["no rule", "gives this workload a right", () => token({ repository: "acme/app-evil" })],
    [
      "another audience",
      "does not accept the ID token",
      () => provider.signed({ sub: workload, ...job, aud: "other" }),
    ],
  ])("with %s is told so, and nothing of its token", async (_name, sentence, made) => {
    const given = await made();
    const runner = new Person("nobody");
    const { code, out, err } = await runner.run(["expiring", "--within", "1d"], {
      env: { VIDIMUS_OIDC_TOKEN: given },
    });
    expect([code, err]).toEqual([endings.unreachable.exit, expect.stringContaining(sentence)]);
    expect(out + err).not.toContain(given.split(".")[1]);
  });

  it("is known to every process of a server, of which each fetches the keys for itself", {
    timeout: 120_000,
  }, async () => {
    const folder = temporaryDirectory();
    const configuration = join(folder, "vidimus.yaml");
    const issuers = [{ issuer: provider.issuer, audience: workloadAudience, rules }];
    const builtin = { realm: "https://notary.example.test/token" };
    const auth = { mode: "builtin", builtin, oidc: { issuers, allowPrivate: true } };
    writeFileSync(configuration, JSON.stringify({ auth }));
    const several = await startWorkers(["--workers", "2", "--config", configuration]);
    closers.push(async () => {
      process.kill(several.processes().supervisor, "SIGTERM");
      await several.ended;
    });
    const before = provider.asked.filter((path) => path === "/jwks").length;
    const given = await token();
    const answers = await Promise.all(Array.from({ length: 12 }, () => exchanged(given, undefined, several)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    // What one process signed counts in the others.
    const { token: own } = JSON.parse(answers[0]?.text ?? "") as { token: string };
    const headers = { authorization: `Bearer ${own}` };
    const path = `/v2/${app}/_trust/tuf/root.json`;
    const reads = await Promise.all(Array.from({ length: 12 }, () => ask(path, { headers }, several)));
    expect(new Set(reads.map(({ status }) => status))).toEqual(new Set([404]));
    expect(provider.asked.filter((each) => each === "/jwks").length - before).toBeLessThanOrEqual(3);
    expect(several.log()).not.toContain(given);
  });

  const at = () => Math.floor(Date.now() / 1_000);
  const claims = { sub: workload, ...job };
  const b64 = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const hostile: readonly [string, () => Promise<string>][] = [
    ["without a signature", async () => `${b64({ alg: "none" })}.${(await token()).split(".")[1]}.`],
    [
      "signed with the public key as a secret",
      async () => {
        const key = createPublicKey({ key: provider.jwk as JsonWebKey, format: "jwk" });
        const signed = `${b64({ alg: "HS256", kid: "first" })}.${(await token()).split(".")[1]}`;
        const secret = key.export({ type: "spki", format: "pem" });
        return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
      },
    ],
    ["for a person", async () => await provider.signed({ ...claims, aud: loginClient, azp: "another" })],
    ["for another audience", async () => await provider.signed({ ...claims, aud: "registry" })],
    ["of another issuer", async () => await provider.signed({ ...claims, iss: `${provider.issuer}/` })],
    ["that has expired", async () => await provider.signed({ ...claims, iat: at() - 600, exp: at() - 120 })],
    [
      "that is not valid yet",
      async () => await provider.signed({ ...claims, nbf: at() + 600 } as JWTPayload),
    ],
    [
      "that was changed",
      async () => {
        const [header, , signature] = (await token()).split(".");
        return `${header}.${b64({ iss: provider.issuer, aud: workloadAudience, iat: at(), exp: at() + 300, ...claims })}.${signature}`;
      },
    ],
    ["of a key that is not published", async () => await provider.signed(claims, { kid: "made-up" })],
    [
      "that points to keys elsewhere",
      async () => await provider.signed(claims, { kid: "x", jku: "http://127.0.0.1:1/" }),
    ],
  ];

  it.each(hostile)("A14, A15: with a token %s gets nothing", async (_name, made) => {
    const { status, code, text } = await exchanged(await made());
    expect([status, code]).toEqual([400, "UNAUTHORIZED"]);
    for (const secret of [provider.issuer, workloadAudience, "acme"]) expect(text).not.toContain(secret);
  });
});
