/**
 * Repositories to a living Notary by its publish interface: what was published here since is published there again, in the same
 * order and with the same bytes.
 *
 * What such a server takes (seen with notary-server 0.7.0, docs/moving.md): roots one version after the other, a first one only as 1
 * or 2; nothing expired; only what is signed by keys that its own signer holds. The timestamp it makes itself, with its own version.
 * So whatever readers have seen here is made up for by empty publications, if that server holds the snapshot's key; their
 * snapshots are its own.
 *
 * Each publication is whole or not there. What was cut off goes on where it was.
 *
 * That interface has no way to say what is expected to be there. So right before a publication that brings something its timestamp
 * is asked for once more: whatever was published since the plan was made has moved it on, and then nothing is sent. What is
 * published in the moment after that, or while empty publications follow one another, meets the versions, which that server lets
 * rise only, and the comparison at the end.
 */
import { sha256Hex } from "../../core/bytes.ts";
import type { Collection } from "../../core/taking-over.ts";
import { type Crawl, type CrawlLimits, crawlPresent, type Present } from "../crawl.ts";
import type { Destination } from "../destination.ts";
import { BackError } from "../errors.ts";
import { byWeight, upTo } from "../giving-up.ts";
import type { Weight } from "../offer.ts";
import type { Source } from "../source.ts";
import { type Older, refuseOtherHistory } from "./history.ts";
import { readingAt } from "./place.ts";
import { type Step, stepsAfter } from "./steps.ts";
import { refuseFile } from "./stock-form.ts";
import { asked, type KeysPlace, largestAnswer, longest, refuseWithoutKey } from "./their-keys.ts";

export interface PublishingPlace extends KeysPlace {
  /** This server. */
  readonly crawl: Crawl;
  older(repository: string): Older;
  encode(files: ReadonlyMap<string, Buffer>): Promise<{ readonly type: string; readonly bytes: Buffer }>;
  /** Milliseconds that the publications of one repository may take, in place of six hours. */
  readonly longest?: number;
}

interface Plan {
  /** Of the timestamp that was there; undefined: there was none. */
  readonly before: { readonly version: number; readonly sha256: string } | undefined;
  readonly steps: readonly Step[];
  /** Empty publications afterwards. */
  readonly lifts: number;
}

/** Empty publications that anybody would wait for. */
const mostLifts = 1_000;
/** Plans that are made when somebody publishes there meanwhile. */
const attempts = 3;
const longestForAll = 6 * 60 * 60_000;

export function publishingDestination(place: PublishingPlace): Destination {
  const { crawl, there, older } = place;
  const [reading, weighed] = [readingAt(there.origin), byWeight()];

  const readThere = (repository: string) => {
    const source = upTo(there);
    const within = (limits: CrawlLimits) => crawlPresent({ ...crawl, source, limits }, repository);
    return reading(repository, () => weighed(crawl.limits, within));
  };

  async function planOf(repository: string, collection: Collection, weight: Weight): Promise<Plan> {
    const known = await readThere(repository);
    const isSame = known !== undefined && hasSameContent(known.collection, collection);
    const newest = { there: versionsOf(known), here: onlineOf(collection) };
    let steps: readonly Step[] = [];
    if (!isSame || newest.there.snapshot < newest.here.snapshot) {
      const stored = known === undefined ? [] : [...known.collection.roots, ...known.collection.files];
      await refuseOtherHistory(
        repository,
        collection,
        stored.map(({ role, sha256, signed }) => ({ role, sha256, version: signed.version })),
        older(repository),
      );
      const present = { repository, collection, firstRoot: 1 };
      steps = await stepsAfter(crawl, present, known?.collection, { weight });
      for (const { files } of steps) for (const file of files) refuseFile(repository, file, crawl.now());
    }
    const lifts = Math.max(0, newest.here.timestamp - newest.there.timestamp - steps.length);
    if (known !== undefined && steps.length + lifts > 0) {
      await refuseWithoutKey(place, repository, collection, "timestamp");
    }
    if (lifts > 0) await refuseLifts(place, repository, collection, lifts);
    if (!isSame && steps.length === 0) throw incomplete(there, repository);
    const timestamp = known?.collection.trusted.timestamp;
    const before = timestamp && { version: timestamp.signed.version, sha256: timestamp.sha256 };
    return { before, steps, lifts };
  }

  /** Undefined: there is none. */
  const timestampOf = (repository: string): Promise<Plan["before"]> =>
    reading(repository, async () => {
      const bytes = await there.file(repository, "timestamp.json", crawl.limits.fileBytes);
      const signed = bytes && crawl.format.parse("timestamp", bytes).signed;
      return bytes && signed && { version: signed.version, sha256: sha256Hex(bytes) };
    });

  /** Each publication makes one timestamp. Throws `EXPORT_AHEAD` when there is another one between two that bring something. */
  async function send(repository: string, { before, steps, lifts }: Plan): Promise<void> {
    const end = performance.now() + (place.longest ?? longestForAll);
    const next = async (files: ReadonlyMap<string, Buffer>): Promise<void> => {
      if (performance.now() > end) throw endless(there, repository);
      await publish(place, repository, files);
    };
    for (const [index, { files }] of steps.entries()) {
      const expected = (before?.version ?? 0) + index;
      if (index > 0 && (await timestampOf(repository))?.version !== expected) throw published(repository);
      await next(new Map(files.map(({ role, bytes }) => [role, bytes])));
    }
    for (let lift = 0; lift < lifts; lift++) await next(new Map());
  }

  return {
    origin: there.origin,
    async standing(repository) {
      return { exists: (await timestampOf(repository)) !== undefined, adopted: false };
    },
    versions: async () => new Map(),
    addPast: async () => 0,
    async take(repository, _origin, collection, dryRun, weight = "any") {
      for (let attempt = 1; ; attempt++) {
        const plan = await planOf(repository, collection, weight);
        const changed = plan.steps.length + plan.lifts > 0;
        if (dryRun || !changed) return { changed, incarnation: 1 };
        if ((await timestampOf(repository))?.sha256 === plan.before?.sha256) {
          await send(repository, plan);
          break;
        }
        if (attempt === attempts) throw published(repository);
      }
      const now = await readThere(repository);
      if (now === undefined || !hasSameContent(now.collection, collection)) {
        throw new BackError(
          "EXPORT_REFUSED",
          `${there.origin} took ${repository}, and does not serve what it was given: bring it into its database with --server-db.`,
        );
      }
      return { changed: true, incarnation: 1 };
    },
  };
}

