/** What a publication and a proposal have in common: what they are examined against. */
import type { FormatRules } from "../../core/format/format.ts";
import type { Metadata } from "../../core/model.ts";
import { type Candidate, storedFilesNeeded } from "../../core/publication.ts";
import type { OnlineKey, RepositoryState, Store } from "../../store/contract/store.ts";
import type { OnlineKeys } from "../online/keys.ts";
import type { TrustedFiles, TrustedFilesCache } from "../trusted.ts";

export interface CandidateParts {
  readonly store: Store;
  readonly format: FormatRules;
  readonly keys: OnlineKeys;
  readonly trusted: TrustedFilesCache;
}

/** A candidate, and what it was made from. */
export interface Loaded {
  readonly state: RepositoryState;
  readonly files: TrustedFiles;
  readonly held: ReadonlyMap<string, OnlineKey>;
  readonly candidate: Candidate;
}

/** `also`: stored targets roles that are wanted beside those that a verdict needs. */
export async function loadCandidate(
  { store, format, keys, trusted }: CandidateParts,
  repository: string,
  upload: ReadonlyMap<string, Metadata>,
  at: number,
  also: Iterable<string> = [],
): Promise<Loaded> {
  const state = await store.state(repository);
  const loaded = await trusted.load(state);
  const needed = new Set([...storedFilesNeeded(upload, state.current.keys()), ...also]);
  const files = await trusted.withTargets(state, loaded, needed);
  const rootFile = upload.get("root") ?? files.root;
  const held =
    rootFile?.signed.kind === "root"
      ? await keys.held(repository, rootFile.signed)
      : new Map<string, OnlineKey>();
  const candidate: Candidate = {
    format,
    repository,
    upload,
    current: await trusted.current(state, files, listedWithSha512(upload.get("snapshot"))),
    onlineKeys: new Set(held.keys()),
    at,
  };
  return { state, files, held, candidate };
}

function listedWithSha512(snapshot: Metadata | undefined): ReadonlySet<string> {
  if (snapshot?.signed.kind !== "snapshot") return new Set();
  return new Set(
    [...snapshot.signed.meta].filter(([, { hashes }]) => hashes.has("sha512")).map(([role]) => role),
  );
}
