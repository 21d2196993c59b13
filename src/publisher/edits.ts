/**
 * What a publisher wants, as data: staged on disk, applied to whatever is current when it is published (`apply.ts`).
 *
 * An edit says what it stood on where that matters: a target that somebody else has moved in between is a conflict, never
 * overwritten.
 */
import type { FormatRules, RootContent, TargetContent, TargetsContent } from "../core/format/format.ts";
import type { ListedKey } from "../core/keys.ts";
import type { Metadata, Root, Snapshot, Targets } from "../core/model.ts";
import type { TopRole } from "../core/names.ts";
import type { Verified } from "../core/verify.ts";

export type Edit =
  /** `stood`: sha256 of what was there when it was staged; null for nothing. */
  | {
      readonly edit: "add";
      readonly role: string;
      readonly name: string;
      readonly target: TargetContent;
      readonly stood: string | null;
    }
  | { readonly edit: "remove"; readonly role: string; readonly name: string; readonly stood: string }
  /** Makes the delegation if it is not there. Keys to remove by bare or listed ID. */
  | {
      readonly edit: "delegation";
      readonly role: string;
      readonly addKeys?: readonly ListedKey[];
      readonly removeKeys?: readonly string[];
      readonly addPaths?: readonly string[];
      readonly removePaths?: readonly string[];
      readonly threshold?: number;
    }
  | { readonly edit: "delegation-removal"; readonly role: string }
  | {
      readonly edit: "keys";
      readonly role: TopRole;
      readonly add: readonly ListedKey[];
      readonly remove: readonly string[];
    }
  | { readonly edit: "threshold"; readonly role: TopRole; readonly threshold: number }
  /** Signed again as it is. `dated`: every target gets the date of this signing. */
  | { readonly edit: "resign"; readonly role: string; readonly dated: boolean };

/** The offline files that an edit is applied to, all verified but `lapsed`. */
export interface OfflineState {
  readonly root: Verified<Root>;
  readonly targets: ReadonlyMap<string, Verified<Targets>>;
  /** Its name, for sentences. */
  readonly repository?: string;
  /** What lists every role that has a file; undefined where only some roles are at hand. */
  readonly snapshot?: Verified<Snapshot>;
  /** Delegated roles that readers refuse, with the code that says why. */
  readonly unusable?: ReadonlyMap<string, string>;
  /** Of those the files that too few of the present keys have signed: not verified. */
  readonly lapsed?: ReadonlyMap<string, Metadata<Targets>>;
}

/** What changes, as the next versions of files. */
export interface Contents {
  readonly root: RootContent | undefined;
  /** Parents before children. */
  readonly targets: ReadonlyMap<string, TargetsContent>;
}

/** Milliseconds from signing to expiry. */
export interface Lifetimes {
  readonly root: number;
  readonly targets: number;
  readonly delegations: number;
}

const day = 86_400_000;
export const defaultLifetimes: Lifetimes = { root: 730 * day, targets: 365 * day, delegations: 365 * day };

export interface Signing {
  readonly format: FormatRules;
  /** The instant of signing, in milliseconds. */
  readonly at: number;
  readonly lifetimes: Lifetimes;
}

/** Where edits are staged for. */
export interface StagedFor {
  /** As a fetcher names it: `https://host:port`. */
  readonly server: string;
  readonly repository: string;
}

export interface Staged extends StagedFor {
  readonly edits: readonly Edit[];
}
