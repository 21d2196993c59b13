/** What the commands about keys print: tables for people, and one document for programs. */
import type { KeyInfo } from "../../publisher/custody/custody.ts";
import type { KeyError } from "../../publisher/custody/errors.ts";
import { type CliContext, formatTable, printable, printJson, printLine } from "../output.ts";

/**
 * `vidimus-keys/1`: what every command about keys prints with `--json`. Members without a value are null.
 * @param more members of one command
 */
export function printKeys(
  context: CliContext,
  keys: readonly KeyInfo[],
  faults: readonly KeyError[] = [],
  more: object = {},
): void {
  printJson(context, {
    format: "vidimus-keys/1",
    keys: keys.map(documentOf),
    faults: faults.map(({ code, message }) => ({ code, what: message })),
    ...more,
  });
}

function documentOf({ id, algorithm, listed, name, role, repository, place, locked }: KeyInfo) {
  return {
    id,
    algorithm: algorithm ?? null,
    public: listed?.public ?? null,
    name: name === "" ? null : name,
    role: role ?? null,
    repository: repository ?? null,
    place,
    locked,
  };
}

/** One line for each key, under a head. */
export function keyTable(keys: readonly KeyInfo[]): string {
  const rows = keys.map(({ id, algorithm, name, role, repository, place }) =>
    [id, algorithm ?? "locked", name, role ?? "", repository ?? "", place].map(printable),
  );
  return formatTable([["ID", "KIND", "NAME", "ROLE", "REPOSITORY", "PLACE"], ...rows]);
}

/** A key as a sentence names it. */
export function nameOf({ id, name }: KeyInfo): string {
  return name === "" ? id : `${printable(name)} (${id})`;
}

/** Says what was done with a key, for a person or a program. */
export function sayDone(context: CliContext, json: true | undefined, info: KeyInfo, sentence: string): void {
  if (json === true) printKeys(context, [info]);
  else printLine(context, sentence);
}
