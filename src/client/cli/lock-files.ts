/**
 * How a lock names the files that its entries come from: by their path from the lock's own folder, so that it says the same
 * wherever it is read from, and wherever the folder lies.
 */
import { existsSync, realpathSync } from "node:fs";
import { basename, dirname, isAbsolute, normalize, relative, resolve, sep } from "node:path";
import { helperPlace } from "../locking/lockfile.ts";
import { lockedName } from "./lock-output.ts";

/** Standard input, and what no file names, are called as they are. */
export function nameInLock(file: string, lockName: string): string {
  if (file === "-" || file === helperPlace) return file;
  return relative(dirname(resolve(lockName)), resolve(file)).replaceAll(sep, "/");
}

/**
 * Whether a file, or the text that was locked from it, may be one of those that a lock names. What lies beside the lock under
 * such a name is the file that is meant. Where nothing lies there, the lock was moved or was written with other names, and
 * a path that ends alike may be the one. Standard input may be any text.
 */
export function isNamed(file: string, names: readonly string[], lockName: string): boolean {
  return file === "-" || names.some((name) => mayBe(resolve(file), name, dirname(resolve(lockName))));
}

function mayBe(path: string, name: string, folder: string): boolean {
  if (name === "-" || name === helperPlace) return name === "-";
  const beside = resolve(folder, name);
  if ([beside, lockedName(beside)].some((each) => real(each) === real(path))) return true;
  if (existsSync(beside)) return false;
  return [name, lockedName(name)].some((each) => endsLike(path, each));
}

function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

function endsLike(path: string, name: string): boolean {
  const parts = isAbsolute(name) ? [basename(name)] : normalize(name).split(/[\\/]/);
  const known = parts.filter((part) => part !== ".." && part !== ".");
  return path.split(sep).slice(-known.length).join("/") === known.join("/");
}
