import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { blockFindings, linkFindings, readPages } from "../../tools/docs.ts";

const root = resolve(import.meta.dirname, "../..");
const pages = readPages(root);

describe("the pages of this tree", () => {
  test("are found, in the root and below", () => {
    expect([...pages.keys()]).toEqual(expect.arrayContaining(["docs/testing.md", "keys-example/README.md"]));
  });

  test("lead where they say", () => {
    expect(linkFindings(pages, (path) => existsSync(join(root, path)))).toEqual([]);
  });

  test("say of every block for the shell whether it is run", () => {
    expect(blockFindings(pages)).toEqual([]);
  });
});

describe("links", () => {
  const files = new Set(["docs/a.md", "docs/b.md", "src/x.ts", "docs/adr"]);
  const findings = (text: string) =>
    linkFindings(
      new Map([
        ["docs/a.md", text],
        ["docs/b.md", "# One two\n"],
      ]),
      (path) => files.has(path),
    );

  test.each(["b.md", "b.md#one-two", "../src/x.ts", "#here", "adr", "https://acme.example/x", "mailto:a@b"])(
    "%s is good",
    (target) => {
      expect(findings(`# Here\n\n[link](${target})\n`)).toEqual([]);
    },
  );

  test.each([
    ["c.md", "docs/a.md:3: there is no docs/c.md"],
    ["b.md#three", "docs/a.md:3: docs/b.md has no heading for #three"],
    ["#there", "docs/a.md:3: docs/a.md has no heading for #there"],
    ["../../x.md", "docs/a.md:3: ../../x.md leads out of the tree"],
    ["/docs/b.md", "docs/a.md:3: /docs/b.md leads out of the tree"],
  ])("%s is found", (target, finding) => {
    expect(findings(`# Here\n\n[link](${target})\n`)).toEqual([finding]);
  });
});

describe("blocks for the shell", () => {
  const findings = (opening: string) => blockFindings(new Map([["a.md", `${opening}\ntrue\n\`\`\`\n`]]));

  test.each(["```sh run", "```sh run needs=server,notary", '```sh not-run="why"', "```json", "```"])(
    "%s is good",
    (opening) => {
      expect(findings(opening)).toEqual([]);
    },
  );

  test.each([
    ["```sh", 'a.md:1: say run, or not-run="…" with the reason'],
    ['```sh not-run=""', 'a.md:1: say run, or not-run="…" with the reason'],
    ['```sh run not-run="why"', 'a.md:1: say run, or not-run="…" with the reason'],
    ["```bash run", "a.md:1: a block for the shell is called sh"],
    ["```sh run needs=luck", "a.md:1: a block cannot need luck"],
  ])("%s is found", (opening, finding) => {
    expect(findings(opening)).toEqual([finding]);
  });
});
