/** What somebody probably meant who misspelt a name. */

/** Number of single-character edits between two texts of at most 200 characters. */
function distance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let i = 1; i <= left.length; i++) {
    const next = [i];
    for (let j = 1; j <= right.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (left[i - 1] === right[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[right.length] ?? 0;
}

/** The candidate (of at least one) that a name most resembles, whatever the case. */
export function nearest(name: string, candidates: readonly string[]): string {
  const sought = name.slice(0, 200).toLowerCase();
  const scored = candidates.map((candidate) => ({
    candidate,
    edits: distance(sought, candidate.toLowerCase()),
  }));
  return scored.reduce((best, next) => (next.edits < best.edits ? next : best)).candidate;
}
