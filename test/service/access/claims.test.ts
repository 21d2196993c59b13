/** Claim rules: what is compared, how stars count, and the names that templates make. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  claimFault,
  hasClaims,
  nameByClaims,
  prefixOf,
  rightsByClaims,
  templateFault,
} from "../../../src/service/access/claims.ts";

const has = (pattern: string, value: string) => hasClaims({ claim: value }, { claim: pattern });

describe("a pattern", () => {
  it.each([
    ["acme/app", "acme/app"],
    ["acme/*", "acme/app"],
    ["*/*", "acme/app"],
    ["**", "a/b:c"],
    ["repo:acme/*:ref:refs/heads/main", "repo:acme/app:ref:refs/heads/main"],
    ["refs/heads/**", "refs/heads/feature/x"],
    ["a*c", "abbc"],
    ["ü*", "ü😀"],
  ])("%s fits %s", (pattern, value) => expect(has(pattern, value)).toBe(true));

  it.each([
    ["acme/app", "acme/app2"],
    ["acme/app", "xacme/app"],
    ["acme/*", "acme/"],
    ["acme/*", "acme-evil/app"],
    ["acme/*", "acme/app/below"],
    ["acme/*", "acme/app:environment:production"],
    ["acme.app", "acme-app"],
    ["acme*", "acme"],
    ["**", ""],
    ["refs/heads/**", "refs/heads/"],
    ["ACME/app", "acme/app"],
    ["a[bc]", "ab"],
  ])("%s does not fit %s", (pattern, value) => expect(has(pattern, value)).toBe(false));

  it("is what an expression of the same meaning says", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "b", "/", ":", ".", "\n"), maxLength: 12 });
    const pattern = fc
      .array(fc.constantFrom("a", "b", "/", ":", ".", "*", "**"), { minLength: 1, maxLength: 8 })
      .map((parts) => parts.join(""))
      .filter((made) => claimFault(made) === undefined);
    const expression = (made: string) =>
      new RegExp(
        `^${(made.match(/\*\*?|[^*]/g) ?? [])
          .map((part) => (part === "**" ? "[^]+" : part === "*" ? "[^/:]+" : part.replace(".", "\\.")))
          .join("")}$`,
      );
    fc.assert(
      fc.property(pattern, text, (made, value) => {
        expect(has(made, value)).toBe(expression(made).test(value));
      }),
    );
  });

  it("with many stars takes no longer for a text that almost fits", () => {
    // One that tried all ways would not end.
    expect(has("*a*a*a*a*a*a*a*a*a*b", "a".repeat(2_048))).toBe(false);
    expect(has("**", "a".repeat(2_049))).toBe(false);
  });

  it.each(["", "a***", "x".repeat(513)])("cannot be %j", (pattern) => {
    expect(claimFault(pattern)).toBeTypeOf("string");
  });
});

describe("a rule", () => {
  it("wants all of its claims, of the same type", () => {
    expect(hasClaims({ a: "x", b: true, c: 7 }, { a: "x", b: true, c: 7 })).toBe(true);
    expect(hasClaims({ a: "x" }, { a: "x", b: true })).toBe(false);
    expect(hasClaims({ b: "true" }, { b: true })).toBe(false);
    expect(hasClaims({ b: true }, { b: "true" })).toBe(false);
    expect(hasClaims({ c: "7" }, { c: 7 })).toBe(false);
    expect(hasClaims({}, { constructor: "**" })).toBe(false);
  });

  it("finds what it wants in a list", () => {
    expect(hasClaims({ groups: ["staff", "release"] }, { groups: "release" })).toBe(true);
    expect(hasClaims({ groups: ["releases", ["release"]] }, { groups: "release" })).toBe(false);
    expect(hasClaims({ groups: [] }, { groups: "**" })).toBe(false);
  });

  it("believes an address of a person only where it was verified", () => {
    const email = "alice@example.test";
    expect(hasClaims({ email, email_verified: true }, { email: "*@example.test" })).toBe(true);
    expect(hasClaims({ email, email_verified: false }, { email: "*@example.test" })).toBe(false);
    expect(hasClaims({ email }, { email: "*@example.test" })).toBe(false);
    expect(nameByClaims({ email }, "{email}")).toBeUndefined();
    expect(nameByClaims({ email, email_verified: true }, "{email}")).toBe(email);
  });

  it("adds to others", () => {
    const rule = (claim: string, pattern: string) => ({
      claims: { claim },
      allow: [{ pattern, actions: ["pull"] }],
    });
    const rules = [rule("x", "a"), rule("*", "b"), rule("y", "c")];
    expect(rightsByClaims({ claim: "x" }, rules)?.map(({ pattern }) => pattern)).toEqual(["a", "b"]);
    expect(rightsByClaims({ claim: "x/y" }, rules)).toBeUndefined();
    expect(rightsByClaims({ claim: "x" }, [])).toBeUndefined();
  });
});

describe("a template", () => {
  it("makes a name of claims that are there", () => {
    const claims = { sub: "repo:acme/app", run: 7, "https://a/b": "c", empty: "", list: ["a"] };
    expect(nameByClaims(claims, "ci:{sub}")).toBe("ci:repo:acme/app");
    expect(nameByClaims(claims, "ci:{run}/{https://a/b}")).toBe("ci:7/c");
    for (const name of ["missing", "empty", "list", "toString"])
      expect(nameByClaims(claims, `ci:{${name}}`)).toBeUndefined();
    // What a claim says is no template.
    expect(nameByClaims({ sub: "{run}", run: 7 }, "ci:{sub}")).toBe("ci:{run}");
    expect(nameByClaims({ sub: "$&" }, "ci:{sub}")).toBe("ci:$&");
  });

  it.each(["ci", "ci:{}", "ci:{sub", "ci:{sub}}", "ci {sub}", `${"c".repeat(200)}:{sub}`])(
    "cannot be %j",
    (text) => {
      expect(templateFault(text)).toBeTypeOf("string");
    },
  );

  it("has a beginning that no claim changes", () => {
    expect([prefixOf("ci:{sub}"), prefixOf("{sub}"), prefixOf("plain")]).toEqual(["ci:", "", ""]);
  });
});
