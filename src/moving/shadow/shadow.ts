/**
 * One comparison of two servers: the repositories that changed at either since the last one, and those that differed or could not
 * be compared then.
 *
 * - What differs is read again, up to twice: somebody may have published between the two readings.
 * - After every piece of the list what is known is given on to be kept, so a comparison that was cut off goes on there.
 * - One repository that cannot be read or verified keeps no other from being compared. A server that is away, or answers nothing
 *   in time, ends it.
 * - Whatever a server tells or sends, there is a bound: of one reading and of the whole in time, of what is in memory at once, of
 *   what is told, and of what is remembered. What is beyond that last one is compared again the next time.
 */
import pLimit from "p-limit";
import { sha256Hex } from "../../core/bytes.ts";
import { VidimusError } from "../../core/errors.ts";
import { isRepositoryName } from "../../core/names.ts";
import { type Crawl, crawlPresent } from "../crawl.ts";
import { isOfOneRepository, ShadowError, SourceError } from "../errors.ts";
import { byWeight, longestForOne, Silence, upTo } from "../giving-up.ts";
import type { NotarySource } from "../notary-source.ts";
import { compareSides, type Side } from "./compare.ts";
import type { UncomparedCode } from "./difference.ts";
import { mostOpen, type ShadowState } from "./state.ts";
import { type Compared, type Found, Tally } from "./tally.ts";

export interface Shadow {
  readonly here: NotarySource;
  readonly there: NotarySource;
  readonly crawl: Omit<Crawl, "source">;
  /** Repositories at a time. */
  readonly inFlight: number;
  /** Undefined: what the changefeeds name. */
  readonly repositories: ReadonlySet<string> | undefined;
  /** Names that are not looked at. */
  readonly except?: ReadonlySet<string>;
  /** Waits before what differs is read again. */
  readonly pause: () => Promise<void>;
  readonly patience?: Patience;
  /** `whole`: everything was compared; until then a state may be passed over. */
  onState(state: ShadowState, progress: "part" | "whole"): Promise<void>;
  /** Told what is read now: the so many-th of so many. */
  onLook?(repository: string, number: number, of: number): void;
}

/** Milliseconds. */
export interface Patience {
  /** For one repository at one server, besides the last request. */
  readonly repository: number;
  readonly whole: number;
}

const usualPatience: Patience = { repository: longestForOne, whole: 6 * 60 * 60_000 };

const readings = 3;
const pieceLength = 256;
const mostNames = 1_000_000;

