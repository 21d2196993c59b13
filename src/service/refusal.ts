/** What becomes of findings: a refusal with all its reasons, told to the publisher and written down with who and why. */
import type { Logger } from "pino";
import { type Reason, RefusedError } from "../core/errors.ts";
import { isRefusal } from "../policy/evaluate.ts";
import type { Finding } from "../policy/policy.ts";

/** Reasons that are told and logged; a file of a thousand delegations may have as many. */
const mostReasons = 64;

/** Throws the refusal, if any finding is one. */
export function refuseFindings(
  findings: readonly Finding[],
  who: { readonly repository: string; readonly principal: string },
  logger: Logger,
): void {
  const refusals = findings.filter(isRefusal);
  const [first] = refusals;
  if (first === undefined) return;
  const reasons = refusals.slice(0, mostReasons).map(
    ({ code, role, sentence, fix, detail }): Reason => ({
      code,
      role,
      sentence,
      fix,
      ...(detail !== undefined && { detail }),
    }),
  );
  const left = refusals.length - reasons.length;
  logger.warn({ ...who, reasons, ...(left > 0 && { left }) }, "a publication was refused by policy");
  const sentences = reasons.map(({ sentence, fix }) => `${sentence} ${fix}`);
  if (left > 0) sentences.push(`And ${left} more.`);
  throw new RefusedError(first.code, sentences.join(" "), {
    ...(first.role !== undefined && { role: first.role }),
    reasons,
  });
}
