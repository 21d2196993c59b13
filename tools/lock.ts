/**
 * What package-lock.json must be before anything is installed from it.
 *
 *   node tools/lock.ts
 *
 * - Every package has a SHA-512 hash. The only exceptions are packages for one platform that the registry behind the
 *   lock did not carry (`tools/lock-platforms.ts`): optional, needed for development only, and named with that very
 *   version by a package that has a hash.
 * - Every package comes from the registry that is configured: no address, no repository, no file, no link. A package
 *   under another name than its own is on the list below.
 * - A package that wants to run code at installation is on the list below. None does run: `.npmrc` says so.
 * - Our own manifest pins exact versions and runs nothing at installation.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { report, root } from "./findings.ts";

/** Packages with an install script, and why they may be there although it never runs. */
export const knownScripts: ReadonlyMap<string, string> = new Map([
  ["cpu-features", "optional part of ssh2, which works without it"],
  ["protobufjs", "prints a warning about versions only"],
  [
    "ssh2",
    "builds an optional faster cipher; used by testcontainers for Docker over SSH, which no test does",
  ],
]);

/** Packages under another name, with their own: older versions beside newer ones, all below `@isaacs/cliui`. */
export const knownAliases: ReadonlyMap<string, string> = new Map([
  ["string-width-cjs", "string-width"],
  ["strip-ansi-cjs", "strip-ansi"],
  ["wrap-ansi-cjs", "wrap-ansi"],
]);

const names = z.record(z.string(), z.string()).optional();
const entrySchema = z.looseObject({
  name: z.string().optional(),
  version: z.string().optional(),
  resolved: z.string().optional(),
  integrity: z.string().optional(),
  link: z.boolean().optional(),
  dev: z.boolean().optional(),
  optional: z.boolean().optional(),
  hasInstallScript: z.boolean().optional(),
  os: z.union([z.string(), z.array(z.string())]).optional(),
  cpu: z.union([z.string(), z.array(z.string())]).optional(),
  dependencies: names,
  devDependencies: names,
  optionalDependencies: names,
  peerDependencies: names,
  peerDependenciesMeta: z.record(z.string(), z.looseObject({ optional: z.boolean().optional() })).optional(),
});
const lockSchema = z.looseObject({
  lockfileVersion: z.literal(3),
  packages: z.record(z.string(), entrySchema),
});
export type Lock = z.infer<typeof lockSchema>;
type Entry = z.infer<typeof entrySchema>;

const manifestSchema = z.looseObject({
  scripts: z.record(z.string(), z.string()).default({}),
  dependencies: names,
  devDependencies: names,
  optionalDependencies: names,
});
export type Manifest = z.infer<typeof manifestSchema>;

const exactVersion = /^\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?$/;
const sha512 = /^sha512-[A-Za-z0-9+/]{86}==$/;
/** Anything that is not a version or a range of versions: an address, a path, `git+…`, `file:…`, `npm:…`, `a/b`. */
const elsewhere = /[:/]/;
const atInstallation = ["preinstall", "install", "postinstall", "prepare", "prepublish"];

/** @throws when the text is not a lock of version 3. */
export function readLock(text: string): Lock {
  return lockSchema.parse(JSON.parse(text));
}

/** @throws when the text is not a manifest. */
export function readManifest(text: string): Manifest {
  return manifestSchema.parse(JSON.parse(text));
}

/** The name of a package by its place in the lock: `node_modules/a/node_modules/@b/c` is `@b/c`. */
export function packageName(place: string): string {
  return place.slice(place.lastIndexOf("node_modules/") + "node_modules/".length);
}

export function lockFindings(lock: Lock): readonly string[] {
  return Object.entries(lock.packages)
    .filter(([place]) => place !== "")
    .flatMap(([place, entry]) => entryFindings(place, entry, lock).map((finding) => `${place}: ${finding}`));
}

function entryFindings(place: string, entry: Entry, lock: Lock): string[] {
  const findings: string[] = [];
  const name = packageName(place);
  if (!exactVersion.test(entry.version ?? "")) findings.push("has no version");
  if (entry.link === true) findings.push("is a link");
  if (entry.resolved !== undefined) findings.push("names where it comes from");
  if (entry.name !== undefined && entry.name !== (knownAliases.get(name) ?? name))
    findings.push("is another package under this name");
  if (entry.integrity === undefined ? !isAbsentPlatform(name, entry, lock) : !sha512.test(entry.integrity)) {
    findings.push("has no SHA-512 hash");
  }
  if (entry.hasInstallScript === true && !knownScripts.has(name)) {
    findings.push("wants to run code at installation");
  }
  return [...findings, ...wantedElsewhere(entry)];
}

function isAbsentPlatform(name: string, entry: Entry, lock: Lock): boolean {
  return (
    entry.optional === true &&
    entry.dev === true &&
    Array.isArray(entry.os) &&
    entry.os.length === 1 &&
    Array.isArray(entry.cpu) &&
    entry.cpu.length === 1 &&
    Object.values(lock.packages).some(
      (other) => other.integrity !== undefined && other.optionalDependencies?.[name] === entry.version,
    )
  );
}

function wantedElsewhere(entry: Entry | Manifest): string[] {
  const wanted = { ...entry.dependencies, ...entry.optionalDependencies };
  return Object.entries(wanted)
    .filter(([name, range]) => !range.startsWith(`npm:${knownAliases.get(name)}@`) && elsewhere.test(range))
    .map(([name]) => `wants ${name} from elsewhere than the registry`);
}

export function manifestFindings(manifest: Manifest): readonly string[] {
  const wanted = { ...manifest.dependencies, ...manifest.devDependencies, ...manifest.optionalDependencies };
  return [
    ...Object.entries(wanted)
      .filter(([, version]) => !exactVersion.test(version))
      .map(([name]) => `package.json: ${name} is not pinned to one version`),
    ...atInstallation
      .filter((name) => name in manifest.scripts)
      .map((name) => `package.json: ${name} runs code at installation`),
  ];
}

/** `text`: the content of `.npmrc`. */
export function settingsFindings(text: string): readonly string[] {
  const lines = text.split("\n").map((line) => line.trim());
  return [
    ...["ignore-scripts=true", "omit-lockfile-registry-resolved=true"]
      .filter((line) => !lines.includes(line))
      .map((line) => `.npmrc: ${line} is missing`),
    ...(lines.some((line) => /registry\s*=(?!true$)|_auth|\/\//.test(line) && !line.startsWith("#"))
      ? [".npmrc: names a registry or a secret"]
      : []),
  ];
}

if (import.meta.main) {
  const text = (name: string) => readFileSync(join(root, name), "utf8");
  const lock = readLock(text("package-lock.json"));
  report(`${Object.keys(lock.packages).length} packages`, [
    ...lockFindings(lock),
    ...manifestFindings(readManifest(text("package.json"))),
    ...settingsFindings(text(".npmrc")),
  ]);
}
