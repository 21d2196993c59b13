/**
 * What an import of a directory prints, for people and for programs: what became of each key, where it counts, where it counts no
 * more, which roots have no key left, and one step a line.
 */
import type { KeyInfo } from "../../publisher/custody/custody.ts";
import type { KeyError } from "../../publisher/custody/errors.ts";
import type { KeyHere, ListedHere } from "../../publisher/keys/standing.ts";
import type { AskedRepository, KeyUse } from "../../publisher/keys/use.ts";
import { type CliContext, formatTable, printable, printLine } from "../output.ts";
import { printKeys } from "./output.ts";
import type { KeyReport } from "./report.ts";

/** What a directory gave. */
export interface Harvest {
  /** Where keys were looked for. */
  readonly folder: string;
  /** Where they are now. */
  readonly store: string;
  readonly added: readonly KeyInfo[];
  /** Keys that were in the store already. */
  readonly there: readonly string[];
  /** Every key of the directory whose ID is known. */
  readonly found: readonly KeyHere[];
  readonly faults: readonly KeyError[];
}

/** What became of a key of the directory. */
type Fate = "taken in" | "there already" | "not taken in";

/** Why keys count for nothing, each kind under a head of its own. */
const notCounting: readonly (readonly [string, readonly KeyUse["past"][number]["why"][]])[] = [
  ["Counts no more:", ["REPLACED", "DELEGATION_DROPPED"]],
  ["Counts for nothing at the server:", ["REPOSITORY_UNKNOWN", "REPOSITORY_ANOTHER"]],
  ["Counts for nothing that is known here:", ["UNLISTED"]],
];

export function sayImport(context: CliContext, harvest: Harvest, report: KeyReport): void {
  const { keys, repositories, unreadable, unasked, untold } = report;
  const fateOf = fatesOf(harvest);
  if (keys.length > 0) printLine(context, keyRows(keys, fateOf));
  if (repositories.length > 0) printLine(context, `\n${roleRows(repositories)}`);
  for (const [title, whys] of notCounting)
    section(
      context,
      title,
      keys.flatMap(({ id, past }) =>
        past
          .filter(({ why }) => whys.includes(why))
          .map(({ sentence }) => `${shortId(id)}: ${printable(sentence)}`),
      ),
    );
  section(
    context,
    "No key of the root is here:",
    repositories.filter(({ root }) => root === "lost").map(({ repository }) => printable(repository)),
  );
  section(context, "What to do next:", [
    ...(unasked === undefined ? [] : [printable(`the server: ${unasked.next}`)]),
    ...untold.map(({ repository, next }) => `${printable(repository)}: ${printable(next)}`),
    ...repositories.flatMap(({ repository, advice }) =>
      advice.map((step) => `${printable(repository)}: ${printable(step)}`),
    ),
    ...keys.flatMap(({ id, next }) => (next === "" ? [] : [`the key ${shortId(id)}: ${printable(next)}`])),
    ...unreadable.map(
      (name) =>
        `${printable(name)}: the copy of it here cannot be read: name the directory of somebody who has a whole one`,
    ),
  ]);
  printLine(context, `\n${summary(harvest, report)}`);
  for (const { message } of harvest.faults) context.stderr(`${printable(message)}\n`);
  if (unasked !== undefined) {
    const what = printable(unasked.what);
    context.stderr(`${what} What is said of repositories that it has not told of is by the copies here.\n`);
  }
  for (const { repository, what } of untold)
    context.stderr(`${printable(repository)}: ${printable(what)} What is said of it is by what is here.\n`);
}

