/** Commands in sentences: whole, to be copied into a shell. What lays out text for a person keeps each on one line. */

/** Executables that have the commands of the client: they take the same arguments. */
export type Program = "vidimus-client" | "vidimus";

const program: Program = "vidimus-client";

/** A call of the executable; arguments come as they are, and are quoted where a shell would read them otherwise. */
export function commandOf(...words: readonly string[]): string {
  return [program, ...words.map(quoted)].join(" ");
}

/** A sentence as the executable says it that a person has called: with its own name in the commands that it tells. */
export function saidBy(text: string, name: Program): string {
  return name === program ? text : text.replaceAll(/(?<=^|\s)vidimus-client(?= )/g, name);
}

function quoted(text: string): string {
  return /^[A-Za-z0-9_.,:/@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
