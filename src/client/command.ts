/** Commands in sentences: whole, to be copied into a shell. What lays out text for a person keeps each on one line. */

/** `vidimus` takes the same arguments. */
const program = "vidimus-client";

/** A call of the executable; arguments come as they are, and are quoted where a shell would read them otherwise. */
export function commandOf(...words: readonly string[]): string {
  return [program, ...words.map(quoted)].join(" ");
}

function quoted(text: string): string {
  return /^[A-Za-z0-9_.,:/@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
