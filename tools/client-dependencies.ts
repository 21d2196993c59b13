/**
 * What the client's package brings into somebody's tree, from the lock: its dependencies with all that they need.
 *
 * - Its manifest names what the library imports, in the version of our own manifest, and only packages of the list here.
 * - None of all these runs code at installation or holds native code. Optional peers, which nobody gets unless he asks
 *   for them, do not count.
 */
import { type Lock, packageName } from "./lock.ts";

/** What the library may need at run time (docs/dependencies.md says what each is trusted with). */
export const allowed: readonly string[] = [
  "dockerfile-ast",
  "p-limit",
  "p-retry",
  "proxy-from-env",
  "yaml",
  "zod",
];

/** What the executable has in its bundle beside those. */
export const bundledOnly: readonly string[] = ["commander"];

type Versions = Readonly<Record<string, string>>;

/** `declared`, `pinned`: of the client's manifest and of our own. `imported`: packages that the built library imports. */
export function dependencyFindings(
  declared: Versions,
  imported: ReadonlySet<string>,
  pinned: Versions,
): readonly string[] {
  const names = Object.keys(declared);
  return [
    ...names
      .filter((name) => !allowed.includes(name))
      .map((name) => `${name} is not on the list of tools/client-dependencies.ts`),
    ...names
      .filter((name) => !imported.has(name))
      .map((name) => `${name} is not imported by the library: take it out`),
    ...[...imported].filter((name) => !names.includes(name)).map((name) => `${name} is imported: name it`),
    ...names
      .filter((name) => declared[name] !== pinned[name])
      .map((name) => `${name} must be ${pinned[name] ?? "in package.json, too"}`),
  ].map((finding) => `client/package.json: ${finding}`);
}

/** Places in the lock of some packages and of all that they need: `node_modules/a`, `node_modules/a/node_modules/b`. */
export function placesOf({ packages }: Lock, names: readonly string[]): ReadonlySet<string> {
  const found = new Set<string>();
  const add = (from: string, name: string) => {
    for (
      let folder = from;
      ;
      folder = folder.slice(0, folder.lastIndexOf("node_modules/")).replace(/\/$/, "")
    ) {
      const place = `${folder === "" ? "" : `${folder}/`}node_modules/${name}`;
      if (place in packages) {
        found.add(place);
        return;
      }
      if (folder === "")
        throw new Error(`package-lock.json: ${from || "we"} need ${name}, which it does not hold`);
    }
  };
  for (const name of names) add("", name);
  // A set is walked in the order of its members, the ones added on the way included.
  for (const place of found) {
    const { dependencies, peerDependencies, peerDependenciesMeta, optionalDependencies } =
      packages[place] ?? {};
    const peers = Object.keys(peerDependencies ?? {}).filter(
      (name) => peerDependenciesMeta?.[name]?.optional !== true,
    );
    for (const name of [...Object.keys({ ...dependencies, ...optionalDependencies }), ...peers])
      add(place, name);
  }
  return found;
}

/** `nativeFiles`: the files of a place that are native code. */
export function closureFindings(
  lock: Lock,
  names: readonly string[],
  nativeFiles: (place: string) => readonly string[],
): readonly string[] {
  return [...placesOf(lock, names)].flatMap((place) => [
    ...(lock.packages[place]?.hasInstallScript === true
      ? [`${packageName(place)} runs code at installation`]
      : []),
    ...nativeFiles(place).map((file) => `${packageName(place)} holds native code: ${file}`),
  ]);
}
