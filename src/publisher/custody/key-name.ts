/** What people say of keys: names that they call them by, and words that help to remember what one is for. */
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

/** The same length as our file format has for them. */
const longestHint = 255;

/** A role or repository. Throws `KEY_UNSUPPORTED` for one that cannot stand in a line of a file. */
export function checkHint(what: "role" | "repository", text: string | undefined): void {
  if (text === undefined || (text !== "" && text.length <= longestHint && !/[\p{C}\s]/u.test(text))) return;
  throw new KeyError(
    "KEY_UNSUPPORTED",
    `A key's ${what} has 1 to ${longestHint} characters, and no space or control character among them.`,
  );
}
