/**
 * The passphrases of an old signer: one for each alias (notary-protocol.md 5.4), or several where somebody changed one and kept its
 * alias.
 *
 * From where it is named, or from the variable that the signer itself took it from: NOTARY_SIGNER_ and the alias in capitals.
 * Never an argument of the command line, which every user of the machine sees.
 */
import { closeSync, openSync, readSync } from "node:fs";
import { OldKeyError } from "./databases/errors.ts";

const longest = 4_096;

export interface OldPassphrases {
  /** At least one, in the order of trying. Throws `OLD_PASSPHRASE_MISSING`, `OLD_PASSPHRASE_UNREADABLE`. */
  of(alias: string): readonly Uint8Array[];
  /** Wipes what was read. */
  close(): void;
}

/**
 * @param named `ALIAS=SOURCE`, or a source alone for every alias that has none of its own; both may be repeated. A source is `file:PATH`,
 *   `fd:NUMBER` or `env:NAME`
 */
export function oldPassphrases(
  named: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): OldPassphrases {
  const sources = new Map<string, string[]>();
  for (const [alias, source] of named.map(split)) sources.set(alias, [...(sources.get(alias) ?? []), source]);
  const read = new Map<string, Buffer>();

  const load = (source: string): Buffer => {
    const known = read.get(source);
    if (known !== undefined) return known;
    const bytes = readSource(source, environment);
    read.set(source, bytes);
    return bytes;
  };

  return {
    of(alias) {
      const own = sources.get(alias) ?? sources.get("");
      if (own !== undefined) return own.map(load);
      const name = variableOf(alias);
      if ((environment[name] ?? "") !== "") return [load(`env:${name}`)];
      throw new OldKeyError(
        "OLD_PASSPHRASE_MISSING",
        `There is no passphrase for the old signer's keys of alias ${shown(alias)}: set ${name} as the old signer has it, or give --old-passphrase ${shown(alias)}=file:PATH.`,
      );
    },
    close() {
      for (const bytes of read.values()) bytes.fill(0);
      read.clear();
    },
  };
}

function split(named: string): readonly [alias: string, source: string] {
  const found = /^(?:([^=:]*)=)?((?:file|fd|env):.+)$/s.exec(named);
  // The text itself is not repeated: somebody may have typed the passphrase.
  if (found?.[2] === undefined) {
    throw new OldKeyError(
      "OLD_PASSPHRASE_UNREADABLE",
      "--old-passphrase takes a place and no passphrase: [ALIAS=]file:PATH, fd:NUMBER or env:NAME.",
    );
  }
  return [found[1] ?? "", found[2]];
}

function variableOf(alias: string): string {
  return `NOTARY_SIGNER_${alias.toUpperCase()}`;
}

function readSource(source: string, environment: Readonly<Record<string, string | undefined>>): Buffer {
  const colon = source.indexOf(":");
  const [kind, place] = [source.slice(0, colon), source.slice(colon + 1)];
  if (kind === "env") {
    const value = environment[place] ?? "";
    if (value === "") throw unreadable(`the variable ${shown(place)}`);
    return Buffer.from(value, "utf8");
  }
  const file = kind === "fd" ? descriptor(place) : undefined;
  return withoutLineEnd(readAll(file ?? place, source));
}

function descriptor(text: string): number {
  if (!/^[0-9]{1,4}$/.test(text)) throw unreadable("a descriptor, which is a number from 0 to 9999,");
  return Number(text);
}

function readAll(place: string | number, source: string): Buffer {
  const buffer = Buffer.alloc(longest + 1);
  let length = 0;
  try {
    const file = typeof place === "number" ? place : openSync(place, "r");
    try {
      for (let count = -1; count !== 0 && length < buffer.length; length += count) {
        count = readSync(file, buffer, length, buffer.length - length, null);
      }
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    buffer.fill(0);
    throw unreadable(shown(source), cause);
  }
  if (length > longest || length === 0) throw unreadable(shown(source));
  return buffer.subarray(0, length);
}

function withoutLineEnd(bytes: Buffer): Buffer {
  if (bytes.at(-1) !== 0x0a) return bytes;
  return bytes.subarray(0, bytes.at(-2) === 0x0d ? -2 : -1);
}

function unreadable(what: string, cause?: unknown): OldKeyError {
  return new OldKeyError(
    "OLD_PASSPHRASE_UNREADABLE",
    `The old signer's passphrase cannot be read from ${what}: it must be there, and have 1 to ${longest} bytes.`,
    cause,
  );
}

/** Aliases come from a database that may hold anything. */
export function shown(text: string): string {
  return text.slice(0, 100).replaceAll(/\p{C}/gu, "?");
}