/** The same as a document; members without a value are null. */
export function printImport(context: CliContext, harvest: Harvest, report: KeyReport): void {
  const { repositories, keys, unreadable, unasked, untold } = report;
  const fateOf = fatesOf(harvest);
  printKeys(context, harvest.added, harvest.faults, {
    folder: harvest.folder,
    found: keys.map(({ id, role, repository, leftIn, counts, past, next }) => ({
      id,
      role: role ?? null,
      repository: repository ?? null,
      fate: fateOf(id),
      leftIn: leftIn ?? null,
      counts,
      past: past.map((each) => ({
        ...each,
        repository: each.repository ?? null,
        role: each.role ?? null,
        since: each.since ?? null,
      })),
      next: next === "" ? null : next,
    })),
    repositories: repositories.map((each) => ({
      ...each,
      past: each.past.map((one) => ({ ...one, since: one.since ?? null })),
    })),
    unreadable,
    unasked: unasked === undefined ? null : { what: unasked.what, next: unasked.next },
    untold: untold.map(({ repository, what, next }) => ({ repository, what, next })),
  });
}

function summary(
  { folder, store, added, there, found, faults }: Harvest,
  { repositories }: KeyReport,
): string {
  const left = found.length - added.length - there.length;
  const opened = `${added.length} taken in (${printable(store)}), ${there.length} there already, ${left} not taken in`;
  const odd = faults.length === 0 ? "" : `; ${counted(faults.length, "problem")}, named in the messages`;
  const ready = repositories.filter(({ root }) => root === "signable").length;
  const roots =
    repositories.length === 0
      ? "No repository is known here that keys could be for."
      : `Of ${counted(repositories.length, "repository", "repositories")} the root of ${ready} can be signed here.`;
  const keys =
    found.length === 0
      ? `No key in ${printable(folder)}`
      : `${counted(found.length, "key")} in ${printable(folder)}: ${opened}`;
  return `${keys}${odd}. ${roots}`;
}

function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

function fatesOf({ added, there }: Harvest): (id: string) => Fate {
  const [isAdded, isThere] = [new Set(added.map(({ id }) => id)), new Set(there)];
  return (id) => (isAdded.has(id) ? "taken in" : isThere.has(id) ? "there already" : "not taken in");
}

function section(context: CliContext, title: string, lines: readonly string[]): void {
  if (lines.length > 0) printLine(context, ["", title, ...lines.map((line) => `  ${line}`)].join("\n"));
}

/** A root key may be one of a hundred repositories, which have lines of their own. */
const mostNamed = 3;

function keyRows(keys: readonly KeyUse[], fateOf: (id: string) => Fate): string {
  const rows = keys.map(({ id, role, counts }) => {
    const named = counts.slice(0, mostNamed).map((each) => `${each.role} of ${each.repository}`);
    const more = counts.length > mostNamed ? [`${counts.length - mostNamed} more`] : [];
    const all = [...named, ...more].join(", ");
    return [shortId(id), printable(role ?? ""), fateOf(id), printable(all) || "nothing that is known here"];
  });
  return formatTable([["KEY", "MADE FOR", "WAS", "COUNTS AS"], ...rows]);
}

const asOfWords: Readonly<Record<AskedRepository["asOf"], string>> = {
  server: "the server's",
  told: "the server's word",
  copy: "the copy here",
  unknown: "the copy here",
  another: "the copy here",
};

function roleRows(repositories: readonly AskedRepository[]): string {
  const rows = repositories.flatMap(({ repository, roles, asOf, rootVersion }) =>
    roles.map(({ role, threshold, keys, signable }) => [
      printable(repository),
      printable(role),
      `${threshold} of ${keys.map(listedWord).join(", ") || "no key"}`,
      signable ? "yes" : "no",
      `root ${rootVersion}, ${asOfWords[asOf]}`,
    ]),
  );
  return formatTable([["REPOSITORY", "ROLE", "SIGNED BY", "CAN SIGN", "AS OF"], ...rows]);
}

function listedWord({ id, here, leftIn }: ListedHere): string {
  return `${shortId(id)}${here ? " (here)" : leftIn === undefined ? "" : " (not taken in)"}`;
}

function shortId(id: string): string {
  return id.slice(0, 12);
}
