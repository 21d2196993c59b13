/**
 * The keys of a server that repositories are published to: it takes no root that names others. What it does not say of them leaves
 * open whether it lacks them.
 */
import type { Fetcher } from "../../client/fetch/fetcher.ts";
import { VidimusError } from "../../core/errors.ts";
import type { Collection } from "../../core/taking-over.ts";
import { rootRole } from "../../core/verify.ts";
import { BackError } from "../errors.ts";
import { askSource } from "../notary-source.ts";
import type { Pace } from "../pace.ts";
import { type Patience, patiently } from "../patience.ts";
import { withoutEnd } from "../report.ts";
import type { Source } from "../source.ts";
import { asPlace } from "./place.ts";

export interface KeysPlace {
  /** The Notary. */
  readonly there: Source;
  readonly fetcher: Fetcher;
  readonly pace: Pace;
  /** How long it is waited for, and who is told. */
  readonly patience?: Patience;
  /** A key route's answer. Throws `BAD_SHAPE`. */
  readKey(role: "timestamp" | "snapshot", bytes: Buffer): { readonly id: string };
}

/** Bytes of an answer, and milliseconds that it may take. */
export const largestAnswer = 64 * 1_024;
export const longest = 120_000;

/**
 * The key that the server there would sign with. It makes one if it has none: so it is asked only for what it has. Throws
 * `EXPORT_KEYS`, and `EXPORT_UNREADABLE`.
 */
export async function refuseWithoutKey(
  place: KeysPlace,
  repository: string,
  { roots }: Collection,
  role: "timestamp" | "snapshot",
): Promise<void> {
  const { fetcher, pace, there, patience = {} } = place;
  const root = roots.at(-1)?.signed;
  if (root === undefined) return;
  const { status, body } = await asked(there, () =>
    patiently(patience, { who: there.origin, maxBytes: largestAnswer, pace }, (signal) =>
      fetcher.call({
        right: { of: "repository", repository, actions: "pull,push" },
        method: "GET",
        path: `/v2/${repository}/_trust/tuf/${role}.key`,
        maxBytes: largestAnswer,
        signal,
      }),
    ),
  );
  // What says nothing of its keys does not say that it lacks one.
  if (status !== 200 && status !== 404) throw untold(there, repository, role, `it answered ${status}`);
  if (status === 200) {
    const { id } = keyIn(place, repository, role, body);
    if (rootRole(root, role).keys.has(id)) return;
  }
  throw new BackError(
    "EXPORT_KEYS",
    `${there.origin} lacks the key of ${role} that the root of ${repository} names, so it refuses that root: bring it into its database with --server-db and --without-keys, and let its owner sign a root with the old keys (vidimus adopt).`,
  );
}

function keyIn(
  { there, readKey }: KeysPlace,
  repository: string,
  role: "timestamp" | "snapshot",
  body: Buffer,
): { readonly id: string } {
  try {
    return readKey(role, body);
  } catch (error) {
    if (!(error instanceof VidimusError)) throw error;
    throw untold(there, repository, role, withoutEnd(error.message), error);
  }
}

function untold(
  { origin }: Source,
  repository: string,
  role: string,
  why: string,
  cause?: unknown,
): BackError {
  return new BackError(
    "EXPORT_UNREADABLE",
    `${origin} does not say by which key it signs the ${role} of ${repository} (${why}): look into its log, or bring it into its database with --server-db.`,
    cause,
  );
}

export function asked<T>({ origin }: Source, request: () => Promise<T>): Promise<T> {
  return asPlace(() => askSource(origin, request));
}
