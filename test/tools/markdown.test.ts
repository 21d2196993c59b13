import { describe, expect, test } from "vitest";
import { anchorsOf, blocksOf, linksOf } from "../../tools/markdown.ts";

describe("blocks", () => {
  test("are read with language, line and text", () => {
    const page = "# A\n\n```sh run\necho 1\necho 2\n```\n\n```json\n{}\n```\n";
    expect(blocksOf(page)).toEqual([
      { line: 3, language: "sh", run: true, notRun: undefined, needs: [], text: "echo 1\necho 2\n" },
      { line: 8, language: "json", run: false, notRun: undefined, needs: [], text: "{}\n" },
    ]);
  });

  test("say what they need", () => {
    expect(blocksOf("```sh run needs=server,curl\n```\n")[0]?.needs).toEqual(["server", "curl"]);
  });

  test("say why they are not run, and a reason that holds the word does not run them", () => {
    const [block] = blocksOf('```sh not-run="a run takes a day"\n```\n');
    expect(block?.notRun).toBe("a run takes a day");
  });

  test("in a list are read too", () => {
    expect(blocksOf("- one\n\n  ```sh run\n  echo 1\n  ```\n")).toHaveLength(1);
  });

  test("end at a fence of the same length", () => {
    expect(blocksOf("````md\n```sh\n```\n````\n").map(({ language }) => language)).toEqual(["md"]);
  });
});

describe("links", () => {
  test("are found in line and as references, with their lines", () => {
    expect(linksOf('[a](b.md) and\n[c](d.md#e "title")\n\n[f]: g.md\n')).toEqual([
      { line: 1, target: "b.md" },
      { line: 2, target: "d.md#e" },
      { line: 4, target: "g.md" },
    ]);
  });

  test("in code are none", () => {
    expect(linksOf("`[a](b.md)`\n\n```md\n[c](d.md)\n```\n")).toEqual([]);
  });
});

describe("anchors", () => {
  test.each([
    ["## Roots, delegations, snapshots", "roots-delegations-snapshots"],
    ["### `server.port`", "serverport"],
    ["# The *one* file_name", "the-one-file_name"],
    ["## A [link](b.md) here", "a-link-here"],
    ["## `.ci/run`", "cirun"],
  ])("%s is #%s", (page, anchor) => {
    expect([...anchorsOf(page)]).toEqual([anchor]);
  });

  test("the same words again are counted", () => {
    expect([...anchorsOf("# A\n\n# A\n\n# A\n")]).toEqual(["a", "a-1", "a-2"]);
  });

  test("a comment of a shell is no heading", () => {
    expect([...anchorsOf("```sh\n# A\n```\n")]).toEqual([]);
  });
});
