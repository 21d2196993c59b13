/** PostgreSQL as Debian ships it, under a directory of its own, with the tables that the original wants. */
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, run, start } from "./process.ts";

/** What the original's own migrations come to (notary-protocol.md 5.5). */
const serverTables = `
CREATE TABLE tuf_files (
  id serial PRIMARY KEY, created_at timestamp NULL, updated_at timestamp NULL, deleted_at timestamp NULL,
  gun varchar(255) NOT NULL, role varchar(255) NOT NULL, version integer NOT NULL, data bytea NOT NULL,
  sha256 char(64) DEFAULT NULL, UNIQUE (gun, role, version)
);
CREATE INDEX tuf_files_sha256_idx ON tuf_files (sha256);
CREATE TABLE change_category (category varchar(20) PRIMARY KEY);
INSERT INTO change_category VALUES ('update'), ('deletion');
CREATE TABLE changefeed (
  id serial PRIMARY KEY, created_at timestamp DEFAULT CURRENT_TIMESTAMP, gun varchar(255) NOT NULL,
  version integer NOT NULL, sha256 char(64) DEFAULT NULL,
  category varchar(20) NOT NULL DEFAULT 'update' REFERENCES change_category (category)
);`;
const signerTables = `
CREATE TABLE private_keys (
  id serial PRIMARY KEY, created_at timestamp NULL, updated_at timestamp NULL, deleted_at timestamp NULL,
  key_id varchar(255) NOT NULL UNIQUE, encryption_alg varchar(255) NOT NULL, keywrap_alg varchar(255) NOT NULL,
  algorithm varchar(50) NOT NULL, passphrase_alias varchar(50) NOT NULL, public bytea NOT NULL, private bytea NOT NULL,
  gun varchar(255) NOT NULL, role varchar(255) NOT NULL, last_used timestamp NULL, UNIQUE (key_id, algorithm)
);`;

export interface Postgres {
  readonly server: string;
  readonly signer: string;
  /** Runs a statement in one of the databases. */
  query(database: "server" | "signer", sql: string): Promise<string>;
  stop(): Promise<void>;
}

const installed = "/usr/lib/postgresql";

/** Where its programs are; undefined if it is not installed. */
export function findPostgres(): string | undefined {
  const versions = existsSync(installed) ? readdirSync(installed).sort((a, b) => Number(b) - Number(a)) : [];
  return versions
    .map((version) => join(installed, version, "bin"))
    .find((place) => existsSync(join(place, "postgres")));
}

export async function startPostgres(): Promise<Postgres> {
  const bin = findPostgres();
  if (bin === undefined) throw new Error("no PostgreSQL: apt-get install postgresql");
  // It refuses to run as root, and the suite's own directories are for nobody else.
  const directory = mkdtempSync(join(tmpdir(), "vidimus-postgres-"));
  const env = { PATH: process.env.PATH ?? "", HOME: directory };
  const asUser = process.getuid?.() === 0 ? ["runuser", "-u", "postgres", "--"] : [];
  if (asUser.length > 0) {
    const ids = await Promise.all(["-u", "-g"].map((flag) => run("id", [flag, "postgres"], { env })));
    const [user = 0, group = 0] = ids.map(({ stdout }) => Number(stdout));
    chownSync(directory, user, group);
  }
  const command = (name: string, args: readonly string[]): [string, string[]] => {
    const [program = "", ...rest] = [...asUser, join(bin, name), ...args];
    return [program, rest];
  };
  const good = async (name: string, args: readonly string[], input = "") => {
    const { code, stdout, stderr } = await run(...command(name, args), { env, input, cwd: directory });
    if (code !== 0) throw new Error(`${name} ended with ${code}: ${stderr}`);
    return stdout;
  };
  const data = join(directory, "data");
  await good("initdb", ["-D", data, "-U", "notary", "--auth=trust", "--no-sync", "--encoding=UTF8"]);
  const port = await freePort();
  const here = ["-h", "127.0.0.1", "-p", String(port), "-U", "notary"];
  const postgres = await start(
    ...command("postgres", [
      "-D",
      data,
      "-c",
      `port=${port}`,
      "-c",
      "listen_addresses=127.0.0.1",
      "-k",
      directory,
    ]),
    {
      env,
      cwd: directory,
      log: join(tmpdir(), `${directory.split("/").at(-1)}.log`),
      ready: async () => (await run(...command("pg_isready", here), { env })).code === 0,
    },
  );
  const psql = (database: string, sql: string) =>
    good("psql", [...here, "-d", database, "-v", "ON_ERROR_STOP=1", "-qtA"], sql);
  const stop = async () => {
    await postgres.stop();
    rmSync(directory, { recursive: true, force: true });
    rmSync(`${directory}.log`, { force: true });
  };
  try {
    await psql("postgres", "CREATE DATABASE server;");
    await psql("postgres", "CREATE DATABASE signer;");
    await psql("server", serverTables);
    await psql("signer", signerTables);
  } catch (error) {
    await stop();
    throw error;
  }
  const url = (name: string) => `postgres://notary@127.0.0.1:${port}/${name}?sslmode=disable`;
  return { server: url("server"), signer: url("signer"), query: psql, stop };
}
