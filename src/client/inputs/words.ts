/** Texts from outside in the sentences of refusals, and the known word that someone may have meant. */

/** A text in quotes, short enough for a sentence. */
export function shown(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}

/** The known word with the fewest edits to `word`. */
export function nearest(word: string, known: Iterable<string>): string {
  const sought = word.slice(0, 64).toLowerCase();
  let best = { word: "", edits: Number.POSITIVE_INFINITY };
  for (const candidate of known) {
    const edits = distance(sought, candidate.toLowerCase());
    if (edits < best.edits) best = { word: candidate, edits };
  }
  return best.word;
}

function distance(left: string, right: string): number {
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 1; row <= left.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= right.length; column += 1) {
      const changed = (previous[column - 1] as number) + (left[row - 1] === right[column - 1] ? 0 : 1);
      current.push(Math.min(changed, (previous[column] as number) + 1, (current[column - 1] as number) + 1));
    }
    previous = current;
  }
  return previous[right.length] as number;
}
