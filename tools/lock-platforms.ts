/**
 * Keeps package-lock.json complete for platforms that the registry in use does not carry.
 *
 *   node tools/lock-platforms.ts           says what is missing; exit code 1 when something is
 *   node tools/lock-platforms.ts --write   adds it
 *
 * A package with native parts names one optional package for each platform. When the registry behind
 * `npm install` lacks some of them, npm leaves them out of the lock without a word; npm 10 then installs
 * from it, and npm 11 refuses (`Missing: … from lock file`). An entry with the pinned version and the
 * platform is enough for both: npm passes over it everywhere else. It carries no integrity hash, because
 * the package was never seen; the first `npm install` with a registry that has it adds one.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { z } from "zod";

const lockSchema = z.looseObject({
  packages: z.record(
    z.string(),
    z.looseObject({
      dev: z.boolean().optional(),
      optionalDependencies: z.record(z.string(), z.string()).optional(),
    }),
  ),
});
export type Lock = z.infer<typeof lockSchema>;

const systems = ["aix", "android", "darwin", "freebsd", "linux", "openharmony", "sunos", "win32"];
const processors = ["arm", "arm64", "ia32", "loong64", "ppc64", "riscv64", "s390x", "x64"];

/** An entry of the lock for a package that is for one platform only. */
export interface PlatformEntry {
  readonly version: string;
  readonly cpu: readonly string[];
  readonly dev?: true;
  readonly libc?: readonly string[];
  readonly optional: true;
  readonly os: readonly string[];
}

/**
 * The entries that the lock lacks, by their place in it.
 *
 * @throws when a missing package is not one for a single platform, or is not pinned: then the lock is broken
 *   in a way that only npm can repair.
 */
export function missingPlatforms(lock: Lock): Map<string, PlatformEntry> {
  const missing = new Map<string, PlatformEntry>();
  for (const [place, { dev, optionalDependencies }] of Object.entries(lock.packages)) {
    for (const [name, version] of Object.entries(optionalDependencies ?? {})) {
      const places = [`${place}/node_modules/${name}`, `node_modules/${name}`];
      if (places.some((each) => each in lock.packages)) continue;
      missing.set(`node_modules/${name}`, platformEntry(name, version, dev === true));
    }
  }
  return missing;
}

function platformEntry(name: string, version: string, dev: boolean): PlatformEntry {
  const words = name.slice(name.indexOf("/") + 1).split("-");
  const [os, cpu] = [
    systems.filter((word) => words.includes(word)),
    processors.filter((word) => words.includes(word)),
  ];
  if (os.length !== 1 || cpu.length !== 1 || !/^\d+\.\d+\.\d+$/.test(version)) {
    throw new Error(`${name}@${version} is missing from the lock and is not for one platform`);
  }
  const libc = words.some((word) => word.startsWith("musl")) ? "musl" : "glibc";
  return {
    version,
    cpu,
    ...(dev ? { dev } : {}),
    ...(os[0] === "linux" ? { libc: [libc] } : {}),
    optional: true,
    os,
  };
}

/** @throws when the text is not a lock. */
export function readLock(text: string): Lock {
  return lockSchema.parse(JSON.parse(text));
}

if (import.meta.main) {
  const file = resolve(import.meta.dirname, "../package-lock.json");
  const text = readFileSync(file, "utf8");
  const missing = missingPlatforms(readLock(text));
  for (const [place, { version }] of missing) process.stdout.write(`${place} ${version}\n`);
  if (process.argv.includes("--write")) {
    // Written from the text, not from the checked value, so that nothing changes its place.
    const lock = JSON.parse(text) as { packages: Record<string, unknown> };
    const entries = [...Object.entries(lock.packages), ...missing];
    entries.sort(([a], [b]) => a.localeCompare(b, "en"));
    lock.packages = Object.fromEntries(entries);
    writeFileSync(file, `${JSON.stringify(lock, undefined, 2)}\n`);
  } else if (missing.size > 0) process.exitCode = 1;
}
