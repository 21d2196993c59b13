/**
 * Repositories into the tables of an old server's database, where its publish interface would not take them: any root, and a
 * timestamp as late as readers have seen it.
 *
 * - The roots and the present of a repository go in one transaction, so whoever reads the old server reads what was before or
 *   what comes after. Its past follows, and becomes current for nobody.
 * - The old server can go on with a repository only if its signer holds the keys that the root in force names. Where it does
 *   not, nothing is written unless that was asked for, and then the note says what its owner has to do.
 */
import type { Metadata } from "../../core/model.ts";
import type { Collection } from "../../core/taking-over.ts";
import { rootRole } from "../../core/verify.ts";
import { DatabaseError } from "../databases/errors.ts";
import type { NewFile, StoredFiles } from "../databases/stored-files.ts";
import type { Destination } from "../destination.ts";
import { BackError } from "../errors.ts";
import type { OnlineRoles } from "../key-server.ts";
import type { Finding } from "../report.ts";
import { type Older, refuseOtherHistory } from "./history.ts";

export interface TablesPlace {
  readonly tables: StoredFiles;
  /** IDs of the keys that the old signer holds; undefined: nobody can say. */
  readonly keys: ReadonlySet<string> | undefined;
  /** Go on although keys are missing. */
  readonly withoutKeys: boolean;
  /** Versions of this server. */
  older(repository: string): Older;
  /** Which keys this server holds. */
  online(repository: string): Promise<OnlineRoles | undefined>;
  /** Told what somebody has to do afterwards. */
  onNote(repository: string, note: Finding): void;
}

/** Columns of the original: 255 characters, and 32 bits. */
const longestName = 255;
const largestVersion = 2_147_483_647;
const attempts = 3;

export function tablesDestination(place: TablesPlace): Destination {
  const { tables, older } = place;

  /** What is there, if all may go there. */
  async function checked(repository: string, collection: Collection) {
    refuseBeyondColumns(repository, collection);
    const seen = await tables.of(repository);
    await refuseOtherHistory(repository, collection, seen, older(repository));
    const known = new Set(seen.map(({ role, version, sha256 }) => `${version} ${role} ${sha256}`));
    const all = [...collection.roots, ...collection.files].map(fileOf);
    const missing = all.filter(({ role, version, sha256 }) => !known.has(`${version} ${role} ${sha256}`));
    return { seen, missing };
  }

  return {
    origin: tables.place,
    async standing(repository) {
      return { exists: (await tables.of(repository)).length > 0, adopted: false };
    },
    async versions(repository, role) {
      const rows = (await tables.of(repository)).filter((each) => each.role === role);
      return new Map(rows.map(({ version, sha256 }) => [version, sha256]));
    },
    async take(repository, _origin, collection, dryRun) {
      if (dryRun) {
        const { missing } = await checked(repository, collection);
        await refuseWithoutKeys(place, repository, collection);
        return { changed: missing.length > 0, incarnation: 1 };
      }
      for (let attempt = 1; attempt <= attempts; attempt++) {
        const { seen, missing } = await checked(repository, collection);
        if (missing.length === 0) return { changed: false, incarnation: 1 };
        const announced = missing.filter(({ role }) => role === "timestamp");
        const added = await adding(() => tables.add(repository, missing, seen, announced));
        if (added !== undefined) return { changed: true, incarnation: 1 };
      }
      throw neverStill(repository);
    },
    async addPast(repository, _incarnation, files) {
      for (let attempt = 1; attempt <= attempts; attempt++) {
        const seen = await tables.of(repository);
        const newest = Math.max(0, ...seen.filter(isTimestamp).map(({ version }) => version));
        // What is later than what is there would become current.
        const past = files.map(fileOf).filter((file) => !isTimestamp(file) || file.version < newest);
        const added = await adding(() => tables.add(repository, past, seen, []));
        if (added !== undefined) return added;
      }
      throw neverStill(repository);
    },
  };
}

function neverStill(repository: string): BackError {
  return new BackError(
    "EXPORT_AHEAD",
    `${repository} is published to over there all the time: stop that, then export it again.`,
  );
}

/** By then others may have been written. Throws `EXPORT_PLACE` for a database that broke off. */
async function adding<T>(task: () => Promise<T>): Promise<T> {
  try {
    return await task();
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error;
    throw new BackError("EXPORT_PLACE", error.message, error);
  }
}

const isTimestamp = ({ role }: { readonly role: string }) => role === "timestamp";

function fileOf({ role, signed, sha256, bytes }: Metadata): NewFile {
  return { role, version: signed.version, sha256, bytes };
}

function refuseBeyondColumns(repository: string, { roots, files }: Collection): void {
  const large = [...roots, ...files].find(
    ({ role, signed }) => role.length > longestName || signed.version > largestVersion,
  );
  if (large === undefined && repository.length <= longestName) return;
  throw new BackError(
    "EXPORT_BOUNDS",
    `${repository} does not fit into the tables of an original server: names there have at most ${longestName} characters, and versions end at ${largestVersion}.`,
  );
}

/** Throws `EXPORT_KEYS`, or tells what is to be done. */
async function refuseWithoutKeys(
  { keys, withoutKeys, online, onNote }: TablesPlace,
  repository: string,
  { roots }: Collection,
): Promise<void> {
  const root = roots.at(-1)?.signed;
  if (root === undefined) return;
  const here = (await online(repository)) ?? [];
  const lacking = (["timestamp", "snapshot"] as const).filter((role) => {
    const { keys: listed, threshold } = rootRole(root, role);
    const isOnlineHere = here.some((each) => each.role === role && each.keys.some(({ held }) => held));
    // A snapshot that its owner signs needs no key there.
    if (role === "snapshot" && !isOnlineHere) return false;
    return [...listed.keys()].filter((id) => keys?.has(id) === true).length < threshold;
  });
  if (lacking.length === 0) return;
  const what = lacking.join(" and ");
  if (!withoutKeys) {
    throw new BackError(
      "EXPORT_KEYS",
      `The old signer lacks the keys of ${what} that the root of ${repository} names, and keys of this server never leave it: take it back with --without-keys, and its owner signs a root with the old signer's keys (vidimus adopt ${repository} --server the old one).`,
    );
  }
  onNote(repository, {
    code: "KEYS_MISSING",
    sentence: `Before its timestamp expires, the owner of ${repository} has to sign a root with the old signer's keys of ${what}: vidimus adopt ${repository}, with the old server as --server.`,
  });
}
