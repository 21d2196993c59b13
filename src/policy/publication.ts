/** What the rules for publications are asked about: an upload that was examined, and what it would replace. */
import type { Candidate, CurrentFiles, Plan } from "../core/publication.ts";
import type { OpenPins } from "./rules/pins.ts";
import type { Rule } from "./trust-policy.ts";

/** A candidate with its plan: `files` are uploaded and verified, `targets` has at least the parents of those. */
export type Publication = Pick<Candidate, "format" | "repository" | "at"> &
  Pick<Plan, "root" | "files" | "targets"> & { readonly current: Pick<CurrentFiles, "root" | "versions"> };

/** The rule that speaks for a repository, with its pins open. */
export interface Ruling {
  readonly rule: Rule;
  readonly pins: OpenPins | undefined;
}