/** Throws `SHADOW_UNREADABLE`, and what `onState` throws. */
export async function compareServers(shadow: Shadow, before: ShadowState): Promise<Compared> {
  const { here, there, repositories, crawl, inFlight, patience = usualPatience } = shadow;
  const end = performance.now() + patience.whole;
  const isNamed = repositories !== undefined;
  const { names, read } = isNamed
    ? { names: new Map([...repositories].map((name) => [name, true])), read: before.read }
    : await changedSince(shadow, before);
  const under = before.under ?? { upTo: "", read };
  const wasOpen = new Set(before.open.map(({ repository }) => repository));
  const sorted = [...names.keys()].sort().filter((name) => isNamed || name > under.upTo || wasOpen.has(name));
  const tally = new Tally(before.open, crawl.now());
  const [limit, weighed] = [pLimit(inFlight), byWeight()];
  const silence = new Silence();

  /** What is known after a piece of the list. */
  const stateAfter = (looked: ReadonlySet<string>, upTo: string | undefined): ShadowState => {
    const known = [...before.open.filter(({ repository }) => !looked.has(repository)), ...tally.open];
    // What is not remembered is found again only by what the feeds tell of it.
    if (isNamed || known.length >= mostOpen) return { ...before, open: known.slice(0, mostOpen) };
    if (upTo === undefined) return { ...before, read: under.read, under: undefined, open: known };
    return {
      ...before,
      under: { upTo: upTo > under.upTo ? upTo : under.upTo, read: under.read },
      open: known,
    };
  };
  const [begun, looked] = [new Set<string>(), new Set<string>()];
  for (let start = 0; start < sorted.length; start += pieceLength) {
    const piece = sorted.slice(start, start + pieceLength);
    const found = await lookAtPiece(piece);
    for (const repository of piece) {
      looked.add(repository);
      tally.add(repository, found.get(repository) as Found);
    }
    await shadow.onState(stateAfter(looked, piece.at(-1)), "part");
  }
  await shadow.onState(stateAfter(looked, undefined), "whole");
  return tally;

  async function lookAtPiece(piece: readonly string[]): Promise<ReadonlyMap<string, Found>> {
    const found = new Map<string, Found>();
    let differing = piece;
    for (let reading = 1; differing.length > 0 && reading <= readings; reading++) {
      if (reading > 1) await shadow.pause();
      await Promise.all(
        differing.map((repository) => limit(async () => found.set(repository, await lookAt(repository)))),
      );
      differing = differing.filter((repository) => found.get(repository)?.kind === "differing");
    }
    return found;
  }

  async function lookAt(repository: string): Promise<Found> {
    begun.add(repository);
    shadow.onLook?.(repository, begun.size, sorted.length);
    if (performance.now() > end) {
      throw new ShadowError(
        "SHADOW_UNREADABLE",
        `The comparison of ${here.origin} and ${there.origin} was ended after ${patience.whole / 1_000} seconds: run it again, with --state it goes on where it was.`,
      );
    }
    const uncompared = (code: UncomparedCode, sentence: string): Found => ({
      kind: "uncompared",
      uncompared: { repository, code, sentence },
    });
    if (shadow.except?.has(repository) === true) return { kind: "excepted" };
    if (!isRepositoryName(repository)) {
      return uncompared(
        "BAD_REPOSITORY_NAME",
        `No repository can be called ${repository} at ${here.origin}: whoever owns it has to sign it anew under another name.`,
      );
    }
    try {
      const looked = await weighed(crawl.limits, (limits) => compareOne(repository, { ...crawl, limits }));
      silence.isAway(undefined);
      if (looked !== "neither") return looked;
      if (names.get(repository) !== true) return { kind: "absent" };
      return uncompared(
        "NOT_FOUND",
        isNamed
          ? `Neither ${here.origin} nor ${there.origin} has ${repository}: check the name.`
          : `Neither ${here.origin} nor ${there.origin} serves ${repository}, though a changefeed tells of it: if it was not deleted just now, its server has lost it.`,
      );
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      const { message } = error;
      if (silence.isAway(error) || !isOfOneRepository(error))
        throw new ShadowError("SHADOW_UNREADABLE", message, error);
      return uncompared(error.code, `${repository} was not compared: ${message}`);
    }
  }

  async function compareOne(repository: string, within: Shadow["crawl"]): Promise<Found | "neither"> {
    const crawlOf = (source: NotarySource) => ({ ...within, source: upTo(source, patience.repository) });
    const [atHere, atThere] = [crawlOf(here), crawlOf(there)];
    let [mine, theirs] = [await sideOf(atHere, repository), await sideOf(atThere, repository)];
    // That a server has none is said only of one that serves nothing of it.
    if (isNothing(mine) && theirs.present !== undefined) {
      mine = { ...mine, ...(await remainsOf(atHere, repository)) };
    } else if (isNothing(theirs) && mine.present !== undefined) {
      theirs = { ...theirs, ...(await remainsOf(atThere, repository)) };
    }
    const places = { here: here.origin, there: there.origin };
    const differences = await compareSides(repository, mine, theirs, places);
    if (differences.length > 0) return { kind: "differing", differences };
    return mine.present === undefined ? "neither" : { kind: "same" };
  }
}

/** Throws `SourceError` for what cannot be read, which says nothing of what is there. */
async function sideOf(crawl: Crawl, repository: string): Promise<Side> {
  const older: Side["older"] = async (role, version) => {
    const bytes = await crawl.source.file(repository, `${version}.${role}.json`, crawl.limits.fileBytes);
    return bytes && sha256Hex(bytes);
  };
  try {
    const present = await crawlPresent(crawl, repository);
    return { ...(present && { present }), older };
  } catch (error) {
    if (!(error instanceof VidimusError)) throw error;
    return { fault: { code: error.code, sentence: error.message }, older };
  }
}

const isNothing = ({ present, fault }: Side) => present === undefined && fault === undefined;

/** What is wrong with a repository of which a server has one of both files that everybody begins with. */
async function remainsOf({ source, limits }: Crawl, repository: string): Promise<Pick<Side, "fault">> {
  const has = async (role: string) =>
    (await source.file(repository, `${role}.json`, limits.fileBytes)) !== undefined;
  if (await has("root")) {
    return { fault: { code: "SNAPSHOT_INCOMPLETE", sentence: "It has a root and no timestamp." } };
  }
  if (!(await has("timestamp"))) return {};
  return { fault: { code: "NO_ROOT", sentence: "It has a timestamp and no root." } };
}

/** Names that are to be looked at, and whether a changefeed says that there is such a repository. */
async function changedSince(
  { here, there }: Shadow,
  { read, open }: ShadowState,
): Promise<{ names: ReadonlyMap<string, boolean>; read: ShadowState["read"] }> {
  const [mine, theirs] = await Promise.all([changes(here, read.here), changes(there, read.there)]);
  const names = new Map(open.map(({ repository }) => [repository, false]));
  for (const { changed } of [mine, theirs]) {
    for (const [name, exists] of changed) names.set(name, exists || names.get(name) === true);
  }
  return { names, read: { here: mine.last, there: theirs.last } };
}

async function changes(source: NotarySource, after: string): ReturnType<NotarySource["changes"]> {
  try {
    return await source.changes(after, mostNames);
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    throw new ShadowError("SHADOW_UNREADABLE", error.message, error);
  }
}
