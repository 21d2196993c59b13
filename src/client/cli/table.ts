/** Tables for people: columns as wide as they need, words wrapped so that the whole fits the page. */

const gap = "  ";
const narrowest = 16;

/**
 * The first row is the head. Lines have no space at their end. Texts come from outside too, so control characters, which a
 * terminal might obey, are shown as question marks.
 */
export function formatTable(rows: readonly (readonly string[])[], columns: number): string {
  const shown = rows.map((row) => row.map((cell) => cell.replaceAll(/\p{Cc}/gu, "?")));
  const widths = squeeze(naturalWidths(shown), Math.max(columns, 40));
  return shown.map((row) => formatRow(row, widths)).join("\n");
}

function naturalWidths(rows: readonly (readonly string[])[]): readonly number[] {
  const count = Math.max(0, ...rows.map((row) => row.length));
  return Array.from({ length: count }, (_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
}

/** Takes from the widest column until everything fits. */
function squeeze(widths: readonly number[], columns: number): readonly number[] {
  const squeezed = [...widths];
  const room = columns - gap.length * Math.max(0, widths.length - 1);
  for (;;) {
    const excess = squeezed.reduce((sum, width) => sum + width, 0) - room;
    const widest = Math.max(...squeezed);
    if (excess <= 0 || widest <= narrowest) return squeezed;
    const equals = squeezed.filter((width) => width === widest).length;
    const next =
      equals > 1 ? widest - 1 : Math.max(...squeezed.filter((width) => width < widest), widest - excess);
    squeezed[squeezed.indexOf(widest)] = Math.max(Math.min(next, widest - 1), narrowest);
  }
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

/** Breaks at spaces; what is longer than a line is cut. */
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

function pieces(word: string, width: number): readonly string[] {
  const parts: string[] = [];
  for (let at = 0; at < word.length; at += width) parts.push(word.slice(at, at + width));
  return parts.length === 0 ? [""] : parts;
}
