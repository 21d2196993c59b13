/**
 * Which foreign programs this machine has, and which of them may be missing.
 *
 * Invariant: nothing is left out silently. A missing program is named with what to install; the run fails
 * unless `VIDIMUS_INTEROP_ALLOW_MISSING` lists its group.
 */

import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { findPostgres } from "./postgres.ts";
import { run } from "./process.ts";

/**
 * `notary`: the command line. `notary-server`: the server to compare with. `docker`: command line and engine. `ssh-agent`: an
 * agent and what adds keys to it. `token`: SoftHSM, what makes keys in it, and the driver of PKCS#11 modules. `databases`:
 * what an old server keeps its files and keys in.
 */
export const groups = ["notary", "notary-server", "docker", "ssh-agent", "token", "databases"] as const;
export type Group = (typeof groups)[number];

export interface Finding {
  readonly group: Group;
  /** One line: what is missing and what to install. */
  readonly line: string;
}

const newestVerifyingDocker = 28;

/** The first executable of this name on the path, or undefined. */
export function findProgram(name: string): string | undefined {
  return candidates(name)[0];
}

/**
 * The first `docker` on the path that still verifies signatures, with its major version.
 * From 29 on the command line ignores `--disable-content-trust=false`.
 */
export async function findDocker(): Promise<{ program: string; major: number } | undefined> {
  for (const program of candidates("docker")) {
    const { stdout } = await run(program, ["--version"], { env: {}, seconds: 10 });
    const major = Number(/version (\d+)\./.exec(stdout)?.[1]);
    if (major <= newestVerifyingDocker) return { program, major };
  }
  return undefined;
}

/** The driver of PKCS#11 modules, which must have been compiled. */
export function findTokenDriver(): string | undefined {
  const folder = process.env.VIDIMUS_PKCS11JS ?? "";
  return existsSync(join(folder, "build/Release/pkcs11.node")) ? folder : undefined;
}

/** Everything the suite needs and this machine has not. */
export async function missingRequirements(): Promise<Finding[]> {
  const missing: Finding[] = [];
  const need = (group: Group, name: string, install: string) => {
    if (!findProgram(name)) missing.push({ group, line: `\`${name}\` is missing: ${install}` });
  };
  need("notary", "openssl", "apt-get install openssl");
  need("notary", "curl", "apt-get install curl");
  need("notary", "notary", "apt-get install notary");
  need("notary-server", "notary-server", "apt-get install notary");
  need("notary-server", "notary-signer", "apt-get install notary");
  need("docker", "dockerd", "apt-get install docker.io");
  need("docker", "docker-registry", "apt-get install docker-registry");
  for (const name of ["ssh-agent", "ssh-add", "ssh-keygen"]) {
    need("ssh-agent", name, "apt-get install openssh-client");
  }
  if (findPostgres() === undefined)
    missing.push({ group: "databases", line: "PostgreSQL is missing: apt-get install postgresql" });
  need("databases", "mariadbd", "apt-get install mariadb-server");
  need("databases", "mariadb-dump", "apt-get install mariadb-client");
  need("token", "softhsm2-util", "apt-get install softhsm2");
  need("token", "pkcs11-tool", "apt-get install opensc");
  if (findTokenDriver() === undefined) {
    const install = "tools/pkcs11js.sh FOLDER compiles it and says what to export";
    missing.push({ group: "token", line: `VIDIMUS_PKCS11JS names no pkcs11js: ${install}` });
  }
  if (!(await findDocker())) {
    const install = `no \`docker\` of version ${newestVerifyingDocker} or older: apt-get install docker.io`;
    missing.push({ group: "docker", line: install });
  }
  if (process.getuid?.() !== 0) {
    missing.push({ group: "docker", line: "`dockerd` must be started by root: run the suite as root" });
  }
  return missing;
}

/**
 * The groups that must stay out, each named on standard error.
 *
 * @throws when something is missing that the environment does not allow to be missing, or when the
 *   environment names an unknown group.
 */
export function leaveOut(missing: readonly Finding[], allowed: string): Set<Group> {
  const names = allowed.split(",").filter((name) => name !== "");
  for (const name of names) {
    if (!groups.some((group) => group === name)) {
      throw new Error(`VIDIMUS_INTEROP_ALLOW_MISSING: no group "${name}"; known: ${groups.join(", ")}`);
    }
  }
  const refused = missing.filter(({ group }) => !names.includes(group));
  if (refused.length > 0) {
    const lines = refused.map(({ group, line }) => `  ${group}: ${line}`);
    const all = [...new Set(missing.map(({ group }) => group))].join(",");
    throw new Error(
      `interop cannot run, this machine lacks:\n${lines.join("\n")}\n` +
        `To run without, and say so: VIDIMUS_INTEROP_ALLOW_MISSING=${all}`,
    );
  }
  for (const { group, line } of missing) process.stderr.write(`LEFT OUT ${group}: ${line}\n`);
  return new Set(missing.map(({ group }) => group));
}

function candidates(name: string): string[] {
  const found: string[] = [];
  for (const directory of (process.env.PATH ?? "").split(delimiter)) {
    const file = join(directory || ".", name);
    try {
      accessSync(file, constants.X_OK);
      found.push(file);
    } catch {
      // not in this directory
    }
  }
  return found;
}
