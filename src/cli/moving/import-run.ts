/** One import, whatever it takes from: its time, how far it is, what it says at the end, also when it was cut off. */
import type { Command } from "commander";
import { addTrustFlags, seconds, type TrustFlags } from "../../client/cli/flags.ts";
import { TimeLimitError } from "../../moving/errors.ts";
import type { Report } from "../../moving/report.ts";
import type { Publishing } from "../publishing/tools.ts";
import { importProgress } from "./import-progress.ts";
import { endImport, wordsOfImport } from "./import-report.ts";

/** The flags of every import: here `--time-limit` is of the whole command. */
export function addImportFlags(command: Command): Command {
  addTrustFlags(command);
  const limit = command.options.find(({ long }) => long === "--time-limit");
  if (limit === undefined) throw new TypeError("there is no --time-limit");
  limit.description =
    "longest time for the whole import; what was taken by then stays, and the same command goes on there (default: none)";
  return command;
}

export interface ImportRun {
  readonly flags: TrustFlags & { readonly json?: true; readonly dryRun?: true };
  /** As it was named. */
  readonly from: string;
  /** As it stands in the report. */
  readonly origin: () => string;
}

export interface Running {
  /** Fires when the time is over. */
  readonly ending: AbortSignal | undefined;
  /** Told of the server that takes over, by its origin, before anything is brought there. */
  onDestination(origin: string): void;
  onDone(report: Report, done: number): void;
  onSlow(sentence: string): void;
}

/** Throws what `work` throws, after what was reached by then has been said. */
export async function runImport(
  publishing: Publishing,
  { flags, from, origin }: ImportRun,
  work: (running: Running) => Promise<void>,
): Promise<void> {
  const { ReportLog } = await import("../../moving/report-log.ts");
  const json = flags.json === true;
  const reports = new ReportLog();
  const time = timeOf(flags.timeLimit);
  const progress = importProgress(publishing.context, { from, json, words: wordsOfImport });
  let to: string | undefined;
  let cutOff: { readonly by: unknown } | undefined;
  try {
    await work({
      ending: time?.ending,
      onSlow: progress.onSlow,
      onDestination(destination) {
        to = destination;
      },
      onDone(report, done) {
        reports.add(report);
        progress.onDone(report, done);
      },
    });
  } catch (error) {
    if (!hasNews(reports)) throw error;
    cutOff = { by: error };
  } finally {
    time?.stop();
    progress.end();
  }
  await endImport(publishing, reports, {
    dryRun: flags.dryRun === true,
    json,
    origin: origin(),
    destination: to,
    cutOff: cutOff?.by,
  });
  if (cutOff !== undefined) throw cutOff.by;
}

/** Whether there is more to be said than that the source fails. */
function hasNews(reports: Iterable<Report>): boolean {
  for (const { outcome, findings } of reports) {
    if (outcome !== "leftOut" || findings[0]?.code !== "SOURCE_FAILING") return true;
  }
  return false;
}

function timeOf(given: string | undefined) {
  if (given === undefined) return undefined;
  const time = seconds(given, "--time-limit");
  const over = new AbortController();
  const sentence = `The ${time / 1_000} s that --time-limit gives are over: what was taken by then stays, and the same command goes on there.`;
  const timer = setTimeout(() => over.abort(new TimeLimitError(sentence)), time);
  return { ending: over.signal, stop: () => clearTimeout(timer) };
}
