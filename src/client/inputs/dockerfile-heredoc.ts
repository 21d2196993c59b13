/**
 * Which heredocs an instruction opens.
 *
 * A word that begins with `<<` (a file descriptor may stand before it, a dash behind it) opens one. Quotes are words'
 * own, so `"<<EOF"` and `cat<<EOF` open none. Where it takes a shell's knowledge to say, the line is refused: the lines
 * behind it would be instructions for one reader and text for another.
 */

export interface Heredoc {
  readonly name: string;
  /** `<<-`: tabs before the end word do not count. */
  readonly tabs: boolean;
}

type Refuse = (sentence: string) => Error;

const opening = /^\d*<<(-?)[ \t]*([^<]*)$/;
const endWord = /^(?:([A-Za-z0-9_.-]+)|'([A-Za-z0-9_.-]+)'|"([A-Za-z0-9_.-]+)")$/;

/** The heredocs of the joined text of an `ADD`, `COPY` or `RUN`, in order. `args` is what stands behind its flags. */
export function heredocNames(text: string, args: string, refuse: Refuse): readonly Heredoc[] {
  if (args.startsWith("[")) {
    if (isListOfTexts(args)) return [];
    throw refuse("The line begins like a JSON list and has <<; write it as a list, or without the bracket.");
  }
  return words(text, refuse).flatMap((word) => {
    const [, dash, rest = ""] = opening.exec(word) ?? [];
    if (rest === "") return [];
    const [, bare, single, double] = endWord.exec(rest) ?? [];
    const name = bare ?? single ?? double;
    if (name === undefined)
      throw refuse("The line has << with a word that is no plain end word, such as EOF.");
    return [{ name, tabs: dash === "-" }];
  });
}

function isListOfTexts(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.every((each) => typeof each === "string");
  } catch {
    return false;
  }
}

/** Words with their quotes; white space behind `<<` belongs to the word. The escape is always a backslash here. */
function words(text: string, refuse: Refuse): readonly string[] {
  if (/\$\{(?![A-Za-z_][A-Za-z0-9_]*\})/.test(text)) {
    throw refuse("The line has << and a variable that is not written $NAME; write the variable so.");
  }
  const found: string[] = [];
  let word = "";
  const end = () => {
    if (word !== "") found.push(word);
    word = "";
  };
  // Quoted texts, escapes, variables and openings are taken whole.
  const piece = /'[^']*'|"(?:\\.|[^"\\])*"|\\.?|\$\{[A-Za-z_][A-Za-z0-9_]*\}|\$[@*#?$!0-]|<<[ \t]*|\s|./gsu;
  for (const [part] of text.matchAll(piece)) {
    if (/^\s$/u.test(part)) end();
    else if (part === "'" || part === '"')
      throw refuse("The line has << and a quote that does not end; write it in another way.");
    else word += part;
  }
  end();
  return found;
}
