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
import { VidimusError } from "../core/errors.ts";
import { isRepositoryName } from "../core/names.ts";
import { rootRole } from "../core/verify.ts";
import {
  type Crawl,
  crawlPast,
  crawlPresent,
  lightOf,
  type PastBatch,
  type PastFinding,
  type Present,
} from "./crawl.ts";
import type { Destination } from "./destination.ts";
import { BackError, DestinationError, SourceError, TimeLimitError } from "./errors.ts";
import { badNameSentence, type Finding, nothingOf, type Report } from "./report.ts";

/** What is to be brought, wherever it is. */
export interface Offer {
  /** As it stands in the record of the server that takes over. */
  readonly origin: string;
  /**
   * Undefined: there is no such repository. Throws `SOURCE_ENDLESS` for what is beyond `weight`: `light` is what many may be at
   * a time.
   */
  present(repository: string, weight: Weight): Promise<Offered | undefined>;
  /** Batches of its past, but for timestamps that are there; nothing without it. */
  past?(
    present: Present,
    held: ReadonlyMap<number, string>,
    onFinding: (finding: PastFinding) => void,
    weight: Weight,
  ): AsyncIterable<PastBatch>;
}

export type Weight = "light" | "any";

export interface Offered {
  /** Undefined: it cannot be taken, and findings say why. */
  readonly present: Present | undefined;
  readonly findings: readonly Finding[];
  readonly notes: readonly string[];
}

export interface TakeOver {
  readonly offer: Offer;
  readonly destination: Destination;
  readonly dryRun: boolean;
  /** Repositories at a time. */
  readonly inFlight: number;
  /** Told of each one that is done. */
  onDone?(report: Report, done: number): void;
  /** When it fires, nothing more is begun. Source and destination have it too, for what is under way. */
  readonly ending?: AbortSignal | undefined;
}

/** What a source has, crawled. */
export function offerOf(crawl: Crawl, { past }: { readonly past: boolean }): Offer {
  const light = { ...crawl, limits: lightOf(crawl.limits) };
  const of = (weight: Weight) => (weight === "light" ? light : crawl);
  return {
    origin: crawl.source.origin,
    async present(repository, weight) {
      const present = await crawlPresent(of(weight), repository);
      return present && { present, findings: [], notes: [] };
    },
    ...(past && {
      past: (present, held, onFinding, weight) => crawlPast(of(weight), present, held, onFinding),
    }),
  };
}

/** Findings of one repository that are kept; further ones are counted. */
const mostFindings = 20;
/** Codes of a server that say something of this repository alone. */
const ofRepository: ReadonlySet<number> = new Set([400, 404, 409, 413]);
/** And codes of a source. */
const ofRepositoryAtSource: ReadonlySet<string> = new Set([
  "SOURCE_ENDLESS",
  "SOURCE_FAILING",
  "SOURCE_FORBIDDEN",
]);
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
    const light = await takeOne(work, repository, "light");
    const isHeavy = light.report.findings.some(({ code }) => code === "SOURCE_ENDLESS");
    const { report, end } =
      isHeavy && light.end === undefined
        ? await heavy(async () => again(work, light, await takeOne(work, repository, "any")))
        : light;
    if (end === undefined || hasArrived(report)) work.onDone?.(report, ++done);
    if (end !== undefined) throw end;
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

function hasArrived({ outcome }: Report): boolean {
  return outcome === "taken" || outcome === "further";
}

async function* oneByOne(names: AsyncIterable<string> | Iterable<string>): AsyncGenerator<string, undefined> {
  yield* names;
  return undefined;
}

interface Taken {
  readonly report: Report;
  /** What ended it, and the whole import with it. */
  readonly end?: unknown;
}

/** What was read a second time, as if it had been once. */
function again({ dryRun }: TakeOver, { report: first }: Taken, { report: second, end }: Taken): Taken {
  const report = {
    ...second,
    ...(hasArrived(first) && { outcome: first.outcome }),
    past: (dryRun ? 0 : first.past) + second.past,
  };
  return { report, end };
}

