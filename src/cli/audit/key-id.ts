/** IDs of keys as these commands take them: whole, since a server knows nobody's abbreviations. */
import type { Command } from "commander";

export function keyIdOf(command: Command, text: string): string {
  if (/^[0-9a-f]{64}$/.test(text)) return text;
  command.error(
    "error: give the ID of the key in full, 64 hexadecimal digits: vidimus audit keys --csv lists them",
  );
}
