/** What `pin` shows to a person. */
import { saidBy } from "../command.ts";
import type { Explanation } from "../errors.ts";
import type { FoundRoot } from "../pins/root-inspection.ts";
import type { ListedPins, PinChange } from "../policy/edit.ts";
import type { ClientContext } from "./context.ts";
import { count, formatTable, forTerminal } from "./table.ts";

/** The root of a repository, to be compared with what the publisher says. */
export function rootToCompare(root: FoundRoot): string {
  const lines = [
    `repository   ${root.repository} at ${root.server}`,
    `root         version ${root.version}, until ${root.expires}; ${root.threshold} of ${root.keys.length} keys must sign`,
    ...root.keys.flatMap(({ keyId, certificateId, algorithm, fingerprint, certificateEnds }) => [
      `key ID       ${keyId} (${algorithm})`,
      ...(certificateId === keyId ? [] : [`  or, of its certificate, ${certificateId}`]),
      ...(fingerprint === undefined ? [] : [`certificate  until ${certificateEnds}, SHA-256 ${fingerprint}`]),
    ]),
  ];
  return `${lines.join("\n")}\n`;
}

export function sayAdded({ stdout }: ClientContext, path: string, { rule, keyIds }: PinChange): void {
  const added = keyIds.length === 0 ? "pins these keys already" : `pins ${keyIds.join(", ")}`;
  stdout(`${path}: the rule ${rule} ${added}.\n`);
}

/** That a pin alone does not help, why, and what does. */
export function sayUnusable(
  { stderr, program }: ClientContext,
  { what, who, next, code }: Explanation,
): void {
  const lines = ["It is pinned, and cannot be used yet:", `${what} [${code}]`, `${who}: ${next}`];
  stderr(lines.map((line) => `${forTerminal(saidBy(line, program))}\n`).join(""));
}

export function sayPins({ stdout, columns }: ClientContext, path: string, pins: readonly ListedPins[]): void {
  const rows = pins.flatMap(({ match, keys, certificates, ca }) => [
    ...keys.map((id) => [match, "key", id]),
    ...certificates.map((id) => [match, "certificate", id]),
    ...(ca === undefined ? [] : [[match, "CA", ca]]),
  ]);
  stdout(
    rows.length === 0
      ? `${path} pins nothing.\n`
      : `${formatTable([["repositories", "what", "pin"], ...rows], columns)}\n`,
  );
}

/** How many pins a rule has. */
export function countPins({ pins }: PinChange["now"]): number {
  return (pins?.keys.length ?? 0) + (pins?.certificates.length ?? 0) + (pins?.ca === undefined ? 0 : 1);
}

export function sayRemoved({ stdout }: ClientContext, path: string, { rule, keyIds, now }: PinChange): void {
  stdout(`${path}: ${count(keyIds.length, "pin was", "pins were")} removed from the rule ${rule}.\n`);
  if (rule.includes("*")) stdout(`${ofAll(rule, countPins(now), now.tofu)}\n`);
}

/** What the removal means for every name that the rule speaks for. */
function ofAll(rule: string, left: number, tofu: boolean): string {
  const names = `every name that ${rule} matches and no more specific rule speaks for`;
  if (left > 0)
    return `This holds for ${names}: a root that fits none of the ${count(left, "pin", "pins")} left is refused.`;
  return tofu
    ? `This holds for ${names}: the first root that is met is trusted, for the rule says tofu: true.`
    : `Now ${names} is refused (NO_PIN).`;
}
