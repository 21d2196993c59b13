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
import { BackError, DestinationError, SourceError } from "./errors.ts";
import { type Finding, nothingOf, type Report } from "./report.ts";

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
const mostFailing = 20;

/**
 * Throws `SourceError` and `DestinationError` when one of both cannot be used at all, or the source fails at everything.
 * Reports come in the order of their names.
 */
export async function takeOver(
  work: TakeOver,
  repositories: AsyncIterable<string> | Iterable<string>,
): Promise<Report[]> {
  const names = oneByOne(repositories);
  const heavy = pLimit(1);
  const reports: Report[] = [];
  const failed = new AbortController();
  let failing = 0;
  const one = async (repository: string): Promise<void> => {
    const light = await takeOne(work, repository, "light");
    const isHeavy = light.findings.some(({ code }) => code === "SOURCE_ENDLESS");
    const report = isHeavy
      ? await heavy(async () => again(work, light, await takeOne(work, repository, "any")))
      : light;
    reports.push(report);
    const fault = report.findings.find(({ code }) => code === "SOURCE_FAILING");
    failing = fault === undefined || report.outcome !== "leftOut" ? 0 : failing + 1;
    if (fault !== undefined && failing >= mostFailing) {
      throw new SourceError("SOURCE_FAILING", fault.sentence);
    }
    work.onDone?.(report, reports.length);
  };
  // Each takes the next name when it is done with one: a queue of all of them would fill the memory.
  const worker = async (): Promise<void> => {
    while (!failed.signal.aborted) {
      try {
        const { done, value } = await names.next();
        if (done === true) return;
        await one(value);
      } catch (error) {
        failed.abort(error);
      }
    }
  };
  await Promise.all(Array.from({ length: work.inFlight }, worker));
  if (failed.signal.aborted) throw failed.signal.reason;
  if (failing > 0 && failing === reports.length) {
    throw new SourceError("SOURCE_FAILING", reports[0]?.findings[0]?.sentence ?? "");
  }
  return reports.sort((a, b) => (a.repository < b.repository ? -1 : 1));
}

async function* oneByOne(names: AsyncIterable<string> | Iterable<string>): AsyncGenerator<string, undefined> {
  yield* names;
  return undefined;
}

/** What was read a second time, as if it had been once. */
function again({ dryRun }: TakeOver, first: Report, second: Report): Report {
  const isTaken = first.outcome === "taken" || first.outcome === "further";
  return {
    ...second,
    ...(isTaken && { outcome: first.outcome }),
    past: (dryRun ? 0 : first.past) + second.past,
  };
}

async function takeOne(work: TakeOver, repository: string, weight: Weight): Promise<Report> {
  const { offer, destination, dryRun } = work;
  const findings: Finding[] = [];
  let report = nothingOf(repository, "leftOut");
  if (!isRepositoryName(repository)) {
    const sentence = `No repository can be called that here: a name is that of an OCI reference, such as registry.example.org/team/app. Whoever owns it has to sign it anew under another name.`;
    return { ...report, findings: [{ code: "BAD_REPOSITORY_NAME", sentence }] };
  }
  try {
    const offered = await offer.present(repository, weight);
    if (offered === undefined) {
      return nothingOf(repository, "absent", [
        { code: "NOT_FOUND", sentence: `${offer.origin} has no ${repository}.` },
      ]);
    }
    const { present } = offered;
    findings.push(...offered.findings);
    if (present === undefined) return { ...report, findings };
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
