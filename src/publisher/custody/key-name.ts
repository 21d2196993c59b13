/** Names that people give to keys. */
import { KeyError } from "./errors.ts";

const longest = 100;

/** Throws `KEY_UNSUPPORTED` for a name that could not be told from a key ID, or not be typed. */
export function checkName(name: string): void {
  if (name === "") return;
  if (name.length > longest || /[\p{C}\s]/u.test(name)) {
    throw new KeyError(
      "KEY_UNSUPPORTED",
      `A key's name has at most ${longest} characters, and no space or control character among them.`,
    );
  }
  if (/^[0-9a-f]{8,}$/i.test(name)) {
    throw new KeyError(
      "KEY_UNSUPPORTED",
      "A key's name must not look like a key ID: put a letter above f in it.",
    );
  }
}
