/** What became of each repository of an import: the words of the report, for people and programs. */

/**
 * `taken`: it is here now. `further`: it was here, and is as new as its source now. `same`: nothing was missing. `wouldBeTaken`: of
 * a dry run. `absent`: the source has none. `leftOut`: nothing of it was taken, a finding says why.
 */
export type Outcome = "taken" | "further" | "same" | "wouldBeTaken" | "absent" | "leftOut";

export interface Finding {
  /** Stable: of the core, of a source, or of the server that takes over. */
  readonly code: string;
  readonly sentence: string;
}

export interface Report {
  readonly repository: string;
  readonly outcome: Outcome;
  /** Versions of the roots, first and last; 0 where none was read. */
  readonly roots: readonly [first: number, last: number];
  /** IDs of the keys of the newest root, to be compared with what its owner says. */
  readonly rootKeys: readonly string[];
  /** Current files, the root included. */
  readonly files: number;
  /** Older files that were added, or would be. */
  readonly past: number;
  readonly remarks: readonly { readonly code: string; readonly role: string }[];
  /** What keeps something from being taken. */
  readonly findings: readonly Finding[];
  /** What is worth knowing, and asks for nothing. */
  readonly notes: readonly string[];
  /** Until when its timestamp is good, in ISO 8601; undefined where none was read. */
  readonly timestampExpires: string | undefined;
  /** Whether the server that takes over renews it and takes publications. */
  readonly adopted: boolean;
}

/** Of a name that no repository can have here. */
export const badNameSentence =
  "No repository can be called that here: a name is that of an OCI reference, such as registry.example.org/team/app. Whoever owns it has to sign it anew under another name.";

/** Shared: a hundred thousand reports may hold nothing. */
const none: readonly never[] = Object.freeze([]);
const noRoots: readonly [number, number] = Object.freeze([0, 0]);

export function nothingOf(repository: string, outcome: Outcome, findings: readonly Finding[] = none): Report {
  return {
    repository,
    outcome,
    roots: noRoots,
    rootKeys: none,
    files: 0,
    past: 0,
    remarks: none,
    findings,
    notes: none,
    timestampExpires: undefined,
    adopted: false,
  };
}

/** A sentence that is to stand within another one, in brackets. */
export function withoutEnd(sentence: string): string {
  return sentence.replace(/\.$/, "");
}
