/**
 * The real `linuxkit build`, on images made here and pushed to the registry on loopback.
 *
 * Invariants: a build asks nobody but loopback (every other address goes to a closed port), finds nothing in a
 * cache of its own, runs no container and reads no configuration of the machine.
 */

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type DockerPerson, digestOf } from "./docker.ts";
import { type Result, run } from "./process.ts";
import { findProgram } from "./requirements.ts";

/** Contents by path, without a leading `/`. */
export type Files = Readonly<Record<string, string | Buffer>>;

export interface LinuxkitBuild extends Result {
  /** `sha256:…` of every regular file of the image that was built, by its path; empty when the build failed. */
  readonly files: ReadonlyMap<string, string>;
}

const searchPath = { PATH: process.env.PATH ?? "" };

/** The program to test with: `VIDIMUS_TEST_LINUXKIT`, else `linuxkit` on the path, else undefined. */
export function findLinuxkit(): string | undefined {
  return process.env.VIDIMUS_TEST_LINUXKIT || findProgram("linuxkit");
}

/**
 * Makes an image of these files, pushes it under `reference` (with a tag) without a signature, and gives the digest
 * that the registry has for it. The image has a command, which `onboot` and `services` need. Nothing stays in the
 * engine.
 */
export async function pushFiles(person: DockerPerson, reference: string, files: Files): Promise<string> {
  const archive = join(person.directory, "files.tar");
  writeFileSync(archive, await packed(person.directory, files));
  await person.do(["import", "-c", 'CMD ["/bin/true"]', archive, reference]);
  const digest = digestOf(await person.do(["push", "--disable-content-trust", reference]));
  await person.do(["rmi", reference]);
  return digest;
}

/** The same for what can stand under `kernel`: a kernel with this content and an empty tree of modules. */
export async function pushKernel(person: DockerPerson, reference: string, content: string): Promise<string> {
  const modules = await packed(person.directory, { "lib/modules/none": "" });
  return await pushFiles(person, reference, { kernel: content, "kernel.tar": modules });
}

/** Moves a tag to the image of another tag or digest in the registry, as its owner or a thief would. */
export async function moveTag(registry: string, repository: string, tag: string, to: string): Promise<void> {
  const manifests = `http://${registry}/v2/${repository}/manifests`;
  const accept = "application/vnd.docker.distribution.manifest.v2+json";
  const read = await fetch(`${manifests}/${to}`, {
    headers: { accept },
    signal: AbortSignal.timeout(10_000),
  });
  if (!read.ok) throw new Error(`${repository} ${to}: ${read.status}`);
  const written = await fetch(`${manifests}/${tag}`, {
    method: "PUT",
    headers: { "content-type": read.headers.get("content-type") ?? accept },
    body: await read.arrayBuffer(),
    signal: AbortSignal.timeout(10_000),
  });
  if (!written.ok) throw new Error(`${repository}:${tag}: ${written.status}`);
}

/**
 * `linuxkit build` of this yaml in a directory made under `directory` and removed again. Any exit code is an answer.
 */
export async function linuxkitBuild(
  program: string,
  directory: string,
  yaml: string,
): Promise<LinuxkitBuild> {
  const place = mkdtempSync(join(directory, "linuxkit-"));
  try {
    writeFileSync(join(place, "system.yml"), yaml);
    const nobody = "http://127.0.0.1:1";
    const result = await run(
      program,
      [
        ...["build", "--cache", join(place, "cache"), "--pull", "--no-sbom"],
        ...["--format", "tar", "--name", "system", "system.yml"],
      ],
      { env: { ...searchPath, HOME: place, HTTP_PROXY: nobody, HTTPS_PROXY: nobody }, cwd: place },
    );
    const files = result.code === 0 ? await digests(place, "system.tar") : new Map<string, string>();
    return { ...result, files };
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

/** The archive of these files, made by `tar` in a directory of its own. */
async function packed(directory: string, files: Files): Promise<Buffer> {
  const place = mkdtempSync(join(directory, "files-"));
  try {
    const tree = join(place, "tree");
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(tree, path)), { recursive: true });
      writeFileSync(join(tree, path), content);
    }
    const archive = join(place, "files.tar");
    await tar(["-cf", archive, "-C", tree, "."], place);
    return readFileSync(archive);
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

/** Digests of the regular files in an archive; nothing of it is unpacked. Of two entries of one path the later counts. */
async function digests(directory: string, archive: string): Promise<Map<string, string>> {
  const command = 'printf "sha256:%.64s %s\\n" "$(sha256sum)" "$TAR_FILENAME"';
  const { stdout } = await tar(["-xf", archive, `--to-command=${command}`], directory);
  const lines = stdout.split("\n").filter((line) => line !== "");
  return new Map(lines.map((line) => [line.slice(72).replace(/^\.\//, ""), line.slice(0, 71)]));
}

async function tar(args: readonly string[], cwd: string): Promise<Result> {
  const result = await run("tar", args, { env: searchPath, cwd });
  if (result.code !== 0) throw new Error(`tar ${args.join(" ")}: ${result.stderr}`);
  return result;
}
