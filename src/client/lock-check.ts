/**
 * `lock --check`: whether files are as they were locked. No network, no cache and no policy: what was verified then is
 * compared with what stands there now, and with the clock.
 */
import type { Failure } from "./coverage.ts";
import { TrustError } from "./errors.ts";
import type { ImageUse, Input } from "./inputs/input.ts";
import { lockedText } from "./inputs/splice.ts";
import { helperPlace, type LockedImage, type LockFile, lockKey } from "./lockfile.ts";
import { keyOfReference } from "./locking.ts";
import { type ImageReference, lockedReference, parseReference } from "./reference.ts";

export interface CheckRequest {
  readonly inputs: readonly Input[];
  readonly lock: LockFile;
  /** Images that no file names and that must be in the lock; all that the lock has of this kind are looked at. */
  readonly helpers: readonly string[];
  /** How the lock is called in messages. */
  readonly lockName: string;
  /** The locked text that lies beside an input; undefined for an input that is itself a locked text. */
  readonly beside: ReadonlyMap<Input, { readonly name: string; readonly text: string | undefined }>;
  /** Milliseconds since 1970 UTC. */
  readonly at: number;
}

/** Everything that is not as it was locked, or not fresh any more. */
export function checkLock({ inputs, lock, lockName, helpers, beside, at }: CheckRequest): readonly Failure[] {
  const byKey = new Map(lock.images.map((image) => [lockKey(image), image]));
  const unverified = new Set(lock.unverified.map(({ reference }) => reference));
  const failures: Failure[] = [];
  const stale = (image: LockedImage) => Date.parse(image.expires.earliest) <= at;
  for (const input of inputs) {
    const replacements = new Map<ImageUse, string>();
    for (const use of input.images) {
      const fail = (error: unknown) =>
        failures.push({ file: input.file, place: use.place, line: use.line, text: use.reference, error });
      let reference: ImageReference;
      try {
        reference = parseReference(use.reference);
      } catch (error) {
        fail(error);
        continue;
      }
      const image = byKey.get(keyOfReference(reference, reference.digest ?? ""));
      const { file } = input;
      if (image === undefined) {
        if (unverified.has(use.reference)) replacements.set(use, use.reference);
        else {
          fail(
            new TrustError("LOCK_MISSING", `${lockName} says nothing of ${use.reference}.`, {
              file,
              line: use.line,
            }),
          );
        }
      } else if (reference.digest !== undefined && reference.digest !== image.digest) {
        fail(
          new TrustError("LOCK_DIFFERS", `${lockName} has ${image.digest} for ${lockKey(image)}.`, {
            file,
            line: use.line,
          }),
        );
      } else if (!beside.has(input) && reference.digest === undefined) {
        fail(
          new TrustError("LOCK_DIFFERS", `${use.reference} stands without its digest.`, {
            file,
            line: use.line,
          }),
        );
      } else if (stale(image)) {
        const message = `What stood behind ${lockKey(image)} expired at ${image.expires.earliest}.`;
        fail(new TrustError("LOCK_EXPIRED", message, { file, line: use.line }));
      } else {
        replacements.set(
          use,
          lockedReference({ ...reference, tag: image.tag ?? reference.tag }, image.digest),
        );
      }
    }
    for (const { place, line, text } of input.local) {
      if (unverified.has(text)) continue;
      const error = new TrustError("LOCK_MISSING", `${lockName} says nothing of ${text}.`, {
        file: input.file,
        line,
      });
      failures.push({ file: input.file, place, line, text, error });
    }
    const other = beside.get(input);
    const complete = failures.every(({ file }) => file !== input.file);
    if (other !== undefined && complete && other.text !== lockedText(input, replacements)) {
      const message =
        other.text === undefined
          ? `${other.name} is missing.`
          : `${other.name} is not what ${input.file} gives with this lock.`;
      const error = new TrustError("LOCK_DIFFERS", message, { file: other.name });
      failures.push({ file: input.file, place: "the whole file", line: 1, text: other.name, error });
    }
  }
  return [...failures, ...helperFailures({ lock, lockName, helpers, at })];
}

/** Images of `--helpers` stand in no file: each must be in the lock, and what is there of them must be fresh. */
function helperFailures({
  lock,
  lockName,
  helpers,
  at,
}: Pick<CheckRequest, "lock" | "lockName" | "helpers" | "at">): readonly Failure[] {
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
