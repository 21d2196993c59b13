/** How a reference is found in a lock, and whether it means another digest now. */
import { TrustError } from "../errors.ts";
import type { ImageReference } from "../reference.ts";
import { type LockFile, lockKey } from "./lockfile.ts";

/** A reference that means another digest than when it was locked. */
export interface Move {
  readonly reference: string;
  readonly from: string;
  readonly to: string;
}

/** How a reference is found in a lock. */
export function keyOfReference({ name, tag, digest }: ImageReference, signed: string): string {
  const named = tag ?? (digest === undefined ? "latest" : null);
  return lockKey({ name, tag: named, digest: signed });
}

/** The digests of a lock, by `keyOfReference`. */
export function digestsOf(lock: LockFile | undefined): ReadonlyMap<string, string> {
  return new Map(lock?.images.map((image) => [lockKey(image), image.digest]));
}

/** Undefined of what has not moved, and of what was not locked. `to`: the digest that is signed now. */
export function moveOf(
  reference: ImageReference,
  to: string,
  locked: ReadonlyMap<string, string>,
): Move | undefined {
  const key = keyOfReference(reference, to);
  const from = locked.get(key);
  return from === undefined || from === to ? undefined : { reference: key, from, to };
}

/** The refusal of a move: `MOVED`. */
export function movedError({ reference, from, to }: Move): TrustError {
  const message = `${reference} was ${from} when it was locked, and is ${to} now.`;
  return new TrustError("MOVED", message, { reference, detail: { from, to } });
}
