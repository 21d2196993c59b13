/**
 * What is wrong with a configuration. All problems of one configuration are reported at once. Messages name keys and
 * where they came from, and never repeat the value of a key that may hold a secret.
 */
export type ConfigurationCode = "UNKNOWN_KEY" | "BAD_VALUE" | "BAD_FILE" | "CONTRADICTION" | "NOT_SAFE";

export interface ConfigurationProblem {
  readonly code: ConfigurationCode;
  /** The dotted key, or the name of the file, flag or variable that could not be read as one. */
  readonly subject: string;
  /** One sentence, with what to do. */
  readonly sentence: string;
}

/** A configuration that must not be used. `code` is that of the first problem. */
export class ConfigurationError extends Error {
  readonly code: ConfigurationCode;
  readonly problems: readonly ConfigurationProblem[];

  constructor(problems: readonly [ConfigurationProblem, ...ConfigurationProblem[]]) {
    super(problems.map((problem) => problem.sentence).join("\n"));
    this.name = "ConfigurationError";
    this.code = problems[0].code;
    this.problems = problems;
  }
}

/** Throws if there is at least one problem. */
export function refuseProblems(problems: readonly ConfigurationProblem[]): void {
  const [first, ...rest] = problems;
  if (first !== undefined) throw new ConfigurationError([first, ...rest]);
}
