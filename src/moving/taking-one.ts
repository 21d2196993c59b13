/**
 * One repository, from the offer to the server that takes over. What becomes of it is written down while it happens, in one
 * place, so what ends it in the middle takes nothing away from what is told.
 */
import { VidimusError } from "../core/errors.ts";
import { isRepositoryName } from "../core/names.ts";
import { rootRole } from "../core/verify.ts";
import type { PastFinding, Present } from "./crawl.ts";
import type { Destination } from "./destination.ts";
import { BackError, DestinationError, isOfOneRepository, SourceError, TimeLimitError } from "./errors.ts";
import type { Offer, Offered, Weight } from "./offer.ts";
import { badNameSentence, type Finding, nothingOf, type Outcome, type Report } from "./report.ts";

export interface Bringing {
  readonly offer: Offer;
  readonly destination: Destination;
  readonly dryRun: boolean;
}

/** Findings of one repository that are kept; further ones are counted. */
const mostFindings = 20;
/** Codes of a server that say something of this repository alone. */
const ofRepository: ReadonlySet<number> = new Set([400, 404, 409, 413]);

/** What became of a repository so far. It may be read a second time, and is told as if it had been once. */
export class Taking {
  readonly repository: string;
  readonly #dryRun: boolean;
  #outcome: Outcome = "leftOut";
  #past = 0;
  #isTooLarge = false;
  #findings: Finding[] = [];
  #untold = 0;
  #first: readonly Finding[] = [];
  #last: readonly Finding[] = [];
  #read: Partial<Report> = {};

  constructor(repository: string, dryRun: boolean) {
    this.repository = repository;
    this.#dryRun = dryRun;
  }

  /** Whether something of it was beyond the weight at which it was read, whether there was room to say so or not. */
  get isTooLarge(): boolean {
    return this.#isTooLarge;
  }

  /** Whether anything of it is at the server that takes over that was not there before. */
  get hasArrived(): boolean {
    return isThere(this.#outcome) || (!this.#dryRun && this.#past > 0);
  }

  /** What was found will be found again; what has arrived stays. */
  readAgain(): void {
    if (this.#dryRun) this.#past = 0;
    this.#isTooLarge = false;
    this.#untold = 0;
    [this.#findings, this.#first, this.#last] = [[], [], []];
  }

  became(outcome: Outcome): void {
    if (!isThere(this.#outcome)) this.#outcome = outcome;
  }

  /** Of what was offered. */
  is(read: Partial<Report>): void {
    this.#read = { ...this.#read, ...read };
  }

  addPast(files: number): void {
    this.#past += files;
  }

  tell(finding: Finding): void {
    if (finding.code === "SOURCE_ENDLESS") this.#isTooLarge = true;
    if (this.#findings.length < mostFindings) this.#findings.push(finding);
    else this.#untold++;
  }

  /** What ended it, and it alone: it is said before the rest. */
  failed(finding: Finding): void {
    if (finding.code === "SOURCE_ENDLESS") this.#isTooLarge = true;
    this.#first = [finding];
  }

  /** What ended it together with the whole import. */
  cutOff(finding: Finding): void {
    this.#last = [finding];
  }

  report(): Report {
    const more = { code: "MORE", sentence: `And ${this.#untold} more findings.` };
    const findings = [...this.#first, ...this.#findings, ...(this.#untold > 0 ? [more] : []), ...this.#last];
    return {
      ...nothingOf(this.repository, this.#outcome),
      ...this.#read,
      past: this.#past,
      ...(findings.length > 0 && { findings }),
    };
  }
}

function isThere(outcome: Outcome): boolean {
  return outcome === "taken" || outcome === "further";
}

/** What ended the whole import with it; undefined: it can go on with the next one. */
export async function takeOne(
  work: Bringing,
  taking: Taking,
  weight: Weight,
): Promise<{ readonly by: unknown } | undefined> {
  if (!isRepositoryName(taking.repository)) {
    taking.failed({ code: "BAD_REPOSITORY_NAME", sentence: badNameSentence });
    return undefined;
  }
  try {
    await bring(work, taking, weight);
  } catch (error) {
    const finding = findingOf(error);
    if (finding !== undefined) taking.failed(finding);
    else if (!hasCode(error)) throw error;
    else {
      const sentence = "Its older versions are not all here yet: run the import again.";
      taking.cutOff({ code: error.code, sentence });
      return { by: error };
    }
  }
  return undefined;
}

async function bring(work: Bringing, taking: Taking, weight: Weight): Promise<void> {
  const { offer, destination, dryRun } = work;
  const { repository } = taking;
  const offered = await offer.present(repository, weight);
  if (offered === undefined) {
    taking.became("absent");
    taking.tell({ code: "NOT_FOUND", sentence: `${offer.origin} has no ${repository}.` });
    return;
  }
  for (const finding of offered.findings) taking.tell(finding);
  const { present } = offered;
  if (present === undefined) return;
  taking.is(readOf(present, offered));
  const { exists, adopted } = await destination.standing(repository);
  taking.is({ adopted });
  const { collection } = present;
  const { changed, incarnation } = await destination.take(
    repository,
    offer.origin,
    collection,
    dryRun,
    weight,
  );
  const arrived = dryRun ? "wouldBeTaken" : exists ? "further" : "taken";
  taking.became(changed ? arrived : "same");
  await takePast(work, taking, present, incarnation, weight);
}

/** Nothing that is stored already is asked for again: a timestamp is stored together with all that it led to. */
async function takePast(
  { offer, destination, dryRun }: Bringing,
  taking: Taking,
  present: Present,
  incarnation: number,
  weight: Weight,
): Promise<void> {
  const { repository } = taking;
  if (offer.past === undefined) return;
  const held = await destination.versions(repository, "timestamp");
  const onFinding = ({ version, code, sentence }: PastFinding) =>
    taking.tell({ code, sentence: `Its past of timestamp ${version} was left out: ${sentence}` });
  for await (const { files } of offer.past(present, held, onFinding, weight)) {
    try {
      taking.addPast(dryRun ? files.length : await destination.addPast(repository, incarnation, files));
    } catch (error) {
      const finding = findingOf(error);
      if (finding === undefined) throw error;
      taking.tell({ ...finding, sentence: `A part of its past was left out: ${finding.sentence}` });
    }
  }
}

/** Of an error that ends the whole import, and is none of the program's own. */
function hasCode(error: unknown): error is SourceError | DestinationError | TimeLimitError {
  return error instanceof SourceError || error instanceof DestinationError || error instanceof TimeLimitError;
}

/** Undefined: it is not about one repository. */
function findingOf(error: unknown): Finding | undefined {
  const isOfOne =
    error instanceof VidimusError ||
    (error instanceof BackError && error.code !== "EXPORT_PLACE") ||
    isOfOneRepository(error) ||
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

function readOf(present: Present, { notes }: Offered): Partial<Report> {
  const { collection, firstRoot } = present;
  const root = collection.roots.at(-1);
  const expires = collection.trusted.timestamp?.signed.expires;
  return {
    roots: [firstRoot, root?.signed.version ?? 0],
    rootKeys: root === undefined ? [] : [...rootRole(root.signed, "root").keys.keys()],
    files: collection.files.length + 1,
    remarks: collection.remarks,
    notes: [...notesOf(present), ...notes],
    timestampExpires: expires === undefined ? undefined : new Date(expires).toISOString(),
  };
}
