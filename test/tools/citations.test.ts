import { resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { citationFindings, citationsOf } from "../../tools/citations.ts";
import { readPages } from "../../tools/docs.ts";
import { readModule, readModules } from "../../tools/modules.ts";

describe("the comments of this tree", () => {
  const root = resolve(import.meta.dirname, "../..");
  const modules = readModules(root, ["src"]);

  test("cite pages, chapters, headings and rows", () => {
    const kinds = [...modules.values()].flatMap(({ path, text }) =>
      citationsOf(path, text).map(({ part }) => part?.kind),
    );
    expect(new Set(kinds)).toEqual(new Set([undefined, "chapter", "heading", "row"]));
  });

  test("cite only what is here", () => {
    expect(citationFindings(modules, readPages(root))).toEqual([]);
  });
});

/** Names are put together here, so that this file cites nothing. */
const guide = ["guide", "md"].join(".");
const pages = new Map([
  [
    `docs/${guide}`,
    "# Guide\n\n## 1. First\n\n### 1.2 Second of it\n\n## Words\n\n```md\n## 3. No heading\n```\n",
  ],
  ["README.md", "# Here\n"],
  ["docs/threats.md", "| row | threat |\n| --- | --- |\n| M1  | one |\n| M6  | two |\n"],
]);
const findings = (text: string) => citationFindings(new Map([["a.ts", readModule("a.ts", text)]]), pages);

describe("a citation", () => {
  test.each([
    `/** As in ${guide} says. */`,
    `/** Says docs/${guide}. */`,
    "// See README.md",
    `/** Rules (${guide} 1.2). */`,
    `/** Rules (${guide} chapter 1; more). */`,
    `/** Rules (${guide} 1, 1.2 and 1, wire form). */`,
    `/**\n * Rules of docs/${guide},\n * "Words".\n */`,
    `/** Against threats M1 to M6 and (threat M6: so). */`,
    `const text = "${guide} 9.9 and threat Q1";`,
    `const address = "https://acme.example/none.${"md"}";`,
  ])("%j is good", (text) => {
    expect(findings(text)).toEqual([]);
  });

  test.each([
    ["/** As in none.md 1. */", "a.ts:1: there is no page none.md"],
    [`const a = 1; // see ${guide} 2`, `a.ts:1: ${guide} has no chapter 2`],
    [`/**\n * One.\n * Two (${guide}\n * 1, 1.3).\n */`, `a.ts:3: ${guide} has no chapter 1.3`],
    [`  // One\n  // (${guide} section\n  // 3).`, `a.ts:2: ${guide} has no chapter 3`],
    [`/** docs/${guide}, "Word". */`, `a.ts:1: docs/${guide} has no heading Word`],
    ["/** (threats M1 and M2) */", "a.ts:1: docs/threats.md has no row M2"],
    [`/** other/${guide} */`, `a.ts:1: there is no page other/${guide}`],
  ])("%j is found", (text, finding) => {
    expect(findings(text)).toEqual([finding]);
  });
});
