import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ImageUse, Input, InputFormat } from "../../../src/client/inputs/input.ts";
import { readInput } from "../../../src/client/inputs/read.ts";
import { lockedText } from "../../../src/client/inputs/splice.ts";
import { propertyTimeout, runs } from "../../support/properties.ts";
import { digest, reading } from "./reading.ts";

const word = fc.stringMatching(/^[a-z][a-z0-9]{0,7}$/);
const reference = fc
  .record({
    host: fc.constantFrom("", "registry.example.test:5000/", "[::1]:5000/"),
    name: word,
    tag: fc.option(word),
  })
  .map(({ host, name, tag }) => `${host}${name}/${name}${tag === null ? "" : `:${tag}`}`);
const space = fc.constantFrom("", " # comment", "\n# FROM none", "\n");
const mark = fc.constantFrom('"', "'");
/** A quoted scalar, or a plain one where YAML takes it so. */
const scalar = fc
  .tuple(reference, fc.option(mark))
  .map(([text, quote]) =>
    quote === null && !text.startsWith("[") ? text : `${quote ?? '"'}${text}${quote ?? '"'}`,
  );
const ending = fc.constantFrom("\n", "\r\n");

const lines = (line: fc.Arbitrary<string>, head: string, joint = "") =>
  fc
    .tuple(fc.array(fc.tuple(line, space), { minLength: 1, maxLength: 8 }), ending)
    .map(([all, end]) =>
      `${head}${all.map(([text, more]) => `${text}${more}\n`).join(joint)}`.replaceAll("\n", end),
    );

const texts: Readonly<Record<InputFormat, fc.Arbitrary<string>>> = {
  list: lines(reference, "# list\n"),
  linuxkit: fc
    .tuple(
      scalar,
      lines(
        scalar.map((text) => `- ${text}`),
        "init:\n",
      ),
      lines(
        scalar.map((text) => `- image:  ${text}`),
        "services:\n",
      ),
    )
    .map(([kernel, init, services]) => `kernel: {image: ${kernel}}\n${init}${services}`),
  compose: lines(scalar, "").map((all) => {
    const end = all.includes("\r\n") ? "\r\n" : "\n";
    const services = all
      .split(end)
      .map((line, index) =>
        line === "" || line.startsWith("#") ? line : `  s${index}: # x${end}    image: ${line}`,
      );
    return `services:${end}${services.join(end)}`;
  }),
  dockerfile: lines(
    fc.oneof(
      reference.map((text) => `RUN --mount=type=bind,from=${text},target=/x true`),
      reference.map((text) => `COPY --link --from=${text} a b`),
    ),
    "",
  ).map((all) => `FROM a/b:1\n${all.replaceAll(" # comment", "")}`),
};

const formats = Object.keys(texts) as InputFormat[];

describe("the locked text", () => {
  it.each(formats)(
    "of a %s is the text itself if every image is replaced by itself",
    async (format) => {
      await fc.assert(
        fc.asyncProperty(texts[format], async (text) => {
          const input = await readInput("x", text, { format });
          expect(input.images.length).toBeGreaterThan(0);
          expect(lockedText(input, new Map(input.images.map((use) => [use, use.reference])))).toBe(text);
        }),
        runs(200),
      );
    },
    propertyTimeout,
  );

  it.each(formats)(
    "of a %s names what the images were replaced by, in their order",
    async (format) => {
      await fc.assert(
        fc.asyncProperty(texts[format], async (text) => {
          const input = await readInput("x", text, { format });
          const replaced = input.images.map(
            (use, index) => [use, `r${index}/${use.reference.replace(/^\[::1\]/, "h")}@${digest}`] as const,
          );
          const again = await readInput("x", lockedText(input, new Map(replaced)), { format });
          expect(again.images.map((use) => use.reference)).toEqual(replaced.map(([, text]) => text));
        }),
        runs(200),
      );
    },
    propertyTimeout,
  );
});

describe("replacing", () => {
  const { read } = reading("linuxkit");
  const use = (start: number, end: number): ImageUse => ({
    ...{ place: "x", line: 1, reference: "a", span: { start, end }, quote: (text: string) => text },
  });
  const input = (images: readonly ImageUse[], removed: Input["removed"] = []): Input => ({
    ...{
      format: "list",
      file: "x",
      text: "abcdef",
      images,
      local: [],
      trust: undefined,
      removed,
      written: [],
      faults: [],
      notes: [],
    },
  });
  const all = (of: Input, text: string) => lockedText(of, new Map(of.images.map((each) => [each, text])));

  it("leaves out what is removed", () => {
    expect(all(input([use(0, 1)], [{ start: 2, end: 4 }]), "x")).toBe("xbef");
  });

  it.each([
    ["spans overlap", input([use(0, 2), use(1, 3)])],
    ["one span is in another", input([use(0, 4), use(1, 3)])],
    ["a span is removed", input([use(1, 2)], [{ start: 0, end: 3 }])],
  ])("is a mistake when %s", (_, of) => {
    expect(() => all(of, "x")).toThrow(TypeError);
  });

  it("is a mistake when an image is left out, or is of another file", () => {
    const of = input([use(0, 1)]);
    expect(() => lockedText(of, new Map())).toThrow(TypeError);
    expect(() => lockedText(of, new Map([...of.images, use(2, 3)].map((each) => [each, "x"])))).toThrow(
      TypeError,
    );
  });

  it("takes one text of one place once, and only equal ones", async () => {
    const of = await read("onboot:\n  - &a {image: b}\n  - *a\n");
    const [first, second] = of.images as [ImageUse, ImageUse];
    expect(
      lockedText(
        of,
        new Map([
          [first, "c"],
          [second, "c"],
        ]),
      ),
    ).toBe("onboot:\n  - &a {image: c}\n  - *a\n");
    expect(() =>
      lockedText(
        of,
        new Map([
          [first, "c"],
          [second, "d"],
        ]),
      ),
    ).toThrow(TypeError);
  });

  it.each(["a b", "a\n", "a'", 'a"', "a#b", "a,b", "a{b", "$a", "", "a\\b"])(
    "is a mistake with %j, which is no reference",
    async (text) => {
      const of = await read("init: [a, 'b', \"c\"]\n");
      for (const image of of.images) expect(() => image.quote(text)).toThrow(TypeError);
    },
  );

  it.each(["1", "1.5", "yes", "null", "0x1f", "12:30", "1e3", "[::1]/a", "2026-01-01", "a:"])(
    "puts %s in quotes, which YAML would not read as a text",
    async (text) => {
      const of = await read("init:\n  - a\n");
      expect(lockedText(of, new Map([[of.images[0] as ImageUse, text]]))).toBe(`init:\n  - "${text}"\n`);
    },
  );
});
