/** What a publication and a proposal have in common: reading the files, loading what they are examined against, policy. */
import { setImmediate } from "node:timers/promises";
import { MalformedError, RefusedError } from "../core/errors.ts";
import type { FormatRules } from "../core/format/format.ts";
import { maxUploadKeys } from "../core/limits.ts";
import { type Metadata, usedKeyIds } from "../core/model.ts";
import { type Candidate, storedFilesNeeded } from "../core/publication.ts";
import { evaluate } from "../policy/evaluate.ts";
import type { Finding, Policy } from "../policy/policy.ts";
import type { OnlineKey, RepositoryState, Store } from "../store/store.ts";
import type { OnlineKeys } from "./online-keys.ts";
import type { TrustedFiles, TrustedFilesCache } from "./trusted.ts";

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

/**
 * Each role once. Between files others get their turn, and the keys of all files together are bounded: opening them is
 * what costs before anything is verified.
 */
export async function readEach<F extends { readonly role: string }>(
  files: readonly F[],
  read: (file: F) => Metadata | undefined,
): Promise<ReadonlyMap<string, Metadata>> {
  const upload = new Map<string, Metadata>();
  const seen = new Set<string>();
  let keys = 0;
  for (const given of files) {
    const { role } = given;
    if (seen.has(role)) {
      throw new MalformedError("DUPLICATE_ROLE", "Send each role once in an upload.", { role });
    }
    seen.add(role);
    if (upload.size > 0) await setImmediate();
    const file = read(given);
    if (file === undefined) continue;
    keys += usedKeyIds(file.signed).size;
    if (keys > maxUploadKeys) {
      throw new MalformedError("TOO_MANY", `Use at most ${maxUploadKeys} different keys in one upload.`, {
        role,
      });
    }
    upload.set(role, file);
  }
  return upload;
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

/** The findings that only warn. Those that refuse are thrown, all in one sentence each. */
export function applyPolicy(files: readonly Metadata[], policy: Policy): readonly Finding[] {
  const findings = evaluate(files, policy);
  const refusals = findings.filter((finding) => finding.severity === "refuse");
  if (refusals[0] === undefined) return findings;
  throw new RefusedError(refusals[0].code, refusals.map(({ sentence }) => sentence).join(" "), {
    role: refusals[0].role,
  });
}
