/**
 * Locking build files: every image verified before anything is pulled, then new texts in which each stands with its signed
 * digest, and a lock file that says what stood behind it. All or nothing: one failure, and there is no text.
 */

import { reasonOf } from "../fetch/within.ts";
import { type ImageUse, type Input, plainInput } from "../inputs/input.ts";
import { lockedText } from "../inputs/splice.ts";
import type { ImageReference } from "../reference.ts";
import { iso, type ResolvedImage } from "../result.ts";
import type { Outcome, Trust } from "../trust.ts";
import {
  type Coverage,
  type CoverageRules,
  coverageOf,
  type Failure,
  type Place,
  type Unverified,
  type Wanted,
} from "./coverage.ts";
import { helperPlace, type LockedImage, type LockFile, lockKey, type UnverifiedUse } from "./lockfile.ts";
import { digestsOf, keyOfReference, type Move, movedError, moveOf } from "./moves.ts";

export interface LockRequest {
  readonly inputs: readonly Input[];
  /** What is wrong with files that could not be read, and so stand in no input. */
  readonly unread?: readonly Failure[];
  /** The lock that is there already. */
  readonly previous?: LockFile | undefined;
  /** Further images to be verified and locked, which no file names. */
  readonly helpers?: readonly string[];
  /** Accept that tags mean other digests than in the previous lock. */
  readonly update?: boolean;
  readonly allowLocal?: boolean;
  /** How the lock calls a file. Default: as the input is called. */
  readonly nameOf?: (file: string) => string;
  /** Milliseconds since 1970 UTC. */
  readonly at: number;
  /** Ends the whole early. */
  readonly signal?: AbortSignal | undefined;
}

export type { Move } from "./moves.ts";

export interface Locked {
  /** The text to build from, by input. */
  readonly texts: ReadonlyMap<Input, string>;
  readonly lock: LockFile;
  /** Each once, also if it stands in several places. */
  readonly moved: readonly Move[];
  readonly images: readonly ResolvedImage[];
  readonly unverified: readonly Unverified[];
}

/** Why some files cannot be locked: everything that is wrong, not the first thing. */
export class LockRefused extends Error {
  override readonly name = "LockRefused";
  readonly failures: readonly [Failure, ...Failure[]];

  constructor(failures: readonly [Failure, ...Failure[]]) {
    super(`${failures.length} of the images cannot be locked.`);
    this.failures = failures;
  }
}

/** Throws `LockRefused`, and `TIMEOUT` or what its reason is when the signal fires. */
export async function lockInputs(trust: Trust, request: LockRequest): Promise<Locked> {
  const { inputs, unread = [], previous, helpers = [], allowLocal = false } = request;
  const helping = helperInput(helpers);
  const rules: CoverageRules = {
    ruled: (text) => trust.coverage(text),
    unruled: (name) => trust.unruled(name),
    allowLocal,
  };
  const coverage = coverageOf([...inputs, helping], rules, unread.length === 0);
  const outcomes = await resolveAll(trust, coverage.wanted, request.signal);
  const failures: Failure[] = [...unread, ...coverage.failures];
  const resolved = new Map<Wanted, ResolvedImage>();
  for (const [index, wanted] of coverage.wanted.entries()) {
    const outcome = outcomes[index];
    if (outcome?.image !== undefined) resolved.set(wanted, outcome.image);
    else failures.push({ ...placeOf(wanted), error: outcome?.error });
  }
  const moved = movesOf(resolved, previous);
  if (request.update !== true) {
    failures.push(...moved.map(({ wanted, move }) => ({ ...placeOf(wanted), error: movedError(move) })));
  }
  const [first, ...rest] = failures;
  if (first !== undefined) throw new LockRefused([first, ...rest]);
  return {
    texts: new Map(
      inputs.map((input) => [input, lockedText(input, replacementsOf(input, resolved, coverage))]),
    ),
    lock: merge(request, resolved, coverage),
    moved: [...new Map(moved.map(({ move }) => [move.reference, move])).values()],
    images: [...new Set(resolved.values())],
    unverified: coverage.unverified,
  };
}

