/**
 * Proves what comes along with the parts that others carry away: everything that can be reached from an entry, over
 * any number of steps, types included.
 *
 *   node tools/closure.ts
 *
 * The import table speaks about single imports, this about all that follows from them: whoever verifies with `core`
 * or with the client's package loads nothing else of ours and nothing of anybody else that is not named here.
 */
import { entriesOf, readClientManifest } from "./client-manifest.ts";
import { report, root } from "./findings.ts";
import { type Modules, reachable, readModules } from "./modules.ts";

export interface Part {
  readonly name: string;
  /** Files, or folders whose files are all entries (`…/`). */
  readonly entries: readonly string[];
  /** Folders (`…/`) that everything reached must lie in. */
  readonly within: readonly string[];
  readonly packages: readonly string[];
  readonly builtins: readonly string[];
}

export const core: Part = {
  name: "core",
  entries: ["src/core/"],
  within: ["src/core/"],
  packages: [],
  builtins: ["node:crypto", "node:tls"],
};

/** `packages`: the dependencies that the client's manifest names. `entries`: the sources of what it exports. */
export function client(packages: readonly string[], entries: readonly string[]): Part {
  return {
    name: "client",
    entries,
    within: ["src/client/", "src/core/", "src/policy/", "src/log/"],
    packages,
    builtins: [
      "node:buffer",
      "node:child_process",
      "node:crypto",
      "node:fs",
      "node:fs/promises",
      "node:http",
      "node:https",
      "node:net",
      "node:os",
      "node:path",
      "node:timers/promises",
      "node:tls",
      "node:url",
    ],
  };
}

export function closureFindings(modules: Modules, part: Part): readonly string[] {
  const entries = [...modules.keys()].filter((path) => part.entries.some((entry) => isIn(entry, path)));
  if (entries.length === 0) return [`${part.name}: there is nothing to start from`];
  const found = reachable(modules, entries);
  const outside = [...found.file].filter((path) => !part.within.some((folder) => isIn(folder, path)));
  return [
    ...outside,
    ...[...found.package].filter((each) => !part.packages.includes(each)),
    ...[...found.builtin].filter((each) => !part.builtins.includes(each)),
  ].map((each) => `${part.name}: ${each} comes along and may not`);
}

function isIn(place: string, path: string): boolean {
  return place.endsWith("/") ? path.startsWith(place) : path === place;
}

if (import.meta.main) {
  const modules = readModules(root, ["src"]);
  const manifest = readClientManifest(root);
  const entries = entriesOf(manifest).map(({ path }) => `src/${path}.ts`);
  const parts = [core, client(Object.keys(manifest.dependencies), entries)];
  report(
    `closure of ${parts.map(({ name }) => name).join(" and ")}`,
    parts.flatMap((part) => closureFindings(modules, part)),
  );
}
