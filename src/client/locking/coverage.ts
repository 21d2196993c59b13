/**
 * Which images of some build files are verified, which are let through, and what is wrong before anything is asked.
 *
 * - A policy rule that speaks for an image's full name has it verified; images outside of every rule follow the policy's
 *   `default` (`refuse` when absent).
 * - LinuxKit's `trust:` blocks are united over all files and can only add: an image that one of them covers and no rule
 *   speaks for is refused, whatever the default. An entry that covers nothing is an error.
 * - Both sides of a comparison are full names, so that `kernel`, `init` and the rest are matched alike, however they and
 *   their hosts are written (LinuxKit itself let kernel and init slip through from 2017 on).
 *
 * How entries match. `image`: the name is the same, and so are tag (`latest` where an image has neither tag
 * nor digest) and digest where the entry has them. `org`: the first
 * part of the path below the host, if the path has more than one part: `library` for `nginx`, `linuxkit` for
 * `linuxkit/kernel` and for `registry.example.test:5000/linuxkit/kernel`.
 */
import { comparedName } from "../../policy/pattern.ts";
import { TrustError } from "../errors.ts";
import type { ImageUse, Input, TrustEntry } from "../inputs/input.ts";
import { noRule, type Unruled } from "../policy/no-rule.ts";
import { type ImageReference, parseReference } from "../reference.ts";

/** One place in a file, for a table of failures. */
export interface Place {
  /** The file, as it was given. */
  readonly file: string;
  readonly place: string;
  readonly line: number;
  /** As written there. */
  readonly text: string;
}

export interface Failure extends Place {
  readonly error: unknown;
}

export interface Wanted extends Place {
  readonly input: Input;
  readonly use: ImageUse;
  readonly reference: ImageReference;
}

export interface Unverified extends Place {
  readonly input: Input;
  readonly why: "policy" | "local";
  /** Undefined for a template. */
  readonly use: ImageUse | undefined;
}

export interface Coverage {
  readonly wanted: readonly Wanted[];
  readonly unverified: readonly Unverified[];
  readonly failures: readonly Failure[];
}

export interface CoverageRules {
  /** What the policy says of a reference. */
  readonly ruled: (reference: string) => "rule" | "refuse" | "unverified";
  /** Whether templates that are built from the local tree are let through. */
  readonly allowLocal: boolean;
  /** What is to be said of a full name that no rule speaks for. */
  readonly unruled: (name: string) => Unruled;
}

type Covers = (reference: ImageReference) => boolean;

interface OpenEntry {
  readonly input: Input;
  readonly entry: TrustEntry;
  readonly kind: "image" | "org";
  readonly covers: Covers;
}

/** @param isWhole whether every file could be read, so that an entry which covers nothing of these covers nothing at all */
export function coverageOf(inputs: readonly Input[], rules: CoverageRules, isWhole = true): Coverage {
  const wanted: Wanted[] = [];
  const unverified: Unverified[] = [];
  const failures: Failure[] = [];
  const entries = inputs.flatMap((input) => openEntries(input, failures));
  const useless = new Set(entries);
  for (const input of inputs) {
    failures.push(...faultsOf(input));
    for (const use of input.images) {
      const where = { file: input.file, place: use.place, line: use.line, text: use.reference };
      let reference: ImageReference;
      try {
        reference = parseReference(use.reference);
      } catch (error) {
        failures.push({ ...where, error });
        continue;
      }
      const covering = entries.filter(({ covers }) => covers(reference));
      for (const entry of covering) useless.delete(entry);
      const ruled = rules.ruled(use.reference);
      if (ruled === "rule") wanted.push({ ...where, input, use, reference });
      else if (ruled === "unverified" && covering.length === 0)
        unverified.push({ ...where, input, use, why: "policy" });
      else failures.push({ ...where, error: refused(reference, covering[0], use.place, rules) });
    }
    for (const { place, line, text } of input.local) {
      const where = { file: input.file, place, line, text };
      if (rules.allowLocal) unverified.push({ ...where, input, use: undefined, why: "local" });
      else {
        const message = `${text} is built from the local tree, so nobody has signed it.`;
        failures.push({
          ...where,
          error: new TrustError("LOCAL_TEMPLATE", message, { file: input.file, line }),
        });
      }
    }
  }
  for (const { input, entry, kind } of isWhole ? useless : []) {
    failures.push(
      entryFailure(
        input,
        entry,
        kind,
        `The entry ${entry.text} covers no image of these files.`,
        kind === "org"
          ? "Write the first part of the images' path below the host, such as linuxkit (an image with one part alone there has no org: write it under image); or remove the entry."
          : "Write the image as the file names it, without a tag or with the same; or remove the entry.",
      ),
    );
  }
  return { wanted, unverified, failures };
}

/** What is wrong with the `trust` block of an input. */
export function faultsOf({ file, faults }: Input): readonly Failure[] {
  return faults.map((error) => ({ file, place: "trust", line: error.line ?? 1, text: "trust", error }));
}

function openEntries(input: Input, failures: Failure[]): readonly OpenEntry[] {
  const { trust } = input;
  if (trust === undefined) return [];
  const opened: OpenEntry[] = [];
  for (const entry of trust.orgs) {
    if (!/^[a-z0-9]+(?:[._-]+[a-z0-9]+)*$/.test(entry.text)) {
      failures.push(
        entryFailure(
          input,
          entry,
          "org",
          `${entry.text} is no part of an image's name.`,
          "Write one part of a path, such as linuxkit, without host and slash.",
        ),
      );
      continue;
    }
    opened.push({ input, entry, kind: "org", covers: ({ path }) => path.startsWith(`${entry.text}/`) });
  }
  for (const entry of trust.images) {
    try {
      opened.push({ input, entry, kind: "image", covers: imageRule(parseReference(entry.text)) });
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      failures.push(
        entryFailure(
          input,
          entry,
          "image",
          message,
          "Write an image such as linuxkit/kernel:6.6, or remove the entry.",
        ),
      );
    }
  }
  return opened;
}

function imageRule({ name, tag, digest }: ImageReference): Covers {
  return (reference) =>
    comparedName(reference.name) === comparedName(name) &&
    (tag === undefined || tagOf(reference) === tag) &&
    (digest === undefined || reference.digest === digest);
}

/** What is pulled for a reference without tag and digest is `latest`. */
function tagOf({ tag, digest }: ImageReference): string | undefined {
  return tag ?? (digest === undefined ? "latest" : undefined);
}

function entryFailure(
  input: Input,
  { text, line }: TrustEntry,
  kind: string,
  message: string,
  next: string,
): Failure {
  const error = new TrustError("TRUST_BLOCK", message, { file: input.file, line, remedy: { next } });
  return { file: input.file, place: `trust.${kind}`, line, text, error };
}

function refused(
  { name }: ImageReference,
  covering: OpenEntry | undefined,
  place: string,
  rules: CoverageRules,
): TrustError {
  const why =
    covering === undefined
      ? "Images outside of the policy are refused."
      : `The trust block covers it (${covering.input.file}:${covering.entry.line}).`;
  const { hint, remedy } = rules.unruled(name);
  if (place !== "syntax") return noRule(name, { hint: `${hint} ${why}`, remedy });
  // The frontend of a Dockerfile, which few publishers sign.
  const next = `Remove the # syntax= line, so that the builder's own frontend is used; or name an image that you sign, or add an entry for ${name}.`;
  return noRule(name, { hint: `${hint} ${why}`, remedy: { who: "policy owner", next } });
}
