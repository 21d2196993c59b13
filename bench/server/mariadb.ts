/** MariaDB as Debian ships it, with its defaults (a commit is synced), and the tables that the original wants. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { freePort, run, start } from "../../test/interop/support/process.ts";
import { asServer } from "./processors.ts";

/** What the original's own migrations come to. */
const tables = `
CREATE DATABASE server CHARACTER SET latin1;
USE server;
CREATE TABLE tuf_files (
  id INT AUTO_INCREMENT PRIMARY KEY, created_at TIMESTAMP NULL, updated_at TIMESTAMP NULL, deleted_at TIMESTAMP NULL,
  gun VARCHAR(255) NOT NULL, role VARCHAR(255) NOT NULL, version INT NOT NULL, data LONGBLOB NOT NULL,
  sha256 CHAR(64), UNIQUE (gun, role, version), INDEX (sha256)
);
CREATE TABLE change_category (category VARCHAR(20) PRIMARY KEY);
INSERT INTO change_category VALUES ('update'), ('deletion');
CREATE TABLE changefeed (
  id INT AUTO_INCREMENT PRIMARY KEY, created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, gun VARCHAR(255) NOT NULL,
  version INT NOT NULL, sha256 CHAR(64), category VARCHAR(20) NOT NULL DEFAULT 'update',
  FOREIGN KEY (category) REFERENCES change_category (category), INDEX (gun)
);
CREATE DATABASE signer CHARACTER SET latin1;
USE signer;
CREATE TABLE private_keys (
  id INT AUTO_INCREMENT PRIMARY KEY, created_at TIMESTAMP NULL, updated_at TIMESTAMP NULL, deleted_at TIMESTAMP NULL,
  key_id VARCHAR(255) NOT NULL UNIQUE, encryption_alg VARCHAR(255) NOT NULL, keywrap_alg VARCHAR(255) NOT NULL,
  algorithm VARCHAR(50) NOT NULL, passphrase_alias VARCHAR(50) NOT NULL, public BLOB NOT NULL, private BLOB NOT NULL,
  gun VARCHAR(255) NOT NULL, role VARCHAR(255) NOT NULL, last_used DATETIME NULL, UNIQUE (key_id, algorithm)
);`;

export interface Databases {
  readonly pid: number;
  /** As the original names a database. */
  readonly server: string;
  readonly signer: string;
  stop(): Promise<void>;
}

export async function startMariadb(directory: string): Promise<Databases> {
  const data = join(directory, "data");
  await mkdir(data, { recursive: true });
  const env = { PATH: process.env.PATH ?? "", HOME: directory };
  const user = `--user=${process.getuid?.() === 0 ? "root" : process.env.USER}`;
  const good = async (program: string, args: readonly string[], input = "") => {
    const { code, stderr } = await run(program, ["--no-defaults", ...args], { env, input });
    if (code !== 0) throw new Error(`${program} ended with ${code}: ${stderr}`);
  };
  const authentication = "--auth-root-authentication-method=normal";
  await good("mariadb-install-db", [`--datadir=${data}`, authentication, "--skip-test-db", user]);
  const port = await freePort();
  const [program = "", ...args] = [...asServer, "mariadbd", "--no-defaults", `--datadir=${data}`, user];
  const here = ["--bind-address=127.0.0.1", `--port=${port}`, `--socket=${join(directory, "socket")}`];
  const client = ["--user=root", "--host=127.0.0.1", `--port=${port}`];
  const server = await start(program, [...args, ...here, `--pid-file=${join(directory, "pid")}`], {
    env,
    log: join(directory, "mariadb.log"),
    ready: async () => {
      await good("mariadb", client);
      return true;
    },
  });
  try {
    await good("mariadb", client, tables);
  } catch (error) {
    await server.stop();
    throw error;
  }
  const database = (name: string) => `root@tcp(127.0.0.1:${port})/${name}?parseTime=True`;
  return { pid: server.pid, server: database("server"), signer: database("signer"), stop: server.stop };
}
