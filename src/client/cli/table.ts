/** Tables for people: columns as wide as they need, words wrapped so that the whole fits the page. */

const gap = "  ";
const narrowest = 16;
/** Key IDs and digests are there to be copied, so they are not cut, even where the page is then too narrow. */
const whole = /[0-9a-f]{64}/;
const widestWhole = 72;
/** With the code of a refusal behind it, or not. */
const commandAtEnd = /: (vidimus(?:-client)? .+?)( \[[A-Z0-9_]+\])?$/;

/**
 * The first row is the head. Where digests or key IDs leave no room for the other columns, the rows stand below one another
 * (`stacked`) instead. Lines have no space at their end. Texts come from outside too, so control characters, which a
 * terminal might obey, are shown as question marks.
 */
export function formatTable(rows: readonly (readonly string[])[], columns: number): string {
  const shown = rows.map((row) => row.map(forTerminal));
  const page = Math.max(columns, 40);
  const least = leastWidths(shown, page);
  if (rows.length > 1 && widthOf(least) > page) return stacked(shown, page);
  const widths = squeeze(naturalWidths(shown), least, page);
  return shown.map((row) => formatRow(row, widths)).join("\n");
}

/**
 * A table whose cells may end with a command, as sentences do that tell one (`command.ts`): it stands below, whole and on a
 * line of its own, however narrow the page is.
 */
export function formatWithCommands(rows: readonly (readonly string[])[], columns: number): string {
  const commands: string[] = [];
  const lifted = rows.map((row) =>
    row.map((cell) =>
      cell.replace(commandAtEnd, (_, command: string, after = "") => {
        if (!commands.includes(command)) commands.push(command);
        return `: see (${commands.indexOf(command) + 1}) below${after}`;
      }),
    ),
  );
  const below = commands.map((command, index) => `\n(${index + 1})\n${forTerminal(command)}`);
  return [formatTable(lifted, columns), ...below].join("\n");
}

/** `1 image`, `2 images`. */
export function count(number: number, one: string, many: string): string {
  return `${number} ${number === 1 ? one : many}`;
}

/** Text that may be a stranger's choice, without what a terminal obeys or what turns its direction. */
export function forTerminal(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Bidi_Control}]/gu, "?");
}

/**
 * Each row as a name with its other cells below it, each behind the head of its column; a name that is repeated stands once.
 * A first column without a head belongs to the name.
 */
function stacked([head = [], ...rows]: readonly (readonly string[])[], columns: number): string {
  const named = head[0] === "" ? 2 : 1;
  let last: string | undefined;
  return rows
    .flatMap((row) => {
      const name = row.slice(0, named).join(gap);
      const lines = name === last ? [] : wrap(name, columns);
      last = name;
      const cells = row.slice(named).flatMap((cell, index) => {
        if (cell === "") return [];
        const whole = `${head[index + named]}: ${cell}`;
        const fits = whole.length <= columns - gap.length;
        const [first = "", ...more] = fits ? [whole] : wrap(whole, columns - 2 * gap.length);
        return [`${gap}${first}`, ...more.map((line) => `${gap}${gap}${line}`)];
      });
      return [...lines, ...cells];
    })
    .join("\n");
}

function widthOf(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width, gap.length * Math.max(0, widths.length - 1));
}

function naturalWidths(rows: readonly (readonly string[])[]): readonly number[] {
  const count = Math.max(0, ...rows.map((row) => row.length));
  return Array.from({ length: count }, (_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
}

/** A word is not broken if it is no longer than the column's fair part of the page. */
function leastWidths(rows: readonly (readonly string[])[], columns: number): readonly number[] {
  const natural = naturalWidths(rows);
  const fair = Math.floor(
    (columns - gap.length * Math.max(0, natural.length - 1)) / Math.max(1, natural.length),
  );
  const isWhole = (word: string) => whole.test(word) || word.length <= fair;
  const wholes = (cell: string) => cell.split(" ").filter(isWhole);
  const least = naturalWidths(rows.map((row) => row.map((cell) => longestOf(wholes(cell)))));
  return least.map((width) => Math.max(Math.min(narrowest, fair), Math.min(width, widestWhole)));
}

function longestOf(words: readonly string[]): string {
  return words.reduce((longest, word) => (word.length > longest.length ? word : longest), "");
}

/** Takes from the widest column that may be narrower until everything fits. */
function squeeze(widths: readonly number[], least: readonly number[], columns: number): readonly number[] {
  const squeezed = [...widths];
  let excess = widthOf(squeezed) - columns;
  for (; excess > 0; excess--) {
    const loose = squeezed.filter((width, i) => width > (least[i] ?? narrowest));
    const widest = Math.max(...loose);
    const at = squeezed.findIndex((width, i) => width === widest && width > (least[i] ?? narrowest));
    if (at === -1) break;
    squeezed[at] = widest - 1;
  }
  return squeezed;
}

function formatRow(row: readonly string[], widths: readonly number[]): string {
  const cells = widths.map((width, i) => wrap(row[i] ?? "", width));
  const height = Math.max(...cells.map((lines) => lines.length));
  return Array.from({ length: height }, (_, line) =>
    cells
      .map((lines, i) => (lines[line] ?? "").padEnd(widths[i] ?? 0))
      .join(gap)
      .trimEnd(),
  ).join("\n");
}

/** Breaks at spaces; what is longer than a line is cut, behind a slash or the like if there is one in its second half. */
export function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ").flatMap((each) => pieces(each, width))) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

function cutOf(line: string): number {
  const behind = Math.max(...[..."/:@,=_-."].map((sign) => line.lastIndexOf(sign))) + 1;
  return behind > line.length / 2 ? behind : line.length;
}

function pieces(word: string, width: number): readonly string[] {
  const parts: string[] = [];
  for (let at = 0; at < word.length; ) {
    const line = word.slice(at, at + width);
    const end = word.length - at <= width ? line.length : cutOf(line);
    parts.push(line.slice(0, end));
    at += end;
  }
  return parts.length === 0 ? [""] : parts;
}
