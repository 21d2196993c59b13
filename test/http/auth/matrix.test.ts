/**
 * Each meaning that a request can have, with each kind of token: what the table promises is what a real server does. The
 * expected answers are worked out here from the protocol's words (notary-protocol.md 1.1), not from the table.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { changes, needs } from "../../../src/http/auth/needs.ts";
import { type Route, routeOf } from "../../../src/http/routes.ts";
import { operatorToken } from "../../support/builtin.ts";
import { exchange, IdentityProvider, idTokenType } from "../../support/identity-provider.ts";
import { start, startServer, type TestServer } from "../../support/server.ts";
import { bearing, type Entry, entry, TokenService } from "../../support/token-service.ts";

const repository = "registry.example.test/team/app";
const file = `/v2/${repository}/_trust/tuf`;
const manage = `/api/v1/repositories/${encodeURIComponent(repository)}/proposals`;
const someId = "0123456789abcdef";
const digest = "a".repeat(64);
const prefixes = ["registry.example.test/"];

type Kind = Route["kind"];
type Wants = "nobody" | "known" | "pull" | "push" | "propose" | "all" | "catalog" | "audit" | "admin";

/** How each is asked for, and who may. */
const requests: Readonly<Record<Kind, readonly [method: string, path: string, wants: Wants]>> = {
  ping: ["GET", "/v2/", "catalog"],
  publish: ["POST", `${file}/`, "push"],
  delete: ["DELETE", `${file}/`, "all"],
  current: ["GET", `${file}/root.json`, "pull"],
  version: ["GET", `${file}/1.root.json`, "pull"],
  digest: ["GET", `${file}/root.${digest}.json`, "pull"],
  key: ["GET", `${file}/timestamp.key`, "push"],
  rotate: ["POST", `${file}/timestamp.key`, "all"],
  feed: ["GET", `/v2/${repository}/_trust/changefeed`, "pull"],
  health: ["GET", "/_notary_server/health", "nobody"],
  metrics: ["GET", "/metrics", "nobody"],
  livez: ["GET", "/livez", "nobody"],
  readyz: ["GET", "/readyz", "nobody"],
  startupz: ["GET", "/startupz", "nobody"],
  redirect: ["GET", `/v2//${repository}/./_trust/tuf/root.json`, "nobody"],
  badMethod: ["PATCH", "/v2/", "nobody"],
  missing: ["GET", "/nothing", "catalog"],
  notServed: ["GET", "/v2/-/_trust/tuf/root.json", "catalog"],
  proposals: ["GET", "/api/v1/proposals", "catalog"],
  repositoryProposals: ["GET", manage, "pull"],
  openProposal: ["POST", manage, "propose"],
  proposal: ["GET", `${manage}/${someId}`, "pull"],
  signProposal: ["POST", `${manage}/${someId}/signatures`, "pull"],
  rejectProposal: ["POST", `${manage}/${someId}/rejection`, "pull"],
  cancelProposal: ["POST", `${manage}/${someId}/cancel`, "pull"],
  // Where there is no built-in token endpoint, as here: a path that leads nowhere.
  token: ["GET", "/token", "catalog"],
  users: ["GET", "/api/v1/users", "admin"],
  addUser: ["POST", "/api/v1/users", "admin"],
  changeUser: ["POST", "/api/v1/users/bob", "admin"],
  removeUser: ["DELETE", "/api/v1/users/bob", "admin"],
  changePassword: ["POST", "/api/v1/users/bob/password", "known"],
  sessions: ["GET", "/api/v1/users/bob/sessions", "known"],
  endSessions: ["DELETE", "/api/v1/users/bob/sessions", "known"],
  teams: ["GET", "/api/v1/teams", "admin"],
  addTeam: ["POST", "/api/v1/teams", "admin"],
  removeTeam: ["DELETE", "/api/v1/teams/dev", "admin"],
  addMember: ["PUT", "/api/v1/teams/dev/members/bob", "admin"],
  removeMember: ["DELETE", "/api/v1/teams/dev/members/bob", "admin"],
  tokens: ["GET", "/api/v1/tokens", "known"],
  addToken: ["POST", "/api/v1/tokens", "admin"],
  revokeToken: ["DELETE", "/api/v1/tokens/ci", "admin"],
  permissions: ["GET", "/api/v1/permissions", "admin"],
  setPermission: ["PUT", "/api/v1/permissions", "admin"],
  removePermission: ["DELETE", "/api/v1/permissions", "admin"],
  explain: ["GET", "/api/v1/permissions/explain", "admin"],
  login: ["GET", "/api/v1/login", "nobody"],
  logout: ["POST", "/api/v1/logout", "nobody"],
  openapi: ["GET", "/api/v1/openapi.json", "nobody"],
  expiring: ["GET", "/api/v1/expiring", "audit"],
  auditTrail: ["GET", "/api/v1/audit/trail", "audit"],
  auditHead: ["GET", "/api/v1/audit/head", "audit"],
  oldSignatures: ["GET", "/api/v1/old-signatures", "audit"],
  retentionPlan: ["GET", "/api/v1/retention", "admin"],
  retentionRun: ["POST", "/api/v1/retention", "admin"],
  audit: ["GET", "/api/v1/audit/shared-keys", "audit"],
  keys: ["GET", "/api/v1/keys", "audit"],
  deniedKeys: ["GET", "/api/v1/keys/denied", "audit"],
  registerKey: ["POST", "/api/v1/keys", "admin"],
  denyKey: ["POST", `/api/v1/keys/${digest}/deny`, "admin"],
  allowKey: ["POST", `/api/v1/keys/${digest}/allow`, "admin"],
  onlineKeys: ["GET", `/api/v1/repositories/${encodeURIComponent(repository)}/online-keys`, "push"],
  adoptOnlineKeys: ["POST", `/api/v1/repositories/${encodeURIComponent(repository)}/online-keys`, "admin"],
  importStanding: ["GET", `/api/v1/repositories/${encodeURIComponent(repository)}/import`, "admin"],
  importVersions: ["GET", `/api/v1/repositories/${encodeURIComponent(repository)}/import/versions`, "admin"],
  takeOver: ["POST", `/api/v1/repositories/${encodeURIComponent(repository)}/import`, "admin"],
  addPast: ["POST", `/api/v1/repositories/${encodeURIComponent(repository)}/import/past`, "admin"],
  manageMissing: ["GET", "/api/v1/nothing", "known"],
  manageNotServed: ["GET", `/api/v1/repositories/other.example.test%2Fapp/proposals`, "catalog"],
};

