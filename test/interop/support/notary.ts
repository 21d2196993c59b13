/**
 * The stock `notary` command line as a person uses it: a trust directory of one's own, passphrases by
 * environment, nothing taken from the machine.
 */

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Result, run } from "./process.ts";
import type { TrustServerAddress } from "./trust-server.ts";

export const passphrases = {
  NOTARY_ROOT_PASSPHRASE: "interop-root-passphrase",
  NOTARY_TARGETS_PASSPHRASE: "interop-targets-passphrase",
  NOTARY_SNAPSHOT_PASSPHRASE: "interop-snapshot-passphrase",
  NOTARY_DELEGATION_PASSPHRASE: "interop-delegation-passphrase",
} as const;

export interface NotaryOptions {
  /** Standard input, for instance `yes` to a root rotation. */
  readonly input?: string;
  /** Instead of the server's own URL. */
  readonly url?: string;
  /** Added to, or replacing, the person's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Content of a configuration file, for pinning. */
  readonly configuration?: unknown;
}

/** One person with one trust directory. */
export interface NotaryPerson {
  /** A directory of this person's own, for files. */
  readonly directory: string;
  /** Private keys and cached metadata. */
  readonly trustDirectory: string;
  /** Runs a command; any exit code is an answer. */
  try(args: readonly string[], options?: NotaryOptions): Promise<Result>;
  /** Runs a command that must succeed. @throws with its output when it does not. */
  do(args: readonly string[], options?: NotaryOptions): Promise<Result>;
  /** Writes a file and gives its path. */
  file(name: string, content: string | Buffer): string;
}

export function notaryPerson(server: TrustServerAddress, directory: string): NotaryPerson {
  mkdirSync(directory, { recursive: true });
  const place = { directory, trustDirectory: join(directory, "trust") };
  return {
    ...place,
    file: (name, content) => {
      const path = join(directory, name);
      writeFileSync(path, content);
      return path;
    },
    try: (args, options) => notaryCommand(server, place, args, options),
    do: async (args, options) => {
      const result = await notaryCommand(server, place, args, options);
      if (result.code === 0) return result;
      throw new Error(`notary ${args.join(" ")} ended with ${result.code}: ${result.stdout}${result.stderr}`);
    },
  };
}

/** Runs `notary` once on the given trust directory; any exit code is an answer. */
export function notaryCommand(
  server: TrustServerAddress,
  place: { readonly directory: string; readonly trustDirectory: string },
  args: readonly string[],
  options: NotaryOptions = {},
): Promise<Result> {
  const flags = ["-s", options.url ?? server.url, "--tlscacert", server.ca, "-d", place.trustDirectory];
  if (options.configuration !== undefined) {
    const file = join(place.directory, "notary-config.json");
    writeFileSync(file, JSON.stringify(options.configuration));
    flags.push("-c", file);
  }
  return run("notary", [...flags, ...args], {
    env: { PATH: process.env.PATH ?? "", HOME: place.directory, ...passphrases, ...options.env },
    cwd: place.directory,
    ...(options.input === undefined ? {} : { input: options.input }),
  });
}

/** One line of `notary list`. */
export interface ListedTarget {
  readonly name: string;
  readonly digest: string;
  readonly size: number;
  readonly role: string;
}

/** One role of `notary delegation list`. */
export interface ListedDelegation {
  readonly role: string;
  readonly paths: readonly string[];
  readonly keyIds: readonly string[];
  readonly threshold: number;
}

/** The rows of `notary list`, in the order printed. */
export function listedTargets(result: Result): ListedTarget[] {
  return table(result.stdout).map(([name = "", digest = "", size = "", role = ""]) => ({
    name,
    digest,
    size: Number(size),
    role,
  }));
}

/** Target names and roles only, as `name@role`. */
export function namesAndRoles(result: Result): string[] {
  return listedTargets(result).map(({ name, role }) => `${name}@${role}`);
}

/** The rows of `notary delegation list`; a role with several keys or paths takes several lines there. */
export function listedDelegations(result: Result): ListedDelegation[] {
  const lines = result.stdout.split("\n");
  const header = lines.findIndex((line) => line.startsWith("ROLE"));
  if (header < 0) return [];
  const heading = lines[header] as string;
  const starts = ["ROLE", "PATHS", "KEY IDS", "THRESHOLD"].map((title) => heading.indexOf(title));
  const cell = (line: string, column: number) => line.slice(starts[column], starts[column + 1]).trim();
  const roles: { role: string; paths: string[]; keyIds: string[]; threshold: number }[] = [];
  for (const line of lines.slice(header + 2).filter((text) => text.trim() !== "")) {
    if (cell(line, 0) !== "") {
      roles.push({ role: cell(line, 0), paths: [], keyIds: [], threshold: Number(cell(line, 3)) });
    }
    const current = roles.at(-1);
    if (cell(line, 1) !== "") current?.paths.push(cell(line, 1).replace(/,$/, ""));
    if (cell(line, 2) !== "") current?.keyIds.push(cell(line, 2));
  }
  return roles;
}

const refusals: readonly (readonly [RegExp, string])[] = [
  [/does not have trust data for/, "no trust data"],
  [/No valid trust data for/, "target not signed"],
  [/trust server rejected operation/, "rejected by the server"],
  [
    /The \S+ metadata is invalid: |error occurred during validation|hierarchy is incomplete/,
    "rejected by the server as invalid",
  ],
  [/unable to reach trust server at this time/, "server not usable"],
  [/client is offline/, "offline"],
  [/valid signatures did not meet threshold/, "below threshold"],
  [/is lower than current version/, "rollback"],
  [/failed to validate data with current trusted certificates/, "root not trusted"],
  [/failed to validate integrity of roots/, "root not trusted"],
  [/could not rotate trust to a new trusted root/, "root not trusted"],
  [/unable to match any certificates to trust_pinning config/, "pins not met"],
  [/invalid trust pinning specified/, "first use forbidden"],
];

/** The kind of refusal, from the client's words; `none` for success. @throws on words it does not know. */
export function refusal(result: Result): string {
  if (result.code === 0) return "none";
  const text = result.stdout + result.stderr;
  const found = refusals.find(([pattern]) => pattern.test(text));
  if (!found) throw new Error(`unknown refusal: ${text}`);
  return found[1];
}

function table(stdout: string): string[][] {
  const lines = stdout.split("\n").filter((line) => line.trim() !== "");
  const header = lines.findIndex((line) => /^-+(\s+-+)+\s*$/.test(line));
  if (header < 0) return [];
  return lines.slice(header + 1).map((line) => line.trim().split(/\s{2,}/));
}
