/** What an export has written, as a source of an import, and where it lies in its folder. */
import { opendir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { isRepositoryName } from "../../core/names.ts";
import { SourceError } from "../errors.ts";
import type { Source } from "../source.ts";

/** Name and format of what says that a folder is that of an export. */
export const marker = "vidimus-export.json";
export const format = "vidimus-export/1";
const mostEntries = 1_000_000;
const deepest = 64;

export function folderSource(folder: string): Source {
  return {
    origin: folder,
    async *names(most) {
      const names: string[] = [];
      for await (const name of repositoriesBelow(join(folder, "v2"), "", 0, { left: mostEntries })) {
        if (names.length >= most) throw endless(folder);
        names.push(name);
      }
      yield* names.sort();
    },
    async file(repository, name, maxBytes) {
      if (!isRepositoryName(repository)) return undefined;
      const path = pathOf(folder, repository, name);
      try {
        if ((await stat(path)).size > maxBytes) throw endless(folder);
        return await readFile(path);
      } catch (error) {
        if (error instanceof SourceError) throw error;
        if (isMissing(error)) return undefined;
        throw new SourceError("SOURCE_UNREACHABLE", `${path} cannot be read: check its rights.`, error);
      }
    },
    close: () => undefined,
  };
}

/** Whether it is a folder that an export has written. */
export async function isExport(folder: string): Promise<boolean> {
  const text = await readFile(join(folder, marker)).catch(() => undefined);
  try {
    return JSON.parse(text?.toString("utf8") ?? "").format === format;
  } catch {
    return false;
  }
}

export function pathOf(folder: string, repository: string, name: string): string {
  return join(folder, "v2", repository, "_trust", "tuf", name);
}

export function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "ENOENT" || code === "ENOTDIR";
}

async function* repositoriesBelow(
  place: string,
  name: string,
  depth: number,
  budget: { left: number },
): AsyncGenerator<string> {
  const folders: string[] = [];
  try {
    for await (const entry of await opendir(place)) {
      if (budget.left-- <= 0 || depth > deepest) throw endless(place);
      if (entry.isDirectory()) folders.push(entry.name);
    }
  } catch (error) {
    if (error instanceof SourceError) throw error;
    throw new SourceError(
      "SOURCE_UNREACHABLE",
      `The folder ${place} cannot be read: check its name and rights.`,
      error,
    );
  }
  for (const each of folders) {
    if (each === "_trust") {
      if (isRepositoryName(name)) yield name;
    } else
      yield* repositoriesBelow(join(place, each), name === "" ? each : `${name}/${each}`, depth + 1, budget);
  }
}

function endless(folder: string): SourceError {
  return new SourceError(
    "SOURCE_ENDLESS",
    `There is more in ${folder} than an export writes: name the folder of one export.`,
  );
}
