/** What a rule is that a valid value cannot say alone (`rules.ts`). */
import type { ConfigurationCode, ConfigurationProblem } from "./errors.ts";
import type { Config } from "./schema.ts";

export type Rule = (config: Config, given: ReadonlySet<string>) => ConfigurationProblem | undefined;

export function problem(code: ConfigurationCode, subject: string, sentence: string): ConfigurationProblem {
  return { code, subject, sentence };
}
