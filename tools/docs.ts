/**
 * Holds the pages to what they say.
 *
 *   node tools/docs.ts
 *
 * - Every link to a file leads to one, and every link to a heading to one (links into the net are not followed).
 * - Every `sh` block says whether it is run, and why if it is not. Those that are run are played by
 *   `test/e2e/pages.test.ts`, and by `test/interop/pages.test.ts` where they need other people's programs.
 * - Pages that are made from the sources are what the sources make.
 * - Whatever a comment cites is in the tree (`citations.ts`).
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { citationFindings } from "./citations.ts";
import { configurationPage } from "./configuration-page.ts";
import { report, root } from "./findings.ts";
import { anchorsOf, blocksOf, linksOf } from "./markdown.ts";
import { readModules, sourcePlaces } from "./modules.ts";

/** Texts of pages by path. */
export type Pages = ReadonlyMap<string, string>;

/** What a block may need: a server that runs beside it, or a program. */
const knownNeeds = new Set(["server", "curl", "docker", "notary", "old-notary", "old-stopped", "people"]);

/** Pages that are made, and by what. */
const made: ReadonlyMap<string, () => string> = new Map([["docs/configuration.md", configurationPage]]);

/** All Markdown files of the tree. */
export function readPages(directory: string): Pages {
  const folders = readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !/^(?:\.git|node_modules|data|coverage)$/.test(entry.name))
    .flatMap(({ name }) =>
      readdirSync(join(directory, name), { recursive: true, encoding: "utf8" }).map((path) =>
        join(name, path),
      ),
    );
  return new Map(
    [...readdirSync(directory), ...folders]
      .filter((path) => path.endsWith(".md"))
      .sort()
      .map((path) => [path, readFileSync(join(directory, path), "utf8")]),
  );
}

/** `exists`: whether there is a file or folder of this path in the tree. */
export function linkFindings(pages: Pages, exists: (path: string) => boolean): readonly string[] {
  return [...pages].flatMap(([page, text]) =>
    linksOf(text).flatMap(({ line, target }) => {
      if (/^[a-z]+:/i.test(target)) return [];
      const [file = "", anchor] = decodeURIComponent(target).split("#");
      const path = file === "" ? page : posix.join(posix.dirname(page), file);
      if (path.startsWith("..") || posix.isAbsolute(file))
        return [`${page}:${line}: ${target} leads out of the tree`];
      if (!exists(path)) return [`${page}:${line}: there is no ${path}`];
      const other = pages.get(path);
      if (anchor === undefined || other === undefined || anchorsOf(other).has(anchor)) return [];
      return [`${page}:${line}: ${path} has no heading for #${anchor}`];
    }),
  );
}

export function blockFindings(pages: Pages): readonly string[] {
  return [...pages].flatMap(([page, text]) =>
    blocksOf(text)
      .filter(({ language }) => /^(?:sh|bash|shell|console)$/.test(language))
      .flatMap(({ line, language, run, notRun, needs }) => {
        const unknown = needs.find((need) => !knownNeeds.has(need));
        if (language !== "sh") return [`${page}:${line}: a block for the shell is called sh`];
        if (run === (notRun !== undefined))
          return [`${page}:${line}: say run, or not-run="…" with the reason`];
        if (unknown !== undefined) return [`${page}:${line}: a block cannot need ${unknown}`];
        return [];
      }),
  );
}

function madeFindings(pages: Pages): readonly string[] {
  return [...made]
    .filter(([page, make]) => pages.get(page) !== make())
    .map(([page]) => `${page}: not what the sources say: run npm run docs`);
}

if (import.meta.main) {
  const pages = readPages(root);
  const modules = readModules(root, sourcePlaces);
  report(`${pages.size} pages, comments of ${modules.size} files`, [
    ...linkFindings(pages, (path) => existsSync(join(root, path))),
    ...blockFindings(pages),
    ...madeFindings(pages),
    ...citationFindings(modules, pages),
  ]);
}
