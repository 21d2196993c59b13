/** Words of people that others are shown: a terminal, a log or a page must not obey them. */

/** Control characters, and what changes the direction of text or breaks lines unseen. */
const commanding = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;
const exceptLines = /[^\P{Cc}\n\t]|[\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;

/** Whether there is nothing in a text that a terminal would obey. `lines`: it may have several, and tabs. */
export function isPlainText(text: string, form: "one line" | "lines"): boolean {
  return text.isWellFormed() && !(form === "lines" ? exceptLines : commanding).test(text);
}
