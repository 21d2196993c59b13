/**
 * Repositories from a source to the server that takes over, several at a time.
 *
 * - What is where is asked of the server each time, so an import that was cut off goes on where it was, and one that is run again
 *   brings what is missing and nothing else. Nothing is written down here.
 * - The present of a repository goes over in one request, whole or not at all; its past follows in batches.
 * - What is wrong with one repository keeps no other from being taken. A source or server that is away ends the whole, and so
 *   does the time that was given to it: what was reached by then stays, and has been told.
 */
import pLimit from "p-limit";
import { SourceError } from "./errors.ts";
import type { Finding, Report } from "./report.ts";
import { type Bringing, Taking, takeOne } from "./taking-one.ts";

export interface TakeOver extends Bringing {
  /** Repositories at a time. */
  readonly inFlight: number;
  /** Told of each one that is done. */
  onDone?(report: Report, done: number): void;
  /** When it fires, nothing more is begun. Source and destination have it too, for what is under way. */
  readonly ending?: AbortSignal | undefined;
}

/** Repositories one after the other that a source fails at: then it is the source that fails. */
const mostFailing = (inFlight: number) => Math.min(20, Math.max(3, inFlight));

/** All that became of them, in the order of their names. Throws as `takeOverEach`. */
export async function takeOver(
  work: TakeOver,
  repositories: AsyncIterable<string> | Iterable<string>,
): Promise<Report[]> {
  const reports: Report[] = [];
  const onDone = (report: Report, done: number): void => {
    reports.push(report);
    work.onDone?.(report, done);
  };
  await takeOverEach({ ...work, onDone }, repositories);
  return reports.sort((a, b) => (a.repository < b.repository ? -1 : 1));
}

/**
 * The same for whoever does not want to hold all reports: each is told by `onDone`, in no order. Throws `SourceError` and
 * `DestinationError` when one of both cannot be used at all, or the source fails at everything, and why `ending` fired; whatever was
 * brought by then was told before.
 */
export async function takeOverEach(
  work: TakeOver,
  repositories: AsyncIterable<string> | Iterable<string>,
): Promise<void> {
  const { inFlight, ending } = work;
  const names = oneByOne(repositories);
  const heavy = pLimit(1);
  const failed = new AbortController();
  let [done, failing] = [0, 0];
  let fault: Finding | undefined;
  const one = async (repository: string): Promise<void> => {
    const taking = new Taking(repository, work.dryRun);
    let end = await takeOne(work, taking, "light");
    if (end === undefined && taking.isTooLarge) {
      end = await heavy(async () => {
        taking.readAgain();
        return await takeOne(work, taking, "any");
      });
    }
    const report = taking.report();
    if (end === undefined || taking.hasArrived) work.onDone?.(report, ++done);
    if (end !== undefined) throw end.by;
    const found = report.findings.find(({ code }) => code === "SOURCE_FAILING");
    failing = found === undefined || report.outcome !== "leftOut" ? 0 : failing + 1;
    fault = found ?? fault;
    if (found !== undefined && failing >= mostFailing(inFlight)) throw failingAt(found);
  };
  // Each takes the next name when it is done with one: a queue of all of them would fill the memory.
  const worker = async (): Promise<void> => {
    while (!failed.signal.aborted) {
      try {
        ending?.throwIfAborted();
        const { done, value } = await names.next();
        if (done === true) return;
        await one(value);
      } catch (error) {
        failed.abort(error);
      }
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  if (failed.signal.aborted) throw failed.signal.reason;
  if (fault !== undefined && failing > 0 && failing === done) throw failingAt(fault);
}

const failingAt = ({ sentence }: Finding) => new SourceError("SOURCE_FAILING", sentence);

async function* oneByOne(names: AsyncIterable<string> | Iterable<string>): AsyncGenerator<string, undefined> {
  yield* names;
  return undefined;
}
