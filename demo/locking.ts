/** The last part of the demonstration: build files locked by the real program, then two signatures that fail. */
import { execFile } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { makeTargets } from "../test/support/bare/collection.ts";
import { bareKey } from "../test/support/bare/keys.ts";
import { upload } from "../test/support/bare/upload.ts";
import { type BuildFiles, writeBuildFiles } from "./build-files.ts";
import { startForger } from "./forger.ts";
import type { Image } from "./images.ts";
import { peopleOf, readExampleKey } from "./people.ts";
import type { DemoServer } from "./server.ts";
import { targetsOf } from "./story.ts";

const launcher = resolve(import.meta.dirname, "../bin/vidimus.js");
const time = 60_000;
/** How long the signature that expires is good for: enough to be published, and to be waited for. */
const shortLife = 1_500;

export interface Run {
  readonly command: string;
  readonly code: number;
  readonly output: string;
}

export interface Locked {
  readonly run: Run;
  readonly dockerfile: string;
  /** Images of the yaml that now stand with the digest that was published. */
  readonly good: number;
}

/** Writes the build files into a folder of their own and locks them. */
export async function lockFiles(
  server: DemoServer,
  yaml: string,
  images: readonly Image[],
  directory: string,
): Promise<Locked & { readonly files: BuildFiles; readonly folder: string }> {
  const folder = join(directory, "build");
  mkdirSync(folder);
  const keyId = bareKey(readExampleKey("root")).listed.id;
  const files = writeBuildFiles(folder, yaml, server.url, keyId);
  const run = await vidimus(folder, [
    "lock",
    files.linuxkit,
    files.dockerfile,
    "--ca",
    server.caFile,
    "--server",
    server.url,
  ]);
  const read = (name: string) => (run.code === 0 ? readFileSync(join(folder, name), "utf8") : "");
  const locked = read("sshd.locked.yml");
  const good = images.filter(({ tag, sha256 }) => locked.includes(`:${tag}@sha256:${sha256}`)).length;
  return { run, dockerfile: read("Dockerfile.locked").trimEnd(), good, files, folder };
}

/**
 * Lets the signature of one image expire, has the targets of another forged on the way, and locks again, into an empty
 * folder. Nothing may be written.
 */
export async function lockRefused(
  server: DemoServer,
  yaml: string,
  { expiring, forged }: { readonly expiring: Image; readonly forged: Image },
  directory: string,
): Promise<{ readonly run: Run; readonly written: readonly string[] }> {
  await expire(server, expiring);
  const forger = await startForger(server, forged.repository);
  try {
    const folder = join(directory, "refused");
    mkdirSync(folder);
    const keyId = bareKey(readExampleKey("root")).listed.id;
    const files = writeBuildFiles(folder, yaml, forger.url, keyId);
    const before = new Set(readdirSync(folder));
    const run = await vidimus(folder, ["lock", files.linuxkit, files.dockerfile]);
    return { run, written: readdirSync(folder).filter((name) => !before.has(name) && name !== "home") };
  } finally {
    await forger.stop();
  }
}

/** Signs the image anew, for a moment only, and waits until that is over. */
async function expire(server: DemoServer, image: Image): Promise<void> {
  const { targets } = await peopleOf(image.repository);
  const expires = Date.now() + shortLife;
  const file = makeTargets({ version: 2, expires }, targetsOf(image), targets.keys);
  await upload(server, image.repository, new Map([["targets", file]]));
  await sleep(Math.max(0, expires - Date.now()) + 1_000);
}

/** Runs the program as its users do, with everything it keeps in the folder. */
function vidimus(folder: string, args: readonly string[]): Promise<Run> {
  const env = { PATH: process.env.PATH, HOME: join(folder, "home"), XDG_CACHE_HOME: join(folder, "home") };
  return new Promise((done) => {
    execFile(
      process.execPath,
      [launcher, ...args],
      { cwd: folder, env, timeout: time },
      (error, stdout, stderr) => {
        const shown = args.filter(
          (word, i) => !/^--(?:ca|server)$/.test(word) && !/^--(?:ca|server)$/.test(args[i - 1] ?? ""),
        );
        const code = typeof error?.code === "number" ? error.code : error === null ? 0 : -1;
        done({ command: `vidimus ${shown.join(" ")}`, code, output: `${stdout}${stderr}`.trimEnd() });
      },
    );
  });
}
