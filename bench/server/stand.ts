/**
 * Where servers are measured: the trust servers that are compared, all started at once, and a scratch folder. What this
 * machine has no program for stays out and is named. All of it is gone afterwards.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { startReferenceServer } from "../../test/interop/support/reference-server.ts";
import { findProgram } from "../../test/interop/support/requirements.ts";
import { startVidimus, type VidimusOptions } from "../../test/interop/support/vidimus-server.ts";
import type { Competitor } from "./competitor.ts";
import { startMariadb } from "./mariadb.ts";
import { asServer } from "./processors.ts";

export interface Stand {
  readonly vidimus: Competitor;
  /** The original in memory, and as it is deployed. */
  readonly memory: Competitor | undefined;
  readonly mariadb: Competitor | undefined;
  /** One sentence for each program that is not here. */
  readonly missing: readonly string[];
  /** A path in the scratch folder that nothing has used yet. */
  fresh(): string;
  /** Vidimus without TLS, bound to the servers' processor unless told otherwise. */
  start(directory: string, options?: VidimusOptions): Promise<Competitor>;
  close(): Promise<void>;
}

export const launcher = resolve(import.meta.dirname, "../../bin/vidimus.js");

const programs = {
  wrk: "no reads: apt-get install wrk",
  "notary-server": "no comparison with the original: apt-get install notary",
  "notary-signer": "no comparison with the original: apt-get install notary",
  openssl: "no certificates for the original and for bare TLS: apt-get install openssl",
  mariadbd: "no original on a database: apt-get install mariadb-server",
  nginx: "no ceiling outside Node: apt-get install nginx-light",
};

/** Whether all of these are here. */
export function have(...names: readonly (keyof typeof programs)[]): boolean {
  return names.every((name) => findProgram(name) !== undefined);
}

export async function openStand(): Promise<Stand> {
  const scratch = mkdtempSync(join(tmpdir(), "vidimus-bench-"));
  const started: { stop(): Promise<void> }[] = [];
  let used = 0;
  const fresh = () => join(scratch, `fresh-${++used}`);
  const close = async () => {
    for (const each of started.toReversed()) await each.stop();
    rmSync(scratch, { recursive: true, force: true });
  };
  const keep = <Server extends { stop(): Promise<void> }>(server: Server) => {
    started.push(server);
    return server;
  };
  const reference = async (name: string, databases?: { server: string; signer: string }) => {
    const options = { plainHttp: true, through: asServer, ...(databases !== undefined && { databases }) };
    return { ...keep(await startReferenceServer(fresh(), options)), name };
  };
  try {
    const vidimus = keep(await startPlain(fresh()));
    const original = have("notary-server", "notary-signer", "openssl");
    const memory = original ? await reference("notary, in memory") : undefined;
    const databases = original && have("mariadbd") ? keep(await startMariadb(fresh())) : undefined;
    const deployed = databases && (await reference("notary on MariaDB", databases));
    return {
      vidimus,
      memory,
      mariadb: deployed && { ...deployed, pids: [...deployed.pids, databases.pid] },
      missing: Object.entries(programs)
        .filter(([name]) => findProgram(name) === undefined)
        .map(([name, what]) => `${name} is missing here: ${what}.`),
      fresh,
      start: startPlain,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function startPlain(directory: string, options: VidimusOptions = {}): Promise<Competitor> {
  const flags = ["--set", "server.plainHttp=true", ...(options.flags ?? [])];
  return { ...(await startVidimus(directory, { through: asServer, ...options, flags })), name: "Vidimus" };
}

/** The trust servers that are here. */
export function trustServers({ vidimus, memory, mariadb }: Stand): readonly Competitor[] {
  return [vidimus, memory, mariadb].filter((each) => each !== undefined);
}
