/**
 * Once for the whole suite: prints the seed, names what the machine lacks, and compiles the shim.
 *
 * Nothing is left out silently: where a program is missing the run fails and says what to install.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { TestProject } from "vitest/node";
import { full, seed, times } from "./chance.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /** The compiled shim. */
    shim: string;
  }
}

/** Program and Debian's package. */
const programs = [
  ["cc", "gcc libc6-dev"],
  ["prlimit", "util-linux"],
] as const;

export default function setup(project: TestProject): () => void {
  process.stderr.write(
    `faults: everything ${times(1)} × its small number${full ? " (--full)" : ""}, --seed ${seed}\n`,
  );
  const missing = programs.filter(([program]) => spawnSync(program, ["--version"]).status !== 0);
  if (process.platform !== "linux" || missing.length > 0) {
    const lines = missing.map(([program, packages]) => `  \`${program}\`: apt-get install ${packages}`);
    throw new Error(`The faults need Linux and what this machine lacks:\n${lines.join("\n")}`);
  }
  const directory = mkdtempSync(join(tmpdir(), "vidimus-faults-shim-"));
  const shim = join(directory, "faults.so");
  const source = resolve(import.meta.dirname, "../shim/faults.c");
  const { status, stderr } = spawnSync("cc", [
    "-shared",
    "-fPIC",
    "-O2",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-o",
    shim,
    source,
    "-ldl",
    "-lpthread",
  ]);
  if (status !== 0) throw new Error(`The shim does not compile: ${stderr}`);
  project.provide("shim", shim);
  return () => rmSync(directory, { recursive: true, force: true });
}
