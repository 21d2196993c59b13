import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hideCredentials, redact } from "../../src/serve/redact.ts";

const canary = "canary7f3a9c";

describe("redact", () => {
  it.each([
    ["a member at the top", { passphrase: canary }],
    ["a member far down", { a: { b: { c: [{ Authorization: canary }] } } }],
    ["a member spelt otherwise", { "private-key": canary, PRIVATE_KEY: canary, setCookie: canary }],
    ["headers", { req: { headers: { "x-any": canary } } }],
    ["a bearer token in a text", { note: `sent Bearer ${canary}` }],
    ["a password in a URL", { note: `https://user:${canary}@example` }],
    [
      "a private key in a text",
      { note: `-----BEGIN PRIVATE KEY-----\n${canary}\n-----END PRIVATE KEY-----` },
    ],
    ["bytes", { content: Buffer.from(canary) }],
    ["other members of an error", { err: Object.assign(new Error("failed"), { request: canary }) }],
    ["the cause of an error", { err: new Error("failed", { cause: new Error(`Basic ${canary}`) }) }],
    ["a map", { values: new Map([["token", canary]]) }],
  ])("hides %s", (_name, record) => {
    expect(JSON.stringify(redact(record))).not.toContain(canary);
  });

  it("keeps what is no secret", () => {
    expect(redact({ repository: "a/b", version: 3 })).toEqual({ repository: "a/b", version: 3 });
  });

  it("keeps code, message and stack of an error", () => {
    const error = Object.assign(new Error("failed"), { code: "CONFLICT" });
    expect(redact(error)).toMatchObject({ code: "CONFLICT", message: "failed", stack: expect.any(String) });
  });

  it("ends on a cycle", () => {
    const cycle: { self?: unknown } = {};
    cycle.self = cycle;
    expect(JSON.stringify(redact(cycle))).toContain("[deeper]");
  });

  it("bounds long texts", () => {
    expect((redact("x".repeat(100_000)) as string).length).toBeLessThan(5_000);
  });

  it("leaves JSON readable, whatever is in it", () => {
    const piece = fc.constantFrom(
      "-----BEGIN PRIVATE KEY-----",
      "://a:",
      "@",
      "Bearer abcdef",
      '"',
      "\n",
      "eyJ",
      "x",
    );
    fc.assert(
      fc.property(fc.array(fc.array(piece).map((parts) => parts.join(""))), (texts) => {
        expect(JSON.parse(hideCredentials(JSON.stringify(texts)))).toHaveLength(texts.length);
      }),
    );
  });
});
