/** A folder with files: made, and looked at as a whole, so that nothing is changed unseen. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { temporaryDirectory } from "./directory.ts";

export interface Folder {
  readonly path: string;
  /** The path of a file in it. */
  at(name: string): string;
  read(name: string): string;
  write(name: string, content: string): void;
  /** Every file by its path in the folder. */
  contents(): Readonly<Record<string, string>>;
}

export function folderWith(files: Readonly<Record<string, string>> = {}): Folder {
  const folder = folderAt(temporaryDirectory());
  for (const [name, content] of Object.entries(files)) folder.write(name, content);
  return folder;
}

/** One that is there already. */
export function folderAt(path: string): Folder {
  const at = (name: string) => join(path, name);
  const folder: Folder = {
    path,
    at,
    read: (name) => readFileSync(at(name), "utf8"),
    write(name, content) {
      mkdirSync(dirname(at(name)), { recursive: true });
      writeFileSync(at(name), content);
    },
    contents() {
      const all = readdirSync(path, { recursive: true, withFileTypes: true }).filter((each) => each.isFile());
      const names = all.map((each) => join(each.parentPath, each.name).slice(path.length + 1)).sort();
      return Object.fromEntries(names.map((name) => [name, folder.read(name)]));
    },
  };
  return folder;
}