const catalog: Entry = { type: "registry", name: "catalog", actions: ["*"] };
/** What somebody has, and what that is enough for beside what needs nobody. */
const tokens: Readonly<
  Record<string, { readonly access: readonly Entry[] | undefined; readonly enough: readonly Wants[] }>
> = {
  none: { access: undefined, enough: [] },
  empty: { access: [], enough: [] },
  pull: { access: [entry(repository, "pull")], enough: ["pull"] },
  "push alone": { access: [entry(repository, "push")], enough: [] },
  "push and pull": { access: [entry(repository, "push", "pull")], enough: ["pull", "push", "propose"] },
  "the same in two entries": {
    access: [entry(repository, "push"), entry(repository, "pull")],
    enough: ["pull", "push", "propose"],
  },
  "propose and pull": { access: [entry(repository, "propose", "pull")], enough: ["pull", "propose"] },
  everything: { access: [entry(repository, "*")], enough: ["pull", "push", "propose", "all"] },
  "a prefix of the name": { access: [entry("registry.example.test/team/ap", "*")], enough: [] },
  "a longer name": { access: [entry(`${repository}/more`, "*")], enough: [] },
  "a longer last word": { access: [entry(`${repository}lication`, "*")], enough: [] },
  "the name as a path encodes it": { access: [entry(encodeURIComponent(repository), "*")], enough: [] },
  "a letter that looks alike": { access: [entry(repository.replace("a", "\u0430"), "*")], enough: [] },
  "another case": { access: [entry(repository.toUpperCase(), "*")], enough: [] },
  "a pattern": { access: [entry("*", "*"), entry("registry.example.test/**", "*")], enough: [] },
  "another class": { access: [{ type: "repository(plugin)", name: repository, actions: ["*"] }], enough: [] },
  "another type": { access: [{ type: "registry", name: repository, actions: ["*"] }], enough: [] },
  catalog: { access: [catalog], enough: ["catalog"] },
  "catalog as a repository": { access: [entry("catalog", "*")], enough: [] },
  "the server's auditor": {
    access: [{ type: "vidimus", name: "server", actions: ["audit"] }],
    enough: ["audit"],
  },
  "the server's administrator": {
    access: [{ type: "vidimus", name: "server", actions: ["admin"] }],
    enough: ["pull", "push", "propose", "all", "catalog", "audit", "admin"],
  },
};

let server: TestServer;
let tokenService: TokenService;
const made = new Map<string, string>();

beforeAll(async () => {
  tokenService = await TokenService.make(() => start);
  server = await startServer({ access: tokenService.access(), repositories: { prefixes } });
  for (const [name, { access }] of Object.entries(tokens)) {
    if (access !== undefined) made.set(name, await tokenService.token({ access }));
  }
});
afterAll(async () => await server?.close());

it("asks for every meaning of a request", () => {
  expect(Object.keys(requests).sort()).toEqual(Object.keys(needs).sort());
});

/** What only asks, although its method could change something. */
const onlyAsks: readonly Kind[] = ["token", "logout", "badMethod"];

it.each(Object.keys(requests) as Kind[])(
  "asks for %s as what it says, and knows whether that changes anything",
  (kind) => {
    const [method, path] = requests[kind];
    const route = routeOf(method, path, { prefixes, olderNames: false });
    expect(route.kind).toBe(kind);
    expect(changes(route)).toBe(method !== "GET" && !onlyAsks.includes(kind));
  },
);