async function resolveAll(
  trust: Trust,
  wanted: readonly Wanted[],
  signal: AbortSignal | undefined,
): Promise<readonly Outcome[]> {
  const answered = trust.resolveAll(
    wanted.map(({ text }) => text),
    signal,
  );
  if (signal === undefined) return await answered;
  const ended = Promise.withResolvers<never>();
  const end = () => ended.reject(reasonOf(signal));
  signal.addEventListener("abort", end, { once: true });
  try {
    if (signal.aborted) throw reasonOf(signal);
    return await Promise.race([answered, ended.promise]);
  } finally {
    signal.removeEventListener("abort", end);
  }
}

function helperInput(helpers: readonly string[]): Input {
  const images = helpers.map(
    (reference): ImageUse => ({
      place: helperPlace,
      line: 1,
      reference,
      span: { start: 0, end: 0 },
      quote: (text) => text,
    }),
  );
  return plainInput({ format: "list", file: helperPlace, text: "", images });
}

/** What is verified stands with its digest; what is let through stays as it is written. */
function replacementsOf(
  input: Input,
  resolved: ReadonlyMap<Wanted, ResolvedImage>,
  { unverified }: Coverage,
): ReadonlyMap<ImageUse, string> {
  const replacements = new Map<ImageUse, string>();
  for (const [{ use, ...wanted }, { reference }] of resolved) {
    if (wanted.input === input) replacements.set(use, reference);
  }
  for (const { use, ...open } of unverified) {
    if (use !== undefined && open.input === input) replacements.set(use, use.reference);
  }
  return replacements;
}

interface MovedPlace {
  readonly wanted: Wanted;
  readonly move: Move;
}

function movesOf(
  resolved: ReadonlyMap<Wanted, ResolvedImage>,
  previous: LockFile | undefined,
): readonly MovedPlace[] {
  const locked = digestsOf(previous);
  return [...resolved].flatMap(([wanted, { digest }]) => {
    const move = moveOf(wanted.reference, digest, locked);
    return move === undefined ? [] : [{ wanted, move }];
  });
}

/**
 * The new lock: what the given files name, as it is now, and of the previous lock what other files name. A file that is
 * given again gives up what it does not name any more; helpers are kept until other ones are named.
 */
function merge(
  request: LockRequest,
  resolved: ReadonlyMap<Wanted, ResolvedImage>,
  coverage: Coverage,
): LockFile {
  const { inputs, helpers = [], previous, at, nameOf = (file: string) => file } = request;
  const named = helpers.length > 0 ? [helperPlace] : [];
  const given = new Set([...inputs.flatMap(({ file }) => [file, nameOf(file)]), ...named]);
  const images = new Map<string, LockedImage>();
  const unverified = new Map<string, UnverifiedUse>();
  const others = (files: readonly string[]) => files.filter((file) => !given.has(file));
  for (const image of previous?.images ?? []) {
    const files = others(image.files);
    if (files.length > 0) images.set(lockKey(image), { ...image, files });
  }
  for (const use of previous?.unverified ?? []) {
    const files = others(use.files);
    if (files.length > 0) unverified.set(use.reference, { ...use, files });
  }
  for (const [{ reference, input }, image] of resolved) {
    const key = keyOfReference(reference, image.digest);
    const files = new Set([...(images.get(key)?.files ?? []), nameOf(input.file)]);
    images.set(key, lockedImage(reference, image, [...files]));
  }
  for (const { text, input } of coverage.unverified) {
    const files = new Set([...(unverified.get(text)?.files ?? []), nameOf(input.file)]);
    unverified.set(text, { reference: text, files: [...files] });
  }
  return { lockedAt: iso(at), images: [...images.values()], unverified: [...unverified.values()] };
}

function lockedImage(
  { name, tag, digest }: ImageReference,
  image: ResolvedImage,
  files: readonly string[],
): LockedImage {
  const { reference: _, hashes: _hashes, offline, checkedAt, signers, ...kept } = image;
  return {
    ...kept,
    name,
    tag: tag ?? (digest === undefined ? "latest" : null),
    signers: signers.map(({ keyId }) => keyId),
    ...(offline ? { checkedAt } : {}),
    files,
  };
}

function placeOf({ file, place, line, text }: Place): Place {
  return { file, place, line, text };
}
