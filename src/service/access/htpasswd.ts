/**
 * A password file as Apache's htpasswd writes it, one `NAME:HASH` a line, bcrypt only: what registries read.
 *
 * The file stays its owner's: it is read again when it has changed, and never written. What cannot be used is told once and
 * left out; nobody gets in by a line that is not understood.
 */
import bcrypt from "bcryptjs";
import { isPersonName } from "./evaluate.ts";

/** The text of the file, and its hashes by name. */
export interface PasswordFile {
  readonly hashes: ReadonlyMap<string, string>;
  /** The hash that takes longest to look at; undefined: there is none. */
  readonly costliest: string | undefined;
  /** Numbers of lines that cannot be used, at most 20. */
  readonly unusable: readonly number[];
  /** The first line that was not looked at, because there are too many before it; undefined: all were. */
  readonly unread: number | undefined;
}

/** More than a file of 4 MiB can have that are all somebody's. */
const mostLines = 100_000;
/** A cost of 2^14 takes a second: more would let a line of the file stop everybody else. */
const mostCost = 14;
const hashForm = /^\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{53}$/;
/** bcrypt looks at no more; what is longer would be cut off in silence. */
const longestPassword = 72;

export function parsePasswordFile(text: string): PasswordFile {
  const hashes = new Map<string, string>();
  const unusable: number[] = [];
  let costliest: { readonly cost: number; readonly hash: string } | undefined;
  const lines = text.split(/\r?\n/);
  for (const [index, line] of lines.slice(0, mostLines).entries()) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    const [name = "", hash = "", ...rest] = line.split(":");
    const cost = Number(hashForm.exec(hash.trim())?.[1] ?? Number.NaN);
    const isUsable = rest.length === 0 && isPersonName(name) && cost >= 4 && cost <= mostCost;
    // Of a name that is there twice the first counts, as elsewhere.
    if (isUsable && !hashes.has(name)) {
      hashes.set(name, hash.trim());
      if (cost > (costliest?.cost ?? 0)) costliest = { cost, hash: hash.trim() };
    } else if (unusable.length < 20) unusable.push(index + 1);
  }
  const isRead = lines.slice(mostLines).every((line) => line === "");
  return { hashes, costliest: costliest?.hash, unusable, unread: isRead ? undefined : mostLines + 1 };
}

export async function verifyBcrypt(password: string, hash: string): Promise<boolean> {
  if (Buffer.byteLength(password) > longestPassword) return false;
  return await bcrypt.compare(password, hash);
}
