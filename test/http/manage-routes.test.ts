/** Paths below `/api/v1/`, and that none of them meets one of the Notary API, whatever a repository is called. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { routeOf } from "../../src/http/routes.ts";
import { propertyTimeout, runs } from "../support/properties.ts";

const rules = { prefixes: [], olderNames: false };
const route = (method: string, path: string) => routeOf(method, path, rules);
const id = "0123456789abcdef";
const of = "/api/v1/repositories/host%3A5000%2Fa%2Fb/proposals";
const repository = "host:5000/a/b";

describe("a path of the management API", () => {
  it.each([
    ["GET", "/api/v1/openapi.json", { kind: "openapi" }],
    ["GET", "/api/v1/audit/trail?limit=1", { kind: "auditTrail", query: "limit=1" }],
    ["GET", "/api/v1/audit/head", { kind: "auditHead" }],
    ["GET", "/api/v1/proposals?release=r1", { kind: "proposals", query: "release=r1" }],
    ["GET", `${of}?state=open`, { kind: "repositoryProposals", repository, query: "state=open" }],
    ["POST", of, { kind: "openProposal", repository }],
    ["GET", `${of}/${id}?wait=1`, { kind: "proposal", repository, id, query: "wait=1" }],
    ["POST", `${of}/${id}/signatures`, { kind: "signProposal", repository, id }],
    ["GET", of.replace("proposals", "online-keys"), { kind: "onlineKeys", repository }],
    ["POST", of.replace("proposals", "online-keys"), { kind: "adoptOnlineKeys", repository }],
    ["POST", `${of}/${id}/rejection`, { kind: "rejectProposal", repository, id }],
    ["POST", `${of}/${id}/cancel`, { kind: "cancelProposal", repository, id }],
    ["POST", `http://example.org${of}`, { kind: "openProposal", repository }],
  ])("%s %s", (method, path, meaning) => {
    expect(route(method, path)).toEqual(meaning);
  });

  it.each([
    ["POST", "/api/v1/openapi.json"],
    ["POST", "/api/v1/audit/trail"],
    ["GET", "/api/v1/audit"],
    ["GET", "/api/v1/audit/head/x"],
    ["DELETE", `${of}/${id}`],
    ["GET", `${of}/${id}/cancel`],
    ["POST", `${of}/${id}`],
    ["POST", `${of}/${id}/delete`],
    ["POST", `${of}/${id}/cancel/`],
    ["POST", `${of}/${id}/cancel/more/of/it`],
    ["GET", `${of}/`],
    ["GET", `${of}/${id.toUpperCase()}`],
    ["GET", "/api/v1/"],
    ["GET", "/api/v1/repositories/a/b/proposals"],
    ["GET", "/api/v1/repositories/%zz/proposals"],
    ["GET", "/api/v1/./proposals"],
    ["GET", "/api/v1//proposals"],
    ["DELETE", "/api/v1/repositories/a/online-keys"],
    ["POST", "/api/v1/repositories/a/online-keys/1"],
  ])("%s %s leads nowhere", (method, path) => {
    expect(route(method, path)).toEqual({ kind: "manageMissing", because: "path" });
  });

  it.each(["a%2F..%2Fb", "", "_trust", "a%00", "a%2F_trust%2Ftuf", "%2Fa"])(
    "never has the name %j",
    (name) => {
      const { kind } = route("GET", `/api/v1/repositories/${name}/proposals`);
      expect(kind).toBe("manageMissing");
    },
  );
});

const kinds = new Set([
  "proposals",
  "repositoryProposals",
  "openProposal",
  "proposal",
  "signProposal",
  "rejectProposal",
  "cancelProposal",
  "onlineKeys",
  "adoptOnlineKeys",
  "openapi",
  "manageMissing",
]);
const piece = fc.constantFrom(
  "api",
  "v1",
  "v2",
  "proposals",
  "repositories",
  "_trust",
  "tuf",
  "root.json",
  "signatures",
  "openapi.json",
  id,
  "a",
  "%2F",
  "..",
  ".",
  "",
);
const tail = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join("/"));
const method = fc.constantFrom("GET", "HEAD", "POST", "PUT", "DELETE");

it(
  "no path of one API is ever one of the other",
  () => {
    fc.assert(
      fc.property(method, tail, (verb, rest) => {
        expect(kinds.has(route(verb, `/api/v1/${rest}`).kind)).toBe(true);
        for (const path of [
          `/v2/${rest}`,
          `/v2/api/v1/${rest}`,
          `/_notary_server/${rest}`,
          `//api/v1/${rest}`,
        ]) {
          expect(kinds.has(route(verb, path).kind)).toBe(false);
        }
      }),
      runs(2_000),
    );
  },
  propertyTimeout,
);

it(
  "every repository can be named, and none is another's",
  () => {
    const name = fc
      .array(fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,8}$/), { minLength: 1, maxLength: 4 })
      .map((segments) => segments.join("/"));
    fc.assert(
      fc.property(name, (given) => {
        expect(route("POST", `/api/v1/repositories/${encodeURIComponent(given)}/proposals`)).toEqual({
          kind: "openProposal",
          repository: given,
        });
      }),
      runs(2_000),
    );
  },
  propertyTimeout,
);
