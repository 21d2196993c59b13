/**
 * `lock --check`: whether files are as they were locked. No network, no cache and no policy: what was verified then is
 * compared with what stands there now, and with the clock.
 */

import { TrustError } from "../errors.ts";
import type { ImageUse, Input } from "../inputs/input.ts";
import { lockedText } from "../inputs/splice.ts";
import { lockedReference, parseReference } from "../reference.ts";
import { type Failure, faultsOf } from "./coverage.ts";
import { helperPlace, type LockedImage, type LockFile, lockKey } from "./lockfile.ts";
import { keyOfReference } from "./moves.ts";

export interface CheckRequest {
  readonly inputs: readonly Input[];
  readonly lock: LockFile;
  /** Images that no file names and that must be in the lock; all that the lock has of this kind are looked at. */
  readonly helpers: readonly string[];
  /** How the lock is called in messages. */
  readonly lockName: string;
  /** Whether an input may be one of the files that the lock names so. */
  readonly isNamed: (file: string, names: readonly string[]) => boolean;
  /** The locked text that lies beside an input; undefined for an input that is itself a locked text. */
  readonly beside: ReadonlyMap<Input, { readonly name: string; readonly text: string | undefined }>;
  /** Milliseconds since 1970 UTC. */
  readonly at: number;
}

/** A lock, as its images and unverified references are looked up. */
interface Known {
  readonly name: string;
  readonly images: ReadonlyMap<string, LockedImage>;
  /** The files that each was let through for. */
  readonly unverified: ReadonlyMap<string, readonly string[]>;
  readonly isNamed: CheckRequest["isNamed"];
  readonly at: number;
}

/** Everything that is not as it was locked, or not fresh any more. */
export function checkLock(request: CheckRequest): readonly Failure[] {
  const { inputs, lock, lockName, isNamed, beside, at } = request;
  const unverified = new Map<string, readonly string[]>();
  for (const { reference, files } of lock.unverified)
    unverified.set(reference, [...(unverified.get(reference) ?? []), ...files]);
  const known: Known = {
    name: lockName,
    images: new Map(lock.images.map((image) => [lockKey(image), image])),
    unverified,
    isNamed,
    at,
  };
  return [
    ...inputs.flatMap((input) => inputFailures(input, known, beside.get(input))),
    ...helperFailures(request),
  ];
}

/** References of inputs that the lock lets through although nobody verified them, each once, in order. */
export function unverifiedIn(inputs: readonly Input[], lock: LockFile): readonly string[] {
  const unverified = new Set(lock.unverified.map(({ reference }) => reference));
  const named = inputs.flatMap(({ images, local }) => [
    ...images.map(({ reference }) => reference),
    ...local.map(({ text }) => text),
  ]);
  return [...new Set(named)].filter((reference) => unverified.has(reference));
}

function inputFailures(
  input: Input,
  known: Known,
  other: { readonly name: string; readonly text: string | undefined } | undefined,
): readonly Failure[] {
  const { file, images, local } = input;
  const failures: Failure[] = [...faultsOf(input)];
  const replacements = new Map<ImageUse, string>();
  for (const use of images) {
    try {
      replacements.set(use, replacementOf(use, file, known, other === undefined));
    } catch (error) {
      failures.push({ file, place: use.place, line: use.line, text: use.reference, error });
    }
  }
  for (const { place, line, text } of local) {
    const error = unverifiedFault(known, text, { file, line });
    if (error !== undefined) failures.push({ file, place, line, text, error });
  }
  if (other !== undefined && failures.length === 0 && other.text !== lockedText(input, replacements)) {
    const message =
      other.text === undefined
        ? `${other.name} is missing.`
        : `${other.name} is not what ${file} gives with this lock.`;
    const error = new TrustError("LOCK_DIFFERS", message, { file: other.name });
    failures.push({ file, place: "the whole file", line: 1, text: other.name, error });
  }
  return failures;
}

/**
 * What the lock gives for one use. Throws `REFERENCE_INVALID`, `LOCK_MISSING`, `LOCK_DIFFERS`, `LOCK_EXPIRED`.
 * @param isLocked whether the text is itself a locked one, so that every reference must have its digest
 */
function replacementOf(
  { reference: text, line }: ImageUse,
  file: string,
  known: Known,
  isLocked: boolean,
): string {
  const where = { file, line };
  const reference = parseReference(text);
  const image = known.images.get(keyOfReference(reference, reference.digest ?? ""));
  if (image === undefined) {
    const fault = unverifiedFault(known, text, where);
    if (fault === undefined) return text;
    throw fault;
  }
  const key = lockKey(image);
  if (reference.digest !== undefined && reference.digest !== image.digest)
    throw new TrustError("LOCK_DIFFERS", `${known.name} has ${image.digest} for ${key}.`, where);
  if (isLocked && reference.digest === undefined)
    throw new TrustError("LOCK_DIFFERS", `${text} stands without its digest.`, where);
  const { earliest } = image.expires;
  if (Date.parse(earliest) <= known.at)
    throw new TrustError("LOCK_EXPIRED", `What stood behind ${key} expired at ${earliest}.`, where);
  return lockedReference({ ...reference, tag: image.tag ?? reference.tag }, image.digest);
}

/** What was let through counts for the files that it was let through for, and for no other. */
function unverifiedFault(
  { name, unverified, isNamed }: Known,
  text: string,
  where: { file: string; line: number },
): TrustError | undefined {
  const files = unverified.get(text);
  if (files === undefined) return new TrustError("LOCK_MISSING", `${name} says nothing of ${text}.`, where);
  if (isNamed(where.file, files)) return undefined;
  const message = `${name} lets ${text} through unverified for ${files.join(", ")}, and not for this file.`;
  return new TrustError("LOCK_MISSING", message, where);
}

/** Images of `--helpers` stand in no file: each must be in the lock, and what is there of them must be fresh. */
function helperFailures({ lock, lockName, helpers, at }: CheckRequest): readonly Failure[] {
  const locked = new Map(
    lock.images.filter(({ files }) => files.includes(helperPlace)).map((image) => [lockKey(image), image]),
  );
  const where = { file: lockName, place: helperPlace, line: 1 };
  const missing = helpers.flatMap((text): Failure[] => {
    try {
      const reference = parseReference(text);
      const image = locked.get(keyOfReference(reference, reference.digest ?? ""));
      const isSame = reference.digest === undefined || reference.digest === image?.digest;
      if (image !== undefined && isSame) return [];
      const error = new TrustError("LOCK_MISSING", `${lockName} says nothing of the helper ${text}.`, {
        file: lockName,
      });
      return [{ ...where, text, error }];
    } catch (error) {
      return [{ ...where, text, error }];
    }
  });
  const expired = [...locked]
    .filter(([, { expires }]) => Date.parse(expires.earliest) <= at)
    .map(([text, { expires }]): Failure => {
      const message = `What stood behind the helper ${text} expired at ${expires.earliest}.`;
      return { ...where, text, error: new TrustError("LOCK_EXPIRED", message, { file: lockName }) };
    });
  return [...missing, ...expired];
}
