/**
 * Runs once around the whole suite: checks what the machine has, starts the servers, tells the test
 * processes where they are, and stops everything again.
 *
 * `VIDIMUS_INTEROP_SERVERS` (comma separated, default `reference,vidimus`) narrows the servers for work
 * on the suite itself.
 */

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { type DockerPlace, startDocker } from "./docker-engine.ts";
import { findLinuxkit } from "./linuxkit.ts";
import { startReferenceServer } from "./reference-server.ts";
import { findTokenDriver, leaveOut, missingRequirements } from "./requirements.ts";
import type { ServerKind, TrustServer, TrustServerAddress } from "./trust-server.ts";
import { startVidimus } from "./vidimus-server.ts";

declare module "vitest" {
  export interface ProvidedContext {
    servers: TrustServerAddress[];
    notary: boolean;
    sshAgent: boolean;
    databases: boolean;
    /** The driver of PKCS#11 modules. */
    tokenDriver: string | null;
    docker: DockerPlace | null;
    scratch: string;
  }
}

const kinds: readonly ServerKind[] = ["reference", "vidimus"];

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const wanted = (process.env.VIDIMUS_INTEROP_SERVERS ?? kinds.join(",")).split(",");
  const unknown = wanted.find((name) => !kinds.some((kind) => kind === name));
  if (unknown !== undefined) throw new Error(`VIDIMUS_INTEROP_SERVERS: no server "${unknown}"`);
  const missing = await missingRequirements();
  const absent = leaveOut(missing, process.env.VIDIMUS_INTEROP_ALLOW_MISSING ?? "");
  for (const kind of kinds) {
    if (!wanted.includes(kind)) process.stderr.write(`LEFT OUT server ${kind}: VIDIMUS_INTEROP_SERVERS\n`);
  }

  if (findLinuxkit() === undefined) {
    process.stderr.write("LEFT OUT linuxkit: none on the path, and VIDIMUS_TEST_LINUXKIT names none\n");
  }

  const scratch = mkdtempSync(join(tmpdir(), "vidimus-interop-"));
  const stops: (() => Promise<void>)[] = [];
  const stopAll = async () => {
    for (const stop of stops.reverse()) await stop();
    rmSync(scratch, { recursive: true, force: true });
  };
  try {
    const servers: TrustServer[] = [];
    const add = async (server: Promise<TrustServer>) => {
      const started = await server;
      servers.push(started);
      stops.push(() => started.stop());
    };
    if (wanted.includes("reference") && !absent.has("notary-server")) {
      await add(startReferenceServer(join(scratch, "reference")));
    }
    if (wanted.includes("vidimus")) await add(startVidimus(join(scratch, "vidimus")));

    if (servers.length === 0) throw new Error("interop: no server is left to test");
    let docker: DockerPlace | null = null;
    if (!absent.has("docker")) {
      const engine = await startDocker(join(scratch, "docker"));
      stops.push(() => engine.stop());
      docker = engine.place;
    }
    const places = join(scratch, "people");
    mkdirSync(places);
    project.provide(
      "servers",
      servers.map(({ kind, url, ca }) => ({ kind, url, ca })),
    );
    project.provide("notary", !absent.has("notary"));
    project.provide("sshAgent", !absent.has("ssh-agent"));
    project.provide("databases", !absent.has("databases") && !absent.has("notary-server"));
    project.provide("tokenDriver", absent.has("token") ? null : (findTokenDriver() ?? null));
    project.provide("docker", docker);
    project.provide("scratch", places);
  } catch (error) {
    await stopAll();
    throw error;
  }
  return stopAll;
}