describe.each(Object.keys(tokens))("A7, V46: with %s", (name) => {
  it.each(Object.keys(requests) as Kind[])("%s", async (kind) => {
    const [method, path, wants] = requests[kind];
    const token = made.get(name);
    const isKnown = wants === "known" && token !== undefined;
    const isEnough = isKnown || wants === "nobody" || tokens[name]?.enough.includes(wants) === true;
    // Twice: what is remembered of a token must not allow more than the token.
    for (const _ of [1, 2]) {
      const answer = await server.request(path, {
        method,
        headers: token === undefined ? {} : bearing(token),
      });
      const refused = path.startsWith("/api/") && token !== undefined ? 403 : 401;
      if (isEnough) expect([401, 403]).not.toContain(answer.status);
      else expect(answer.status).toBe(refused);
      expect(answer.code === "UNAUTHORIZED" || answer.code === "FORBIDDEN").toBe(!isEnough);
      expect(answer.headers["www-authenticate"] !== undefined).toBe(answer.status === 401);
    }
  });
});

describe("A7: with what an ID token was exchanged for", () => {
  const kinds = Object.keys(tokens).filter((name) => name !== "none");
  const exchanged = new Map<string, string>();
  let builtin: TestServer;

  beforeAll(async () => {
    const provider = new IdentityProvider(() => start);
    // One rule for each kind of token, which gives what the token of that name says.
    const rules = kinds.map((name) => ({
      claims: { kind: name },
      allow: scopesOf(tokens[name]?.access ?? []),
    }));
    builtin = await startServer({
      builtin: { oidc: await provider.oidc({ rules }) },
      repositories: { prefixes },
    });
    for (const name of kinds) {
      const scope = (tokens[name]?.access ?? []).map(
        ({ type, name: of, actions }) => `${type}:${of}:${actions.join(",")}`,
      );
      const body = new URLSearchParams({
        grant_type: exchange,
        subject_token: await provider.token({ claims: { kind: name } }),
        subject_token_type: idTokenType,
        scope: scope.join(" "),
      });
      const headers = { "content-type": "application/x-www-form-urlencoded" };
      const answer = await builtin.request("/token", {
        method: "POST",
        headers,
        body: Buffer.from(body.toString()),
      });
      exchanged.set(name, (JSON.parse(answer.body.toString()) as { token: string }).token);
    }
  });
  afterAll(async () => await builtin?.close());

  holds(kinds, () => builtin, exchanged);
});

describe("A7: with a machine's token", () => {
  // In its scopes there are patterns; of other types and classes it knows nothing.
  const kinds = Object.keys(tokens).filter(
    (name) => name !== "a pattern" && scopesOf(tokens[name]?.access ?? []).length > 0,
  );
  const given = new Map<string, string>();
  let builtin: TestServer;

  beforeAll(async () => {
    builtin = await startServer({ builtin: {}, repositories: { prefixes } });
    for (const [index, name] of kinds.entries()) {
      const wanted = { name: `m${index}`, scopes: scopesOf(tokens[name]?.access ?? []), lifetime: 600 };
      const answer = await builtin.request("/api/v1/tokens", {
        method: "POST",
        headers: { ...bearing(operatorToken), "content-type": "application/json" },
        body: Buffer.from(JSON.stringify(wanted)),
      });
      given.set(name, (JSON.parse(answer.body.toString()) as { token?: string }).token ?? "");
    }
  });
  afterAll(async () => await builtin?.close());

  holds(kinds, () => builtin, given);
});

/** That the matrix is so where there are users: names of tokens, and the tokens. */
function holds(
  kinds: readonly string[],
  serverOf: () => TestServer,
  given: ReadonlyMap<string, string>,
): void {
  describe.each(kinds)("%s", (name) => {
    it.each(Object.keys(requests) as Kind[])("%s", async (kind) => {
      const [method, path, wants] = requests[kind];
      const enough = tokens[name]?.enough ?? [];
      // Names and passwords are asked for at the token endpoint, and what only needs somebody known is for users here.
      const isOpen = wants === "nobody" || kind === "token";
      const isEnough =
        isOpen ||
        enough.includes(wants) ||
        (wants === "known" && (enough.includes("admin") || kind === "manageMissing"));
      const answer = await serverOf().request(path, {
        method,
        headers: {
          // The token endpoint takes names and passwords, and no token.
          ...(kind !== "token" && bearing(given.get(name) ?? "")),
          "content-type": "application/json",
        },
        // So that it is not refused for what it lacks, before it is seen whose password it is.
        ...(kind === "changePassword" && { body: Buffer.from('{"password":"a long password"}') }),
      });
      if (isEnough) expect([401, 403]).not.toContain(answer.status);
      else expect(answer.status).toBe(path.startsWith("/api/") ? 403 : 401);
    });
  });
}

/** As a rule gives them: what only the whole server has comes with the pattern of everything. */
function scopesOf(access: readonly Entry[]) {
  return access.flatMap(({ type, name, actions }) => {
    if (type === "repository") return [{ pattern: name, actions }];
    if (type === "vidimus") return [{ pattern: "**", actions }];
    return name === "catalog" ? [{ pattern: "**", actions: ["catalog"] }] : [];
  });
}
