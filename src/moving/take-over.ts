/**
 * Repositories from a source to the server that takes over, several at a time.
 *
 * - What is where is asked of the server each time, so an import that was cut off goes on where it was, and one that is run again
 *   brings what is missing and nothing else. Nothing is written down here.
 * - The present of a repository goes over in one request, whole or not at all; its past follows in batches.
 * - What is wrong with one repository keeps no other from being taken. A source or server that is away ends the whole.
 */
import pLimit from "p-limit";
import { VidimusError } from "../core/errors.ts";
import { rootRole } from "../core/verify.ts";
import { type Crawl, crawlPast, crawlPresent, type Present } from "./crawl.ts";
import type { Destination, Standing } from "./destination.ts";
import { DestinationError, SourceError } from "./errors.ts";
import { type Finding, nothingOf, type Report } from "./report.ts";

export interface TakeOver extends Crawl {
  readonly destination: Destination;
  readonly dryRun: boolean;
  /** Whether older versions are wanted. */
  readonly past: boolean;
  /** Repositories at a time. */
  readonly inFlight: number;
  /** Told of each one that is done. */
  onDone?(report: Report, done: number): void;
}

/** Findings of one repository that are kept; further ones are counted. */
const mostFindings = 20;
/** Codes of a server that say something of this repository alone. */
const ofRepository: ReadonlySet<number> = new Set([400, 403, 404, 409, 413]);

/** Throws `SourceError` and `DestinationError` when one of both cannot be used at all. Reports come in the order of their names. */
export async function takeOver(
  work: TakeOver,
  repositories: AsyncIterable<string> | Iterable<string>,
): Promise<Report[]> {
  const limit = pLimit(work.inFlight);
  const reports: Report[] = [];
  const failed = new AbortController();
  const tasks: Promise<void>[] = [];
  const one = async (repository: string): Promise<void> => {
    if (failed.signal.aborted) return;
    try {
      const report = await takeOne(work, repository);
      reports.push(report);
      work.onDone?.(report, reports.length);
    } catch (error) {
      failed.abort(error);
    }
  };
  for await (const repository of repositories) {
    if (failed.signal.aborted) break;
    tasks.push(limit(one, repository));
  }
  await Promise.all(tasks);
  if (failed.signal.aborted) throw failed.signal.reason;
  return reports.sort((a, b) => (a.repository < b.repository ? -1 : 1));
}

async function takeOne(work: TakeOver, repository: string): Promise<Report> {
  const findings: Finding[] = [];
  let present: Present | undefined;
  try {
    present = await crawlPresent(work, repository);
    if (present === undefined) {
      return nothingOf(repository, "absent", [
        { code: "NOT_FOUND", sentence: `${work.source.origin} has no ${repository}.` },
      ]);
    }
    const { destination, source, dryRun } = work;
    const here = await destination.standing(repository);
    const isSame = hasAll(here, present);
    if (dryRun) foresee(here, present, isSame);
    const taken = dryRun ? undefined : await destination.take(repository, source.origin, present.collection);
    const outcome =
      taken === undefined
        ? isSame
          ? "same"
          : "wouldBeTaken"
        : !taken.changed
          ? "same"
          : here.exists
            ? "further"
            : "taken";
    const past = work.past
      ? await takePast(work, present, taken?.incarnation ?? here.incarnation, findings)
      : 0;
    return { ...reportOf(present), outcome, past, findings };
  } catch (error) {
    const finding = findingOf(error);
    if (finding === undefined) throw error;
    const report = present === undefined ? nothingOf(repository, "leftOut") : reportOf(present);
    return { ...report, outcome: "leftOut", findings: [finding, ...findings] };
  }
}

/** Nothing that is stored already is asked for again: a timestamp is stored together with all that it led to. */
async function takePast(
  work: TakeOver,
  present: Present,
  incarnation: number,
  findings: Finding[],
): Promise<number> {
  const { destination, dryRun } = work;
  const { repository } = present;
  const held = await destination.versions(repository, "timestamp");
  let added = 0;
  let untold = 0;
  const tell = (finding: Finding) => {
    if (findings.length < mostFindings) findings.push(finding);
    else untold++;
  };
  const batches = crawlPast(work, present, held, ({ version, code, sentence }) =>
    tell({ code, sentence: `Its past of timestamp ${version} was left out: ${sentence}` }),
  );
  for await (const { files } of batches) {
    if (dryRun) {
      added += files.length;
      continue;
    }
    try {
      added += await destination.addPast(repository, incarnation, files);
    } catch (error) {
      const finding = findingOf(error);
      if (finding === undefined) throw error;
      tell({ ...finding, sentence: `A part of its past was left out: ${finding.sentence}` });
    }
  }
  if (untold > 0) findings.push({ code: "MORE", sentence: `And ${untold} more findings.` });
  return added;
}

/** Undefined: it is not about one repository. */
function findingOf(error: unknown): Finding | undefined {
  const isOfOne =
    error instanceof VidimusError ||
    (error instanceof SourceError &&
      (error.code === "SOURCE_ENDLESS" || error.code === "SOURCE_FORBIDDEN")) ||
    (error instanceof DestinationError && ofRepository.has(error.status) && error.code !== "UNEXPECTED");
  return isOfOne ? { code: error.code, sentence: error.message } : undefined;
}

function hasAll({ exists, current }: Standing, { collection }: Present): boolean {
  const { roots, files } = collection;
  return (
    exists && [...roots.slice(-1), ...files].every(({ role, sha256 }) => current.get(role)?.sha256 === sha256)
  );
}

/** What the server would refuse. */
function foresee(here: Standing, { repository }: Present, isSame: boolean): void {
  if (!here.exists || isSame || (here.imported && !here.adopted)) return;
  throw new DestinationError(
    "IMPORT_CONFLICT",
    409,
    `${repository} exists there already${here.adopted && here.imported ? " and has been adopted" : " with another history"}.`,
  );
}

function reportOf({ repository, collection, firstRoot }: Present): Omit<
  Report,
  "outcome" | "past" | "findings"
> & {
  past: number;
  findings: Finding[];
} {
  const root = collection.roots.at(-1);
  return {
    repository,
    roots: [firstRoot, root?.signed.version ?? 0],
    rootKeys: root === undefined ? [] : [...rootRole(root.signed, "root").keys.keys()],
    files: collection.files.length + 1,
    past: 0,
    remarks: collection.remarks,
    findings: [],
  };
}
