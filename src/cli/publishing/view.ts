/**
 * What changes, as a person is shown it before they sign: one look says what, whom, and what weakens. Marks say it in plain text
 * (`+` comes, `-` goes, `~` becomes another, `!` weakens); colour only repeats it, on a terminal.
 */
import type { Change } from "../../core/changes.ts";
import { canonicalKeyId } from "../../core/keys.ts";
import type { Standing } from "../../publisher/draft.ts";
import type { PinOutlook } from "../../publisher/pin-outlook.ts";
import { count } from "../../publisher/words.ts";
import { printable } from "../output.ts";

export interface ViewOptions {
  readonly color: boolean;
  /** What a key is called here, by its bare ID; empty without a name, undefined for a stranger's. */
  readonly nameOf: (keyId: string) => string | undefined;
}

const shortId = 12;
/** Lines of targets that one role shows; the rest is counted. */
const mostTargets = 40;

/** By file, also those `roles` in which nothing changes but the version; what weakens is counted before anything else, for a list may be long. */
export function changesText(
  changes: readonly Change[],
  options: ViewOptions,
  roles: readonly string[] = [],
): string {
  const files = [...new Set([...roles, ...changes.map(({ file }) => file)])];
  const weaker = changes.filter(({ weakens }) => weakens).length;
  const verb = weaker === 1 ? "takes" : "take";
  return [
    ...(weaker === 0 ? [] : [red(`! ${count(weaker, "change")} ${verb} protection away`, options.color)]),
    ...files.map((file) =>
      fileText(
        file,
        changes.filter((each) => each.file === file),
        options,
      ),
    ),
  ].join("\n");
}

function fileText(file: string, changes: readonly Change[], options: ViewOptions): string {
  // A file that is signed gets a later end by itself; it is told where it is another day.
  const isTold = ({ kind, before, after }: Change) =>
    kind !== "expires" || before?.slice(0, 10) !== after?.slice(0, 10);
  const isTarget = ({ kind }: Change) => kind.startsWith("target-");
  const rules = changes.filter((each) => !isTarget(each) && isTold(each));
  const targets = changes.filter(isTarget);
  const rest = targets.length - mostTargets;
  const lines = [...rules, ...targets.slice(0, mostTargets)].map((each) => lineOf(each, options));
  const more = rest > 0 ? [`    and ${rest} more targets (all with --json)`] : [];
  const none = lines.length === 0 ? ["    ~ nothing but its version"] : [];
  return [printable(file), ...none, ...lines, ...more].join("\n");
}

function lineOf(change: Change, options: ViewOptions): string {
  const [mark, words] = wordsOf(change, options);
  const line = `${change.weakens ? "!" : " "} ${mark} ${words}`;
  return `  ${change.weakens ? red(line, options.color) : line}`;
}

function wordsOf(
  { kind, file, subject, before = "", after = "" }: Change,
  { nameOf }: ViewOptions,
): readonly [mark: string, words: string] {
  const name = printable(subject);
  const of = subject === file ? "" : ` of ${name}`;
  const key = (id: string) => {
    const known = nameOf(id) || undefined;
    return known === undefined ? id.slice(0, shortId) : `${printable(known)} (${id.slice(0, shortId)})`;
  };
  switch (kind) {
    case "file-added":
      return ["+", after === "" ? "first version" : `version ${after}, where readers refuse the one before`];
    case "key-added":
      return ["+", `key${of}: ${key(after)} may sign`];
    case "key-removed":
      return ["-", `key${of}: ${key(before)} may not sign any more`];
    case "certificate":
      return ["~", `certificate${of}: another one for the same key`];
    case "threshold":
      return before === ""
        ? ["+", `threshold${of}: ${after}`]
        : ["~", `threshold${of}: ${before} → ${after}`];
    case "delegation-added":
      return ["+", `delegation to ${name}`];
    case "delegation-removed":
      return ["-", `delegation to ${name}`];
    case "path-added":
      return ["+", `path${of}: ${pathText(after)}`];
    case "path-removed":
      return ["-", `path${of}: ${pathText(before)}`];
    case "order":
      return ["~", `order of delegations: ${printable(before)} → ${printable(after)}`];
    case "target-added":
      return ["+", `${name}  ${after}`];
    case "target-removed":
      return ["-", `${name}  ${before}`];
    case "target-moved":
      return ["~", `${name}  ${before} → ${after}`];
    case "target-custom":
      return ["~", `${name}  other custom data: ${printable(after).slice(0, 200)}`];
    case "target-dated":
      return ["~", `${name}  signed again`];
    case "expires":
      return ["~", `good until ${after.slice(0, 10)} (before: ${before.slice(0, 10)})`];
  }
}

