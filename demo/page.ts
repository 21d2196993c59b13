/** What the demonstration prints. Pure: text in, text out. */

export interface Style {
  readonly colour: boolean;
  readonly unicode: boolean;
}

/** Colours only for a person at a terminal who did not decline them; signs beyond ASCII only where they are shown. */
export function styleFor(isTerminal: boolean, env: Readonly<Record<string, string | undefined>>): Style {
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG || "";
  return {
    colour: isTerminal && env.TERM !== "dumb" && !env.NO_COLOR,
    unicode: env.TERM !== "dumb" && /utf-?8/i.test(locale),
  };
}

export type Paint = "good" | "bad" | "quiet" | "bold";
export type Cell = string | { readonly text: string; readonly paint: Paint };

const codes: Readonly<Record<Paint, string>> = { good: "32", bad: "31", quiet: "2", bold: "1" };

export class Page {
  readonly #style: Style;

  constructor(style: Style) {
    this.#style = style;
  }

  paint(text: string, paint: Paint): string {
    return this.#style.colour ? `\x1b[${codes[paint]}m${text}\x1b[0m` : text;
  }

  mark(good: boolean): Cell {
    const [yes, no] = this.#style.unicode ? ["✓", "✗"] : ["ok", "!!"];
    return { text: good ? yes : no, paint: good ? "good" : "bad" };
  }

  /** A digest or tag that is too long for a column. */
  short(text: string, width: number): string {
    const end = this.#style.unicode ? "…" : "..";
    return text.length <= width ? text : `${text.slice(0, width - end.length)}${end}`;
  }

  heading(text: string): string {
    const rule = (this.#style.unicode ? "─" : "-").repeat(text.length);
    return `\n${this.paint(text, "bold")}\n${this.paint(rule, "quiet")}`;
  }

  /** Columns as wide as their widest cell, two spaces between them; the first row is the head. */
  table(rows: readonly (readonly Cell[])[]): string {
    const textOf = (cell: Cell | undefined) => (typeof cell === "object" ? cell.text : (cell ?? ""));
    const widths = (rows[0] ?? []).map((_, column) =>
      Math.max(...rows.map((row) => textOf(row[column]).length)),
    );
    return rows
      .map((row, index) =>
        row
          .map((cell, column) => {
            const text = textOf(cell).padEnd(column === row.length - 1 ? 0 : (widths[column] ?? 0));
            if (index === 0) return this.paint(text, "quiet");
            return typeof cell === "object" ? this.paint(text, cell.paint) : text;
          })
          .join("  "),
      )
      .map((line) => `  ${line}`.trimEnd())
      .join("\n");
  }
}
