/**
 * What comments cite, held to what there is: whoever has only this repository can follow every citation.
 *
 * - A name that ends in `.md` is a page of the tree, given by its path, or by its name alone if it lies in `docs`.
 * - Numbers after it are chapters of it, as in `notary-protocol.md 2.5, 3.2` and `notary-protocol.md chapter 1`: there
 *   is a heading that begins with each.
 * - Words in quotation marks after it are one of its headings, as in `docs/architecture.md, "Words"`.
 * - `threat L1` and `threats M1 to M6` are rows of docs/threats.md.
 */
import { headingsOf } from "./markdown.ts";
import type { Modules } from "./modules.ts";

export interface Citation {
  /** The file with the comment. */
  readonly path: string;
  readonly line: number;
  /** A page as it is written, with its ending. */
  readonly page: string;
  /** What of the page: the number of a chapter, a heading, or a row of its tables. Without it, the page as a whole. */
  readonly part: { readonly kind: "chapter" | "heading" | "row"; readonly name: string } | undefined;
}

const threats = "docs/threats.md";
/** The formatter puts white space before every comment, and never in the middle of an address. */
const comment = /(?<=^|\s)(?:\/\*[\s\S]*?\*\/|\/\/[^\n]*(?:\n[ \t]*\/\/[^\n]*)*)/gm;
const decoration = /(?:^|\n)[ \t]*(?:\/\*\*?|\*\/?|\/\/)?/g;
const pageForm =
  /(?<![\w./-])(?<page>[\w./-]+\.md)\b(?:,?\s+(?:(?:chapters?|sections?)\s+)?(?<chapters>\d[\d.]*(?:(?:,| and| to)\s+\d[\d.]*)*)|,?\s+"(?<heading>[^"]+)")?/g;
const rowForm = /\bthreats?\s+(?<rows>[A-Z]\d+(?:(?:,| and| to)\s+[A-Z]\d+)*)/g;

/** Everything that the comments of one file cite, in no order. */
export function citationsOf(path: string, text: string): readonly Citation[] {
  return [...text.matchAll(comment)].flatMap(({ 0: found, index: start }) => {
    // As long as it was, so that places in it are places in the file.
    const words = found.replace(decoration, (signs) => " ".repeat(signs.length));
    const lineAt = (index: number) => text.slice(0, start + index).split("\n").length;
    const pages = [...words.matchAll(pageForm)].flatMap(({ index, groups = {} }): readonly Citation[] => {
      const { page = "", chapters, heading } = groups;
      const cited = { path, line: lineAt(index), page };
      if (heading !== undefined)
        return [{ ...cited, part: { kind: "heading", name: heading.replace(/\s+/g, " ") } }];
      const numbers = chapters?.match(/\d+(?:\.\d+)*/g) ?? [];
      if (numbers.length === 0) return [{ ...cited, part: undefined }];
      return numbers.map((name) => ({ ...cited, part: { kind: "chapter", name } }));
    });
    const rows = [...words.matchAll(rowForm)].flatMap(({ index, groups }) =>
      (groups?.rows?.match(/[A-Z]\d+/g) ?? []).map(
        (name): Citation => ({ path, line: lineAt(index), page: threats, part: { kind: "row", name } }),
      ),
    );
    return [...pages, ...rows];
  });
}

/** `pages`: texts of all pages of the tree by path. */
export function citationFindings(modules: Modules, pages: ReadonlyMap<string, string>): readonly string[] {
  return [...modules.values()].flatMap(({ path, text }) =>
    citationsOf(path, text).flatMap(({ line, page, part }) => {
      const content = pages.get(page) ?? pages.get(`docs/${page}`);
      if (content === undefined) return [`${path}:${line}: there is no page ${page}`];
      if (part === undefined || partsOf[part.kind](content).has(part.name)) return [];
      return [`${path}:${line}: ${page} has no ${part.kind} ${part.name}`];
    }),
  );
}

const partsOf = {
  chapter: (page: string) =>
    new Set(headingsOf(page).flatMap((heading) => /^\d+(?:\.\d+)*(?=[.:]?\s)/.exec(heading) ?? [])),
  heading: (page: string) => new Set(headingsOf(page)),
  row: (page: string) => new Set([...page.matchAll(/^\| ([A-Z]\d+) +\|/gm)].map(([, row = ""]) => row)),
} as const satisfies Record<string, (page: string) => ReadonlySet<string>>;