/** A key by its name here, or the beginning of its ID. */
export function wordFor(id: string, nameOf: ViewOptions["nameOf"]): string {
  return nameOf(id) || id.slice(0, shortId);
}

export function pathText(path: string): string {
  return path === "" ? "everything" : printable(JSON.stringify(path));
}

/** Who has signed, and who is missing: one line for each threshold. */
export function standingText(standing: readonly Standing[], { color, nameOf }: ViewOptions): string {
  return standing
    .map(({ by, needed, signed, missing }) => {
      const who = signed.map((key) => wordFor(key.canonicalId, nameOf)).join(", ") || "nobody";
      const here = (id: string) => (nameOf(id) === undefined ? "" : " (here)");
      const absent = missing
        .map(canonicalKeyId)
        .map((id) => `${wordFor(id, nameOf)}${here(id)}`)
        .join(", ");
      const done = signed.length >= needed;
      const line = `${printable(by)}: ${signed.length} of ${needed} signed (${printable(who)})`;
      if (done) return `  ${line}`;
      return `  ${red(`${line}, ${needed - signed.length} more of ${printable(absent)}`, color)}`;
    })
    .join("\n");
}

/**
 * What readers who pin the root will say of the next one, a line for each kind of reader that will not simply take it. None where
 * all of them do.
 */
export function pinLines(
  outlook: PinOutlook | undefined,
  repository: string,
  { color, nameOf }: ViewOptions,
): readonly string[] {
  if (outlook === undefined) return [];
  const { outcome, own, needed, kept, fresh, certificates } = outlook;
  const words = (ids: readonly string[]) => ids.map((id) => wordFor(id, nameOf)).join(", ");
  const pin = (ids: readonly string[]) =>
    `vidimus pin add ${printable(repository)}${ids.map((id) => ` --key ${id}`).join("")} --yes`;
  const lines: string[] = [];
  if (outcome !== "taken") {
    const listed = kept.length === 0 ? "none of them" : `only ${kept.length} (${words(kept)})`;
    const why =
      outcome === "refused"
        ? `: it needs ${count(needed, "signature")} by pinned keys, and lists ${listed}`
        : ` unless ${needed} of these sign it: ${words(kept)}`;
    const yours = own === "taken" ? "Your own policy takes it." : "Your own policy is one of those.";
    lines.push(
      `Readers who pin the present root keys will refuse this root${why}. ${yours} Let them pin its new keys first: ${pin(fresh)}`,
    );
  } else if (own !== "taken") {
    const unless = own === "refused" ? "" : ", unless enough of the pinned sign it";
    lines.push(
      `Your own policy will refuse this root${unless}: it does not pin all of its keys. Pin them first, and let readers do the same: ${pin([...kept, ...fresh])}`,
    );
  }
  if (certificates)
    lines.push(
      "Root keys get other certificates: readers who pin certificates, or an authority over them, and not the keys, will refuse this root until they pin the new ones.",
    );
  return lines.map((line) => red(`! ${printable(line)}`, color));
}

export function red(text: string, color: boolean): string {
  return color ? `\u001b[31m${text}\u001b[39m` : text;
}
