/** What `vidimus shadow` says: a table with sentences for people, a document for programs, metrics for a monitoring system. */
import { Gauge, Registry } from "prom-client";
import type { DifferenceCode, FileState, UncomparedCode } from "../../moving/shadow/difference.ts";
import { differenceCodes, uncomparedCodes } from "../../moving/shadow/difference.ts";
import type { Compared } from "../../moving/shadow/tally.ts";
import { formatTable, printable } from "../output.ts";

export interface Ended {
  readonly here: string;
  readonly there: string;
  /** When the comparison was over, in milliseconds since 1970. */
  readonly at: number;
}

export function documentOf(compared: Compared, { here, there, at }: Ended) {
  const { differences, uncompared, repositories, codes } = compared;
  const dated = <T extends { readonly since: number }>({ since, ...rest }: T) => ({
    ...rest,
    since: dateOf(since),
  });
  return {
    format: "vidimus-shadow-report/1",
    here,
    there,
    at: dateOf(at),
    repositories,
    codes: Object.fromEntries([...codes].sort()),
    differences: differences.map(dated),
    uncompared: uncompared.map(dated),
    untold: untoldOf(compared),
  };
}

export function told(compared: Compared): string {
  const { differences, uncompared } = compared;
  const rows = differences.map(({ repository, role = "", code, here, there, since }) => [
    printable(repository),
    printable(role),
    code,
    versionOf(here),
    versionOf(there),
    dateOf(since),
  ]);
  const untold = untoldOf(compared);
  return [
    ...(rows.length === 0
      ? []
      : [formatTable([["REPOSITORY", "ROLE", "", "HERE", "THERE", "SINCE"], ...rows])]),
    ...new Set(differences.map(({ sentence }) => printable(sentence))),
    ...uncompared.map(({ code, sentence }) => `${code}: ${printable(sentence)}`),
    ...(untold === 0 ? [] : [`And ${untold} more, which are counted in --json by their codes.`]),
    summaryOf(compared),
  ].join("\n");
}

function summaryOf({ repositories: { same, differing, absent, uncompared, excepted } }: Compared): string {
  const counted = [
    `${repositoriesOf(same + differing)} compared`,
    ...(uncompared === 0 ? [] : [`${uncompared} not compared, for the reasons above`]),
    ...(absent === 0 ? [] : [`${absent} at neither server any more`]),
    ...(excepted === 0 ? [] : [`${excepted} left out by --except`]),
  ].join(", ");
  if (differing > 0)
    return `${counted}: ${differing} of those compared ${differing === 1 ? "differs" : "differ"}.`;
  return same > 0 ? `${counted}: of those compared, both servers serve the same.` : `${counted}.`;
}

const repositoriesOf = (count: number) => (count === 1 ? "1 repository" : `${count} repositories`);

/** Differences, and repositories that were not compared, that were counted and are not told. */
function untoldOf({ codes, differences, uncompared }: Compared): number {
  const all = [...codes.values()].reduce((sum, count) => sum + count, 0);
  return all - differences.length - uncompared.length;
}

const versionOf = (file: FileState | undefined) => (file === undefined ? "" : String(file.version));
const dateOf = (at: number) => new Date(at).toISOString();

/**
 * In the text format of Prometheus. Labels are codes and the two servers: repositories have none, so that their number makes no
 * series.
 */
export async function metricsOf(compared: Compared, { here, there, at }: Ended): Promise<string> {
  const register = new Registry();
  register.setDefaultLabels({ here, there });
  const registers = [register];
  const counted = (name: string, help: string, known: readonly (DifferenceCode | UncomparedCode)[]) => {
    const gauge = new Gauge({ name, help, labelNames: ["code"], registers });
    for (const code of known) gauge.set({ code }, compared.codes.get(code) ?? 0);
  };
  counted(
    "vidimus_shadow_differences",
    "Files and repositories that the two servers do not serve the same, by code.",
    differenceCodes,
  );
  counted(
    "vidimus_shadow_uncompared",
    "Repositories that could not be compared, by the code of the reason.",
    uncomparedCodes,
  );
  const repositories = new Gauge({
    name: "vidimus_shadow_repositories",
    help: "Repositories that the last comparison looked at, by what it found.",
    labelNames: ["found"],
    registers,
  });
  for (const [found, count] of Object.entries(compared.repositories)) repositories.set({ found }, count);
  new Gauge({
    name: "vidimus_shadow_oldest_difference_timestamp_seconds",
    help: "Since when there is the difference that is there longest; 0 where there is none.",
    registers,
  }).set((compared.oldest ?? 0) / 1_000);
  new Gauge({
    name: "vidimus_shadow_check_timestamp_seconds",
    help: "When the last whole comparison was over.",
    registers,
  }).set(at / 1_000);
  return await register.metrics();
}
