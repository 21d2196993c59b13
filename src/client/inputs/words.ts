/** Texts from outside in the sentences of refusals. */

/** A text in quotes, short enough for a sentence. */
export function shown(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
