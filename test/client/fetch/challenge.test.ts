import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseChallenges } from "../../../src/client/fetch/challenge.ts";

function parsed(header: string): readonly (readonly [string, Readonly<Record<string, string>>])[] {
  return parseChallenges(header).map(({ scheme, params }) => [scheme, Object.fromEntries(params)] as const);
}

describe("a challenge", () => {
  it("has a scheme and parameters, quoted or not", () => {
    expect(
      parsed('Bearer realm="https://auth.example.test/token",service=notary, SCOPE="a:b:push,pull"'),
    ).toEqual([
      ["bearer", { realm: "https://auth.example.test/token", service: "notary", scope: "a:b:push,pull" }],
    ]);
  });

  it("may have escapes between its quotes", () => {
    expect(parsed('Basic realm="say \\"hi\\" \\\\ ,x=y"')).toEqual([
      ["basic", { realm: 'say "hi" \\ ,x=y' }],
    ]);
  });

  it("may be one of several", () => {
    expect(parsed('Negotiate, NTLM abc==, Basic realm="a", , Bearer realm="b" , service="c"')).toEqual([
      ["negotiate", {}],
      ["ntlm", {}],
      ["basic", { realm: "a" }],
      ["bearer", { realm: "b", service: "c" }],
    ]);
  });

  it.each([
    ["a quote without end", 'Bearer realm="https://a'],
    ["something after a quote", 'Bearer realm="a"b'],
    ["no scheme", '="a"'],
    ["a parameter without value", "Bearer realm=, service=b"],
    ["a parameter twice", 'Bearer realm="a", realm="b"'],
    ["too many parameters", `Bearer ${Array.from({ length: 17 }, (_, i) => `p${i}=a`).join(",")}`],
    ["too many challenges", Array.from({ length: 9 }, (_, i) => `S${i}`).join(",")],
    ["too much text", `Bearer realm="${"a".repeat(8_192)}"`],
  ])("with %s is none", (_what, header) => {
    expect(parsed(header)).toEqual([]);
  });

  it("is read whatever a server writes, and always within its bounds", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "=", ",", " ", '"', "\\", "Bearer", "\t", ":") });
    fc.assert(
      fc.property(text, (header) => {
        const found = parseChallenges(header);
        return found.length <= 8 && found.every(({ params }) => params.size <= 16);
      }),
    );
  });
});
