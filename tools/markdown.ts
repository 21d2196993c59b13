/**
 * What the checks of the pages need to know about Markdown: fenced blocks, links, and anchors of headings as GitHub
 * makes them. Not a parser: it knows the forms that the formatter leaves.
 *
 * The words after a block's language say what becomes of it:
 *
 *   ```sh run                     played to its end in a scratch directory, after the page's blocks before it
 *   ```sh run needs=server,curl   likewise, with a server beside it, and where these programs are
 *   ```sh not-run="why"           only read
 */

export interface Block {
  /** Line of the opening fence, from 1. */
  readonly line: number;
  readonly language: string;
  readonly run: boolean;
  /** Why it is not run. */
  readonly notRun: string | undefined;
  readonly needs: readonly string[];
  readonly text: string;
}

export interface Link {
  readonly line: number;
  readonly target: string;
}

const fence =
  /^(?<indent> *)(?<ticks>```+)(?<language>\w*)(?<words>[^\n]*)\n(?<text>[\s\S]*?)^ *\k<ticks>$/gm;
const inlineLink = /\]\((?<target>[^()\s]+)(?:\s+"[^"]*")?\)/g;
const reference = /^\[[^\]]+\]:\s+(?<target>\S+)/gm;
const heading = /^#{1,6} (?<text>.+)$/gm;

export function blocksOf(page: string): readonly Block[] {
  return [...page.matchAll(fence)].map(({ index, groups = {} }) => {
    const words = groups.words ?? "";
    return {
      line: lineAt(page, index),
      language: groups.language ?? "",
      run: /(?:^| )run(?: |$)/.test(words),
      notRun: /(?:^| )not-run="(?<why>[^"]+)"/.exec(words)?.groups?.why,
      needs: /(?:^| )needs=(?<needs>\S+)/.exec(words)?.groups?.needs?.split(",") ?? [],
      text: groups.text ?? "",
    };
  });
}

/** Targets of all links outside of code. */
export function linksOf(page: string): readonly Link[] {
  const prose = withoutCode(page);
  return [inlineLink, reference]
    .flatMap((form) => [...prose.matchAll(form)])
    .map(({ index, groups }) => ({ line: lineAt(prose, index), target: groups?.target ?? "" }));
}

/** The words of all headings, in their order. */
export function headingsOf(page: string): readonly string[] {
  return [...withoutBlocks(page).matchAll(heading)].map(({ groups }) => groups?.text ?? "");
}

/** What can stand after `#` in a link to the page. The second heading of the same words ends in `-1`. */
export function anchorsOf(page: string): ReadonlySet<string> {
  const anchors = new Set<string>();
  for (const text of headingsOf(page)) {
    const words = text.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1").toLowerCase();
    const anchor = words.replace(/[^\p{L}\p{N}\- _]/gu, "").replaceAll(" ", "-");
    let counted = anchor;
    for (let number = 1; anchors.has(counted); number++) counted = `${anchor}-${number}`;
    anchors.add(counted);
  }
  return anchors;
}

/** Lines stay where they are. */
function withoutBlocks(page: string): string {
  return page.replace(fence, (block) => block.replace(/[^\n]/g, " "));
}

function withoutCode(page: string): string {
  return withoutBlocks(page).replace(/`[^`\n]*`/g, (code) => " ".repeat(code.length));
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split("\n").length;
}
