/**
 * The engine that the image is tried with: the one that `DOCKER_HOST` names, or Debian's `dockerd`, started by hand with
 * everything under one temporary directory and no network set-up, so that an engine of the machine is never touched.
 *
 * Nothing is left out silently: what is missing on the machine is named, and the run fails.
 */
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { getContainerRuntimeClient } from "testcontainers";
import { run, start } from "../../interop/support/process.ts";
import { findProgram } from "../../interop/support/requirements.ts";

export type Engine = Awaited<ReturnType<typeof getContainerRuntimeClient>>["container"]["dockerode"];

const needed: readonly (readonly [program: string, how: string])[] = [
  ["npm", "it comes with Node"],
  ["curl", "apt-get install curl"],
  ["ldd", "apt-get install libc-bin"],
  ["tar", "apt-get install tar"],
];

function missing(programs: typeof needed): string[] {
  const lines = programs.filter(([program]) => findProgram(program) === undefined);
  const found = lines.map(([program, how]) => `\`${program}\` is missing: ${how}`);
  if (process.platform !== "linux")
    found.push("the containers share the machine's network: that needs Linux");
  if (process.env.DOCKER_HOST !== undefined) return found;
  if (findProgram("dockerd") === undefined) {
    found.push("`dockerd` is missing: apt-get install docker.io, or name an engine in DOCKER_HOST");
  }
  if (process.getuid?.() !== 0) found.push("`dockerd` must be started by root: run the suite as root");
  return found;
}

/** Ends what was started, if anything was. `more`: programs that a test needs beside these. @throws with what this machine lacks. */
export async function startEngine(
  directory: string,
  more: readonly (readonly [program: string, how: string])[] = [],
): Promise<{ engine: Engine; stop(): Promise<void> }> {
  const lines = missing([...needed, ...more]);
  if (lines.length > 0)
    throw new Error(`the image cannot be tried, this machine lacks:\n  ${lines.join("\n  ")}`);
  // Its helper is an image to be pulled; containers are ended here.
  process.env.TESTCONTAINERS_RYUK_DISABLED = "true";
  const stop = process.env.DOCKER_HOST === undefined ? await startDockerd(directory) : async () => undefined;
  try {
    return { engine: (await getContainerRuntimeClient()).container.dockerode, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startDockerd(directory: string): Promise<() => Promise<void>> {
  mkdirSync(directory, { recursive: true });
  const socket = join(directory, "engine.sock");
  const address = `unix://${socket}`;
  const env = { PATH: process.env.PATH ?? "", HOME: directory };
  const { stop } = await start(
    "dockerd",
    [
      ...["--data-root", join(directory, "data"), "--exec-root", join(directory, "exec")],
      ...["--pidfile", join(directory, "engine.pid"), "-H", address],
      ...["--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-masq=false"],
    ],
    {
      env,
      log: join(directory, "engine.log"),
      ready: async () =>
        (await run("curl", ["-sf", "--unix-socket", socket, "http://engine/_ping"], { env, seconds: 10 }))
          .code === 0,
    },
  );
  process.env.DOCKER_HOST = address;
  // It would ask the network that this engine does not have.
  process.env.TESTCONTAINERS_HOST_OVERRIDE = "127.0.0.1";
  return async () => {
    delete process.env.DOCKER_HOST;
    delete process.env.TESTCONTAINERS_HOST_OVERRIDE;
    await stop();
    // It leaves the network of its containers mounted.
    const places = readFileSync("/proc/mounts", "utf8")
      .split("\n")
      .map((line) => line.split(" ")[1] ?? "");
    for (const place of places.filter((each) => each.startsWith(`${directory}/`))) {
      await run("umount", [place], { env });
    }
  };
}
