/** Examples at the end of a help page. A test runs each as it stands. */

/** @param lines whole commands, with the program's name */
export function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ ${line}`).join("\n")}\n`;
}
