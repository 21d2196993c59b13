/** The notices of other people's packages in a bundle, as their licences ask. */
import { readdirSync, readFileSync } from "node:fs";
import { join, sep } from "node:path";
import { z } from "zod";

const manifestSchema = z.looseObject({
  name: z.string(),
  version: z.string(),
  license: z.string(),
  repository: z.union([z.string(), z.looseObject({ url: z.string() })]).optional(),
});

export interface Notice {
  readonly name: string;
  readonly version: string;
  readonly licence: string;
  readonly repository: string | undefined;
  /** Undefined: the package brings none. */
  readonly text: string | undefined;
}

/**
 * `modules`: paths of the files in the bundle. `places`: the packages that may be in it, as the lock names them. Throws
 * when there is another one, and as `licenceText`.
 */
export function licencesOf(root: string, modules: readonly string[], places: ReadonlySet<string>): string {
  const folders = new Set(modules.flatMap((path) => packageFolder(path.split(sep)) ?? []));
  for (const folder of folders) {
    if (!places.has(folder)) throw new Error(`${folder} is in the bundle and may not`);
  }
  return licenceText([...folders].map((folder) => readNotice(join(root, folder))));
}

/** The place of the package that a file belongs to: `…/node_modules/@a/b/c.js` is in `node_modules/@a/b`. */
function packageFolder(path: readonly string[]): string | undefined {
  const last = path.lastIndexOf("node_modules");
  if (last === -1) return undefined;
  return path.slice(path.indexOf("node_modules"), last + (path[last + 1]?.startsWith("@") ? 3 : 2)).join("/");
}

function readNotice(folder: string): Notice {
  const manifest = manifestSchema.parse(JSON.parse(readFileSync(join(folder, "package.json"), "utf8")));
  const { name, version, license, repository } = manifest;
  const file = readdirSync(folder).find((each) => /^licen[cs]e(?:\.(?:txt|md))?$/i.test(each));
  return {
    name,
    version,
    licence: license,
    repository: typeof repository === "object" ? repository.url : repository,
    text: file === undefined ? undefined : readFileSync(join(folder, file), "utf8").trim(),
  };
}

/**
 * One chapter a package, in order of names. A package without a text has that of a sibling: of the same repository,
 * under the same licence. Throws when there is none.
 */
export function licenceText(notices: readonly Notice[]): string {
  const chapters = [...notices]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((notice) => {
      const text = notice.text ?? notices.find((other) => isSibling(notice, other))?.text;
      if (text === undefined)
        throw new Error(`${notice.name} ${notice.version} brings no text of its licence`);
      return `${notice.name} ${notice.version} (${notice.licence})\n\n${text.replaceAll("\r\n", "\n")}\n`;
    });
  return `This program contains the following packages.\n\n${chapters.join(`\n${"-".repeat(80)}\n\n`)}`;
}

function isSibling(one: Notice, other: Notice): boolean {
  const { repository, licence } = one;
  return (
    repository !== undefined &&
    other.repository === repository &&
    other.licence === licence &&
    other.text !== undefined
  );
}
