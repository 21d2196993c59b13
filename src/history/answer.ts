/** What every answer is: a table. Its rows are documents, lines of text and lines of CSV alike. */

export type Cell = string | number | boolean | null | readonly string[];
export type Line = Readonly<Record<string, Cell>>;

/** RFC 3339. */
export function instant(at: number): string {
  return new Date(at).toISOString();
}

export function instantOrNull(at: number | undefined): string | null {
  return at === undefined ? null : instant(at);
}
