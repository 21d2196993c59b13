/** IDs of keys as these commands take them: whole, since a server knows nobody's abbreviations. */
import type { Command } from "commander";

export function keyIdOf(command: Command, text: string): string {
  if (/^[0-9a-f]{64}$/.test(text)) return text;
  // As tables show it.
  const beginning = /^[0-9a-f]{1,63}$/.test(text) ? text : undefined;
  const what =
    beginning === undefined
      ? "the ID of a key is 64 hexadecimal digits, in lower case"
      : `${beginning} is the beginning of an ID, and a server takes all 64 digits of it`;
  const find = beginning === undefined ? "" : ` | grep ${beginning}`;
  command.error(`error: ${what}: vidimus audit keys --csv${find}`);
}
