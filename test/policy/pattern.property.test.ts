import * as fc from "fast-check";
import { expect, it } from "vitest";
import {
  capture,
  compareSpecificity,
  fill,
  type Pattern,
  parsePattern,
  starsOf,
} from "../../src/policy/pattern.ts";
import { propertyTimeout, runs } from "../support/properties.ts";

const host = fc.constantFrom("docker.io", "registry.example.test", "localhost:5000");
const part = fc.constantFrom("library", "team", "app", "nginx", "a", "b");
const name = fc.tuple(host, fc.array(part, { minLength: 2, maxLength: 4 })).map((each) => each.flat());

/** A pattern that matches the name: some segments become `*`, a run of them perhaps `**`. */
const matching = fc
  .tuple(name, fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }), fc.nat(4), fc.nat(4))
  .map(([segments, stars, from, length]) => {
    const some: string[] = segments.map((segment, index) => (stars[index] ? "*" : segment));
    if (length > 0 && from < some.length) some.splice(from, length, "**");
    return { name: segments.join("/"), text: some.join("/") };
  });

function parsed(text: string): Pattern {
  const result = parsePattern(text);
  return typeof result === "string" ? expect.unreachable(`${text}: ${result}`) : result;
}

it(
  "what is captured from a name fills the pattern to the same name",
  () => {
    fc.assert(
      fc.property(matching, ({ name: full, text }) => {
        const pattern = parsed(text);
        const captured = capture(pattern, full);
        expect(captured).toHaveLength(starsOf(pattern).length);
        expect(fill(pattern, captured ?? [])).toBe(full);
      }),
      runs(500),
    );
  },
  propertyTimeout,
);

it(
  "a name that a pattern is filled to is matched by it",
  () => {
    fc.assert(
      fc.property(matching, fc.array(part, { minLength: 5, maxLength: 5 }), ({ text }, texts) => {
        const pattern = parsed(text);
        const captured = texts.slice(0, starsOf(pattern).length);
        expect(capture(pattern, fill(pattern, captured))).toEqual(captured);
      }),
      runs(500),
    );
  },
  propertyTimeout,
);

it(
  "specificity is a total preorder",
  () => {
    const pattern = matching.map(({ text }) => parsed(text));
    fc.assert(
      fc.property(pattern, pattern, pattern, (a, b, c) => {
        expect(compareSpecificity(a, a)).toBe(0);
        expect(Math.sign(compareSpecificity(a, b))).toBe(0 - Math.sign(compareSpecificity(b, a)));
        if (compareSpecificity(a, b) >= 0 && compareSpecificity(b, c) >= 0) {
          expect(compareSpecificity(a, c)).toBeGreaterThanOrEqual(0);
        }
      }),
      runs(1_000),
    );
  },
  propertyTimeout,
);

it(
  "no text makes the parser throw, and what it accepts it accepts written out",
  () => {
    const text = fc.string({ unit: fc.constantFrom("a", "B", ".", ":", "/", "*", "-", "_", "@", " ", "é") });
    fc.assert(
      fc.property(text, (given) => {
        const pattern = parsePattern(given);
        if (typeof pattern === "string") return;
        expect(parsed(pattern.segments.join("/")).segments).toEqual(pattern.segments);
      }),
      runs(2_000),
    );
  },
  propertyTimeout,
);
