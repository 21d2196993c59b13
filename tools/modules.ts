/**
 * What imports what, read from the sources themselves.
 *
 * - Specifiers are read from the text, for the compiler's own parser has no interface in version 7. The formatter
 *   fixes where they stand: a static import or re-export begins its line. Whatever only looks like an import is
 *   counted too (`unreadable`), so that a form this file does not know is a finding and never a silent pass.
 * - Imports of types count like all others: who names a type depends on its file.
 * - Paths are relative to the root of the tree, with `/`.
 */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { isBuiltin } from "node:module";
import { join, posix } from "node:path";

export interface Import {
  /** As written. */
  readonly specifier: string;
  readonly kind: "file" | "package" | "builtin";
  /** The path of the file, the name of the package without a path inside it, or the built-in with `node:`. */
  readonly target: string;
  /** Whether it is loaded only when the code gets there: `import("…")`. */
  readonly lazy: boolean;
  /** Whether it leaves nothing at run time: `import type …`. */
  readonly typeOnly: boolean;
}

export interface Module {
  readonly path: string;
  readonly text: string;
  readonly imports: readonly Import[];
  /** How many things look like an import and could not be read as one. */
  readonly unreadable: number;
}

export type Modules = ReadonlyMap<string, Module>;

/** The folders in which sources stand. */
export const sourcePlaces: readonly string[] = [
  "src",
  "bin",
  "tools",
  "test",
  "demo",
  "bench",
  "examples",
  "packaging",
];

const staticForm = /^(?:import|export)\s(?<type>type\s)?[^"'`;]*?\bfrom\s+"(?<specifier>[^"]+)"/gm;
const bareForm = /^import\s+"(?<specifier>[^"]+)"/gm;
const lazyForm = /\bimport\(\s*"(?<specifier>[^"]+)"\s*\)/g;
const requireForm = /\brequire\(\s*"(?<specifier>[^"]+)"\s*\)/g;
const anyForm = /^import\b(?!\.)|^(?:export\b[^"'`;]*?|\})\s*\bfrom\s*["'`]|\bimport\s*\(|\brequire\s*\(/gm;

/** Reads one file. `path`: where it lies, for what it imports beside it. */
export function readModule(path: string, text: string): Module {
  const imports: Import[] = [];
  for (const form of [staticForm, bareForm, lazyForm, requireForm]) {
    for (const { groups } of text.matchAll(form)) {
      const specifier = groups?.specifier ?? "";
      imports.push({
        specifier,
        ...targetOf(path, specifier),
        lazy: form === lazyForm,
        typeOnly: groups?.type !== undefined,
      });
    }
  }
  const multiLine = [...text.matchAll(/^import\s[^"'`;]*\n\}\s*from\b/gm)].length;
  const lookAlikes = [...text.matchAll(anyForm)].length - multiLine;
  return { path, text, imports, unreadable: Math.max(0, lookAlikes - imports.length) };
}

function targetOf(path: string, specifier: string): Pick<Import, "kind" | "target"> {
  if (specifier.startsWith(".")) {
    return { kind: "file", target: posix.join(posix.dirname(path), specifier) };
  }
  if (isBuiltin(specifier)) return { kind: "builtin", target: `node:${specifier.replace(/^node:/, "")}` };
  const words = specifier.split("/");
  return { kind: "package", target: words.slice(0, specifier.startsWith("@") ? 2 : 1).join("/") };
}

/** All `.ts` and `.js` files of some files and folders of the tree at `root`; what does not exist is left out. */
export function readModules(root: string, places: readonly string[]): Modules {
  const modules = new Map<string, Module>();
  for (const path of places.flatMap((place) => filesUnder(root, place)).sort()) {
    if (/\.[jt]s$/.test(path)) modules.set(path, readModule(path, readFileSync(join(root, path), "utf8")));
  }
  return modules;
}

function filesUnder(root: string, place: string): string[] {
  const found = statSync(join(root, place), { throwIfNoEntry: false });
  if (found === undefined) return [];
  if (found.isFile()) return [place];
  return readdirSync(join(root, place), { withFileTypes: true })
    .filter((entry) => entry.name !== "node_modules" && (entry.isFile() || entry.isDirectory()))
    .flatMap((entry) => filesUnder(root, `${place}/${entry.name}`));
}

/** Everything that the entries lead to, themselves included: files, packages and built-ins. */
export function reachable(modules: Modules, entries: readonly string[]) {
  const found = { file: new Set(entries), package: new Set<string>(), builtin: new Set<string>() };
  // A set is walked in the order of its members, the ones added on the way included.
  for (const path of found.file) {
    for (const { kind, target } of modules.get(path)?.imports ?? []) found[kind].add(target);
  }
  return found;
}

/** One cycle for each file that is first found on one: the files in order, the first again at the end. */
export function cycles(modules: Modules): readonly (readonly string[])[] {
  const done = new Set<string>();
  const path: string[] = [];
  const found: string[][] = [];
  const visit = (file: string): void => {
    const begin = path.indexOf(file);
    if (begin >= 0) found.push([...path.slice(begin), file]);
    if (begin >= 0 || done.has(file)) return;
    path.push(file);
    for (const { kind, target } of modules.get(file)?.imports ?? []) if (kind === "file") visit(target);
    path.pop();
    done.add(file);
  };
  for (const file of modules.keys()) visit(file);
  return found;
}
