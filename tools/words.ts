/**
 * Words that nothing in this repository may hold: hosts of package registries (who installs decides where from) and
 * paths of somebody's machine.
 *
 *   node tools/words.ts
 *
 * Looks at every file that git knows or would add.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { report, root } from "./findings.ts";

const forbidden: readonly (readonly [pattern: RegExp, what: string])[] = [
  [
    /\b(?:npmjs\.(?:org|com)|yarnpkg\.com|npmmirror\.com|pypi\.org|proxy\.golang\.org|static\.crates\.io)\b/i,
    "the host of a package registry",
  ],
  // A placeholder is no address.
  [
    /\bregistry\s*=\s*https?:|--registry[ =](?!<)|"resolved":\s*"https?:/i,
    "the address of a package registry",
  ],
  [/(?:^|[\s"'`(=:,])\/(?:work|root|home|Users)\/[\w.-]/m, "a path of somebody's machine"],
  [/\b[A-Z]:\\Users\\/, "a path of somebody's machine"],
];

/** Findings about one file, the line of each first occurrence included. */
export function wordFindings(path: string, text: string): readonly string[] {
  return forbidden.flatMap(([pattern, what]) => {
    const found = pattern.exec(text);
    if (found === null) return [];
    const line = text.slice(0, found.index + found[0].search(/\S/)).split("\n").length;
    return [`${path}:${line}: ${what}`];
  });
}

if (import.meta.main) {
  const listed = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: root,
    encoding: "utf8",
  });
  const paths = listed.split("\0").filter((path) => path !== "" && existsSync(join(root, path)));
  report(
    `${paths.length} files`,
    paths.flatMap((path) => wordFindings(path, readFileSync(join(root, path), "latin1"))),
  );
}
