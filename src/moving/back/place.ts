/** What goes wrong at a server that repositories go back to: with all of it, or with one of them. */
import { VidimusError } from "../../core/errors.ts";
import { BackError, isOfOneRepository, SourceError } from "../errors.ts";
import { Silence } from "../giving-up.ts";
import { withoutEnd } from "../report.ts";

/** A server that is away is no source, but where it all was to go. Throws `EXPORT_PLACE`. */
export async function asPlace<T>(task: () => Promise<T>): Promise<T> {
  try {
    return await task();
  } catch (error) {
    if (!(error instanceof SourceError) || error.code === "SOURCE_ENDLESS") throw error;
    throw new BackError("EXPORT_PLACE", error.message, error);
  }
}

/** Reads something of one repository. */
export type ReadingThere = <T>(repository: string, task: () => Promise<T>) => Promise<T>;

/**
 * What a server has of a repository and does not give, or gives so that nobody can use it, leaves open whether that repository may go
 * there. Throws `EXPORT_UNREADABLE`, and `EXPORT_PLACE` for a server that is away.
 */
export function readingAt(origin: string): ReadingThere {
  const silence = new Silence();
  return async (repository, task) => {
    try {
      const read = await task();
      silence.isAway(undefined);
      return read;
    } catch (error) {
      const isAway = silence.isAway(error);
      if (isOfOneRepository(error) && !isAway) {
        throw new BackError(
          "EXPORT_UNREADABLE",
          `${origin} does not say what it has of ${repository} (${withoutEnd(error.message)}): mend that there, or bring it into its database with --server-db.`,
          error,
        );
      }
      if (!(error instanceof VidimusError)) return await asPlace(() => Promise.reject(error));
      throw new BackError(
        "EXPORT_UNREADABLE",
        `What ${origin} has of ${repository} does not verify (${error.code}: ${withoutEnd(error.message)}): its owner has to mend it there, or it goes into the database with --server-db.`,
        error,
      );
    }
  };
}
