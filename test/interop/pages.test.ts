/** The commands of the pages that need other people's programs, played in the order of the page. */
import { mkdtempSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { describe, expect, inject, it } from "vitest";
import { readPages } from "../../tools/docs.ts";
import { type Block, blocksOf } from "../../tools/markdown.ts";
import { linkTree, play } from "../support/pages.ts";
import { findDocker } from "./support/requirements.ts";
import { startVidimus } from "./support/vidimus-server.ts";

/** What needs an old Notary is played by moving/guide.test.ts, what needs people by auth/people-page.test.ts. */
const isPlayed = ({ run, needs }: Block) => run && !needs.includes("old-notary") && !needs.includes("people");
const absent = [
  ...(inject("notary") ? [] : ["notary", "curl"]),
  ...(inject("docker") === null ? ["docker"] : []),
];
const pages = [...readPages(resolve(import.meta.dirname, "../.."))]
  .map(([page, text]) => ({ page, blocks: blocksOf(text).filter(isPlayed) }))
  .filter(({ blocks }) => blocks.some(({ needs }) => needs.some((need) => need !== "server")));

describe.each(pages)("the commands of $page", ({ blocks }) => {
  const left = blocks.some(({ needs }) => needs.some((need) => absent.includes(need)));

  it.skipIf(left)("every block ends well", async () => {
    const directory = mkdtempSync(join(inject("scratch"), "page-"));
    linkTree(directory);
    const docker = await findDocker();
    const programs = docker === undefined ? [] : [dirname(docker.program)];
    const server = await startVidimus(directory);
    try {
      for (const block of blocks) {
        const played = play(block, { directory, server: new URL(server.url).host, programs });
        expect({ line: block.line, ...played }).toMatchObject({ code: 0 });
      }
    } finally {
      await server.stop();
    }
  });
});
