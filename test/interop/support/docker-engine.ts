/**
 * A Docker engine and a registry of our own: `dockerd` started by hand with everything under one temporary
 * directory and no network set-up, so that an engine of the machine is never touched, and
 * `docker-registry` on loopback. Images are made by `docker import`; none is pulled from elsewhere.
 */

import { writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { freePort, type Running, run, start } from "./process.ts";
import { findDocker } from "./requirements.ts";

/** Where the engine and the registry are. Plain data, so that it can be handed to the test processes. */
export interface DockerPlace {
  /** The `docker` command line to use, and its major version. */
  readonly program: string;
  readonly major: number;
  /** `unix://…`, for DOCKER_HOST. */
  readonly host: string;
  /** `127.0.0.1:PORT`, plain HTTP. */
  readonly registry: string;
  /** Where the registry keeps what it was given, for a thief who has got that far. */
  readonly storage: string;
}

export interface DockerEngine {
  readonly place: DockerPlace;
  stop(): Promise<void>;
}

export async function startDocker(directory: string): Promise<DockerEngine> {
  await mkdir(directory, { recursive: true });
  const client = await findDocker();
  if (!client) throw new Error("no docker command line");
  const env = { PATH: process.env.PATH ?? "", HOME: directory };
  const port = await freePort();
  const configuration = join(directory, "registry.yml");
  const storage = join(directory, "registry");
  writeFileSync(
    configuration,
    JSON.stringify({
      version: "0.1",
      log: { level: "error", accesslog: { disabled: true } },
      storage: { filesystem: { rootdirectory: storage }, delete: { enabled: true } },
      http: { addr: `127.0.0.1:${port}`, secret: "interop" },
    }),
  );
  const registry = await start("docker-registry", ["serve", configuration], {
    env,
    log: join(directory, "registry.log"),
    ready: async () => (await fetch(`http://127.0.0.1:${port}/v2/`)).ok,
  });
  const host = `unix://${join(directory, "engine.sock")}`;
  let engine: Running;
  try {
    engine = await start(
      "dockerd",
      [
        ...["--data-root", join(directory, "data"), "--exec-root", join(directory, "exec")],
        ...["--pidfile", join(directory, "engine.pid"), "-H", host, "--storage-driver=vfs"],
        ...["--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-masq=false"],
      ],
      {
        env,
        log: join(directory, "engine.log"),
        ready: async () =>
          (await run(client.program, ["-H", host, "version"], { env, seconds: 10 })).code === 0,
      },
    );
  } catch (error) {
    await registry.stop();
    throw error;
  }
  return {
    place: { ...client, host, registry: `127.0.0.1:${port}`, storage },
    stop: async () => {
      await engine.stop();
      await registry.stop();
    },
  };
}
