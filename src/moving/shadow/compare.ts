/**
 * One repository as two servers serve it. Each side was verified by itself, with the code by which clients verify; here the bytes
 * are compared, role by role.
 *
 * - What one server makes or gets later than the other is older there, for as long as it is an earlier state of the same
 *   history. Two files of one version are two histories, and worse.
 * - What could not be read is no difference, and is not the same either: it was not compared, for a reason.
 */
import type { Metadata } from "../../core/model.ts";
import type { Present } from "../crawl.ts";
import type { Finding } from "../report.ts";
import type { Difference, DifferenceCode, Fact, FileState, Places } from "./difference.ts";
import { sentenceOf } from "./sentences.ts";

/** What one server has of a repository. */
export interface Side {
  /** Undefined without a fault: it answers that it has none. */
  readonly present?: Present;
  /** Why what it serves cannot be used. */
  readonly fault?: Finding;
  /** The digest of a version that this side has. */
  older(role: string, version: number): Promise<string | undefined>;
}

/** Nothing where both serve the same, or neither has it. Throws what `older` throws. */
export async function compareSides(
  repository: string,
  here: Side,
  there: Side,
  places: Places,
): Promise<readonly Difference[]> {
  const say = ({ fault, isTraced, newer, ...fact }: Fact): Difference => ({
    repository,
    ...fact,
    sentence: sentenceOf(repository, { ...fact, fault, isTraced, newer }, places),
  });
  if (here.fault !== undefined || there.fault !== undefined) {
    return [
      ...(here.fault === undefined ? [] : [say({ code: "UNUSABLE_HERE", fault: here.fault })]),
      ...(there.fault === undefined ? [] : [say({ code: "UNUSABLE_THERE", fault: there.fault })]),
    ];
  }
  const [mine, theirs] = [readOf(here), readOf(there)];
  if (mine === undefined || theirs === undefined) {
    if (mine === theirs) return [];
    return [say({ code: mine === undefined ? "MISSING_HERE" : "MISSING_THERE" })];
  }
  const found: Fact[] = [];
  const ofRoots = factOfRoots(mine, theirs);
  if (ofRoots !== undefined) found.push(ofRoots);
  for (const role of new Set([...mine.files.keys(), ...theirs.files.keys()])) {
    const fact = await factOf(role, mine, theirs);
    if (fact !== undefined) found.push(fact);
  }
  // Of two histories none is older.
  const areTwo = found.some(({ code, role }) => code === "DIFFERENT" && !isServersOwn(role));
  return (areTwo ? found.filter(({ code }) => code === "DIFFERENT") : found).map(say);
}

/** Made by servers, as a rule. */
function isServersOwn(role: string | undefined): boolean {
  return role === "timestamp" || role === "snapshot";
}

/** A side that has the repository. */
interface Read {
  readonly present: Present;
  /** By role; without the roots, which are compared as a chain. */
  readonly files: ReadonlyMap<string, Metadata>;
  readonly older: Side["older"];
}

function readOf({ present, older }: Side): Read | undefined {
  if (present === undefined) return undefined;
  return { present, files: new Map(present.collection.files.map((file) => [file.role, file])), older };
}

async function factOf(role: string, here: Read, there: Read): Promise<Fact | undefined> {
  const [mine, theirs] = [here.files.get(role), there.files.get(role)];
  const states = statesOf(role, mine, theirs);
  if (mine === undefined || theirs === undefined) {
    const code = mine === undefined ? "MISSING_HERE" : "MISSING_THERE";
    return { ...states, code, newer: newerOf(here.files.get("snapshot"), there.files.get("snapshot")) };
  }
  if (mine.sha256 === theirs.sha256) return undefined;
  const newer = newerOf(mine, theirs);
  if (newer === "neither") return { ...states, code: "DIFFERENT", version: mine.signed.version };
  const [old, side] = newer === "there" ? [mine, there] : [theirs, here];
  const known = await side.older(role, old.signed.version);
  if (known !== undefined && known !== old.sha256) {
    return { ...states, code: "DIFFERENT", version: old.signed.version };
  }
  const isTraced = known !== undefined || isServersOwn(role);
  return { ...states, code: olderCode(role, newer, here, there), isTraced };
}

/** The newest root alone says nothing of those before it, which readers with an old cache need. */
function factOfRoots(here: Read, there: Read): Fact | undefined {
  const [chain, other] = [here.present.collection.roots, there.present.collection.roots];
  const states = statesOf("root", chain.at(-1), other.at(-1));
  const theirs = new Map(other.map(({ signed, sha256 }) => [signed.version, sha256]));
  for (const { signed, sha256 } of chain) {
    const known = theirs.get(signed.version);
    if (known !== undefined && known !== sha256) {
      return { ...states, code: "DIFFERENT", version: signed.version };
    }
  }
  const [first, otherFirst] = [here.present.firstRoot, there.present.firstRoot];
  const newer = newerOf(chain.at(-1), other.at(-1));
  if (newer !== "neither") {
    const [old, from] = newer === "there" ? [states.here, otherFirst] : [states.there, first];
    const isTraced = (old?.version ?? 0) >= from;
    return { ...states, code: olderCode("root", newer, here, there), isTraced };
  }
  if (first === otherFirst) return undefined;
  return first > otherFirst
    ? { ...states, code: "MISSING_HERE", version: first - 1 }
    : { ...states, code: "MISSING_THERE", version: otherFirst - 1 };
}

function olderCode(role: string, newer: "here" | "there", here: Read, there: Read): DifferenceCode {
  const isExpired = ({ present }: Read) =>
    present.collection.remarks.some((each) => each.code === "EXPIRED" && each.role === role);
  if (newer === "there") return isExpired(here) && !isExpired(there) ? "EXPIRED_HERE" : "OLDER_HERE";
  return isExpired(there) && !isExpired(here) ? "EXPIRED_THERE" : "OLDER_THERE";
}

function newerOf(mine: Metadata | undefined, theirs: Metadata | undefined): "here" | "there" | "neither" {
  const [one, other] = [mine?.signed.version ?? 0, theirs?.signed.version ?? 0];
  return one === other ? "neither" : one > other ? "here" : "there";
}

function statesOf(role: string, mine: Metadata | undefined, theirs: Metadata | undefined) {
  const of = ({ signed, sha256 }: Metadata): FileState => ({ version: signed.version, sha256 });
  return { role, ...(mine && { here: of(mine) }), ...(theirs && { there: of(theirs) }) };
}
