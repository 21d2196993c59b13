/**
 * The commands of the pages, as far as they need nothing but this tree and a server (the others:
 * test/interop/pages.test.ts).
 */
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { readPages } from "../../tools/docs.ts";
import { type Block, blocksOf } from "../../tools/markdown.ts";
import { startVidimus } from "../interop/support/vidimus-server.ts";
import { temporaryDirectory } from "../support/directory.ts";
import { linkTree, play } from "../support/pages.ts";

const pages = [...readPages(resolve(import.meta.dirname, "../.."))]
  .map(([page, text]) => [page, blocksOf(text).filter(({ run }) => run)] as const)
  .filter(
    ([, blocks]) =>
      blocks.length > 0 && blocks.every(({ needs }) => needs.every((need) => need === "server")),
  );

function blockOf(text: string): Block {
  const [block] = blocksOf(`\`\`\`sh run\n${text}\n\`\`\`\n`);
  if (block === undefined) throw new TypeError("no block");
  return block;
}

describe("the commands of a page", () => {
  it.each(pages)("%s: every block ends well", { timeout: 300_000 }, async (_page, blocks) => {
    const directory = temporaryDirectory();
    linkTree(directory);
    const wanted = blocks.some(({ needs }) => needs.includes("server"));
    const server = wanted ? await startVidimus(directory) : undefined;
    try {
      for (const block of blocks) {
        const host = server && new URL(server.url).host;
        const played = play(block, { directory, server: host, programs: [] });
        expect({ line: block.line, ...played }).toMatchObject({ code: 0 });
      }
    } finally {
      await server?.stop();
    }
  });

  it("fail when one command of them fails", () => {
    const scratch = { directory: temporaryDirectory(), server: undefined, programs: [] };
    expect(play(blockOf("false\ntrue"), scratch).code).toBe(1);
  });

  it("see the tree, and keep what they make", () => {
    const scratch = { directory: temporaryDirectory(), server: undefined, programs: [] };
    linkTree(scratch.directory);
    expect(play(blockOf("test -f package.json && touch made"), scratch).code).toBe(0);
    expect(play(blockOf("test -f made"), scratch).code).toBe(0);
  });

  it("are told the real server", () => {
    const scratch = { directory: temporaryDirectory(), server: "127.0.0.1:5", programs: [] };
    expect(play(blockOf("echo https://127.0.0.1:4443/v2/"), scratch).output).toBe(
      "https://127.0.0.1:5/v2/\n",
    );
  });
});