async function takeOne(work: TakeOver, repository: string, weight: Weight): Promise<Taken> {
  const { offer, destination, dryRun } = work;
  const findings: Finding[] = [];
  let report = nothingOf(repository, "leftOut");
  if (!isRepositoryName(repository)) {
    const finding = { code: "BAD_REPOSITORY_NAME", sentence: badNameSentence };
    return { report: { ...report, findings: [finding] } };
  }
  try {
    const offered = await offer.present(repository, weight);
    if (offered === undefined) {
      const finding = { code: "NOT_FOUND", sentence: `${offer.origin} has no ${repository}.` };
      return { report: nothingOf(repository, "absent", [finding]) };
    }
    const { present } = offered;
    findings.push(...offered.findings);
    if (present === undefined) return { report: { ...report, findings } };
    report = { ...reportOf(present), notes: [...notesOf(present), ...offered.notes] };
    const here = await destination.standing(repository);
    report = { ...report, adopted: here.adopted };
    const { changed, incarnation } = await destination.take(
      repository,
      offer.origin,
      present.collection,
      dryRun,
    );
    const taken = dryRun ? "wouldBeTaken" : here.exists ? "further" : "taken";
    report = { ...report, outcome: changed ? taken : "same" };
    const past = await takePast(work, present, incarnation, findings, weight);
    return { report: { ...report, past, findings } };
  } catch (error) {
    const finding = findingOf(error);
    if (finding !== undefined) return { report: { ...report, findings: [finding, ...findings] } };
    if (!hasCode(error)) throw error;
    const sentence = "Its older versions are not all here yet: run the import again.";
    return { report: { ...report, findings: [...findings, { code: error.code, sentence }] }, end: error };
  }
}

/** Of an error that ends the whole import, and is none of the program's own. */
function hasCode(error: unknown): error is SourceError | DestinationError | TimeLimitError {
  return error instanceof SourceError || error instanceof DestinationError || error instanceof TimeLimitError;
}

/** Nothing that is stored already is asked for again: a timestamp is stored together with all that it led to. */
async function takePast(
  work: TakeOver,
  present: Present,
  incarnation: number,
  findings: Finding[],
  weight: Weight,
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
  const onFinding = ({ version, code, sentence }: PastFinding) =>
    tell({ code, sentence: `Its past of timestamp ${version} was left out: ${sentence}` });
  const batches = offer.past(present, held, onFinding, weight);
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
    (error instanceof SourceError && ofRepositoryAtSource.has(error.code)) ||
    (error instanceof DestinationError && ofRepository.has(error.status) && error.code !== "UNEXPECTED");
  return isOfOne ? { code: error.code, sentence: error.message } : undefined;
}

/** A root is signed by the keys of the one before it, so a client may be one version behind the first that is to be had. */
function notesOf({ firstRoot }: Present): string[] {
  return firstRoot === 1
    ? []
    : [
        `Its chain begins at root ${firstRoot}: clients follow that trust root ${firstRoot - 1} or a newer one; an older one has to be given a newer root by hand.`,
      ];
}

function reportOf({ repository, collection, firstRoot }: Present): Report {
  const root = collection.roots.at(-1);
  return {
    ...nothingOf(repository, "leftOut"),
    roots: [firstRoot, root?.signed.version ?? 0],
    rootKeys: root === undefined ? [] : [...rootRole(root.signed, "root").keys.keys()],
    files: collection.files.length + 1,
    remarks: collection.remarks,
    timestampExpires: expiryOf(collection),
  };
}

function expiryOf({ trusted }: Present["collection"]): string | undefined {
  const expires = trusted.timestamp?.signed.expires;
  return expires === undefined ? undefined : new Date(expires).toISOString();
}