function published(repository: string): BackError {
  return new BackError(
    "EXPORT_AHEAD",
    `${repository} was published to over there while it was to go back: stop that, then export it again.`,
  );
}

function endless({ origin }: Source, repository: string): BackError {
  return new BackError(
    "EXPORT_PLACE",
    `${origin} has not taken all publications of ${repository} in time: look into its log, then run it again, it goes on.`,
  );
}

function incomplete({ origin }: Source, repository: string): BackError {
  return new BackError(
    "EXPORT_FILES",
    `${origin} has the snapshot of ${repository} that is here, and not all that it lists, which its publish interface does not take again: bring it into its database with --server-db.`,
  );
}

/** What people have signed; what servers make of it may differ. */
function hasSameContent(one: Collection, other: Collection): boolean {
  const text = ({ roots, files }: Collection) =>
    [...roots.slice(-1), ...files]
      .filter(({ role }) => role !== "timestamp" && role !== "snapshot")
      .map(({ role, sha256 }) => `${role} ${sha256}`)
      .sort()
      .join("\n");
  return text(one) === text(other);
}

function onlineOf({ trusted }: Collection) {
  const { timestamp, snapshot } = trusted;
  return { timestamp: timestamp?.signed.version ?? 0, snapshot: snapshot?.signed.version ?? 0 };
}

function versionsOf(known: Present | undefined) {
  return known === undefined ? { timestamp: 0, snapshot: 0 } : onlineOf(known.collection);
}

async function refuseLifts(
  place: PublishingPlace,
  repository: string,
  collection: Collection,
  lifts: number,
): Promise<void> {
  const why = `Readers have seen timestamp ${onlineOf(collection).timestamp} of ${repository}, and ${place.there.origin} would make one ${lifts} below that`;
  if (lifts > mostLifts) {
    throw new BackError("EXPORT_TIMESTAMP", `${why}: bring it into the database with --server-db.`);
  }
  try {
    await refuseWithoutKey(place, repository, collection, "snapshot");
  } catch (error) {
    if (!(error instanceof BackError) || error.code !== "EXPORT_KEYS") throw error;
    throw new BackError(
      "EXPORT_TIMESTAMP",
      `${why}, and lacks the snapshot's key that would make up for it: bring it into the database with --server-db, or let its owner publish there ${lifts} times.`,
      error,
    );
  }
}

/** Throws `EXPORT_REFUSED` with what the server said. */
async function publish(
  { fetcher, pace, there, encode }: PublishingPlace,
  repository: string,
  files: ReadonlyMap<string, Buffer>,
): Promise<void> {
  await pace.turn();
  const upload = await encode(files);
  const { status, body } = await asked(there, () =>
    fetcher.call({
      right: { of: "repository", repository, actions: "pull,push" },
      method: "POST",
      path: `/v2/${repository}/_trust/tuf/`,
      body: upload,
      maxBytes: largestAnswer,
      signal: AbortSignal.timeout(longest),
    }),
  );
  if (status === 200) return;
  const said = body.toString("utf8").slice(0, 500).trim();
  throw new BackError(
    "EXPORT_REFUSED",
    `${there.origin} refuses ${repository} with status ${status} (${said}): bring it into its database with --server-db.`,
  );
}

/** Versions of this server, by their digest. */
export function olderAt(source: Source, maxBytes: number): (repository: string) => Older {
  return (repository) => async (role, version) => {
    const bytes = await source.file(repository, `${version}.${role}.json`, maxBytes);
    return bytes && sha256Hex(bytes);
  };
}
