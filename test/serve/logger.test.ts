import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createLogger } from "../../src/serve/logger.ts";

function logged(
  format: "json" | "pretty",
  action: (logger: ReturnType<typeof createLogger>) => void,
): string {
  const lines: string[] = [];
  action(createLogger({ level: "debug", format, destination: { write: (line) => lines.push(line) } }));
  return lines.join("");
}

describe.each(["json", "pretty"] as const)("%s", (format) => {
  it("writes one record as one line without control characters", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 80 }), (text) => {
        const odd = `a\r\nb\u001b[31m\u2028\u009b${text}`;
        const output = logged(format, (logger) => logger.info({ repository: odd, [odd]: 1 }, odd));
        expect(output.split("\n")).toHaveLength(2);
        expect(output.slice(0, -1)).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u);
      }),
    );
  });

  it("hides a secret in members, message and bindings", () => {
    const canary = "canary7f3a9c";
    const output = logged(format, (logger) =>
      logger.child({ via: `Bearer ${canary}` }).error({ secret: canary }, `Basic ${canary}`),
    );
    expect(output).toContain("[hidden]");
    expect(output).not.toContain(canary);
  });

  it("shows the code and message of an error", () => {
    const error = Object.assign(new Error("disk full"), { code: "STORE_UNAVAILABLE" });
    const output = logged(format, (logger) => logger.error({ err: error }, "publish failed"));
    expect(output).toContain("STORE_UNAVAILABLE");
    expect(output).toContain("disk full");
  });

  it("shows no header of a request", () => {
    const req = {
      id: "r1",
      method: "GET",
      url: "/v2/",
      ip: "127.0.0.1",
      headers: { "x-any": "canary7f3a9c" },
    };
    const output = logged(format, (logger) => logger.info({ req }, "request"));
    expect(output).toContain("/v2/");
    expect(output).not.toContain("canary7f3a9c");
  });
});

it("JSON records are JSON with level, time and message", () => {
  const record: unknown = JSON.parse(logged("json", (logger) => logger.warn({ n: 1 }, "hello")));
  expect(record).toMatchObject({
    level: "warn",
    msg: "hello",
    n: 1,
    time: expect.stringMatching(/^\d{4}-.*Z$/),
  });
});

it("leaves out what is below the level", () => {
  expect(logged("json", (logger) => logger.trace("hello"))).toBe("");
});
