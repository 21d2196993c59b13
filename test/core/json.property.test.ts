/** The parser against mutations of real files, and against a megabyte of malice. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalBytes } from "../../src/core/canonical.ts";
import { MalformedError } from "../../src/core/errors.ts";
import { notary } from "../../src/core/format/notary.ts";
import { type JsonObject, parseJson } from "../../src/core/json.ts";
import { mutated } from "../support/mutations.ts";
import { propertyTimeout, runs } from "../support/properties.ts";

const strict = { controlCharacters: false };

/** What an action gives, or that it was refused as malformed. Anything else that is thrown goes on. */
function unlessMalformed<T>(action: () => T): T | "malformed" {
  try {
    return action();
  } catch (error) {
    if (error instanceof MalformedError) return "malformed";
    throw error;
  }
}

it(
  "what it accepts, the platform reads alike; what it refuses is malformed",
  () => {
    const seen = { accepted: 0, refused: 0 };
    fc.assert(
      fc.property(mutated, ({ bytes }) => {
        const parsed = unlessMalformed(() => parseJson(bytes, strict));
        if (parsed === "malformed") {
          seen.refused++;
          return;
        }
        seen.accepted++;
        const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
        expect(JSON.stringify(parsed.value)).toBe(JSON.stringify(JSON.parse(text)));
        for (const [name, { start, end, canonical }] of parsed.spans) {
          const value = (parsed.value as JsonObject)[name] ?? null;
          const slice = bytes.subarray(start, end);
          expect(JSON.stringify(JSON.parse(slice.toString("utf8")))).toBe(JSON.stringify(value));
          expect(canonical).toBe(slice.equals(canonicalBytes(value)));
        }
      }),
      runs(10_000),
    );
    expect(Math.min(seen.accepted, seen.refused)).toBeGreaterThan(0);
  },
  propertyTimeout,
);

it(
  "a file is read or malformed, never anything else",
  () => {
    fc.assert(
      fc.property(mutated, ({ role, bytes }) => {
        const file = unlessMalformed(() => notary.parse(role, bytes));
        if (file !== "malformed") expect([file.role, file.bytes]).toEqual([role, bytes]);
      }),
      runs(10_000),
    );
  },
  propertyTimeout,
);

describe("a megabyte costs no more than its size", () => {
  const megabyte = 1_000_000;
  const fill = (unit: (i: number) => string) => {
    const parts: string[] = [];
    for (let i = 0, length = 0; length < megabyte; i++) {
      const part = unit(i);
      parts.push(part);
      length += part.length;
    }
    return parts.join(",");
  };
  const number = (i: number) => String(i).padStart(7, "0");
  const prefix = "p".repeat(1_000);

  it.each<[string, () => string]>([
    ["brackets", () => "[".repeat(megabyte)],
    ["empty arrays at the deepest level", () => "[".repeat(30) + fill(() => "[]") + "]".repeat(30)],
    ["members in order", () => `{${fill((i) => `"${number(i)}":0`)}}`],
    ["members in reverse order", () => `{${fill((i) => `"${number(9_999_999 - i)}":0`)}}`],
    ["members in order and one twice at the end", () => `{${fill((i) => `"${number(i)}":0`)},"0000000":0}`],
    ["members with escapes in order", () => `{${fill((i) => `"\\u0061${number(i)}":0`)}}`],
    ["members with escapes out of order", () => `{${fill((i) => `"\\u0061${number(9_999_999 - i)}":0`)}}`],
    ["members with a long prefix in common", () => `{${fill((i) => `"${prefix}${number(i)}":0`)}}`],
    [
      "members with a long prefix, escaped at the end",
      () => `{${fill((i) => `"${prefix}\\u0061${number(i)}":0`)}}`,
    ],
    ["one member twice, again and again", () => `{${fill(() => '"a":0')}}`],
    ["objects of one member", () => `[${fill(() => '{"a":0}')}]`],
    ["one string of escapes", () => `"${"\\u0061".repeat(megabyte / 6)}"`],
    ["one string of surrogate pairs", () => `"${"\\ud83d\\ude00".repeat(megabyte / 12)}"`],
    ["one string that does not end", () => `"${"a".repeat(megabyte)}`],
    ["one backslash after the other", () => `"${"\\".repeat(megabyte)}`],
    ["digits", () => "1".repeat(megabyte)],
    ["white space", () => " ".repeat(megabyte)],
    ["commas", () => `[${",".repeat(megabyte)}`],
    ["names nested in names", () => `${'{"a":'.repeat(31)}[${fill(() => '"a"')}]${"}".repeat(31)}`],
  ])("%s", (_, make) => {
    const bytes = Buffer.from(make());
    const before = process.cpuUsage();
    unlessMalformed(() => parseJson(bytes, strict));
    // Time of this process on the processor, so that other work on the machine does not count. Work in the square
    // of the size would take minutes.
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1_000_000).toBeLessThan(5);
  });
});
