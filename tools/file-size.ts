/**
 * Keeps files short enough to be read in one go.
 *
 *   node tools/file-size.ts
 *
 * Above 300 lines the first comment must say why the file is whole: a sentence with "in one file" and "because".
 * Above 500 lines a file is refused, unless its first comment calls it a data table. Tests are not counted: a list
 * of cases is as long as it is.
 */
import { report, root } from "./findings.ts";
import { type Modules, readModules } from "./modules.ts";

const needsReason = 300;
const refused = 500;

export function sizeFindings(modules: Modules): readonly string[] {
  return [...modules.values()].flatMap(({ path, text }) => {
    const lines = text.split("\n").length - 1;
    const comment = firstComment(text);
    if (lines > refused && !/\bdata table\b/i.test(comment)) {
      return [`${path}: ${lines} lines; above ${refused} a file is split`];
    }
    if (lines > needsReason && !/\bin one file\b[^.]*\bbecause\b|\bdata table\b/i.test(comment)) {
      return [`${path}: ${lines} lines; above ${needsReason} the first comment says why it is in one file`];
    }
    return [];
  });
}

/** The comment that the file begins with (after a line for the shell), as one line without its decoration. */
function firstComment(text: string): string {
  const block = /^(?:#!.*\n)?(?:\/\*([\s\S]*?)\*\/|((?:\/\/.*\n)+))/.exec(text);
  return (block?.[1] ?? block?.[2] ?? "").replace(/\n\s*(?:\*|\/\/)/g, " ").replace(/\s+/g, " ");
}

if (import.meta.main) {
  const modules = readModules(root, ["src", "bin", "tools", "demo", "bench", "examples", "packaging"]);
  const lengths = [...modules.values()].map(({ text }) => text.split("\n").length - 1).sort((a, b) => a - b);
  report(
    `${modules.size} files, median ${lengths[Math.floor(lengths.length / 2)]} lines`,
    sizeFindings(modules),
  );
}
