/** What keys that were found in a stock client's directory are for: asked of a server, or by the directory's own copies. */
import type { Trust } from "../../client/trust.ts";
import { isRepositoryName } from "../../core/names.ts";
import type { KeyHere, KnownFiles, Typed } from "../../publisher/keys/standing.ts";
import type { AskedRepository, KeyUse } from "../../publisher/keys/use.ts";
import type { CachedFiles } from "../../publisher/trust-cache.ts";

export interface ReportSource {
  readonly trustDirectory: string;
  /** Asked for what is signed today; without, the directory's own copy is what is known. */
  readonly server: { readonly url: string; readonly trust: Pick<Trust, "sender"> } | undefined;
}

/** Why a server could not be asked, and what helps. */
export interface Unasked {
  readonly what: string;
  readonly next: string;
  readonly exit: number;
}

export interface Untold extends Unasked {
  readonly repository: string;
}

export interface KeyReport {
  readonly repositories: readonly AskedRepository[];
  /** Of the keys of the directory. */
  readonly keys: readonly KeyUse[];
  /** Repositories of which the directory has a copy that cannot be read. */
  readonly unreadable: readonly string[];
  /** Why the server cannot be asked: then copies are what is known of the repositories that it had not told of by then. */
  readonly unasked?: Unasked;
  /** Repositories of which the server does not tell, such as one that may not be read. */
  readonly untold: readonly Untold[];
}

/**
 * @param found keys of the directory
 * @param others keys that are here as well
 */
export async function keyReport(
  source: ReportSource,
  found: readonly KeyHere[],
  others: readonly KeyHere[],
  typed?: Typed,
): Promise<KeyReport> {
  const [{ readTrustCache }, { keyStanding }, { keyUse }] = await Promise.all([
    import("../../publisher/trust-cache.ts"),
    import("../../publisher/keys/standing.ts"),
    import("../../publisher/keys/use.ts"),
  ]);
  const { repositories: copies, unreadable } = await readTrustCache(source.trustDirectory);
  const copied = new Set(copies.map(({ repository }) => repository));
  const named = found.flatMap(({ repository = "" }) => repository);
  const strange = [...new Set([...named, ...unreadable])].filter(
    (name) => !copied.has(name) && isRepositoryName(name, { older: true }),
  );
  const { answers, unknown, unasked, untold } = await ask(source, copies, strange);
  const url = source.server?.url;
  const keys = [...found, ...others];
  const repositories = answers.map(({ files, asOf }) => {
    const standing = keyStanding(files, keys, typed);
    const first = url === undefined ? undefined : firstStep(asOf, url);
    return { ...standing, asOf, ...(first !== undefined && { advice: [first, ...standing.advice] }) };
  });
  return {
    repositories,
    keys: keyUse(found, { repositories, unknown, server: url }),
    unreadable,
    untold,
    ...(unasked !== undefined && { unasked }),
  };
}

interface Answers {
  readonly answers: readonly { readonly files: KnownFiles; readonly asOf: AskedRepository["asOf"] }[];
  readonly unknown: readonly string[];
  readonly untold: readonly Untold[];
  readonly unasked?: Unasked;
}

/** Whatever the server does, the copies are told of. One that cannot be asked is asked once; what it refuses of one it may tell of another. */
async function ask(
  { server }: ReportSource,
  copies: readonly CachedFiles[],
  strange: readonly string[],
): Promise<Answers> {
  if (server === undefined)
    return { answers: copies.map((files) => ({ files, asOf: "copy" })), unknown: [], untold: [] };
  const [{ endings, explain }, { filesToday, isOfServer }] = await Promise.all([
    import("../../client/errors.ts"),
    import("../../publisher/files-today.ts"),
  ]);
  const answers: Answers["answers"][number][] = [];
  const unknown: string[] = [];
  const untold: Untold[] = [];
  let unasked: Unasked | undefined;
  const today = async (known: CachedFiles | { readonly repository: string }) => {
    if (unasked !== undefined) return undefined;
    try {
      const { fetcher } = await server.trust.sender(known.repository);
      return await filesToday(known, fetcher, Date.now());
    } catch (error) {
      const told = explain(error);
      if (told === undefined) throw error;
      const why = { what: told.what, next: told.next, exit: endings[told.ending].exit };
      if (isOfServer(told.code)) unasked = why;
      else untold.push({ repository: known.repository, ...why });
      return undefined;
    }
  };
  for (const copy of copies) {
    const found = await today(copy);
    if (found?.is === "there") answers.push({ files: found.files, asOf: "server" });
    else answers.push({ files: copy, asOf: found?.is ?? "copy" });
  }
  for (const repository of strange) {
    const found = await today({ repository });
    if (found?.is === "there") answers.push({ files: found.files, asOf: "told" });
    else if (found?.is === "unknown") unknown.push(repository);
  }
  return { answers, unknown, untold, ...(unasked !== undefined && { unasked }) };
}

/** What can be done with the keys comes after the repository is there. */
function firstStep(asOf: AskedRepository["asOf"], server: string): string | undefined {
  if (asOf === "unknown")
    return `${server} does not have it: take it over first, vidimus import notary or vidimus import trustdir`;
  if (asOf === "another")
    return `${server} has another history of it, which does not follow from the copy here: ask its owner which is right before anything is signed`;
  return undefined;
}
