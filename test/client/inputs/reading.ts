/** Short forms for the tests of readers. */
import { expect } from "vitest";
import type { TrustCode } from "../../../src/client/errors.ts";
import type { Input, InputFormat } from "../../../src/client/inputs/input.ts";
import { readInput } from "../../../src/client/inputs/read.ts";
import { lockedText } from "../../../src/client/inputs/splice.ts";

export const digest = `sha256:${"a1".repeat(32)}`;

export type Args = Readonly<Record<string, string>>;

export function reading(format: InputFormat) {
  const read = (text: string, args: Args = {}): Promise<Input> =>
    readInput("build.file", text, { format, args: new Map(Object.entries(args)) });
  return {
    read,
    references: async (text: string, args: Args = {}) =>
      (await read(text, args)).images.map(({ reference }) => reference),
    places: async (text: string, args: Args = {}) =>
      (await read(text, args)).images.map(({ place, line }) => `${line} ${place}`),
    /** Every image with the digest behind it. */
    locked: async (text: string, args: Args = {}) => lockAll(await read(text, args)),
    refused: async (text: string, code: TrustCode, line: number, args: Args = {}) => {
      await expect(read(text, args)).rejects.toMatchObject({
        name: "TrustError",
        code,
        line,
        file: "build.file",
      });
    },
  };
}

export function lockAll(input: Input): string {
  return lockedText(input, new Map(input.images.map((use) => [use, `${use.reference}@${digest}`])));
}
