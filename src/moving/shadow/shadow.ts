/**
 * One comparison of two servers: the repositories that changed at either since the last one, and those that differed then.
 *
 * - What differs is read again, up to twice: somebody may have published between the two readings.
 * - After every piece of the list what is known is given on to be kept, so a comparison that was cut off goes on there.
 * - One repository that cannot be verified keeps no other from being compared. A server that is away ends it.
 */
import pLimit from "p-limit";
import { sha256Hex } from "../../core/bytes.ts";
import { VidimusError } from "../../core/errors.ts";
import { type Crawl, crawlPresent } from "../crawl.ts";
import { ShadowError, SourceError } from "../errors.ts";
import type { NotarySource } from "../notary-source.ts";
import { compareSides, type Difference, type Side } from "./compare.ts";
import type { ShadowState } from "./state.ts";

export interface Shadow {
  readonly here: NotarySource;
  readonly there: NotarySource;
  readonly crawl: Omit<Crawl, "source">;
  /** Repositories at a time. */
  readonly inFlight: number;
  /** Empty: what the changefeeds name. */
  readonly repositories: readonly string[];
  /** Waits before something that differs is read again. */
  readonly pause: () => Promise<void>;
  onState(state: ShadowState): Promise<void>;
  onDone?(repository: string, done: number): void;
}

export interface Compared {
  /** By repository and role. */
  readonly differences: readonly (Difference & { readonly since: number })[];
  /** Repositories that were looked at this time. */
  readonly compared: number;
}

const readings = 3;
const pieceLength = 256;
const mostNames = 1_000_000;

/** Throws `SHADOW_UNREADABLE`, and what `onState` throws. */
export async function compareServers(shadow: Shadow, before: ShadowState): Promise<Compared> {
  const { here, there, repositories, crawl, inFlight } = shadow;
  const isNamed = repositories.length > 0;
  const { names, read } = isNamed
    ? { names: new Set(repositories), read: before.read }
    : await changedSince(shadow, before);
  const under = before.under ?? { upTo: "", read };
  const wasOpen = new Set(before.open.map(({ repository }) => repository));
  const sorted = [...names].sort().filter((name) => isNamed || name > under.upTo || wasOpen.has(name));
  const since = new Map(before.open.map((each) => [keyOf(each), each.since]));
  const found = new Map<string, Compared["differences"]>();
  const at = crawl.now();
  const limit = pLimit(inFlight);
  let done = 0;

  /** What is known after a piece of the list. */
  const stateAfter = (looked: ReadonlySet<string>, upTo: string | undefined): ShadowState => {
    const open = [
      ...before.open.filter(({ repository }) => !looked.has(repository)),
      ...[...found.values()].flat().map(shortOf),
    ];
    if (isNamed) return { ...before, open };
    if (upTo === undefined) return { ...before, read: under.read, under: undefined, open };
    return { ...before, under: { upTo: upTo > under.upTo ? upTo : under.upTo, read: under.read }, open };
  };
  const looked = new Set<string>();
  for (let start = 0; start < sorted.length; start += pieceLength) {
    const piece = sorted.slice(start, start + pieceLength);
    await Promise.all(
      piece.map((repository) =>
        limit(async () => {
          const differences = await compareOne(shadow, repository);
          const told = differences.map((each) => ({ ...each, since: since.get(keyOf(each)) ?? at }));
          if (told.length > 0) found.set(repository, told);
          shadow.onDone?.(repository, ++done);
        }),
      ),
    );
    for (const repository of piece) looked.add(repository);
    await shadow.onState(stateAfter(looked, piece.at(-1)));
  }
  await shadow.onState(stateAfter(looked, undefined));
  const differences = [...found.values()].flat().sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  return { differences, compared: sorted.length };

  async function compareOne({ pause }: Shadow, repository: string): Promise<readonly Difference[]> {
    const places = { here: here.origin, there: there.origin };
    for (let reading = 1; ; reading++) {
      const found = await compareSides(
        repository,
        await sideOf(here, repository),
        await sideOf(there, repository),
        places,
      );
      if (found.length === 0 || reading === readings) return found;
      await pause();
    }
  }

  async function sideOf(source: NotarySource, repository: string): Promise<Side> {
    const older: Side["older"] = async (role, version) => {
      const name = `${version}.${role}.json`;
      const bytes = await readable(() => source.file(repository, name, crawl.limits.fileBytes));
      return bytes && sha256Hex(bytes);
    };
    try {
      const present = await readable(() => crawlPresent({ ...crawl, source }, repository));
      return { ...(present && { present }), older };
    } catch (error) {
      const isOfOne = error instanceof VidimusError || error instanceof SourceError;
      if (!isOfOne) throw error;
      return { fault: { code: error.code, sentence: error.message }, older };
    }
  }
}

function shortOf({
  repository,
  role,
  code,
  since,
}: Compared["differences"][number]): ShadowState["open"][number] {
  return { repository, ...(role !== undefined && { role }), code, since };
}

async function changedSince(
  { here, there }: Shadow,
  { read, open }: ShadowState,
): Promise<{ names: Set<string>; read: ShadowState["read"] }> {
  const [mine, theirs] = await Promise.all([
    readable(() => here.changes(read.here, mostNames), "whole"),
    readable(() => there.changes(read.there, mostNames), "whole"),
  ]);
  const names = [
    ...mine.changed.keys(),
    ...theirs.changed.keys(),
    ...open.map(({ repository }) => repository),
  ];
  return { names: new Set(names), read: { here: mine.last, there: theirs.last } };
}

/** What concerns one repository alone is thrown as it is. */
async function readable<T>(task: () => Promise<T>, of: "one" | "whole" = "one"): Promise<T> {
  try {
    return await task();
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    if (of === "one" && error.code !== "SOURCE_UNREACHABLE") throw error;
    throw new ShadowError("SHADOW_UNREADABLE", error.message, error);
  }
}

interface Keyed {
  readonly repository: string;
  readonly role?: string | undefined;
  readonly code: string;
}

function keyOf({ repository, role = "", code }: Keyed): string {
  return `${repository}\n${role}\n${code}`;
}
