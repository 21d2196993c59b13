/** Tokens of any content: what they allow, held against the protocol's words, and what becomes of them when one bit is another. */
import { X509Certificate } from "node:crypto";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import type { Need, RepositoryAction, ServerAction } from "../../../src/http/auth/grant.ts";
import { keysOfCertificates } from "../../../src/http/auth/issuer-keys.ts";
import { grantOfToken, type TokenIssuer } from "../../../src/http/auth/tokens.ts";
import { propertyTimeout, runs } from "../../support/properties.ts";
import { start } from "../../support/server.ts";
import { type Entry, issuer, service, TokenService } from "../../support/token-service.ts";

let tokens: TokenService;
let issuers: readonly TokenIssuer[];
const grantOf = (text: string) =>
  grantOfToken(text, issuers, { address: "192.0.2.1", at: start, followsChains: true });

beforeAll(async () => {
  tokens = await TokenService.make(() => start);
  const keys = keysOfCertificates([new X509Certificate(tokens.certificate)]);
  issuers = [{ issuer, audience: service, method: "token", keys }];
});

/** Few, and alike: so that they meet. */
const names = ["a", "a/b", "a/b/c", "A", "ab", "catalog", "server", "*", "__proto__", "constructor"];
const actions = ["pull", "push", "propose", "*", "admin", "audit", "catalog", "PULL", "delete", ""];
const types = ["repository", "repository(plugin)", "registry", "vidimus", "Repository", ""];
const entries: fc.Arbitrary<readonly Entry[]> = fc.array(
  fc.record({
    type: fc.constantFrom(...types),
    name: fc.constantFrom(...names),
    actions: fc.array(fc.constantFrom(...actions), { maxLength: 4 }),
  }),
  { maxLength: 6 },
);
const serverActions: readonly ServerAction[] = ["catalog", "audit", "admin"];
const repositoryActions: readonly RepositoryAction[] = ["pull", "push", "propose", "*"];
const needs: readonly Need[] = [
  ...serverActions.map((action): Need => ({ kind: "server", action })),
  ...names.flatMap((repository) => [
    ...repositoryActions.map((action): Need => ({ kind: "repository", repository, actions: [action] })),
    { kind: "repository" as const, repository, actions: ["push", "pull"] as const },
  ]),
];

/** By the words alone: an entry says it, or one that says more. */
function says(access: readonly Entry[], need: Need): boolean {
  const has = (type: string, name: string, action: string) =>
    access.some((each) => each.type === type && each.name === name && each.actions.includes(action));
  if (has("vidimus", "server", "admin")) return true;
  switch (need.kind) {
    case "nothing":
    case "known":
      return true;
    case "server":
      if (need.action === "catalog") return has("registry", "catalog", "*");
      return has("vidimus", "server", need.action);
    case "repository":
      return need.actions.every((action) => {
        const enough = action === "propose" ? ["propose", "push", "*"] : [action, "*"];
        return enough.some((each) => has("repository", need.repository, each));
      });
  }
}

describe("a token", () => {
  it(
    "allows what one of its entries says, and nothing that none says",
    async () => {
      await fc.assert(
        fc.asyncProperty(entries, async (access) => {
          const grant = await grantOf(await tokens.token({ access }));
          for (const need of needs) expect([need, grant.may(need)]).toEqual([need, says(access, need)]);
        }),
        runs(200),
      );
    },
    propertyTimeout,
  );

  it(
    "is refused with any of its bits another, whatever the rest",
    async () => {
      const text = await tokens.token({ access: [{ type: "repository", name: "a", actions: ["pull"] }] });
      const parts = text.split(".").map((part) => Buffer.from(part, "base64url"));
      expect((await grantOf(text)).principal.name).toBe("alice");
      await fc.assert(
        fc.asyncProperty(fc.nat(2), fc.nat(), fc.nat(7), async (which, at, bit) => {
          const changed = parts.map((part) => Buffer.from(part));
          const part = changed[which] as Buffer;
          const index = at % part.length;
          part[index] = (part[index] ?? 0) ^ (1 << bit);
          await expect(
            grantOf(changed.map((each) => each.toString("base64url")).join(".")),
          ).rejects.toThrow();
        }),
        runs(500),
      );
    },
    propertyTimeout,
  );

  it(
    "of any text is refused, and nothing else happens",
    async () => {
      const part = fc.oneof(
        fc.json().map((json) => Buffer.from(json).toString("base64url")),
        fc.base64String(),
        fc.string(),
      );
      await fc.assert(
        fc.asyncProperty(fc.array(part, { maxLength: 6 }), async (given) => {
          await expect(grantOf(given.join("."))).rejects.toThrow();
        }),
        runs(500),
      );
    },
    propertyTimeout,
  );
});
