/** What mariadb-dump writes of the database of an old notary-server (notary-protocol.md 5.5). */
import { sha256Hex } from "../../src/core/bytes.ts";
import { everyVersion } from "./moving.ts";
import type { TestServer } from "./server.ts";

export interface OldRow {
  readonly gun: string;
  readonly role: string;
  readonly version: number;
  readonly data: Buffer;
  /** Absent: that of the file. */
  readonly sha256?: string;
  readonly deleted?: true;
}

export function dumpOf(rows: readonly OldRow[]): string {
  const values = rows.map(({ gun, role, version, data, sha256 = sha256Hex(data), deleted }, id) => {
    const gone = deleted === true ? "'2026-01-01 00:00:00'" : "NULL";
    return `(${id + 1},NULL,NULL,${gone},'${gun}','${role}',${version},0x${data.toString("hex")},'${sha256}')`;
  });
  return [
    "-- MariaDB dump 10.19  Distrib 10.11.19-MariaDB, for debian-linux-gnu (x86_64)",
    "CREATE TABLE `tuf_files` (",
    "  `id` int(11) NOT NULL AUTO_INCREMENT,",
    "  `created_at` timestamp NULL DEFAULT NULL,",
    "  `updated_at` timestamp NULL DEFAULT NULL,",
    "  `deleted_at` timestamp NULL DEFAULT NULL,",
    "  `gun` varchar(255) NOT NULL,",
    "  `role` varchar(255) NOT NULL,",
    "  `version` int(11) NOT NULL,",
    "  `data` longblob NOT NULL,",
    "  `sha256` char(64) DEFAULT NULL,",
    "  PRIMARY KEY (`id`),",
    "  UNIQUE KEY `gun` (`gun`,`role`,`version`)",
    ") ENGINE=InnoDB;",
    ...values.map((value) => `INSERT INTO \`tuf_files\` VALUES ${value};`),
    "-- Dump completed on 2026-11-30  6:12:05",
    "",
  ].join("\n");
}

/** A row for each version of each role that a server has. */
export async function rowsAt(server: TestServer, repository: string): Promise<OldRow[]> {
  const files = await everyVersion(server, repository);
  return [...files].flatMap(([name, text]) => {
    const [, version, role] = /^(\d+)\.(.+)$/.exec(name) ?? [];
    if (role === undefined) return [];
    return [{ gun: repository, role, version: Number(version), data: Buffer.from(text) }];
  });
}
