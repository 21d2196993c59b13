import { describe, expect, it } from "vitest";
import { reading } from "./reading.ts";

const { read, locked, refused } = reading("linuxkit");

describe("the trust block", () => {
  it("is read with the lines of its entries", async () => {
    const { trust } = await read("trust:\n  image:\n    - a/b\n    - c:1\n  org: [d]\n");
    expect(trust).toEqual({
      images: [
        { text: "a/b", line: 3 },
        { text: "c:1", line: 4 },
      ],
      orgs: [{ text: "d", line: 5 }],
    });
  });

  it.each(["trust:\n", "trust: {}\n", "trust:\n  image:\n  org: []\n"])("may be empty: %j", async (text) => {
    expect((await read(text)).trust).toEqual({ images: [], orgs: [] });
  });

  it("is absent when it is absent", async () => {
    const { trust, removed } = await read("init: []\n");
    expect({ trust, removed }).toEqual({ trust: undefined, removed: [] });
  });

  it.each([
    ["first", "trust:\n  org: [a]\n", "", "files: []\n"],
    ["last", "trust:\n  org:\n    - a\n", "files: []\n", ""],
    ["last, without a line feed", "trust:\n  org:\n    - a", "files: []\n", ""],
    [
      "with a list at the depth of its key",
      "trust:\n  org:\n  - a\n  image:\n  - b\n",
      "files: []\n",
      "init: []\n",
    ],
    ["with nothing in it", "trust: # nothing\n", "files: []\n", "init: []\n"],
    ["in braces", "trust: {org: [a], image: [b]} # both\n", "files: []\n", "init: []\n"],
    ["in braces over lines", "trust: {\n  org: [a]\n}\n", "files: []\n", "init: []\n"],
    [
      "with comments of its own",
      "trust: # why\n  # org\n  org: # them\n    - a # he\n    # end\n\n  # more\n",
      "# head\n",
      "# init\ninit: []\n",
    ],
    ["before a comment", "trust:\n  org: [a]\n", "", "\n# init\n  # deeper\ninit: []\n"],
    ["with CRLF", "trust:\r\n  org:\r\n    - a\r\n  # own\r\n", "files: []\r\n", "# next\r\ninit: []\r\n"],
    ["behind a byte order mark", "trust:\n  org: [a]\n", "\uFEFF", "init: []\n"],
    ["with a quoted key", '"trust":\n  "org": ["a"]\n', "files: []\n", "init: []\n"],
    ["that is an alias", "trust: *t\n", "files: [{path: a, metadata: &t {org: [a]}}]\n", "init: []\n"],
    ["in a document that starts and ends", "trust:\n  org: [a]\n", "---\n", "init: []\n...\n"],
  ])("is removed %s", async (_, block, before, after) => {
    expect(await locked(before + block + after)).toBe(before + after);
  });

  it.each([
    ["an unknown key", "trust:\n  orgs: [a]\n", 2],
    ["a list that is a text", "trust:\n  org: a\n", 2],
    ["an entry that is a number", "trust:\n  image:\n    - 1\n", 3],
    ["an entry that is empty", 'trust:\n  image: [""]\n', 2],
    ["a block that is a list", "trust: [a]\n", 1],
    ["a block that is a text", "trust: a\n", 1],
  ])("is refused for %s, with the images known", async (_, text, line) => {
    const { faults, images } = await read(`${text}kernel:\n  image: a:1\n`);
    expect(faults).toMatchObject([{ name: "TrustError", code: "TRUST_BLOCK", line, file: "build.file" }]);
    expect(images.map(({ reference }) => reference)).toEqual(["a:1"]);
  });

  it("is refused for everything that is wrong with it", async () => {
    const { faults } = await read('trust:\n  orgs: [a]\n  org: [1, b]\n  image: [c, ""]\n');
    expect(faults.map(({ code, line }) => `${code} ${line}`)).toEqual([
      "TRUST_BLOCK 2",
      "TRUST_BLOCK 3",
      "TRUST_BLOCK 4",
    ]);
  });

  it.each([
    ["the document is in braces", "{trust: {org: [a]}, init: []}\n", 1],
    ["its key is an explicit one", "? trust\n: {org: [a]}\n", 1],
    ["its anchor is used elsewhere", "trust: {org: [&a b]}\ninit: [*a]\n", 2],
    ["it is there twice", "trust: {}\ntrust: {org: [a]}\n", 2],
  ])("cannot be cut out when %s", async (_, text, line) => {
    await refused(text, "INPUT_INVALID", line);
  });
});
