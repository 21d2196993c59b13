/**
 * What somebody probably meant who misspelt a name: only where the two are close, for a wild guess misleads.
 */

/** How many names are listed where none is close. */
const mostListed = 8;

/**
 * The end of a sentence about a name that is not known: `; did you mean policy?`, or the names that there are if they are
 * few, or a full stop. Case does not count.
 */
export function meant(name: string, candidates: readonly string[]): string {
  const guess = nearest(name, candidates);
  if (guess !== undefined) return `; did you mean ${guess}?`;
  if (candidates.length === 0 || candidates.length > mostListed) return ".";
  return `; what can stand here is ${candidates.join(", ")}.`;
}

/** The first of the candidates that are closest to a name, if it is close: one letter in three may differ, or the end be missing. */
export function nearest(name: string, candidates: readonly string[]): string | undefined {
  const sought = name.slice(0, 200).toLowerCase();
  let best: { readonly candidate: string; readonly edits: number } | undefined;
  for (const candidate of candidates) {
    const lower = candidate.toLowerCase();
    const edits = distance(sought, lower);
    const begun = sought.length > 1 && lower.startsWith(sought);
    const close = begun || edits <= Math.max(1, Math.floor(Math.min(sought.length, lower.length) / 3));
    if (sought !== "" && close && edits < (best?.edits ?? Number.POSITIVE_INFINITY))
      best = { candidate, edits };
  }
  return best?.candidate;
}

/** Number of edits of one letter, or of two that changed places, between two texts of at most 200 characters. */
function distance(left: string, right: string): number {
  let [before, row]: [readonly number[], readonly number[]] = [
    [],
    Array.from({ length: right.length + 1 }, (_, index) => index),
  ];
  for (let i = 1; i <= left.length; i++) {
    const next = [i];
    for (let j = 1; j <= right.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (left[i - 1] === right[j - 1] ? 0 : 1);
      const swapped = left[i - 1] === right[j - 2] && left[i - 2] === right[j - 1];
      next.push(
        Math.min(
          replaced,
          (row[j] ?? 0) + 1,
          (next[j - 1] ?? 0) + 1,
          swapped ? (before[j - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY,
        ),
      );
    }
    [before, row] = [row, next];
  }
  return row[right.length] ?? 0;
}
