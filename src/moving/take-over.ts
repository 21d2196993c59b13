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
import {
  type Crawl,
  crawlPast,
  crawlPresent,
  type PastBatch,
  type PastFinding,
  type Present,
} from "./crawl.ts";
import type { Destination, Standing } from "./destination.ts";
import { BackError, DestinationError, SourceError } from "./errors.ts";
import { type Finding, nothingOf, type Report } from "./report.ts";

/** What is to be brought, wherever it is. */
export interface Offer {
  /** As it stands in the record of the server that takes over. */
  readonly origin: string;
  /** Undefined: there is no such repository. */
  present(repository: string): Promise<Offered | undefined>;
  /** Batches of its past, but for timestamps that are there; nothing without it. */
  past?(
    present: Present,
    held: ReadonlyMap<number, string>,
    onFinding: (finding: PastFinding) => void,
  ): AsyncIterable<PastBatch>;
}

export interface Offered {
  /** Undefined: it cannot be taken, and findings say why. */
  readonly present: Present | undefined;
  readonly findings: readonly Finding[];
}

export interface TakeOver {
  readonly offer: Offer;
  readonly destination: Destination;
  readonly dryRun: boolean;
  /** Repositories at a time. */
  readonly inFlight: number;
  /** Told of each one that is done. */
  onDone?(report: Report, done: number): void;
}

/** What a source has, crawled. */
export function offerOf(crawl: Crawl, { past }: { readonly past: boolean }): Offer {
  return {
    origin: crawl.source.origin,
    async present(repository) {
      const present = await crawlPresent(crawl, repository);
      return present && { present, findings: [] };
    },
    ...(past && { past: (present, held, onFinding) => crawlPast(crawl, present, held, onFinding) }),
  };
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
  const { offer, destination, dryRun } = work;
  const findings: Finding[] = [];
  let report = nothingOf(repository, "leftOut");
  try {
    const offered = await offer.present(repository);
    if (offered === undefined) {
      return nothingOf(repository, "absent", [
        { code: "NOT_FOUND", sentence: `${offer.origin} has no ${repository}.` },
      ]);
    }
    const { present } = offered;
    findings.push(...offered.findings);
    if (present === undefined) return { ...report, findings };
    report = reportOf(present);
    const here = await destination.standing(repository);
    let { incarnation } = here;
    if (dryRun) {
      const isSame = await isForeseen(destination, here, present);
      report = { ...report, outcome: isSame ? "same" : "wouldBeTaken" };
    } else {
      const taken = await destination.take(repository, offer.origin, present.collection);
      incarnation = taken.incarnation;
      report = { ...report, outcome: taken.changed ? (here.exists ? "further" : "taken") : "same" };
    }
    const past = await takePast(work, present, incarnation, findings);
    return { ...report, past, findings };
  } catch (error) {
    const finding = findingOf(error);
    if (finding === undefined) throw error;
    return { ...report, findings: [finding, ...findings] };
  }
}

/** Nothing that is stored already is asked for again: a timestamp is stored together with all that it led to. */
async function takePast(
  work: TakeOver,
  present: Present,
  incarnation: number,
  findings: Finding[],
): Promise<number> {
  const { offer, destination, dryRun } = work;
  const { repository } = present;
  if (offer.past === undefined) return 0;
  const held = await destination.versions(repository, "timestamp");
  let added = 0;
  let untold = 0;
  const tell = (finding: Finding) => {
    if (findings.length < mostFindings) findings.push(finding);
    else untold++;
  };
  const batches = offer.past(present, held, ({ version, code, sentence }) =>
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
    (error instanceof BackError && error.code !== "EXPORT_PLACE") ||
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

/** Whether it is there already. Throws what would be refused. */
async function isForeseen(destination: Destination, here: Standing, present: Present): Promise<boolean> {
  if (destination.foresee !== undefined) {
    return (await destination.foresee(present.repository, present.collection)) === "same";
  }
  const isSame = hasAll(here, present);
  foresee(here, present, isSame);
  return isSame;
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

function reportOf({ repository, collection, firstRoot }: Present): Report {
  const root = collection.roots.at(-1);
  return {
    ...nothingOf(repository, "leftOut"),
    roots: [firstRoot, root?.signed.version ?? 0],
    rootKeys: root === undefined ? [] : [...rootRole(root.signed, "root").keys.keys()],
    files: collection.files.length + 1,
    remarks: collection.remarks,
  };
}
