/**
 * compose.yaml with the program that it is for. The network differs, as everywhere in this suite (`service.ts` says why): the
 * file is used whole but for `ports` and `build`, the image being there already.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parse, stringify } from "yaml";
import { freePort, type Result, run } from "../../interop/support/process.ts";

/** What `docker compose` was called before it was a part of `docker`, and is in Debian. */
export const composeProgram = "docker-compose";

export interface Composed {
  readonly port: number;
  compose(...args: readonly string[]): Promise<Result>;
}

/** A project of this name in the folder, of an image that is there. */
export async function composeProject(folder: string, name: string, image: string): Promise<Composed> {
  const port = await freePort();
  const file = parse(readFileSync(resolve(import.meta.dirname, "../../../compose.yaml"), "utf8"));
  const { ports: _ports, build: _build, ...service } = file.services.vidimus;
  const vidimus = {
    ...service,
    image,
    network_mode: "host",
    environment: {
      ...service.environment,
      VIDIMUS__SERVER__HOST: "127.0.0.1",
      VIDIMUS__SERVER__PORT: String(port),
    },
    // Half a minute until the first question is the engine's to wait, not a test's.
    healthcheck: { ...service.healthcheck, interval: "3s" },
  };
  writeFileSync(join(folder, "compose.yaml"), stringify({ ...file, version: "2.4", services: { vidimus } }));
  const env = { PATH: process.env.PATH ?? "", HOME: folder, DOCKER_HOST: process.env.DOCKER_HOST ?? "" };
  return {
    port,
    compose: (...args) =>
      run(composeProgram, ["--project-name", name, "--file", "compose.yaml", ...args], {
        env,
        cwd: folder,
        seconds: 90,
      }),
  };
}
