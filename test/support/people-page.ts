/** Plays the path from nothing to an organisation of docs/access.md, beside the very server that the page starts. */
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect } from "vitest";
import { type Block, blocksOf } from "../../tools/markdown.ts";
import { startVidimus } from "../interop/support/vidimus-server.ts";
import { deadPort } from "./fetching.ts";
import { linkTree, play } from "./pages.ts";

const page = readFileSync(resolve(import.meta.dirname, "../../docs/access.md"), "utf8");
const address = "127.0.0.1:4443";

/** @param isPlayed of the blocks that need people; all in their order */
export async function playPeople(directory: string, isPlayed: (block: Block) => boolean): Promise<number> {
  linkTree(directory);
  const blocks = blocksOf(page);
  const configuration = blocks.find(
    ({ language, text }) => language === "yaml" && text.includes(`https://${address}/token`),
  );
  if (configuration === undefined) throw new Error("The page has no configuration any more.");
  const port = await deadPort();
  const text = configuration.text.replaceAll(address, `127.0.0.1:${port}`);
  const file = join(directory, "vidimus.yaml");
  // The page takes the usual port, which others may have here.
  writeFileSync(file, `${text}server: { port: ${port} }\n`);
  const server = await startVidimus(directory, { flags: ["--config", file, "--port", String(port)] });
  const played = blocks.filter((block) => block.run && block.needs.includes("people") && isPlayed(block));
  try {
    for (const block of played) {
      const said = play(block, { directory, server: `127.0.0.1:${port}`, programs: [] });
      expect({ line: block.line, ...said }).toMatchObject({ code: 0 });
    }
  } finally {
    await server.stop();
  }
  return played.length;
}
